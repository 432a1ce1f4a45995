import type { NamespaceLimits } from '../../registry/profile.ts'

/** A bucket that fills evenly and may be overdrawn; who has overdrawn it waits until it is level again. */
export class TokenBucket {
  #perMs: number
  #burst: number
  #tokens: number
  #atMs: number

  /** @param burst what an unused bucket holds */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** From now on it fills at another pace; what is in it, or owed, stays. */
  retune(perSecond: number, burst: number, nowMs: number): void {
    this.waitMs(nowMs)
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = Math.min(this.#tokens, burst)
  }

  /** Milliseconds until the bucket is level; 0: it may be drawn from. */
  waitMs(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs)
  }

  spend(tokens: number): void {
    this.#tokens -= tokens
  }

  /** Takes a whole token or none. */
  take(nowMs: number): boolean {
    this.waitMs(nowMs)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/** A bucket for each of very many keys. The one unused for longest is forgotten first, which fills it. */
export class KeyedBuckets {
  readonly #buckets = new Map<string, TokenBucket>()
  #perSecond: number
  #burst: number
  readonly #capacity: number

  constructor(perSecond: number, burst: number, capacity: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#capacity = capacity
  }

  retune(perSecond: number, burst: number, nowMs: number): void {
    this.#perSecond = perSecond
    this.#burst = burst
    for (const bucket of this.#buckets.values()) bucket.retune(perSecond, burst, nowMs)
  }

  /** More of what was just taken; the bucket may be overdrawn. */
  spend(key: string, tokens: number): void {
    this.#buckets.get(key)?.spend(tokens)
  }

  take(key: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#perSecond, this.#burst, nowMs)
      if (this.#buckets.size >= this.#capacity) {
        const oldest = this.#buckets.keys().next()
        if (!oldest.done) this.#buckets.delete(oldest.value)
      }
    } else {
      this.#buckets.delete(key)
    }
    this.#buckets.set(key, bucket)
    return bucket.take(nowMs)
  }
}

/** Names of rows of the profile whose value is so many per second, or null. */
export type RateName = {
  [Name in keyof NamespaceLimits]: NamespaceLimits[Name] extends number | null
    ? null extends NamespaceLimits[Name]
      ? Name
      : never
    : never
}[keyof NamespaceLimits]

interface NamedBucket {
  readonly limit: RateName
  readonly bucket: TokenBucket
}

/** How much somebody may send: messages and bytes per second; a burst of one second. */
export class Throughput {
  #messages: NamedBucket | null
  #bytes: NamedBucket | null

  constructor(messages: NamedBucket | null, bytes: NamedBucket | null) {
    this.#messages = messages
    this.#bytes = bytes
  }

  /** Null where there is no limit at all: nothing is counted then. */
  static of(limits: NamespaceLimits, messages: RateName, bytes: RateName, nowMs: number): Throughput | null {
    if (limits[messages] === null && limits[bytes] === null) return null
    return new Throughput(tuned(null, limits[messages], messages, nowMs), tuned(null, limits[bytes], bytes, nowMs))
  }

  /** Other limits of the same names from now on. */
  retune(limits: NamespaceLimits, messages: RateName, bytes: RateName, nowMs: number): void {
    this.#messages = tuned(this.#messages, limits[messages], messages, nowMs)
    this.#bytes = tuned(this.#bytes, limits[bytes], bytes, nowMs)
  }

  waitMs(nowMs: number): number {
    return Math.max(this.#messages?.bucket.waitMs(nowMs) ?? 0, this.#bytes?.bucket.waitMs(nowMs) ?? 0)
  }

  /** The limit that is exceeded now. */
  limiting(nowMs: number): RateName | null {
    for (const named of [this.#messages, this.#bytes]) {
      if (named !== null && named.bucket.waitMs(nowMs) > 0) return named.limit
    }
    return null
  }

  spend(bytes: number): void {
    this.#messages?.bucket.spend(1)
    this.#bytes?.bucket.spend(bytes)
  }
}

function tuned(
  named: NamedBucket | null,
  perSecond: number | null,
  limit: RateName,
  nowMs: number,
): NamedBucket | null {
  if (perSecond === null) return null
  if (named === null) return { limit, bucket: new TokenBucket(perSecond, perSecond, nowMs) }
  named.bucket.retune(perSecond, perSecond, nowMs)
  return named
}

/** The limits of a session and of its namespace together; null: neither has any. */
export class Rate {
  readonly #own: Throughput | null
  readonly #shared: Throughput | null

  constructor(own: Throughput | null, shared: Throughput | null) {
    this.#own = own
    this.#shared = shared
  }

  static of(own: Throughput | null, shared: Throughput | null): Rate | null {
    return own === null && shared === null ? null : new Rate(own, shared)
  }

  waitMs(nowMs: number): number {
    return Math.max(this.#own?.waitMs(nowMs) ?? 0, this.#shared?.waitMs(nowMs) ?? 0)
  }

  /** The limit that is exceeded now; the session's own is named first. */
  limiting(nowMs: number): RateName | null {
    return this.#own?.limiting(nowMs) ?? this.#shared?.limiting(nowMs) ?? null
  }

  spend(bytes: number): void {
    this.#own?.spend(bytes)
    this.#shared?.spend(bytes)
  }
}
