import { sourceOf } from '../base/source-address.ts'
/**
 * How many handshakes we begin: a bucket for each source address and one for all. A gate on the number of handshakes
 * under way would be simpler, and four silent peers could hold it shut; a bucket refills whatever they do (S55: limits
 * before authentication are per source address, never on in-flight count alone).
 */
export interface AcceptRates {
  /** Handshakes per second of one source: an IPv4 address or an IPv6 /64. 0: no limit. */
  readonly perAddressPerSecond: number
  readonly perAddressBurst: number
  /** Of all sources together. 0: no limit. */
  readonly totalPerSecond: number
  readonly totalBurst: number
}

/** `refusedFirst`: the first refusal of this source since it last had tokens, and so the one worth telling. */
export type Admission = 'admitted' | 'refused' | 'refusedFirst'

/**
 * Sources remembered. The one unused for longest is forgotten first, which fills its bucket; who has that many
 * addresses meets the bucket of all.
 */
const maximumSources = 65_536

interface Bucket {
  tokens: number
  at: number
  refused: boolean
}

export class AcceptLimiter {
  readonly #rates: AcceptRates
  readonly #monotonicMs: () => number
  /** In order of last use. */
  readonly #sources = new Map<string, Bucket>()
  readonly #total: Bucket

  constructor(rates: AcceptRates, monotonicMs: () => number) {
    this.#rates = rates
    this.#monotonicMs = monotonicMs
    this.#total = { tokens: rates.totalBurst, at: monotonicMs(), refused: false }
  }

  /** Takes `cost` tokens from both buckets, or from neither. */
  admit(address: string, cost = 1): Admission {
    const now = this.#monotonicMs()
    const source = this.#source(address, now)
    const enoughHere = has(source, cost, this.#rates.perAddressPerSecond, this.#rates.perAddressBurst, now)
    const enoughInAll = has(this.#total, cost, this.#rates.totalPerSecond, this.#rates.totalBurst, now)
    if (enoughHere && enoughInAll) {
      source.tokens -= cost
      this.#total.tokens -= cost
      source.refused = false
      return 'admitted'
    }
    if (source.refused) return 'refused'
    source.refused = true
    return 'refusedFirst'
  }

  #source(address: string, now: number): Bucket {
    const key = sourceOf(address)
    let bucket = this.#sources.get(key)
    if (bucket !== undefined) this.#sources.delete(key)
    else {
      bucket = { tokens: this.#rates.perAddressBurst, at: now, refused: false }
      if (this.#sources.size >= maximumSources) {
        for (const oldest of this.#sources.keys()) {
          this.#sources.delete(oldest)
          break
        }
      }
    }
    this.#sources.set(key, bucket)
    return bucket
  }
}

/** Refills, then looks; a rate of 0 is no limit. */
function has(bucket: Bucket, cost: number, perSecond: number, burst: number, now: number): boolean {
  if (perSecond === 0) {
    bucket.tokens = cost
    return true
  }
  bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
  bucket.at = now
  return bucket.tokens >= cost
}
