import type { NamespaceLimits } from '../registry/profile.ts'
import type { LimitName } from './limit-hits.ts'
import { KeyedBuckets, Rate, Throughput, TokenBucket } from './token-bucket.ts'

/** Session names whose rate is remembered; one that is forgotten starts with a full bucket. */
const rememberedNames = 100_000
/** A fleet that comes back after an outage is no flood yet. */
const handshakeBurstSeconds = 10
/** Takeovers of one session name per second, in every profile: two clones must not chase each other (S35). */
const takeoversPerSecond = 1

export interface SubscribeRate {
  /** Counts one more; the limit that it exceeds, null: none. */
  exceeds(nowMs: number): LimitName | null
}

/**
 * What a namespace and its sessions may do per second. Charged after authentication only, so that nobody can use up what
 * belongs to a name that he merely knows (S31).
 */
export class NamespaceRates {
  readonly #limits: NamespaceLimits
  readonly #handshakes: TokenBucket | null
  readonly #connects: TokenBucket | null
  readonly #connectsPerName: KeyedBuckets | null
  readonly #takeovers = new KeyedBuckets(takeoversPerSecond, takeoversPerSecond, rememberedNames)
  readonly #subscribes: TokenBucket | null
  readonly #publishes: Throughput | null
  readonly #deliveries: Throughput | null

  constructor(limits: NamespaceLimits, nowMs: number) {
    this.#limits = limits
    const bucket = (perSecond: number | null): TokenBucket | null =>
      perSecond === null ? null : new TokenBucket(perSecond, perSecond, nowMs)
    const { handshakesPerSecond: handshakes } = limits
    this.#handshakes =
      handshakes === null ? null : new TokenBucket(handshakes, handshakes * handshakeBurstSeconds, nowMs)
    this.#connects = bucket(limits.connectsPerSecond)
    const perName = limits.connectsPerSecondPerSession
    this.#connectsPerName = perName === null ? null : new KeyedBuckets(perName, perName, rememberedNames)
    this.#subscribes = bucket(limits.subscribeRequestsPerSecond)
    this.#publishes = Throughput.of(limits, 'publishesPerSecond', 'publishBytesPerSecond', nowMs)
    this.#deliveries = Throughput.of(limits, 'deliveriesPerSecond', 'deliveryBytesPerSecond', nowMs)
  }

  /** Counts one more handshake, before anything is computed for it: the one charge before authentication (S56). */
  admitsHandshake(nowMs: number): boolean {
    return this.#handshakes?.take(nowMs) !== false
  }

  /**
   * Counts one more CONNECT.
   *
   * @param session the name together with its owner; null: the name is yet to be assigned, so the session is a new one
   * @param isTakeover it is connected now
   * @returns the limit that it exceeds; null: none
   */
  connectExceeds(session: string | null, isTakeover: boolean, nowMs: number): LimitName | 'takeoversPerSecond' | null {
    if (session !== null) {
      if (this.#connectsPerName?.take(session, nowMs) === false) return 'connectsPerSecondPerSession'
      if (isTakeover && !this.#takeovers.take(session, nowMs)) return 'takeoversPerSecond'
    }
    return this.#connects?.take(nowMs) === false ? 'connectsPerSecond' : null
  }

  /** Of one session; null: no limit. */
  subscribes(nowMs: number): SubscribeRate | null {
    const perSecond = this.#limits.subscribeRequestsPerSecondPerSession
    const own = perSecond === null ? null : new TokenBucket(perSecond, perSecond, nowMs)
    const shared = this.#subscribes
    if (own === null && shared === null) return null
    return {
      exceeds(now) {
        if (own?.take(now) === false) return 'subscribeRequestsPerSecondPerSession'
        return shared?.take(now) === false ? 'subscribeRequestsPerSecond' : null
      },
    }
  }

  publishes(nowMs: number): Rate | null {
    return Rate.of(
      Throughput.of(this.#limits, 'publishesPerSecondPerSession', 'publishBytesPerSecondPerSession', nowMs),
      this.#publishes,
    )
  }

  deliveries(nowMs: number): Rate | null {
    return Rate.of(
      Throughput.of(this.#limits, 'deliveriesPerSecondPerSession', 'deliveryBytesPerSecondPerSession', nowMs),
      this.#deliveries,
    )
  }
}
