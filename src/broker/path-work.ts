import { createHash } from 'node:crypto'
import { sourceOf } from '../base/source-address.ts'
import type { Clock } from '../ports/clock.ts'
import type { Transport } from '../ports/transport.ts'
import { KeyedBuckets } from './token-bucket.ts'

/** Sources and keys remembered; one that is forgotten starts with a full bucket. */
const remembered = 65_536

export interface PathWorkRates {
  /** Certification paths searched per second for one IPv4 address or IPv6 /64; remembered verdicts cost nothing. 0: no limit. */
  readonly perSourcePerSecond: number
  readonly perSourceBurst: number
  /** The same for one presented certificate. */
  readonly perLeafPerSecond: number
  readonly perLeafBurst: number
}

/** Each search costs 0.1 to 0.3 ms; a site of 10,000 devices behind one address comes back after an outage within half a minute. */
export const defaultPathWork: PathWorkRates = {
  perSourcePerSecond: 500,
  perSourceBurst: 5_000,
  perLeafPerSecond: 5,
  perLeafBurst: 20,
}

/** Path searches are charged to the source and to the certificate that asks for them, before anybody is known (S55). */
export class PathWork {
  readonly #clock: Clock
  readonly #sources: KeyedBuckets | null
  readonly #leaves: KeyedBuckets

  constructor(clock: Clock, rates: PathWorkRates) {
    this.#clock = clock
    const { perSourcePerSecond, perSourceBurst } = rates
    this.#sources = perSourcePerSecond === 0 ? null : new KeyedBuckets(perSourcePerSecond, perSourceBurst, remembered)
    this.#leaves = new KeyedBuckets(rates.perLeafPerSecond, rates.perLeafBurst, remembered)
  }

  admits({ remoteAddress, peerChain }: Transport): boolean {
    const now = this.#clock.monotonicMs()
    const [leaf] = peerChain
    const key = leaf === undefined ? '' : createHash('sha256').update(leaf).digest('base64')
    // Both are charged: a certificate that is copied to many addresses is slowed as well.
    const mayLeaf = this.#leaves.take(key, now)
    const maySource = this.#sources === null || this.#sources.take(sourceOf(remoteAddress), now)
    return maySource && mayLeaf
  }
}
