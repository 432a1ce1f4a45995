import { createHash } from 'node:crypto'
import { sourceOf } from '../../base/source-address.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Transport } from '../../ports/transport.ts'
import { KeyedBuckets } from './token-bucket.ts'

/** Sources and keys remembered; one that is forgotten starts with a full bucket. */
const remembered = 65_536

export interface PathWorkRates {
  /**
   * Signatures verified per second to find certification paths, for one IPv4 address or IPv6 /64; a search costs one at least,
   * remembered verdicts and signatures cost nothing. 0: no limit.
   */
  readonly perSourcePerSecond: number
  readonly perSourceBurst: number
  /** The same for one presented certificate. */
  readonly perLeafPerSecond: number
  readonly perLeafBurst: number
}

/** Each costs 0.1 to 0.3 ms, and a device of a fleet costs one; a site of 10,000 devices behind one address comes back after an outage within half a minute. */
export const defaultPathWork: PathWorkRates = {
  perSourcePerSecond: 500,
  perSourceBurst: 5_000,
  perLeafPerSecond: 5,
  perLeafBurst: 20,
}

/** Path work is charged to the source and to the certificate that asks for it, before anybody is known (S55). */
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

  /** Charges the first signature of a search. False: it may not begin. */
  admits({ remoteAddress, peerChain }: Transport): boolean {
    const now = this.#clock.monotonicMs()
    // Both are charged: a certificate that is copied to many addresses is slowed as well.
    const mayLeaf = this.#leaves.take(keyOf(peerChain), now)
    const maySource = this.#sources === null || this.#sources.take(sourceOf(remoteAddress), now)
    return maySource && mayLeaf
  }

  /** Charges the others, which are known afterwards only: who owes some waits. */
  did({ remoteAddress, peerChain }: Transport, signatures: number): void {
    if (signatures <= 1) return
    this.#leaves.spend(keyOf(peerChain), signatures - 1)
    this.#sources?.spend(sourceOf(remoteAddress), signatures - 1)
  }
}

function keyOf([leaf]: Transport['peerChain']): string {
  return leaf === undefined ? '' : createHash('sha256').update(leaf).digest('base64')
}
