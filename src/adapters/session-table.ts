import { assert } from '../base/assert.ts'
import type { UnixMillis } from '../base/time.ts'
import { EngineError } from '../ports/engine-error.ts'
import type { NamespaceId, NodeId, SessionUid } from '../ports/identity.ts'
import type {
  Fence,
  InflightState,
  OpenOutcome,
  OpenQuestion,
  OpenRefusal,
  OpenSession,
  RouteChange,
  SessionRecord,
  StoredSubscription,
} from '../ports/session-store.ts'
import { NamespaceSessions, ownerKey } from './namespace-sessions.ts'
import { routeChange, type SessionChange, type SessionEntry } from './session-entry.ts'
import {
  closedRecord,
  discardedRecord,
  dueTime,
  hasEnded,
  isNameTaken,
  judgeName,
  openedRecord,
  orphanedRecord,
} from './session-rules.ts'
import { byCodeUnits, SortedList } from './sorted-list.ts'

export interface SessionTableOptions {
  /** True: sessions that end with their connection have a queue as well, since other nodes must reach it. */
  readonly alwaysStored: boolean
  readonly nextEpoch: () => bigint
  /** Called after each change, in order. */
  readonly onChange: (change: SessionChange) => void
}

export interface SessionQuery {
  readonly namespace: NamespaceId
  readonly foldedName?: string
  readonly after: string | null
  readonly limit: number
}

export interface HowToClose {
  readonly now: UnixMillis
  readonly expiryIntervalSeconds: number | null
  readonly will: 'discard' | 'keep'
}

interface Due {
  readonly at: number
  readonly uid: SessionUid
}

export const emptyInflight: InflightState = { acknowledged: null, outgoing: [], incoming: [] }

/**
 * The sessions of a store with the indexes that its questions need. Every write is one synchronous call, so it is an atom;
 * each tells `onChange` what it changed, and `apply` repeats or reverses such a change without telling.
 */
export class SessionTable {
  readonly #options: SessionTableOptions
  readonly #byUid = new Map<SessionUid, SessionEntry>()
  readonly #namespaces = new Map<NamespaceId, NamespaceSessions>()
  readonly #online = new Map<NodeId, Set<SessionUid>>()
  readonly #abandoned = new Set<SessionUid>()
  readonly #due = new SortedList<Due>((a, b) => a.at - b.at || byCodeUnits(a.uid, b.uid))

  constructor(options: SessionTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byUid.size
  }

  get(uid: SessionUid): SessionEntry | undefined {
    return this.#byUid.get(uid)
  }

  /** Not when only its will is left. */
  named(uid: SessionUid): SessionEntry | undefined {
    const entry = this.#byUid.get(uid)
    return entry?.named === true ? entry : undefined
  }

  find(namespace: NamespaceId, clientId: string): SessionEntry | undefined {
    return this.#namespaces.get(namespace)?.byClientId.get(clientId)
  }

  holds(fence: Fence): boolean {
    const record = this.#byUid.get(fence.session)?.record
    return record !== undefined && record.epoch === fence.epoch && record.node !== null
  }

  /** @throws EngineError `fenced` */
  owned(fence: Fence): SessionEntry {
    const entry = this.#byUid.get(fence.session)
    if (entry === undefined || !this.holds(fence)) {
      throw new EngineError('fenced', 'the session has another owner or none')
    }
    return entry
  }

  list(query: SessionQuery): SessionRecord[] {
    const found: SessionRecord[] = []
    const sessions = this.#namespaces.get(query.namespace)
    if (sessions === undefined) return found
    for (const clientId of sessions.order.after(query.after)) {
      if (found.length >= query.limit) break
      const { record } = sessions.byClientId.get(clientId) as SessionEntry
      if (query.foldedName === undefined || record.owner.foldedName === query.foldedName) found.push(record)
    }
    return found
  }

  dueBefore(time: UnixMillis, limit: number, isGone: (node: NodeId) => boolean): SessionRecord[] {
    const found: SessionRecord[] = []
    const add = (uid: SessionUid): boolean => {
      if (found.length >= limit) return false
      found.push((this.#byUid.get(uid) as SessionEntry).record)
      return true
    }
    for (const { at, uid } of this.#due.after(null)) if (at > time || !add(uid)) break
    for (const uid of this.#abandoned) if (!add(uid)) return found
    for (const [node, uids] of this.#online) {
      if (!isGone(node)) continue
      for (const uid of uids) if (!add(uid)) return found
    }
    return found
  }

  /** Whoever is connected to the node is connected to a process that is gone; when it comes back it is another one. */
  abandon(node: NodeId): void {
    for (const uid of [...(this.#online.get(node) ?? [])]) {
      const before = this.#byUid.get(uid) as SessionEntry
      this.apply({ before, after: { ...before, abandoned: true } })
    }
  }

  *routes(): Generator<RouteChange> {
    for (const entry of this.#byUid.values()) {
      const route = routeChange({ before: null, after: entry })
      if (route !== null) yield route
    }
  }

  refusalOf(question: OpenQuestion): OpenRefusal | null {
    const existing = this.find(question.namespace, question.clientId)
    if (existing !== undefined && isNameTaken(existing.record, question)) {
      return { kind: 'nameTaken', owner: existing.record.owner }
    }
    return this.#judgeQuotas(question, existing)
  }

  /** An opened outcome has empty `inflight`: the adapter knows the messages. */
  open(request: OpenSession): OpenOutcome {
    assert(!this.#byUid.has(request.newUid), 'the uid of a new session is in use')
    const refusal = this.refusalOf(request)
    if (refusal !== null) return refusal
    const existing = this.find(request.namespace, request.clientId)
    const verdict = judgeName(existing?.record, existing?.stateless ?? false, request)
    assert(verdict.kind !== 'taken', 'a taken name is refused before')

    const keeps = existing !== undefined && verdict.kind === 'mine' && verdict.keepsState
    const record = openedRecord(request, existing?.record, keeps, this.#options.nextEpoch())
    const willIsDue = existing !== undefined && verdict.kind === 'mine' && verdict.leavesWill
    if (willIsDue) this.#orphan(existing, request.now, keeps ? request.newUid : null)
    else if (existing !== undefined && !keeps) this.#change(existing, null)
    const transient = !keeps && request.expiryIntervalSeconds === 0 && !this.#options.alwaysStored
    const entry: SessionEntry = {
      record,
      limits: request.queue,
      queue: transient ? 'memory' : 'stored',
      stateless: false,
      named: true,
      abandoned: false,
    }
    this.#change(keeps ? existing : null, entry)
    return {
      kind: 'opened',
      fence: { session: record.uid, epoch: record.epoch },
      record,
      present: keeps,
      previous: existing?.record.node ?? null,
      discarded: existing !== undefined && !keeps ? existing.record.uid : null,
      willIsDue,
      queue: entry.queue,
      inflight: emptyInflight,
    }
  }

  close(fence: Fence, how: HowToClose): { readonly removed: boolean } {
    const entry = this.owned(fence)
    const record = closedRecord(entry.record, how)
    if (record !== null) this.#change(entry, { ...entry, record, queue: 'stored', abandoned: false })
    else this.#end(entry, how.now, how.will)
    return { removed: record === null }
  }

  remove(uid: SessionUid, expected: { readonly epoch: bigint } | 'any'): boolean {
    const entry = this.#expected(uid, expected)
    if (entry === undefined) return false
    this.#change(entry, null)
    return true
  }

  discard(uid: SessionUid, expected: { readonly epoch: bigint } | 'any', now: UnixMillis): boolean {
    const entry = this.#expected(uid, expected)
    if (entry === undefined) return false
    const record = entry.named ? discardedRecord(entry.record, now, this.#options.nextEpoch()) : null
    this.#change(
      entry,
      record === null ? null : { ...entry, record, queue: 'stored', stateless: true, abandoned: false },
    )
    return true
  }

  willDone(uid: SessionUid, dueAt: UnixMillis): boolean {
    const entry = this.#byUid.get(uid)
    if (entry === undefined || entry.record.node !== null || entry.record.willDueAt !== dueAt) return false
    const after = entry.named ? { ...entry, record: { ...entry.record, will: null, willDueAt: null } } : null
    this.#change(entry, after)
    return true
  }

  setSubscriptions(uid: SessionUid, subscriptions: readonly StoredSubscription[]): void {
    const entry = this.#byUid.get(uid) as SessionEntry
    this.#change(entry, { ...entry, record: { ...entry.record, subscriptions } })
  }

  setExpiryInterval(uid: SessionUid, seconds: number | null): void {
    const entry = this.#byUid.get(uid) as SessionEntry
    this.#change(entry, { ...entry, record: { ...entry.record, expiryIntervalSeconds: seconds } })
  }

  /** The queue outgrew its limits and the session ends; a will that waits for its delay is due now. */
  endByOverflow(uid: SessionUid, now: UnixMillis): void {
    this.#end(this.#byUid.get(uid) as SessionEntry, now, 'keep')
  }

  purge(namespace: NamespaceId): void {
    for (const entry of [...this.#byUid.values()]) {
      if (entry.record.namespace === namespace) this.#change(entry, null)
    }
  }

  apply({ before, after }: SessionChange): void {
    if (before !== null) this.#unindex(before)
    if (after !== null) this.#index(after)
  }

  /** All sessions of a store that is opened: sorted once instead of one by one. Only while the table is empty. */
  fill(entries: readonly SessionEntry[]): void {
    assert(this.#byUid.size === 0, 'a table is filled once')
    const due: Due[] = []
    for (const entry of entries) {
      this.#index(entry, false)
      const at = dueTime(entry.record)
      if (at !== null) due.push({ at, uid: entry.record.uid })
    }
    this.#due.fill(due)
    for (const { order, byClientId } of this.#namespaces.values()) order.fill([...byClientId.keys()])
  }

  #change(before: SessionEntry | null, after: SessionEntry | null): void {
    const change = { before, after }
    this.apply(change)
    this.#options.onChange(change)
  }

  /** The session is over; its will may stay until it is published. */
  #end(entry: SessionEntry, now: UnixMillis, will: 'discard' | 'keep'): void {
    if (will === 'keep' && entry.record.will !== null) this.#orphan(entry, now, null)
    else this.#change(entry, null)
  }

  /** @param uid null: the session is over and leaves its uid to the will; else the session goes on without it */
  #orphan(entry: SessionEntry, now: UnixMillis, uid: SessionUid | null): void {
    this.#change(uid === null ? entry : null, {
      ...entry,
      record: orphanedRecord(entry.record, now, uid ?? entry.record.uid),
      queue: 'memory',
      named: false,
      abandoned: false,
    })
  }

  #expected(uid: SessionUid, expected: { readonly epoch: bigint } | 'any'): SessionEntry | undefined {
    const entry = this.#byUid.get(uid)
    return expected === 'any' || entry?.record.epoch === expected.epoch ? entry : undefined
  }

  #judgeQuotas(request: OpenQuestion, replaced: SessionEntry | undefined): OpenRefusal | null {
    const sessions = this.#namespaces.get(request.namespace)
    if (sessions === undefined && request.quotas.perName > 0 && request.quotas.perNamespace > 0) return null
    const counts = (entry: SessionEntry): boolean => entry !== replaced && !hasEnded(entry.record, request.now)
    const owner = ownerKey(request.owner)
    const others = (sessions?.byClientId.size ?? 0) - (replaced === undefined ? 0 : 1)
    // An owner may have very many sessions; they are looked at one by one only near a limit.
    const isNear =
      (sessions?.countOf(owner) ?? 0) + 1 > request.quotas.perName || others + 1 > request.quotas.perNamespace
    if (!isNear) return null
    const mine = [...(sessions?.sessionsOf(owner) ?? [])].filter(counts)
    if (mine.length + 1 > request.quotas.perName) {
      return quotaExceeded('perName', request.quotas.perName, mine.find((e) => e.record.node === null) ?? mine[0])
    }
    if (others + 1 <= request.quotas.perNamespace) return null
    // Only at the limit are those told apart that ended but are not removed yet.
    let ended = 0
    for (const { at, uid } of this.#due.after(null)) {
      if (at > request.now) break
      const entry = this.#byUid.get(uid) as SessionEntry
      if (!entry.named || entry === replaced || entry.record.namespace !== request.namespace) continue
      if (hasEnded(entry.record, request.now)) ended++
    }
    if (others - ended + 1 <= request.quotas.perNamespace) return null
    let blocking = mine[0]
    for (const entry of sessions?.byClientId.values() ?? []) {
      if (blocking !== undefined) break
      if (counts(entry)) blocking = entry
    }
    return quotaExceeded('perNamespace', request.quotas.perNamespace, blocking)
  }

  #index(entry: SessionEntry, isSorted = true): void {
    const { namespace, clientId, uid, owner, node } = entry.record
    this.#byUid.set(uid, entry)
    const at = dueTime(entry.record)
    if (at !== null && isSorted) this.#due.add({ at, uid })
    if (entry.abandoned) {
      this.#abandoned.add(uid)
    } else if (node !== null) {
      const uids = this.#online.get(node)
      if (uids === undefined) this.#online.set(node, new Set([uid]))
      else uids.add(uid)
    }
    if (!entry.named) return
    const sessions = this.#namespaces.get(namespace) ?? new NamespaceSessions()
    this.#namespaces.set(namespace, sessions)
    sessions.byClientId.set(clientId, entry)
    if (isSorted) sessions.order.add(clientId)
    sessions.addTo(ownerKey(owner), entry)
  }

  #unindex(entry: SessionEntry): void {
    const { namespace, clientId, uid, owner, node } = entry.record
    this.#byUid.delete(uid)
    const at = dueTime(entry.record)
    if (at !== null) this.#due.delete({ at, uid })
    this.#abandoned.delete(uid)
    if (node !== null) {
      const uids = this.#online.get(node)
      uids?.delete(uid)
      if (uids?.size === 0) this.#online.delete(node)
    }
    if (!entry.named) return
    const sessions = this.#namespaces.get(namespace) as NamespaceSessions
    sessions.byClientId.delete(clientId)
    sessions.order.delete(clientId)
    sessions.removeFrom(ownerKey(owner), uid)
    if (sessions.byClientId.size === 0) this.#namespaces.delete(namespace)
  }
}

function quotaExceeded(
  which: 'perName' | 'perNamespace',
  limit: number,
  blocking: SessionEntry | undefined,
): OpenRefusal {
  return {
    kind: 'quotaExceeded',
    which,
    limit,
    blocking:
      blocking === undefined ? null : { clientId: blocking.record.clientId, online: blocking.record.node !== null },
  }
}
