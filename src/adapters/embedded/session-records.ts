import { assert } from '../../base/assert.ts'
import { unixMillis } from '../../base/time.ts'
import type { NamespaceId, NodeId, SessionUid } from '../../ports/identity.ts'
import type {
  QueueLimits,
  SessionOwner,
  SessionRecord,
  StoredPrincipal,
  StoredSubscription,
} from '../../ports/session-store.ts'
import type { SessionEntry } from '../session-entry.ts'
import { codeUnitBytes, isHashed, nameKey, textOfCodeUnitBytes } from './keys.ts'

/**
 * Session records are all read at every start, so they are short and quick to read, and what many sessions have in common is
 * one object in memory. Subscriptions and the will's body stand in tables of their own: they change at other times and
 * may be large.
 */

const version = 0x20
const storedFlag = 0x01
const statelessFlag = 0x02
const namedFlag = 0x04
const endSessionFlag = 0x08
const none = -1

const authorities: readonly SessionOwner['authority'][] = ['registry', 'token', 'webhook', 'entra']

/** Stands for a will's body where only the fact of the will matters. */
export const bodyElsewhere = new Uint8Array(0)

const numbers = 9
const headBytes = 3 + 16 + 8 * numbers
const strings = 6

/**
 * `[version][flags][authority][namespace][numbers]`, then strings with their lengths: Client Identifier, node, the owner's uid, its
 * name, its folded name where that is another, the principal as JSON.
 */
export function encodeSession({ record, limits, queue, stateless, named }: SessionEntry): Buffer {
  const { owner } = record
  const texts = [
    codeUnitBytes(record.clientId),
    codeUnitBytes(record.node ?? ''),
    codeUnitBytes(owner.uid),
    codeUnitBytes(owner.authenticationName),
    codeUnitBytes(owner.foldedName === owner.authenticationName ? '' : owner.foldedName),
    codeUnitBytes(JSON.stringify(record.principal)),
  ]
  const bytes = Buffer.allocUnsafe(texts.reduce((sum, { length }) => sum + 4 + length, headBytes))
  bytes[0] = version
  bytes[1] =
    (queue === 'stored' ? storedFlag : 0) |
    (stateless ? statelessFlag : 0) |
    (named ? namedFlag : 0) |
    (limits.overflow === 'endSession' ? endSessionFlag : 0)
  bytes[2] = authorities.indexOf(owner.authority)
  bytes.write(record.namespace, 3, 'hex')
  let at = 3 + 16
  for (const number of [
    record.sequenceNumber,
    Number(record.epoch),
    record.connectedAt,
    record.expiryIntervalSeconds ?? none,
    record.expiresAt ?? none,
    record.will?.delaySeconds ?? none,
    record.willDueAt ?? none,
    limits.maximumMessages,
    limits.maximumBytes,
  ]) {
    at = bytes.writeDoubleBE(number, at)
  }
  for (const text of texts) {
    at = bytes.writeUInt32BE(text.length, at)
    at += text.copy(bytes, at)
  }
  return bytes
}

/** Reads session records; equal parts of those that one reader reads are the same object. */
export class SessionReader {
  readonly #principals = new Map<string, StoredPrincipal>()
  readonly #owners = new Map<string, SessionOwner>()
  readonly #limits = new Map<string, QueueLimits>()
  readonly #namespaces = new Map<string, NamespaceId>()
  readonly #nodes = new Map<string, NodeId>()

  decode(uid: string, bytes: Buffer, subscriptions: readonly StoredSubscription[]): SessionEntry {
    if (bytes[0] !== version) throw new Error(`session ${uid} is of an unknown version`)
    const flags = bytes[1] as number
    const number = (place: number): number => bytes.readDoubleBE(3 + 16 + 8 * place)
    const optional = (place: number): number | null => (number(place) === none ? null : number(place))
    const moment = (place: number) => (number(place) === none ? null : unixMillis(number(place)))
    const texts: string[] = []
    for (let at = headBytes; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at)
      texts.push(textOfCodeUnitBytes(bytes.subarray(at + 4, at + 4 + length)))
      at += 4 + length
    }
    assert(texts.length === strings, 'a session record has all its strings')
    const [clientId, node, ownerUid, authenticationName, foldedName, principal] = texts as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    const willDelay = optional(5)
    const record: SessionRecord = {
      uid: uid as SessionUid,
      namespace: this.#namespaceOf(bytes),
      clientId,
      owner: this.#ownerOf(bytes[2] as number, ownerUid, authenticationName, foldedName),
      principal: this.#principalOf(principal),
      sequenceNumber: number(0),
      node: node === '' ? null : interned(this.#nodes, node, () => node as NodeId),
      epoch: BigInt(number(1)),
      connectedAt: unixMillis(number(2)),
      expiryIntervalSeconds: optional(3),
      expiresAt: moment(4),
      subscriptions,
      will: willDelay === null ? null : { body: bodyElsewhere, delaySeconds: willDelay },
      willDueAt: moment(6),
    }
    const [maximumMessages, maximumBytes] = [number(7), number(8)]
    const overflow = (flags & endSessionFlag) === 0 ? 'dropOldest' : 'endSession'
    return {
      record,
      limits: interned(this.#limits, `${maximumMessages} ${maximumBytes} ${overflow}`, () => {
        return { maximumMessages, maximumBytes, overflow }
      }),
      queue: (flags & storedFlag) === 0 ? 'memory' : 'stored',
      stateless: (flags & statelessFlag) !== 0,
      named: (flags & namedFlag) !== 0,
      // Whoever it is connected to was an earlier process.
      abandoned: record.node !== null,
    }
  }

  #namespaceOf(bytes: Buffer): NamespaceId {
    const text = bytes.toString('hex', 3, 3 + 16)
    return interned(this.#namespaces, text, () => text as NamespaceId)
  }

  /** Sessions of one owner are rarely neighbours, so all owners are remembered while the store is read. */
  #ownerOf(authority: number, uid: string, authenticationName: string, folded: string): SessionOwner {
    return interned(this.#owners, `${authority} ${uid} ${authenticationName}`, () => ({
      authority: authorities[authority] as SessionOwner['authority'],
      uid,
      authenticationName,
      foldedName: folded === '' ? authenticationName : folded,
    }))
  }

  #principalOf(json: string): StoredPrincipal {
    return interned(this.#principals, json, () => {
      const principal = JSON.parse(json) as StoredPrincipal & { readonly validUntil: number | null }
      return { ...principal, validUntil: principal.validUntil === null ? null : unixMillis(principal.validUntil) }
    })
  }
}

function interned<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key)
  if (value !== undefined) return value
  const made = make()
  known.set(key, made)
  return made
}

// ------------------------------------------------------------------------------------------------- subscriptions

const qosMask = 0x03
const noLocalFlag = 0x04
const retainAsPublishedFlag = 0x08
const retainHandlingShift = 4
const identifierFlag = 0x40

/** One record per filter, so that a change costs the same however many there are. */
export function subscriptionKey(uid: Uint8Array, topicFilter: string): Buffer {
  return nameKey(uid, codeUnitBytes(topicFilter))
}

/** `[version][flags][order][identifier?][filter where the key holds its hash]` @param order rises with each subscription made */
export function encodeSubscription(key: Uint8Array, subscription: StoredSubscription, order: number): Buffer {
  const { topicFilter, maximumQoS, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = subscription
  const filter = isHashed(key, 16) ? codeUnitBytes(topicFilter) : bodyElsewhere
  const head = Buffer.allocUnsafe(10 + (subscriptionIdentifier === null ? 0 : 4))
  head[0] = version
  head[1] =
    maximumQoS |
    (noLocal ? noLocalFlag : 0) |
    (retainAsPublished ? retainAsPublishedFlag : 0) |
    (retainHandling << retainHandlingShift) |
    (subscriptionIdentifier === null ? 0 : identifierFlag)
  head.writeDoubleBE(order, 2)
  if (subscriptionIdentifier !== null) head.writeUInt32BE(subscriptionIdentifier, 10)
  return filter.length === 0 ? head : Buffer.concat([head, filter])
}

export interface OrderedSubscription {
  readonly order: number
  readonly subscription: StoredSubscription
}

export function decodeSubscription(key: Buffer, value: Buffer): OrderedSubscription {
  if (value[0] !== version) throw new Error('a subscription of an unknown version')
  const flags = value[1] as number
  const hasIdentifier = (flags & identifierFlag) !== 0
  const filter = isHashed(key, 16) ? value.subarray(hasIdentifier ? 14 : 10) : key.subarray(17)
  return {
    order: value.readDoubleBE(2),
    subscription: {
      topicFilter: textOfCodeUnitBytes(filter),
      maximumQoS: (flags & qosMask) as StoredSubscription['maximumQoS'],
      noLocal: (flags & noLocalFlag) !== 0,
      retainAsPublished: (flags & retainAsPublishedFlag) !== 0,
      retainHandling: ((flags >> retainHandlingShift) & 0x03) as StoredSubscription['retainHandling'],
      subscriptionIdentifier: hasIdentifier ? value.readUInt32BE(10) : null,
    },
  }
}
