import type { Revision } from '../../ports/identity.ts'
import type { RegistryChange, RegistryRecord, RegistryWrite } from '../../ports/registry-store.ts'
import { assertKeys, checkConditions, longestKeyBytes } from '../registry-rules.ts'
import { byCodeUnits, SortedList } from '../sorted-list.ts'
import type { Tables } from './database.ts'
import { codeUnitBytes, lengthPrefixed, nameKey, numberBytes, readNumber, textOfCodeUnitBytes } from './keys.ts'
import { plainBytes } from './queues.ts'
import type { Writes } from './writes.ts'

const nothing = new Uint8Array(0)

export function indexKey(index: string, value: string): Buffer {
  return nameKey(nothing, Buffer.concat([lengthPrefixed(codeUnitBytes(index)), codeUnitBytes(value)]))
}

/** What a long write made, while it is on its way to its place: the part of the registry that is read from memory. */
export class RegistryOverlay {
  readonly #revision: Revision
  readonly #records = new Map<string, RegistryRecord | null>()
  readonly #keys = new SortedList<string>(byCodeUnits)
  readonly #owners = new Map<string, Map<string, string | null>>()

  constructor(revision: Revision) {
    this.#revision = revision
  }

  /** @param value null: removed */
  set(key: string, value: Uint8Array | null): void {
    this.#records.set(key, value === null ? null : { key, value, revision: this.#revision })
    this.#keys.add(key)
  }

  setOwner(index: string, value: string, owner: string | null): void {
    const owners = this.#owners.get(index) ?? new Map<string, string | null>()
    this.#owners.set(index, owners.set(value, owner))
  }

  /** Null: removed; undefined: as it is in the store. */
  get(key: string): RegistryRecord | null | undefined {
    return this.#records.get(key)
  }

  owner(index: string, value: string): string | null | undefined {
    return this.#owners.get(index)?.get(value)
  }

  *range(prefix: string, after: string | null): Generator<RegistryRecord> {
    const keys = after !== null && after >= prefix ? this.#keys.after(after) : this.#keys.from(prefix)
    for (const key of keys) {
      if (!key.startsWith(prefix)) return
      const record = this.#records.get(key)
      if (record !== undefined && record !== null) yield record
    }
  }
}

/** Registry records and unique indexes, read straight from the store. */
export class RegistryReader {
  readonly #tables: Tables
  /** Null: everything is in its place. */
  overlay: RegistryOverlay | null = null

  constructor(tables: Tables) {
    this.#tables = tables
  }

  get(key: string): RegistryRecord | undefined {
    const above = this.overlay?.get(key)
    if (above !== undefined) return above ?? undefined
    const bytes = codeUnitBytes(key)
    // Nothing is stored under a key that no write may have.
    if (bytes.length === 0 || key.length > longestKeyBytes) return undefined
    const value = this.#tables.registry.getBinary(bytes)
    return value && recordOf(key, value)
  }

  lookup(index: string, value: string): string | undefined {
    const above = this.overlay?.owner(index, value)
    if (above !== undefined) return above ?? undefined
    return this.#tables.indexes.getBinary(indexKey(index, value))?.toString()
  }

  range(prefix: string, after: string | null, limit: number): readonly RegistryRecord[] {
    const found: RegistryRecord[] = []
    if (limit <= 0 || prefix.length > longestKeyBytes) return found
    const above = this.overlay?.range(prefix, after)
    let next = above?.next().value
    for (const record of this.#stored(prefix, after)) {
      for (; next !== undefined && next.key <= record.key && found.length < limit; next = above?.next().value) {
        found.push(next)
      }
      if (found.length >= limit) return found
      if (this.overlay?.get(record.key) === undefined) found.push(record)
      if (found.length >= limit) return found
    }
    for (; next !== undefined && found.length < limit; next = above?.next().value) found.push(next)
    return found
  }

  *#stored(prefix: string, after: string | null): Generator<RegistryRecord> {
    const first = after !== null && after >= prefix ? after.slice(0, longestKeyBytes) : prefix
    const start = codeUnitBytes(first)
    for (const { key: bytes, value } of this.#tables.registry.getRange(start.length === 0 ? {} : { start })) {
      const key = textOfCodeUnitBytes(bytes)
      if (!key.startsWith(prefix)) return
      if (after === null || key > after) yield recordOf(key, value as Buffer)
    }
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
