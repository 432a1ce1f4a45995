import type { NamespaceLimits } from '../registry/profile.ts'
import { KeyedBuckets, Rate, Throughput, TokenBucket } from './token-bucket.ts'

/** Session names whose rate is remembered; one that is forgotten starts with a full bucket. */
const rememberedNames = 100_000
/** Takeovers of one session name per second, in every profile: two clones must not chase each other (S35). */
const takeoversPerSecond = 1

/**
 * What a namespace and its sessions may do per second. Charged after authentication only, so that nobody can use up what
 * belongs to a name that he merely knows (S31).
 */
export class NamespaceRates {
  readonly #limits: NamespaceLimits
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
    this.#connects = bucket(limits.connectsPerSecond)
    const perName = limits.connectsPerSecondPerSession
    this.#connectsPerName = perName === null ? null : new KeyedBuckets(perName, perName, rememberedNames)
    this.#subscribes = bucket(limits.subscribeRequestsPerSecond)
    this.#publishes = Throughput.of(limits.publishesPerSecond, limits.publishBytesPerSecond, nowMs)
    this.#deliveries = Throughput.of(limits.deliveriesPerSecond, limits.deliveryBytesPerSecond, nowMs)
  }

  /**
   * @param session the name together with its owner
   * @param isTakeover it is connected now
   */
  admitsConnect(session: string, isTakeover: boolean, nowMs: number): boolean {
    if (this.#connectsPerName?.take(session, nowMs) === false) return false
    if (isTakeover && !this.#takeovers.take(session, nowMs)) return false
    return this.#connects?.take(nowMs) !== false
  }

  /** Of one session; null: no limit. */
  subscribes(nowMs: number): { take(nowMs: number): boolean } | null {
    const perSecond = this.#limits.subscribeRequestsPerSecondPerSession
    const own = perSecond === null ? null : new TokenBucket(perSecond, perSecond, nowMs)
    const shared = this.#subscribes
    if (own === null && shared === null) return null
    return { take: (now) => own?.take(now) !== false && shared?.take(now) !== false }
  }

  publishes(nowMs: number): Rate | null {
    const { publishesPerSecondPerSession, publishBytesPerSecondPerSession } = this.#limits
    return Rate.of(Throughput.of(publishesPerSecondPerSession, publishBytesPerSecondPerSession, nowMs), this.#publishes)
  }

  deliveries(nowMs: number): Rate | null {
    const { deliveriesPerSecondPerSession, deliveryBytesPerSecondPerSession } = this.#limits
    return Rate.of(
      Throughput.of(deliveriesPerSecondPerSession, deliveryBytesPerSecondPerSession, nowMs),
      this.#deliveries,
    )
  }
}
