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

/** The whole of an IPv4 address; the first 64 bits of an IPv6 address, which is what one subscriber line is given. */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const end = tail === '' ? [] : tail.split(':')
    // An address that ends in dotted decimals has two groups in its last part; only the first four groups matter here.
    const missing = 8 - groups.length - end.length - (tail.includes('.') ? 1 : 0)
    groups.push(...Array<string>(Math.max(0, missing)).fill('0'), ...end)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`
}

/** One spelling for an address whatever family the listener's socket has: `::ffff:192.0.2.1` is IPv4, a zone is dropped. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}
