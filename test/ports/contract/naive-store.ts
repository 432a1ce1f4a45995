import type { NodeId, SessionUid } from '../../../src/ports/identity.ts'
import type { OpenSession, SessionOwner } from '../../../src/ports/session-store.ts'
import { text } from './world.ts'

interface NaiveSession {
  readonly uid: SessionUid
  readonly clientId: string
  owner: SessionOwner
  node: NodeId | null
  /** Its process died while it was connected. */
  abandoned: boolean
  /** Place of the fence that holds it; null: none does. */
  fence: number | null
  lastFence: number
  interval: number | null
  expiresAt: number | null
  will: { readonly text: string; readonly delay: number } | null
  willDueAt: number | null
  sequenceNumber: number
  stored: boolean
  stateless: boolean
  named: boolean
  limits: OpenSession['queue']
  queue: { readonly name: string }[]
  outgoing: Map<number, { readonly name: string; readonly order: number; readonly phase: string }>
  incoming: Map<number, string>
}

/** The session store in one list, walked from end to end for every question. One namespace, one node. */
export class NaiveStore {
  readonly gone = new Set<SessionUid>()
  readonly #alwaysStored: boolean
  #sessions: NaiveSession[] = []
  readonly #retained = new Map<string, { readonly body: string; readonly expiresAt: number | null }>()

  constructor(alwaysStored: boolean) {
    this.#alwaysStored = alwaysStored
  }

  owned(fence: number): NaiveSession | undefined {
    return this.#sessions.find((session) => session.fence === fence)
  }

  open(request: OpenSession, fence: number): { readonly kind: string; readonly [fact: string]: unknown } {
    const old = this.#sessions.find(({ named, clientId }) => named && clientId === request.clientId)
    const ended = (s: NaiveSession): boolean => s.node === null && s.expiresAt !== null && s.expiresAt <= request.now
    const sameUid =
      old !== undefined && old.owner.authority === request.owner.authority && old.owner.uid === request.owner.uid
    const sameName =
      old !== undefined &&
      old.owner.authority === request.owner.authority &&
      old.owner.foldedName === request.owner.foldedName
    if (old !== undefined && !ended(old) && !sameUid && !sameName) return { kind: 'nameTaken', owner: old.owner.uid }
    const others = this.#sessions.filter((s) => s.named && s !== old && !ended(s))
    const ofName = others.filter(
      ({ owner }) => owner.authority === request.owner.authority && owner.foldedName === request.owner.foldedName,
    )
    if (ofName.length >= request.quotas.perName) return { kind: 'quotaExceeded', which: 'perName' }
    if (others.length >= request.quotas.perNamespace) return { kind: 'quotaExceeded', which: 'perNamespace' }

    const resumes =
      old !== undefined &&
      sameUid &&
      !ended(old) &&
      !request.cleanStart &&
      !old.stateless &&
      (old.node === null || old.interval !== 0)
    const willIsDue =
      old !== undefined &&
      old.will !== null &&
      (!resumes || (old.node !== null ? old.will.delay === 0 : (old.willDueAt ?? Infinity) <= request.now))
    const previous = old?.node ?? null
    let session: NaiveSession
    if (resumes && old !== undefined) {
      if (willIsDue) this.#leaveWill(old, request.now, request.newUid)
      session = old
      session.owner = request.owner
      session.stored = true
    } else {
      if (old !== undefined) {
        if (willIsDue) this.#orphan(old, request.now)
        else this.#delete(old)
      }
      session = {
        uid: request.newUid,
        clientId: request.clientId,
        owner: request.owner,
        sequenceNumber: old?.sequenceNumber ?? 0,
        stored: this.#alwaysStored || request.expiryIntervalSeconds !== 0,
        stateless: false,
        named: true,
        abandoned: false,
        queue: [],
        outgoing: new Map(),
        incoming: new Map(),
        node: null,
        fence: null,
        lastFence: fence,
        interval: null,
        expiresAt: null,
        will: null,
        willDueAt: null,
        limits: request.queue,
      }
      this.#sessions.push(session)
    }
    Object.assign(session, {
      node: request.node,
      abandoned: false,
      fence,
      lastFence: fence,
      interval: request.expiryIntervalSeconds,
      expiresAt: null,
      will: request.will === null ? null : { text: text(request.will.body), delay: request.will.delaySeconds },
      willDueAt: null,
      limits: request.queue,
      sequenceNumber: session.sequenceNumber + 1,
    })
    return {
      kind: 'opened',
      uid: session.uid,
      sequenceNumber: session.sequenceNumber,
      present: resumes,
      previous,
      discarded: resumes ? null : (old?.uid ?? null),
      willIsDue,
      queue: session.stored ? 'stored' : 'memory',
      outgoing: [...session.outgoing]
        .sort(([, a], [, b]) => a.order - b.order)
        .map(([packetIdentifier, { phase }]) => `${packetIdentifier} ${phase}`),
      incoming: [...session.incoming].map(([packetIdentifier, body]) => `${packetIdentifier} ${body}`).sort(),
    }
  }

  close(
    fence: number,
    how: { readonly now: number; readonly expiryIntervalSeconds: number | null; readonly will: 'keep' | 'discard' },
  ): boolean | 'fenced' {
    const session = this.owned(fence)
    if (session === undefined) return 'fenced'
    if (how.expiryIntervalSeconds === 0) {
      if (how.will === 'keep' && session.will !== null) this.#orphan(session, how.now)
      else this.#delete(session)
      return true
    }
    this.#goOffline(session, how.now, how.expiryIntervalSeconds)
    if (how.will === 'discard') session.will = null
    if (session.will !== null) {
      session.willDueAt = Math.min(how.now + session.will.delay * 1000, session.expiresAt ?? Infinity)
    }
    return false
  }

  append(
    appends: readonly { readonly session: SessionUid; readonly names: readonly string[] }[],
    now: number,
  ): string[] {
    const lost = new Map<SessionUid, { dropped: number; ended: boolean }>()
    for (const { session: uid, names } of appends) {
      const session = this.#sessions.find((s) => s.uid === uid)
      if (session === undefined || !session.stored || !session.named || session.stateless) continue
      session.queue.push(...names.map((name) => ({ name })))
      const { maximumMessages, overflow } = session.limits
      if (session.queue.length <= maximumMessages) continue
      const sum = lost.get(uid) ?? { dropped: 0, ended: false }
      lost.set(uid, sum)
      if (overflow === 'endSession') {
        sum.dropped += session.queue.length
        sum.ended = true
        if (session.will !== null) this.#orphan(session, now)
        else this.#delete(session)
        continue
      }
      const bound = new Set([...session.outgoing.values()].map(({ name }) => name))
      while (session.queue.length > maximumMessages) {
        const oldest = session.queue.findIndex(({ name }) => !bound.has(name))
        if (oldest < 0) break
        session.queue.splice(oldest, 1)
        sum.dropped++
      }
      if (sum.dropped === 0) lost.delete(uid)
    }
    return [...lost].map(([uid, { dropped, ended }]) => `${uid} ${dropped} ${ended}`)
  }

  acknowledge(fence: number, name: string): void {
    const session = this.owned(fence)
    if (session === undefined) return
    const at = session.queue.findIndex((message) => message.name === name)
    session.queue.splice(0, at + 1)
    for (const [packetIdentifier, { order }] of session.outgoing) {
      if (order <= orderOf(name)) session.outgoing.delete(packetIdentifier)
    }
  }

  outgoing(fence: number, name: string, packetIdentifier: number, phase: 'sent' | 'released' | 'done'): void {
    const session = this.owned(fence)
    if (session === undefined) return
    if (phase === 'done') {
      session.outgoing.delete(packetIdentifier)
      session.queue = session.queue.filter((message) => message.name !== name)
    } else {
      session.outgoing.set(packetIdentifier, { name, order: orderOf(name), phase })
    }
  }

  incoming(fence: number, packetIdentifier: number, body: string | null): boolean {
    const session = this.owned(fence)
    if (session === undefined) return false
    if (body === null) session.incoming.delete(packetIdentifier)
    else session.incoming.set(packetIdentifier, body)
    return true
  }

  remove(fence: number, uid: SessionUid, exact: boolean): boolean {
    const session = this.#sessions.find((s) => s.uid === uid)
    if (session === undefined || (exact && session.lastFence !== fence)) return false
    this.#delete(session)
    return true
  }

  discard(uid: SessionUid, now: number): boolean {
    const session = this.#sessions.find((s) => s.uid === uid)
    if (session === undefined) return false
    if (session.node !== null && session.interval !== 0) this.#goOffline(session, now, session.interval)
    const over = session.node !== null || (session.expiresAt !== null && session.expiresAt <= now)
    if (over || !session.named) {
      this.#delete(session)
      return true
    }
    session.will = null
    session.willDueAt = null
    session.queue = []
    session.outgoing.clear()
    session.incoming.clear()
    session.stateless = true
    session.lastFence = -1
    return true
  }

  willDone(uid: SessionUid): void {
    const session = this.#sessions.find((s) => s.uid === uid)
    if (session === undefined) return
    if (!session.named) this.#delete(session)
    session.will = null
    session.willDueAt = null
  }

  reap(uid: SessionUid): void {
    const session = this.#sessions.find((s) => s.uid === uid)
    if (session !== undefined) this.#delete(session)
  }

  retain(topicName: string, body: string | null, expiresAt: number | null): void {
    if (body === null) this.#retained.delete(topicName)
    else this.#retained.set(topicName, { body, expiresAt })
  }

  restart(forgetsTransient: boolean): void {
    for (const session of this.#sessions) {
      if (forgetsTransient && !session.stored && session.will === null) this.#delete(session)
      else if (session.node !== null) session.abandoned = true
    }
  }

  picture(now: number): unknown {
    return {
      sessions: this.#sessions
        .filter(({ named }) => named)
        .sort((a, b) => (a.clientId < b.clientId ? -1 : 1))
        .map((s) => ({
          clientId: s.clientId,
          uid: s.uid,
          owner: s.owner.uid,
          online: s.node !== null,
          expiresAt: s.expiresAt,
          will: s.will?.text ?? null,
          willDueAt: s.willDueAt,
          queue: s.queue.map(({ name }) => name),
        })),
      due: this.#sessions
        .filter((s) => s.abandoned || (s.expiresAt ?? Infinity) <= now || (s.willDueAt ?? Infinity) <= now)
        .map(({ uid }) => uid)
        .sort(),
      retained: ['t', 'u'].map((topicName) => {
        const record = this.#retained.get(topicName)
        return record === undefined ? null : `${record.body} ${record.expiresAt}`
      }),
      expired: [...this.#retained]
        .filter(([, { expiresAt }]) => (expiresAt ?? Infinity) <= now)
        .map(([topicName]) => topicName)
        .sort(),
    }
  }

  #goOffline(session: NaiveSession, now: number, interval: number | null): void {
    session.node = null
    session.abandoned = false
    session.fence = null
    session.interval = interval
    session.expiresAt = interval === null ? null : now + interval * 1000
    session.stored = true
  }

  /** The session goes on; the will of before waits under another uid. */
  #leaveWill(session: NaiveSession, now: number, uid: SessionUid): void {
    const left = { ...session, uid, outgoing: new Map(), incoming: new Map(), queue: [] }
    this.#sessions.push(left)
    this.#orphan(left, now)
  }

  #orphan(session: NaiveSession, now: number): void {
    session.named = false
    session.node = null
    session.abandoned = false
    session.fence = null
    session.expiresAt = now
    session.willDueAt = now
    session.queue = []
    session.stored = false
  }

  #delete(session: NaiveSession): void {
    this.#sessions = this.#sessions.filter((other) => other !== session)
    this.gone.add(session.uid)
  }
}

/** Message names carry the order of their making. */
function orderOf(name: string): number {
  return Number(name.slice(1))
}
