import type { Brand } from '../base/brand.ts'
import { err, ok, type Result } from '../base/result.ts'
import { decodeUtf8 } from './utf8.ts'

/** A valid topic that one publishes to: 1 to 65,535 bytes, no wildcard, no U+0000 (MQTT 5.0 4.7). */
export type TopicName = Brand<string, 'TopicName'>

/** A valid filter that one subscribes with, without any `$share/<name>/` before it. */
export type TopicFilter = Brand<string, 'TopicFilter'>

export type TopicFailure =
  /** [MQTT-4.7.3-1] */
  | { readonly kind: 'empty' }
  /** More than 65,535 bytes of UTF-8 [MQTT-4.7.3-3]. */
  | { readonly kind: 'tooLong'; readonly lengthBytes: number }
  /** [MQTT-4.7.3-2] */
  | { readonly kind: 'nullCharacter'; readonly at: number }
  /** A lone surrogate [MQTT-1.5.4-1]. */
  | { readonly kind: 'illFormed' }
  /** A wildcard in a topic name [MQTT-3.3.2-2], or where a filter may not have one [MQTT-4.7.1-1] [MQTT-4.7.1-2]. */
  | { readonly kind: 'wildcard'; readonly at: number }
  /** `$share` without a share name and a filter behind it, or one share inside another [MQTT-4.8.2-1] [MQTT-4.8.2-2]. */
  | { readonly kind: 'share'; readonly problem: 'nameEmpty' | 'nameHasWildcard' | 'filterMissing' | 'nested' }

/** Before a share name (MQTT 5.0 4.8.2). */
const SHARE = '$share'
const SLASH = 0x2f
const PLUS = 0x2b
const HASH = 0x23
const DOLLAR = 0x24
const MAXIMUM_BYTES = 65_535

/** The only mint of a `TopicName`. Levels starting with `$` are a matter of rights, not of syntax. */
export function parseTopicName(text: string): Result<TopicName, TopicFailure> {
  const failure = checkText(text)
  if (failure !== null) return err(failure)
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === PLUS || unit === HASH) return err({ kind: 'wildcard', at })
  }
  return ok(text as TopicName)
}

/** The only mint of a `TopicFilter`. */
export function parseTopicFilter(text: string): Result<TopicFilter, TopicFailure> {
  const failure = checkText(text)
  if (failure !== null) return err(failure)
  if (isShare(text)) return err({ kind: 'share', problem: 'nested' })
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit !== PLUS && unit !== HASH) continue
    const opensLevel = at === 0 || text.charCodeAt(at - 1) === SLASH
    const last = at === text.length - 1
    const closesLevel = last || (unit === PLUS && text.charCodeAt(at + 1) === SLASH)
    if (!opensLevel || !closesLevel) return err({ kind: 'wildcard', at })
  }
  return ok(text as TopicFilter)
}

export interface SubscriptionFilter {
  /** Null: an ordinary subscription. */
  readonly shareName: string | null
  readonly topicFilter: TopicFilter
}

/** A filter as SUBSCRIBE carries it: `filter` or `$share/<name>/filter` (MQTT 5.0 4.8.2). */
export function parseSubscriptionFilter(text: string): Result<SubscriptionFilter, TopicFailure> {
  if (!isShare(text)) {
    const plain = parseTopicFilter(text)
    return plain.ok ? ok({ shareName: null, topicFilter: plain.value }) : plain
  }
  const failure = checkText(text)
  if (failure !== null) return err(failure)
  const nameStart = SHARE.length + 1
  const nameEnd = text.indexOf('/', nameStart)
  const shareName = text.slice(nameStart, nameEnd < 0 ? undefined : nameEnd)
  if (shareName === '') return err({ kind: 'share', problem: 'nameEmpty' })
  if (shareName.includes('+') || shareName.includes('#')) return err({ kind: 'share', problem: 'nameHasWildcard' })
  if (nameEnd < 0 || nameEnd === text.length - 1) return err({ kind: 'share', problem: 'filterMissing' })
  const inner = parseTopicFilter(text.slice(nameEnd + 1))
  return inner.ok ? ok({ shareName, topicFilter: inner.value }) : inner
}

/**
 * Whether a message published to `name` is for a subscription of `filter` (MQTT 5.0 4.7.1). A wildcard in the first
 * level never matches a topic that starts with `$` [MQTT-4.7.2-1].
 */
export function topicMatches(filter: TopicFilter, name: TopicName): boolean {
  const first = filter.charCodeAt(0)
  if (name.charCodeAt(0) === DOLLAR && (first === PLUS || first === HASH)) return false
  const filterEnd = filter.length
  const nameEnd = name.length
  let f = 0
  let n = 0
  // Invariant: both stand at the start of a level, and all levels before agree.
  for (;;) {
    const unit = f < filterEnd ? filter.charCodeAt(f) : SLASH
    if (unit === HASH) return true
    if (unit === PLUS) {
      f++
      while (n < nameEnd && name.charCodeAt(n) !== SLASH) n++
    } else {
      while (f < filterEnd && filter.charCodeAt(f) !== SLASH) {
        if (n === nameEnd || filter.charCodeAt(f) !== name.charCodeAt(n)) return false
        f++
        n++
      }
      if (n < nameEnd && name.charCodeAt(n) !== SLASH) return false
    }
    if (f === filterEnd) return n === nameEnd
    // `sport/#` also means `sport` itself (MQTT 5.0 4.7.1.2).
    if (n === nameEnd) return filterEnd - f === 2 && filter.charCodeAt(f + 1) === HASH
    f++
    n++
  }
}

/** The text of topic bytes from a packet, or null when they are no UTF-8 Encoded String [MQTT-3.3.2-1]. */
export function decodeTopicUtf8(bytes: Uint8Array, start: number, end: number): string | null {
  return decodeUtf8(bytes, start, end)
}

/** True for `$share` and whatever stands below it. */
function isShare(text: string): boolean {
  return text.startsWith(SHARE) && (text.length === SHARE.length || text.charCodeAt(SHARE.length) === SLASH)
}

function checkText(text: string): TopicFailure | null {
  if (text.length === 0) return { kind: 'empty' }
  // A UTF-16 code unit takes at most three bytes, so short texts need no count.
  if (text.length * 3 > MAXIMUM_BYTES) {
    const lengthBytes = Buffer.byteLength(text, 'utf8')
    if (lengthBytes > MAXIMUM_BYTES) return { kind: 'tooLong', lengthBytes }
  }
  const at = text.indexOf('\0')
  if (at >= 0) return { kind: 'nullCharacter', at }
  if (!text.isWellFormed()) return { kind: 'illFormed' }
  return null
}
