import { assert } from '../../base/assert.ts'
import { type UnixMillis, unixMillis } from '../../base/time.ts'
import {
  EngineError,
  type Fence,
  type NamespaceId,
  type NodeId,
  type OpenOutcome,
  type OpenSession,
  type OutgoingInflight,
  type Position,
  type QueueLimits,
  type RouteChange,
  type SessionOwner,
  type SessionRecord,
  type SessionUid,
  type StoredSubscription,
} from '../../ports/engine.ts'
import { Callbacks } from '../callbacks.ts'
import { comparePositions } from '../positions.ts'
import {
  closedRecord,
  discardedRecord,
  dueTime,
  hasEnded,
  judgeName,
  openedRecord,
  orphanedRecord,
} from '../session-rules.ts'
import { byCodeUnits, SortedList } from '../sorted-list.ts'
import { MessageQueue } from './message-queue.ts'

export interface MemorySession {
  record: SessionRecord
  /** Null: the broker delivers in process and nothing is kept here. */
  queue: MessageQueue | null
  limits: QueueLimits
  acknowledged: Position | null
  readonly outgoing: Map<number, OutgoingInflight>
  readonly incoming: Map<number, Uint8Array>
  /** Only the name is reserved; the state was discarded with its client. */
  stateless: boolean
  /** False: it lost its name and only waits until its will was judged. */
  named: boolean
}

interface Due {
  readonly at: number
  readonly uid: SessionUid
}

class NamespaceSessions {
  readonly byClientId = new Map<string, MemorySession>()
  readonly order = new SortedList<string>(byCodeUnits)
  readonly byOwner = new Map<string, Set<MemorySession>>()
}

/** Sessions of one world. Methods are applied one after the other by the write queue. */
export class SessionTable {
  readonly routeChanges = new Callbacks<[RouteChange]>()
  readonly #byUid = new Map<SessionUid, MemorySession>()
  readonly #namespaces = new Map<NamespaceId, NamespaceSessions>()
  readonly #online = new Map<NodeId, Set<MemorySession>>()
  /** Connected to a process that is gone. */
  readonly #abandoned = new Set<MemorySession>()
  readonly #due = new SortedList<Due>((a, b) => a.at - b.at || byCodeUnits(a.uid, b.uid))
  /** True: sessions that end with their connection have a queue as well, since other nodes must reach it. */
  readonly #alwaysStored: boolean
  #epoch = 0n

  constructor(alwaysStored: boolean) {
    this.#alwaysStored = alwaysStored
  }

  get(uid: SessionUid): MemorySession | undefined {
    return this.#byUid.get(uid)
  }

  find(namespace: NamespaceId, clientId: string): MemorySession | undefined {
    return this.#namespaces.get(namespace)?.byClientId.get(clientId)
  }

  /** @throws EngineError `fenced` */
  owned(fence: Fence): MemorySession {
    const session = this.#byUid.get(fence.session)
    if (session === undefined || session.record.epoch !== fence.epoch || session.record.node === null) {
      throw new EngineError('fenced', 'the session has another owner or none')
    }
    return session
  }

  holds(fence: Fence): boolean {
    const record = this.#byUid.get(fence.session)?.record
    return record !== undefined && record.epoch === fence.epoch && record.node !== null
  }

  list(query: {
    readonly namespace: NamespaceId
    readonly foldedName?: string
    readonly after: string | null
    readonly limit: number
  }): SessionRecord[] {
    const found: SessionRecord[] = []
    const sessions = this.#namespaces.get(query.namespace)
    if (sessions === undefined) return found
    for (const clientId of sessions.order.after(query.after)) {
      if (found.length >= query.limit) break
      const record = (sessions.byClientId.get(clientId) as MemorySession).record
      if (query.foldedName === undefined || record.owner.foldedName === query.foldedName) found.push(record)
    }
    return found
  }

  dueBefore(time: UnixMillis, limit: number, isGone: (node: NodeId) => boolean): SessionRecord[] {
    const found: SessionRecord[] = []
    for (const { at, uid } of this.#due.after(null)) {
      if (at > time || found.length >= limit) break
      found.push((this.#byUid.get(uid) as MemorySession).record)
    }
    for (const session of this.#abandoned) {
      if (found.length >= limit) break
      found.push(session.record)
    }
    for (const [node, sessions] of this.#online) {
      if (!isGone(node)) continue
      for (const session of sessions) {
        if (found.length >= limit) return found
        found.push(session.record)
      }
    }
    return found
  }

  /** The node's process is gone; when the node comes back, it is another process. */
  abandon(node: NodeId): void {
    for (const session of this.#online.get(node) ?? []) this.#abandoned.add(session)
    this.#online.delete(node)
  }

  *routes(): Generator<RouteChange> {
    for (const { record, queue } of this.#byUid.values())
      if (queue !== null) yield routeOf(record, record.subscriptions)
  }

  open(request: OpenSession): OpenOutcome {
    assert(!this.#byUid.has(request.newUid), 'the uid of a new session is in use')
    const existing = this.find(request.namespace, request.clientId)
    const verdict = judgeName(existing?.record, existing?.stateless ?? false, request)
    if (verdict.kind === 'taken') return { kind: 'nameTaken', owner: (existing as MemorySession).record.owner }
    const exceeded = this.#judgeQuotas(request, existing)
    if (exceeded !== null) return exceeded

    const previous = existing?.record.node ?? null
    const keeps = existing !== undefined && verdict.kind === 'mine' && verdict.keepsState
    const record = openedRecord(request, existing?.record, keeps, ++this.#epoch)
    if (existing !== undefined && !keeps) {
      if (verdict.kind === 'mine' && verdict.leavesWill) this.#orphan(existing, request.now)
      else this.#delete(existing)
    }
    let session: MemorySession
    if (existing !== undefined && keeps) {
      session = existing
      session.limits = request.queue
      session.queue ??= new MessageQueue()
      this.#update(session, record)
    } else {
      const transient = request.expiryIntervalSeconds === 0 && !this.#alwaysStored
      session = {
        record,
        queue: transient ? null : new MessageQueue(),
        limits: request.queue,
        acknowledged: null,
        outgoing: new Map(),
        incoming: new Map(),
        stateless: false,
        named: true,
      }
      this.#insert(session)
    }
    this.#announce(session)
    return {
      kind: 'opened',
      fence: { session: record.uid, epoch: record.epoch },
      record,
      present: keeps,
      previous,
      discarded: existing !== undefined && !keeps ? existing.record.uid : null,
      dueWill: verdict.kind === 'mine' ? verdict.dueWill : null,
      queue: session.queue === null ? 'memory' : 'stored',
      inflight: {
        acknowledged: session.acknowledged,
        outgoing: [...session.outgoing.values()].sort((a, b) => comparePositions(a.position, b.position)),
        incoming: [...session.incoming].map(([packetIdentifier, body]) => ({ packetIdentifier, body })),
      },
    }
  }

  close(
    fence: Fence,
    how: {
      readonly now: UnixMillis
      readonly expiryIntervalSeconds: number | null
      readonly will: 'discard' | 'keep'
    },
  ): { readonly removed: boolean } {
    const session = this.owned(fence)
    const record = closedRecord(session.record, how)
    if (record === null) {
      this.#delete(session)
      return { removed: true }
    }
    session.queue ??= new MessageQueue()
    this.#update(session, record)
    this.#announce(session)
    return { removed: false }
  }

  remove(uid: SessionUid, expected: { readonly epoch: bigint } | 'any'): boolean {
    const session = this.#expected(uid, expected)
    if (session === undefined) return false
    this.#delete(session)
    return true
  }

  discard(uid: SessionUid, expected: { readonly epoch: bigint } | 'any', now: UnixMillis): boolean {
    const session = this.#expected(uid, expected)
    if (session === undefined) return false
    const record = discardedRecord(session.record, now, ++this.#epoch)
    if (record === null || !session.named) {
      this.#delete(session)
      return true
    }
    session.queue = new MessageQueue()
    session.outgoing.clear()
    session.incoming.clear()
    session.acknowledged = null
    session.stateless = true
    this.#update(session, record)
    this.#announce(session)
    return true
  }

  willDone(uid: SessionUid, dueAt: UnixMillis): boolean {
    const session = this.#byUid.get(uid)
    if (session === undefined || session.record.node !== null || session.record.willDueAt !== dueAt) return false
    if (!session.named) this.#delete(session)
    else this.#update(session, { ...session.record, will: null, willDueAt: null })
    return true
  }

  setSubscriptions(session: MemorySession, subscriptions: readonly StoredSubscription[]): void {
    this.#update(session, { ...session.record, subscriptions })
    this.#announce(session)
  }

  setExpiryInterval(session: MemorySession, seconds: number | null): void {
    this.#update(session, { ...session.record, expiryIntervalSeconds: seconds })
  }

  /** The queue outgrew its limits and the session ends; a will that waits for its delay is due now. */
  endByOverflow(session: MemorySession, now: UnixMillis): void {
    if (session.record.node === null && session.record.will !== null) this.#orphan(session, now)
    else this.#delete(session)
  }

  purge(namespace: NamespaceId): void {
    for (const session of [...this.#byUid.values()]) if (session.record.namespace === namespace) this.#delete(session)
    this.#namespaces.delete(namespace)
  }

  #expected(uid: SessionUid, expected: { readonly epoch: bigint } | 'any'): MemorySession | undefined {
    const session = this.#byUid.get(uid)
    return expected === 'any' || session?.record.epoch === expected.epoch ? session : undefined
  }

  #judgeQuotas(request: OpenSession, replaced: MemorySession | undefined): OpenOutcome | null {
    const sessions = this.#namespaces.get(request.namespace)
    if (sessions === undefined) return null
    const counts = (session: MemorySession): boolean => session !== replaced && !hasEnded(session.record, request.now)
    const mine = [...(sessions.byOwner.get(ownerKey(request.owner)) ?? [])].filter(counts)
    if (mine.length + 1 > request.quotas.perName) {
      return quotaExceeded('perName', request.quotas.perName, mine.find((s) => s.record.node === null) ?? mine[0])
    }
    // Cheap while there is room: sessions that ended but are not removed yet are told apart only at the limit.
    if (sessions.byClientId.size + (replaced === undefined ? 1 : 0) <= request.quotas.perNamespace) return null
    let ended = 0
    for (const { at, uid } of this.#due.after(null)) {
      if (at > request.now) break
      const session = this.#byUid.get(uid) as MemorySession
      if (session.named && session !== replaced && session.record.namespace === request.namespace) {
        if (hasEnded(session.record, request.now)) ended++
      }
    }
    const others = sessions.byClientId.size - (replaced === undefined ? 0 : 1) - ended
    if (others + 1 <= request.quotas.perNamespace) return null
    let blocking = mine[0]
    for (const session of sessions.byClientId.values()) {
      if (blocking !== undefined) break
      if (counts(session)) blocking = session
    }
    return quotaExceeded('perNamespace', request.quotas.perNamespace, blocking)
  }

  #insert(session: MemorySession): void {
    const { namespace, clientId, uid, owner } = session.record
    this.#byUid.set(uid, session)
    const sessions = this.#namespaces.get(namespace) ?? new NamespaceSessions()
    this.#namespaces.set(namespace, sessions)
    sessions.byClientId.set(clientId, session)
    sessions.order.add(clientId)
    addTo(sessions.byOwner, ownerKey(owner), session)
    this.#index(session)
  }

  #update(session: MemorySession, record: SessionRecord): void {
    this.#unindex(session)
    const before = ownerKey(session.record.owner)
    const after = ownerKey(record.owner)
    if (before !== after) {
      const sessions = this.#namespaces.get(record.namespace) as NamespaceSessions
      deleteFrom(sessions.byOwner, before, session)
      addTo(sessions.byOwner, after, session)
    }
    session.record = record
    this.#index(session)
  }

  #delete(session: MemorySession): void {
    const { uid } = session.record
    this.#unindex(session)
    this.#byUid.delete(uid)
    this.#unname(session)
    if (session.queue !== null) this.routeChanges.call(routeOf(session.record, null))
  }

  #orphan(session: MemorySession, now: UnixMillis): void {
    this.#unindex(session)
    this.#unname(session)
    session.record = orphanedRecord(session.record, unixMillis(now))
    session.limits = { ...session.limits, maximumMessages: 0, maximumBytes: 0 }
    if (session.queue !== null) this.routeChanges.call(routeOf(session.record, null))
    session.queue = null
    session.outgoing.clear()
    session.incoming.clear()
    this.#index(session)
  }

  #unname(session: MemorySession): void {
    if (!session.named) return
    session.named = false
    const { namespace, clientId, owner } = session.record
    const sessions = this.#namespaces.get(namespace) as NamespaceSessions
    sessions.byClientId.delete(clientId)
    sessions.order.delete(clientId)
    deleteFrom(sessions.byOwner, ownerKey(owner), session)
    if (sessions.byClientId.size === 0) this.#namespaces.delete(namespace)
  }

  #announce(session: MemorySession): void {
    if (session.queue !== null) this.routeChanges.call(routeOf(session.record, session.record.subscriptions))
  }

  #index(session: MemorySession): void {
    const { node, uid } = session.record
    const at = dueTime(session.record)
    if (at !== null) this.#due.add({ at, uid })
    if (node !== null) addTo(this.#online, node, session)
  }

  #unindex(session: MemorySession): void {
    const { node, uid } = session.record
    const at = dueTime(session.record)
    if (at !== null) this.#due.delete({ at, uid })
    this.#abandoned.delete(session)
    if (node !== null) deleteFrom(this.#online, node, session)
  }
}

function routeOf(record: SessionRecord, subscriptions: readonly StoredSubscription[] | null): RouteChange {
  return {
    namespace: record.namespace,
    session: record.uid,
    clientId: record.clientId,
    node: record.node,
    subscriptions,
  }
}

/** The authority is one of a closed set of words without a colon, so two owners never share a key (S28). */
function ownerKey(owner: SessionOwner): string {
  return `${owner.authority}:${owner.foldedName}`
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function deleteFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  set?.delete(value)
  if (set?.size === 0) sets.delete(key)
}

function quotaExceeded(
  which: 'perName' | 'perNamespace',
  limit: number,
  blocking: MemorySession | undefined,
): OpenOutcome {
  return {
    kind: 'quotaExceeded',
    which,
    limit,
    blocking:
      blocking === undefined ? null : { clientId: blocking.record.clientId, online: blocking.record.node !== null },
  }
}
