import { EngineError, type RegistryStore, type Revision } from '../ports/engine.ts'

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

  /** @param expected `new`: nothing may be there */
  async put(id: string, value: Value, expected: 'new' | 'any' = 'any'): Promise<'done' | 'conflict'> {
    const put = { key: this.#prefix + id, value: encode(value) }
    const ifRevision: { ifRevision?: Revision | null } = expected === 'new' ? { ifRevision: null } : {}
    try {
      await this.#store.write({ put: [{ ...put, ...ifRevision }], remove: [], claim: [], release: [] })
      return 'done'
    } catch (error) {
      if (error instanceof EngineError && error.code === 'conflict') return 'conflict'
      throw error
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const remove = ids.map((id) => ({ key: this.#prefix + id }))
    await this.#store.write({ put: [], remove, claim: [], release: [] })
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
