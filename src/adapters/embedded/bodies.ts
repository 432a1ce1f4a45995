import { assert } from '../../base/assert.ts'
import type { Tables } from './database.ts'
import { numberBytes, readNumber } from './keys.ts'
import type { Writes } from './writes.ts'

/**
 * Message bodies, each stored once under a growing number however many queues hold it. How many do is written down only
 * where it is more than one, so a body for one receiver costs no counter.
 */
export class BodyWork {
  readonly #tables: Tables
  readonly #writes: Writes
  readonly #fresh = new Map<number, { readonly bytes: Uint8Array; holders: number }>()
  /** Holders of stored bodies after this transaction. */
  readonly #holders = new Map<number, number>()

  constructor(tables: Tables, writes: Writes) {
    this.#tables = tables
    this.#writes = writes
  }

  add(number: number, bytes: Uint8Array): void {
    this.#fresh.set(number, { bytes, holders: 0 })
  }

  /** One more queue holds a body of this transaction. */
  hold(number: number): void {
    const fresh = this.#fresh.get(number)
    assert(fresh !== undefined, 'only a new body finds new holders')
    fresh.holders++
  }

  release(number: number): void {
    const fresh = this.#fresh.get(number)
    if (fresh !== undefined) fresh.holders--
    else this.#holders.set(number, this.#holdersOf(number) - 1)
  }

  /** Bytes of a body that this transaction brought. */
  fresh(number: number): Uint8Array | undefined {
    return this.#fresh.get(number)?.bytes
  }

  flush(): void {
    const { bodies, shares } = this.#tables
    for (const [number, { bytes, holders }] of this.#fresh) {
      if (holders === 0) continue
      this.#writes.put(bodies, numberBytes(number), bytes)
      if (holders > 1) this.#writes.put(shares, numberBytes(number), numberBytes(holders))
    }
    for (const [number, holders] of this.#holders) {
      const key = numberBytes(number)
      if (holders > 1) {
        this.#writes.put(shares, key, numberBytes(holders))
        continue
      }
      if (shares.doesExist(key)) this.#writes.remove(shares, key)
      if (holders <= 0) this.#writes.remove(bodies, key)
    }
  }

  #holdersOf(number: number): number {
    const known = this.#holders.get(number)
    if (known !== undefined) return known
    const stored = this.#tables.shares.getBinaryFast(numberBytes(number))
    return stored === undefined ? 1 : readNumber(stored, 0)
  }
}
