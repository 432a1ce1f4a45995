import type { UnixSeconds } from '../base/time.ts'
import { CertificateCache } from '../x509/certificate-cache.ts'
import type { DecisionCode } from './decision.ts'
import { RememberedLeaves } from './remembered-leaves.ts'

/** What a path search said, without the certificates it looked at. Text is printable. */
export type PathVerdict =
  | {
      readonly kind: 'valid'
      readonly caCertificateName: string
      /** Every registered CA certificate of the path, as intermediate too: if one of them goes, it is another path. */
      readonly restsOn: readonly string[]
      /** The last second at which every certificate of the path is valid. */
      readonly notAfter: UnixSeconds
      /** The last second before a revocation list that the path needs is stale; null: it needs none. */
      readonly freshUntil: UnixSeconds | null
      /** What was asked about revocation, printable; null: there was nothing to ask. */
      readonly revocation: string | null
      /** Leaf first, anchor last. */
      readonly subjects: readonly string[]
    }
  | {
      readonly kind: 'invalid'
      readonly code: DecisionCode
      readonly expected: string | null
      readonly presented: string | null
      readonly detail: string | null
      /** Signatures lead to a registered CA, whatever else is wrong. */
      readonly provenPath: boolean
    }

/**
 * A verdict and the seconds within which it cannot change: between two neighbouring dates of all certificates that the
 * search may look at, time makes no difference.
 */
export interface RememberedVerdict {
  readonly verdict: PathVerdict
  /** Inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly until: number
}

/**
 * Verdicts of path searches, least recently used first out. A key names everything but time that a search depends on
 * (S15): namespace, trust revision, leaf and sent list, accepted anchors. So a verdict is never used for another
 * evidence, and forgetting one costs time only. Failures have a room of their own: strangers, who can make as many as
 * they like, push out no verdict of a device.
 */
export class PathVerdicts {
  /** Sent intermediates, read and verified once for all devices below them; keyed by content. */
  readonly certificates = new CertificateCache()
  readonly leaves = new RememberedLeaves()
  readonly #valid: Room
  readonly #invalid: Room

  /** @param capacity verdicts kept; a quarter as many failures beside them. About 1 KB each. */
  constructor(capacity = 8192) {
    this.#valid = new Room(capacity)
    this.#invalid = new Room(Math.max(1, capacity >> 2))
  }

  get size(): number {
    return this.#valid.size + this.#invalid.size
  }

  get(key: string, now: UnixSeconds): PathVerdict | undefined {
    return this.#valid.get(key, now) ?? this.#invalid.get(key, now)
  }

  put(key: string, remembered: RememberedVerdict): void {
    const valid = remembered.verdict.kind === 'valid'
    ;(valid ? this.#valid : this.#invalid).put(key, remembered)
    ;(valid ? this.#invalid : this.#valid).drop(key)
  }
}

class Room {
  readonly #capacity: number
  readonly #entries = new Map<string, RememberedVerdict>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: UnixSeconds): PathVerdict | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || now < entry.from || now >= entry.until) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.verdict
  }

  put(key: string, entry: RememberedVerdict): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size <= this.#capacity) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  drop(key: string): void {
    this.#entries.delete(key)
  }
}
