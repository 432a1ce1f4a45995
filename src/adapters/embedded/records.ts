import { unixMillis } from '../../base/time.ts'
import type {
  CommitResult,
  NamespaceId,
  NodeId,
  OutgoingInflight,
  Position,
  QueueLimits,
  SessionOwner,
  SessionRecord,
  SessionUid,
  StoredPrincipal,
  StoredSubscription,
} from '../../ports/engine.ts'
import type { SessionEntry } from '../session-table.ts'
import type { Place } from './chunks.ts'
import { readNumber, writeNumber } from './keys.ts'

/**
 * Every value begins with its version or is JSON with a member `v`, so that a later format can be told apart record by
 * record. What these functions cannot read makes the start fail; nothing is guessed.
 */

// ------------------------------------------------------------------------------------------------- positions

const positionVersion = 0x10

/** `[version and phase][entry][index]` */
export function encodePosition(position: Position, phase: OutgoingInflight['phase'] = 'sent'): Buffer {
  const bytes = Buffer.allocUnsafe(13)
  bytes[0] = positionVersion | (phase === 'released' ? 1 : 0)
  writeNumber(bytes, Number(position.entry), 1)
  bytes.writeUInt32BE(position.index, 9)
  return bytes
}

export function decodePosition(bytes: Buffer): { readonly position: Position; readonly phase: 'sent' | 'released' } {
  if (((bytes[0] ?? 0) & 0xf0) !== positionVersion) throw new Error('a position of an unknown version')
  return {
    position: { entry: BigInt(readNumber(bytes, 1)), index: bytes.readUInt32BE(9) },
    phase: ((bytes[0] ?? 0) & 1) === 0 ? 'sent' : 'released',
  }
}

const cursorVersion = 0x20
const acknowledgedFlag = 1
const floorFlag = 2

/** `[version and flags][acknowledged up to][nothing left up to]`, each `[entry][index]` and only when there is one. */
export function encodeCursor(acknowledged: Place | null, floor: Place | null): Buffer {
  const bytes = Buffer.allocUnsafe(1 + (acknowledged === null ? 0 : 12) + (floor === null ? 0 : 12))
  bytes[0] = cursorVersion | (acknowledged === null ? 0 : acknowledgedFlag) | (floor === null ? 0 : floorFlag)
  let at = 1
  for (const place of [acknowledged, floor]) {
    if (place === null) continue
    writeNumber(bytes, place.entry, at)
    at = bytes.writeUInt32BE(place.index, at + 8)
  }
  return bytes
}

export function decodeCursor(bytes: Buffer): { readonly acknowledged: Place | null; readonly floor: Place | null } {
  const flags = bytes[0] ?? 0
  if ((flags & 0xf0) !== cursorVersion) throw new Error('a cursor of an unknown version')
  let at = 1
  const next = (flag: number): Place | null => {
    if ((flags & flag) === 0) return null
    const place = { entry: readNumber(bytes, at), index: bytes.readUInt32BE(at + 8) }
    at += 12
    return place
  }
  return { acknowledged: next(acknowledgedFlag), floor: next(floorFlag) }
}

// ------------------------------------------------------------------------------------------------- sessions

/** Subscriptions and the will's body stand in tables of their own: they change at other times and may be large. */
interface SessionJson {
  readonly v: 1
  readonly namespace: string
  readonly clientId: string
  readonly owner: SessionOwner
  readonly principal: StoredPrincipal
  readonly sequenceNumber: number
  readonly node: string | null
  readonly epoch: number
  readonly connectedAt: number
  readonly expiryIntervalSeconds: number | null
  readonly expiresAt: number | null
  readonly willDelaySeconds: number | null
  readonly willDueAt: number | null
  readonly limits: QueueLimits
  readonly queue: 'memory' | 'stored'
  readonly stateless: boolean
  readonly named: boolean
}

/** Stands for a will's body where only the fact of the will matters. */
export const bodyElsewhere = new Uint8Array(0)

export function encodeSession(entry: SessionEntry): Buffer {
  const { record, limits, queue, stateless, named } = entry
  const json: SessionJson = {
    v: 1,
    namespace: record.namespace,
    clientId: record.clientId,
    owner: record.owner,
    principal: record.principal,
    sequenceNumber: record.sequenceNumber,
    node: record.node,
    epoch: Number(record.epoch),
    connectedAt: record.connectedAt,
    expiryIntervalSeconds: record.expiryIntervalSeconds,
    expiresAt: record.expiresAt,
    willDelaySeconds: record.will?.delaySeconds ?? null,
    willDueAt: record.willDueAt,
    limits,
    queue,
    stateless,
    named,
  }
  return Buffer.from(JSON.stringify(json))
}

export function decodeSession(
  uid: string,
  bytes: Uint8Array,
  subscriptions: readonly StoredSubscription[],
): SessionEntry {
  const json = JSON.parse(Buffer.from(bytes).toString()) as SessionJson
  if (json.v !== 1) throw new Error(`session ${uid} has the unknown version ${JSON.stringify(json.v)}`)
  const record: SessionRecord = {
    uid: uid as SessionUid,
    namespace: json.namespace as NamespaceId,
    clientId: json.clientId,
    owner: json.owner,
    principal: {
      ...json.principal,
      validUntil: json.principal.validUntil === null ? null : unixMillis(json.principal.validUntil),
    },
    sequenceNumber: json.sequenceNumber,
    node: json.node as NodeId | null,
    epoch: BigInt(json.epoch),
    connectedAt: unixMillis(json.connectedAt),
    expiryIntervalSeconds: json.expiryIntervalSeconds,
    expiresAt: json.expiresAt === null ? null : unixMillis(json.expiresAt),
    subscriptions,
    will: json.willDelaySeconds === null ? null : { body: bodyElsewhere, delaySeconds: json.willDelaySeconds },
    willDueAt: json.willDueAt === null ? null : unixMillis(json.willDueAt),
  }
  const { limits, queue, stateless, named } = json
  // Whoever it is connected to was an earlier process.
  return { record, limits, queue, stateless, named, abandoned: record.node !== null }
}

export function encodeSubscriptions(subscriptions: readonly StoredSubscription[]): Buffer {
  return Buffer.from(JSON.stringify({ v: 1, subscriptions }))
}

export function decodeSubscriptions(bytes: Uint8Array): readonly StoredSubscription[] {
  const json = JSON.parse(Buffer.from(bytes).toString()) as { v: number; subscriptions: StoredSubscription[] }
  if (json.v !== 1) throw new Error(`subscriptions of the unknown version ${JSON.stringify(json.v)}`)
  return json.subscriptions
}

// ------------------------------------------------------------------------------------------------- operations

export interface OperationRecord {
  readonly opId: string
  readonly mark: string
  readonly result: CommitResult
}

export function encodeOperation({ opId, mark, result }: OperationRecord): Buffer {
  return Buffer.from(JSON.stringify({ v: 1, opId, mark, ...result }))
}

export function decodeOperation(bytes: Uint8Array): OperationRecord {
  const json = JSON.parse(Buffer.from(bytes).toString()) as OperationRecord & CommitResult & { v: number }
  if (json.v !== 1) throw new Error(`an operation of the unknown version ${JSON.stringify(json.v)}`)
  return { opId: json.opId, mark: json.mark, result: { overflow: json.overflow, fenced: json.fenced } }
}
