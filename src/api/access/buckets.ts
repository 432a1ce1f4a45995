import type { Clock } from '../../ports/clock.ts'

/** Keys remembered; the one unused for longest is forgotten first, which fills its bucket. */
const maximumKeys = 16_384

interface Bucket {
  tokens: number
  at: number
}

/** A token bucket for each key: so many at once, so many per second after that. */
export class Buckets {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: Clock
  /** In order of last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(perSecond: number, burst: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#clock = clock
  }

  /** Takes one token. 0: taken; else the whole seconds, at least one, after which there is one. */
  take(key: string): number {
    const bucket = this.#refilled(key)
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / this.#perSecond))
    bucket.tokens--
    return 0
  }

  #refilled(key: string): Bucket {
    const at = this.#clock.monotonicMs()
    const known = this.#buckets.get(key)
    if (known === undefined) {
      const made = { tokens: this.#burst, at }
      this.#buckets.set(key, made)
      if (this.#buckets.size > maximumKeys) {
        for (const oldest of this.#buckets.keys()) {
          this.#buckets.delete(oldest)
          break
        }
      }
      return made
    }
    this.#buckets.delete(key)
    this.#buckets.set(key, known)
    known.tokens = Math.min(this.#burst, known.tokens + ((at - known.at) / 1_000) * this.#perSecond)
    known.at = at
    return known
  }
}
