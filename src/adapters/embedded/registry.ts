import type { RegistryChange, RegistryRecord, RegistryWrite, Revision } from '../../ports/engine.ts'
import { assertKeys, checkConditions, longestKeyBytes } from '../registry-rules.ts'
import type { Tables } from './database.ts'
import { codeUnitBytes, lengthPrefixed, nameKey, numberBytes, readNumber, textOfCodeUnitBytes } from './keys.ts'
import { plainBytes } from './queues.ts'
import type { Writes } from './writes.ts'

const nothing = new Uint8Array(0)

function indexKey(index: string, value: string): Buffer {
  return nameKey(nothing, Buffer.concat([lengthPrefixed(codeUnitBytes(index)), codeUnitBytes(value)]))
}

/** Registry records and unique indexes, read straight from the store. */
export class RegistryReader {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  get(key: string): RegistryRecord | undefined {
    const bytes = codeUnitBytes(key)
    // Nothing is stored under a key that no write may have.
    if (bytes.length === 0 || key.length > longestKeyBytes) return undefined
    const value = this.#tables.registry.getBinary(bytes)
    return value && recordOf(key, value)
  }

  lookup(index: string, value: string): string | undefined {
    return this.#tables.indexes.getBinary(indexKey(index, value))?.toString()
  }

  range(prefix: string, after: string | null, limit: number): readonly RegistryRecord[] {
    const found: RegistryRecord[] = []
    if (limit <= 0 || prefix.length > longestKeyBytes) return found
    const first = after !== null && after >= prefix ? after.slice(0, longestKeyBytes) : prefix
    const start = codeUnitBytes(first)
    for (const { key: bytes, value } of this.#tables.registry.getRange(start.length === 0 ? {} : { start })) {
      const key = textOfCodeUnitBytes(bytes)
      if (!key.startsWith(prefix)) break
      if (after !== null && key <= after) continue
      found.push(recordOf(key, value as Buffer))
      if (found.length >= limit) break
    }
    return found
  }
}

function recordOf(key: string, value: Buffer): RegistryRecord {
  return { key, value: plainBytes(value.subarray(8)), revision: BigInt(readNumber(value, 0)) as Revision }
}

/** The registry in the course of a transaction. */
export class RegistryWork {
  readonly #reader: RegistryReader
  readonly #tables: Tables
  readonly #writes: Writes
  readonly #records = new Map<string, { readonly revision: Revision } | null>()
  readonly #owners = new Map<string, string | null>()

  constructor(reader: RegistryReader, tables: Tables, writes: Writes) {
    this.#reader = reader
    this.#tables = tables
    this.#writes = writes
  }

  get(key: string): { readonly revision: Revision } | undefined {
    const touched = this.#records.get(key)
    return touched === undefined ? this.#reader.get(key) : (touched ?? undefined)
  }

  lookup(index: string, value: string): string | undefined {
    const touched = this.#owners.get(indexKey(index, value).toString('latin1'))
    return touched === undefined ? this.#reader.lookup(index, value) : (touched ?? undefined)
  }

  /** @throws EngineError `conflict`, before anything changed */
  check(write: RegistryWrite): void {
    assertKeys(write)
    checkConditions(write, this)
  }

  apply(write: RegistryWrite, revision: Revision): RegistryChange[] {
    const { registry, indexes } = this.#tables
    for (const { index, value, owner } of write.release) {
      if (this.lookup(index, value) !== owner) continue
      const key = indexKey(index, value)
      this.#owners.set(key.toString('latin1'), null)
      this.#writes.remove(indexes, key)
    }
    for (const { index, value, owner } of write.claim) {
      const key = indexKey(index, value)
      this.#owners.set(key.toString('latin1'), owner)
      this.#writes.put(indexes, key, Buffer.from(owner))
    }
    const changes: RegistryChange[] = []
    for (const { key, value } of write.put) {
      this.#records.set(key, { revision })
      this.#writes.put(registry, codeUnitBytes(key), Buffer.concat([numberBytes(Number(revision)), value]))
      changes.push({ key, value: new Uint8Array(value), revision })
    }
    for (const { key } of write.remove) {
      if (this.get(key) === undefined) continue
      this.#records.set(key, null)
      this.#writes.remove(registry, codeUnitBytes(key))
      changes.push({ key, value: null, revision })
    }
    return changes
  }
}
