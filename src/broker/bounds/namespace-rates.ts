import type { NamespaceLimits } from '../../registry/profile.ts'
import type { LimitName } from './limit-hits.ts'
import { KeyedBuckets, Rate, type RateName, Throughput, TokenBucket } from './token-bucket.ts'

/** Session names whose rate is remembered; one that is forgotten starts with a full bucket. */
const rememberedNames = 100_000
/** A fleet that comes back after an outage is no flood yet. */
const handshakeBurstSeconds = 10
/** What bounds how often a CONNECT may come. */
export type ConnectRate = 'connectsPerSecond' | 'connectsPerSecondPerSession' | 'takeoversPerSecond'

/** Takeovers of one session name per second, in every profile: two clones must not chase each other (S35). */
export const takeoversPerSecond = 1

export interface SubscribeRate {
  /** Counts one more; the limit that it exceeds, null: none. */
  exceeds(nowMs: number): LimitName | null
}

/**
 * What a namespace and its sessions may do per second. Charged after authentication only, so that nobody can use up what
 * belongs to a name that he merely knows (S31).
 */
export class NamespaceRates {
  #limits: NamespaceLimits
  #handshakes: TokenBucket | null = null
  #connects: TokenBucket | null = null
  #connectsPerName: KeyedBuckets | null = null
  readonly #takeovers = new KeyedBuckets(takeoversPerSecond, takeoversPerSecond, rememberedNames)
  #subscribes: TokenBucket | null = null
  #publishes: Throughput | null = null
  #deliveries: Throughput | null = null

  constructor(limits: NamespaceLimits, nowMs: number) {
    this.#limits = limits
    this.retune(limits, nowMs)
  }

  /**
   * What was used up stays used up: whoever may change a limit of the namespace does not thereby fill its buckets. A session
   * keeps the limits that it began with where they are its own, or where the namespace had none.
   */
  retune(limits: NamespaceLimits, nowMs: number): void {
    this.#limits = limits
    const { handshakesPerSecond: handshakes, connectsPerSecondPerSession: perName } = limits
    const burst = (handshakes ?? 0) * handshakeBurstSeconds
    this.#handshakes = tunedBucket(this.#handshakes, handshakes, burst, nowMs)
    const connects = limits.connectsPerSecond
    this.#connects = tunedBucket(this.#connects, connects, connects ?? 0, nowMs)
    const subscribes = limits.subscribeRequestsPerSecond
    this.#subscribes = tunedBucket(this.#subscribes, subscribes, subscribes ?? 0, nowMs)
    if (perName === null) this.#connectsPerName = null
    else if (this.#connectsPerName === null) {
      this.#connectsPerName = new KeyedBuckets(perName, perName, rememberedNames)
    } else this.#connectsPerName.retune(perName, perName, nowMs)
    this.#publishes = tunedThroughput(this.#publishes, limits, 'publishesPerSecond', 'publishBytesPerSecond', nowMs)
    this.#deliveries = tunedThroughput(this.#deliveries, limits, 'deliveriesPerSecond', 'deliveryBytesPerSecond', nowMs)
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
  connectExceeds(session: string | null, isTakeover: boolean, nowMs: number): ConnectRate | null {
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
    if (own === null && this.#subscribes === null) return null
    return {
      exceeds: (now) => {
        if (own?.take(now) === false) return 'subscribeRequestsPerSecondPerSession'
        return this.#subscribes?.take(now) === false ? 'subscribeRequestsPerSecond' : null
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

function tunedBucket(
  bucket: TokenBucket | null,
  perSecond: number | null,
  burst: number,
  nowMs: number,
): TokenBucket | null {
  if (perSecond === null) return null
  if (bucket === null) return new TokenBucket(perSecond, burst, nowMs)
  bucket.retune(perSecond, burst, nowMs)
  return bucket
}

/** Sessions hold on to it, so it changes where it is, also when nothing is limited any more. */
function tunedThroughput(
  throughput: Throughput | null,
  limits: NamespaceLimits,
  messages: RateName,
  bytes: RateName,
  nowMs: number,
): Throughput | null {
  if (throughput === null) return Throughput.of(limits, messages, bytes, nowMs)
  throughput.retune(limits, messages, bytes, nowMs)
  return limits[messages] === null && limits[bytes] === null ? null : throughput
}
