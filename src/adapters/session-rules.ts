import { type UnixMillis, unixMillis } from '../base/time.ts'
import type { SessionUid } from '../ports/identity.ts'
import type { OpenQuestion, OpenSession, SessionOwner, SessionRecord, StoredWill } from '../ports/session-store.ts'

/**
 * The decisions of the session store, as functions of records, so that every adapter decides alike. What they need to
 * look up (counts, indexes) and how it is stored is the adapter's business.
 */

function isSameOwner(a: SessionOwner, b: SessionOwner): boolean {
  return a.authority === b.authority && a.uid === b.uid
}

/** Offline and past its expiry, whether or not somebody has removed it yet. */
export function hasEnded(record: SessionRecord, now: UnixMillis): boolean {
  return record.node === null && record.expiresAt !== null && record.expiresAt <= now
}

export type NameVerdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'taken' }
  | {
      readonly kind: 'mine'
      /** True: the state goes on. False: it is discarded by this opening. */
      readonly keepsState: boolean
      /** The old record carries a will that is due now; it outlives its name. */
      readonly leavesWill: boolean
    }

/** The name belongs to another client's session that has not ended; who bears the folded name may have it (S29). */
export function isNameTaken(existing: SessionRecord, { owner, now }: Pick<OpenQuestion, 'owner' | 'now'>): boolean {
  const sameName = existing.owner.authority === owner.authority && existing.owner.foldedName === owner.foldedName
  return !isSameOwner(existing.owner, owner) && !sameName && !hasEnded(existing, now)
}

/** What an opening may do with the session that has its name (S28, S29). */
export function judgeName(existing: SessionRecord | undefined, stateless: boolean, request: OpenSession): NameVerdict {
  if (existing === undefined) return { kind: 'free' }
  if (isNameTaken(existing, request)) return { kind: 'taken' }
  const sameOwner = isSameOwner(existing.owner, request.owner)
  const ended = hasEnded(existing, request.now)

  // A session of interval 0 ends with its connection, so with its takeover too (MQTT 5.0 3.1.2.11.2).
  const endsWithConnection = existing.node !== null && existing.expiryIntervalSeconds === 0
  const keepsState = sameOwner && !ended && !request.cleanStart && !endsWithConnection && !stateless
  const due = existing.will !== null && isWillDue(existing, existing.will, keepsState, request.now)
  return { kind: 'mine', keepsState, leavesWill: due }
}

/** [MQTT-3.1.3-9]: a connection that continues the session within the delay silences the will; a session's end does not. */
function isWillDue(existing: SessionRecord, will: StoredWill, keepsState: boolean, now: UnixMillis): boolean {
  if (!keepsState) return true
  if (existing.node !== null) return will.delaySeconds === 0
  return existing.willDueAt !== null && existing.willDueAt <= now
}

/** Records are never changed in place. */
const noSubscriptions: SessionRecord['subscriptions'] = []

export function openedRecord(
  request: OpenSession,
  existing: SessionRecord | undefined,
  keepsState: boolean,
  epoch: bigint,
): SessionRecord {
  return {
    uid: keepsState && existing !== undefined ? existing.uid : request.newUid,
    namespace: request.namespace,
    clientId: request.clientId,
    owner: request.owner,
    principal: request.principal,
    sequenceNumber: (existing?.sequenceNumber ?? 0) + 1,
    node: request.node,
    epoch,
    connectedAt: request.now,
    expiryIntervalSeconds: request.expiryIntervalSeconds,
    expiresAt: null,
    subscriptions: keepsState && existing !== undefined ? existing.subscriptions : noSubscriptions,
    will: request.will,
    willDueAt: null,
  }
}

/** The record after its connection's end; null: the session ends with it. */
export function closedRecord(
  record: SessionRecord,
  how: {
    readonly now: UnixMillis
    readonly expiryIntervalSeconds: number | null
    readonly will: 'discard' | 'keep'
  },
): SessionRecord | null {
  if (how.expiryIntervalSeconds === 0) return null
  const expiresAt = how.expiryIntervalSeconds === null ? null : unixMillis(how.now + how.expiryIntervalSeconds * 1000)
  const will = how.will === 'keep' ? record.will : null
  return {
    ...record,
    node: null,
    expiryIntervalSeconds: how.expiryIntervalSeconds,
    expiresAt,
    will,
    willDueAt:
      will === null ? null : unixMillis(Math.min(how.now + will.delaySeconds * 1000, expiresAt ?? Number.MAX_VALUE)),
  }
}

/** The record that only reserves a name; null: the session ends at once (S29). */
export function discardedRecord(record: SessionRecord, now: UnixMillis, epoch: bigint): SessionRecord | null {
  const offline =
    record.node === null
      ? record
      : closedRecord(record, { now, expiryIntervalSeconds: record.expiryIntervalSeconds, will: 'discard' })
  if (offline === null || hasEnded(offline, now)) return null
  return { ...offline, subscriptions: [], will: null, willDueAt: null, epoch }
}

/** The record of a session that is over but for its will: without a name, due at once. @param uid another one where the session goes on */
export function orphanedRecord(record: SessionRecord, now: UnixMillis, uid: SessionUid = record.uid): SessionRecord {
  return { ...record, uid, node: null, subscriptions: [], expiresAt: now, willDueAt: now }
}

/** When the reaper has to look at the record; null: never, or when its node is gone. */
export function dueTime(record: SessionRecord): number | null {
  if (record.node !== null) return null
  if (record.expiresAt === null) return record.willDueAt
  return record.willDueAt === null ? record.expiresAt : Math.min(record.expiresAt, record.willDueAt)
}
