import type { Revision } from '../../ports/identity.ts'
import type { RegistryChange, RegistryRecord, RegistryWrite } from '../../ports/registry-store.ts'
import { Callbacks } from '../callbacks.ts'
import { assertKeys, checkConditions } from '../registry-rules.ts'
import { byCodeUnits, SortedList } from '../sorted-list.ts'

/** Registry records and unique indexes of one world. */
export class RegistryTable {
  readonly changes = new Callbacks<[readonly RegistryChange[]]>()
  readonly #records = new Map<string, RegistryRecord>()
  readonly #keys = new SortedList<string>(byCodeUnits)
  readonly #indexes = new Map<string, Map<string, string>>()
  #revision = 0n as Revision

  get(key: string): RegistryRecord | undefined {
    return this.#records.get(key)
  }

  lookup(index: string, value: string): string | undefined {
    return this.#indexes.get(index)?.get(value)
  }

  revision(): Revision {
    return this.#revision
  }

  range(prefix: string, after: string | null, limit: number): readonly RegistryRecord[] {
    const found: RegistryRecord[] = []
    const walk = after !== null && after >= prefix ? this.#keys.after(after) : this.#keys.from(prefix)
    for (const key of walk) {
      if (found.length >= limit || !key.startsWith(prefix)) break
      found.push(this.#records.get(key) as RegistryRecord)
    }
    return found
  }

  write(write: RegistryWrite): Revision {
    assertKeys(write)
    checkConditions(write, this)
    const revision = (this.#revision + 1n) as Revision
    this.#revision = revision
    for (const { index, value, owner } of write.release) {
      const entries = this.#indexes.get(index)
      if (entries?.get(value) === owner) entries.delete(value)
    }
    for (const { index, value, owner } of write.claim) {
      const entries = this.#indexes.get(index) ?? new Map<string, string>()
      this.#indexes.set(index, entries.set(value, owner))
    }
    const changes: RegistryChange[] = []
    for (const { key, value } of write.put) {
      const record = { key, value: new Uint8Array(value), revision }
      this.#records.set(key, record)
      this.#keys.add(key)
      changes.push(record)
    }
    for (const { key } of write.remove) {
      if (!this.#records.delete(key)) continue
      this.#keys.delete(key)
      changes.push({ key, value: null, revision })
    }
    if (changes.length > 0) this.changes.call(changes)
    return revision
  }
}
