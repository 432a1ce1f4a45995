import { EngineError } from '../ports/engine-error.ts'
import type { Revision } from '../ports/identity.ts'
import type { RegistryStore } from '../ports/registry-store.ts'

interface Entry {
  readonly index: string
  readonly value: string
}

/**
 * Small records of this room in the registry's store: JSON with a format number under `<word> <id>`. The words are none
 * that the registry uses for its own.
 */
export class JsonRecords<Value extends { readonly format: 1 }> {
  readonly #store: RegistryStore
  readonly #prefix: string

  constructor(store: RegistryStore, word: 'accessToken' | 'accessSession' | 'resourceGroup' | 'deployment') {
    this.#store = store
    this.#prefix = `${word} `
  }

  get(id: string): Value | undefined {
    const record = this.#store.get(this.#prefix + id)
    return record === undefined ? undefined : decode<Value>(record.value)
  }

  /** In order of ids. */
  all(below = '', limit = 10_000): readonly Value[] {
    return this.#store.range(this.#prefix + below, null, limit).map(({ value }) => decode<Value>(value))
  }

  /** The record that holds the entry of a unique index. */
  find(index: string, value: string): Value | undefined {
    const key = this.#store.lookup(index, value)
    return key?.startsWith(this.#prefix) === true ? this.get(key.slice(this.#prefix.length)) : undefined
  }

  /**
   * @param expected `new`: nothing may be there
   * @param unique entry of an index that no other record may hold
   */
  async put(
    id: string,
    value: Value,
    expected: 'new' | 'any' = 'any',
    unique: Entry | null = null,
  ): Promise<'done' | 'conflict'> {
    const key = this.#prefix + id
    const put = { key, value: encode(value) }
    const claim = unique === null ? [] : [{ ...unique, owner: key }]
    const ifRevision: { ifRevision?: Revision | null } = expected === 'new' ? { ifRevision: null } : {}
    try {
      await this.#store.write({ put: [{ ...put, ...ifRevision }], remove: [], claim, release: [] })
      return 'done'
    } catch (error) {
      if (error instanceof EngineError && error.code === 'conflict') return 'conflict'
      throw error
    }
  }

  async remove(ids: readonly string[], unique: Entry | null = null): Promise<void> {
    if (ids.length === 0) return
    const remove = ids.map((id) => ({ key: this.#prefix + id }))
    const release = unique === null ? [] : remove.map(({ key }) => ({ ...unique, owner: key }))
    await this.#store.write({ put: [], remove, claim: [], release })
  }
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function decode<Value extends { readonly format: 1 }>(bytes: Uint8Array): Value {
  const value = JSON.parse(new TextDecoder().decode(bytes)) as Value
  if (value.format !== 1) throw new Error(`a record of format ${value.format}; this version reads 1`)
  return value
}
