import { assert } from '../../base/assert.ts'
import type { Commit, QueuedDelivery } from '../../ports/message-store.ts'
import { type BundlePlace, bundleBytes, chunkBytes, chunkMessages, encodeBundle } from './chunks.ts'
import type { Tables } from './database.ts'
import { numberBytes, readNumber } from './keys.ts'
import type { Writes } from './writes.ts'

interface FreshBundle {
  readonly bodies: Uint8Array[]
  bytes: number
  holders: number
}

/**
 * Bodies that several queues hold, in the course of a transaction. How many chunks hold a bundle is written down only
 * where it is more than one; when the last of them is gone, so is the bundle.
 */
export class BundleWork {
  readonly #tables: Tables
  readonly #writes: Writes
  readonly #fresh = new Map<number, FreshBundle>()
  /** Holders of stored bundles after this transaction. */
  readonly #holders = new Map<number, number>()

  constructor(tables: Tables, writes: Writes) {
    this.#tables = tables
    this.#writes = writes
  }

  /** Puts the bodies of a commit that several queues get into bundles. @returns by body; null: one queue gets it, or none */
  gather(commit: Commit, next: () => number): readonly (BundlePlace | null)[] {
    const groups = groupsOf(commit)
    if (groups === null) return []
    const open = new Map<number, { readonly number: number; readonly bundle: FreshBundle }>()
    return commit.bodies.map((bytes, body) => {
      const group = groups[body] as number
      if (group === 0) return null
      let last = open.get(group)
      if (
        last === undefined ||
        last.bundle.bodies.length >= chunkMessages ||
        last.bundle.bytes + bytes.length > chunkBytes
      ) {
        last = { number: next(), bundle: { bodies: [], bytes: 0, holders: 0 } }
        open.set(group, last)
        this.#fresh.set(last.number, last.bundle)
      }
      last.bundle.bytes += bytes.length
      return { bundle: last.number, index: last.bundle.bodies.push(bytes) - 1 }
    })
  }

  /** One more chunk holds a bundle of this transaction. */
  hold(number: number): void {
    const fresh = this.#fresh.get(number)
    assert(fresh !== undefined, 'only a new bundle finds new holders')
    fresh.holders++
  }

  release(number: number): void {
    const fresh = this.#fresh.get(number)
    if (fresh !== undefined) fresh.holders--
    else this.#holders.set(number, this.#holdersOf(number) - 1)
  }

  /** A body that this transaction brought. */
  fresh({ bundle, index }: BundlePlace): Uint8Array | undefined {
    return this.#fresh.get(bundle)?.bodies[index]
  }

  flush(): void {
    const { bodies: table, shares } = this.#tables
    for (const [number, { bodies, holders }] of this.#fresh) {
      if (holders === 0) continue
      const value = this.#writes.allocate(bundleBytes(bodies))
      encodeBundle(bodies, value)
      this.#writes.put(table, numberBytes(number), value)
      if (holders > 1) this.#writes.put(shares, numberBytes(number), numberBytes(holders))
    }
    for (const [number, holders] of this.#holders) {
      const key = numberBytes(number)
      if (holders > 1) {
        this.#writes.put(shares, key, numberBytes(holders))
        continue
      }
      if (shares.getBinaryFast(key) !== undefined) this.#writes.remove(shares, key)
      if (holders <= 0) this.#writes.remove(table, key)
    }
  }

  #holdersOf(number: number): number {
    const known = this.#holders.get(number)
    if (known !== undefined) return known
    const stored = this.#tables.shares.getBinaryFast(numberBytes(number))
    return stored === undefined ? 1 : readNumber(stored, 0)
  }
}

/**
 * Bodies that go to the same queues get the same number; 0: to one queue at most, or a run. Null: no body goes to two queues.
 * Each append splits the groups of before into those whose bodies it holds and the rest.
 */
function groupsOf(commit: Commit): Int32Array | null {
  const { bodies } = commit
  const appends =
    commit.wills.length === 0 ? commit.appends : commit.appends.concat(...commit.wills.map((w) => w.appends))
  if (appends.length < 2) return null
  const receivers = new Uint8Array(bodies.length)
  let isShared = false
  for (const { messages } of appends) {
    let last = -1
    for (let i = 0; i < messages.length; i++) {
      const { body, ends } = messages[i] as QueuedDelivery
      if (body === last || ends !== undefined) continue
      last = body
      const count = (receivers[body] as number) + 1
      if (count === 2) isShared = true
      if (count <= 2) receivers[body] = count
    }
  }
  if (!isShared) return null
  const groups = new Int32Array(bodies.length)
  let next = 1
  for (const { messages } of appends) {
    const split = new Map<number, number>()
    let last = -1
    for (const { body } of messages) {
      if (body === last || receivers[body] !== 2) continue
      last = body
      const old = groups[body] as number
      let made = split.get(old)
      if (made === undefined) {
        made = next++
        split.set(old, made)
      }
      groups[body] = made
    }
  }
  return groups
}
