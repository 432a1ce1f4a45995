import { unreachable } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import type {
  Append,
  Commit,
  CommitResult,
  Fence,
  OwnerOperation,
  Position,
  QueuedMessage,
  SessionUid,
  Stop,
} from '../../ports/engine.ts'
import { throwLater } from '../callbacks.ts'
import { assertBodiesExist, commitMark, OperationIds } from '../operation-ids.ts'
import { comparePositions } from '../positions.ts'
import type { RetainedTable } from './retained-table.ts'
import type { MemorySession, SessionTable } from './session-table.ts'

interface Tail {
  readonly fence: Fence
  readonly callback: (messages: readonly QueuedMessage[]) => void
}

/** Commits of one world, applied one after the other by the write queue. */
export class HotTable {
  readonly #sessions: SessionTable
  readonly #retained: RetainedTable
  readonly #applied = new OperationIds()
  readonly #tails = new Map<SessionUid, Set<Tail>>()
  #entry = 0n

  constructor(sessions: SessionTable, retained: RetainedTable) {
    this.#sessions = sessions
    this.#retained = retained
  }

  commit(commit: Commit, now: UnixMillis): CommitResult {
    const repeat = this.#applied.repeatOf(commit)
    if (repeat !== undefined) return repeat
    assertBodiesExist(commit)
    const bodies = commit.bodies.map((body) => new Uint8Array(body))

    // Owner operations go first: what they acknowledge makes room for what is appended.
    const fenced = new Set<SessionUid>()
    for (const { fence, operations } of commit.owner) {
      if (!this.#sessions.holds(fence)) {
        fenced.add(fence.session)
        continue
      }
      const session = this.#sessions.owned(fence)
      for (const operation of operations) this.#apply(session, operation)
    }
    for (const { namespace, topicName, body, expiresAt } of commit.retain) {
      if (body === null) this.#retained.remove(namespace, topicName)
      else this.#retained.set(namespace, { topicName, body: bodies[body] as Uint8Array, expiresAt })
    }
    const overflow = new Map<SessionUid, { readonly session: SessionUid; dropped: number; ended: boolean }>()
    const appended = new Map<MemorySession, QueuedMessage[]>()
    for (const append of commit.appends) {
      const session = this.#sessions.get(append.session)
      if (session === undefined || session.queue === null) continue
      const lost = this.#append(session, append, bodies, appended, now)
      if (lost.dropped === 0 && !lost.ended) continue
      const sum = overflow.get(append.session) ?? { session: append.session, dropped: 0, ended: false }
      sum.dropped += lost.dropped
      sum.ended ||= lost.ended
      overflow.set(append.session, sum)
    }
    const result = { overflow: [...overflow.values()], fenced: [...fenced] }
    this.#applied.remember(commit.opId, commitMark(commit), result)
    for (const [session, messages] of appended) this.#tell(session, messages)
    return result
  }

  acknowledge(fence: Fence, upTo: Position): void {
    this.#apply(this.#sessions.owned(fence), { kind: 'acknowledge', upTo })
  }

  tail(fence: Fence, callback: (messages: readonly QueuedMessage[]) => void): Stop {
    const tail = { fence, callback }
    const tails = this.#tails.get(fence.session) ?? new Set<Tail>()
    this.#tails.set(fence.session, tails.add(tail))
    return () => this.#stop(tail)
  }

  #append(
    session: MemorySession,
    append: Append,
    bodies: readonly Uint8Array[],
    appended: Map<MemorySession, QueuedMessage[]>,
    now: UnixMillis,
  ): { readonly dropped: number; readonly ended: boolean } {
    const queue = session.queue
    if (queue === null || append.messages.length === 0) return { dropped: 0, ended: false }
    const { maximumMessages, maximumBytes, overflow } = session.limits
    const entry = ++this.#entry
    const news = append.messages.map(({ body, ...delivery }, index) => ({
      ...delivery,
      position: { entry, index },
      body: bodies[body] as Uint8Array,
    }))
    for (const message of news) queue.push(message)
    const tooMuch = (): boolean => queue.messages > maximumMessages || queue.bytes > maximumBytes
    if (tooMuch() && overflow === 'endSession') {
      const dropped = queue.messages
      appended.delete(session)
      this.#sessions.endByOverflow(session, now)
      return { dropped, ended: true }
    }
    // A message whose Packet Identifier is bound is under way; dropping it would break the exchange.
    const bound = new Set([...session.outgoing.values()].map(({ position }) => `${position.entry}.${position.index}`))
    const isBound = ({ position }: QueuedMessage): boolean => bound.has(`${position.entry}.${position.index}`)
    let dropped = 0
    while (tooMuch() && queue.dropOldest(isBound)) dropped++
    const sofar = appended.get(session) ?? []
    appended.set(session, sofar.concat(news))
    return { dropped, ended: false }
  }

  #apply(session: MemorySession, operation: OwnerOperation): void {
    switch (operation.kind) {
      case 'acknowledge':
        this.#acknowledge(session, operation.upTo)
        break
      case 'outgoing': {
        const { position, packetIdentifier, phase } = operation
        if (phase === 'done') {
          session.outgoing.delete(packetIdentifier)
          session.queue?.remove(position)
        } else {
          session.outgoing.set(packetIdentifier, { position, packetIdentifier, phase })
        }
        break
      }
      case 'incoming':
        if (operation.body === null) session.incoming.delete(operation.packetIdentifier)
        else session.incoming.set(operation.packetIdentifier, new Uint8Array(operation.body))
        break
      case 'subscriptions':
        this.#sessions.setSubscriptions(session, operation.subscriptions)
        break
      case 'expiryInterval':
        this.#sessions.setExpiryInterval(session, operation.seconds)
        break
      default:
        unreachable(operation)
    }
  }

  #acknowledge(session: MemorySession, upTo: Position): void {
    if (session.queue === null) return
    // A cursor never goes back, and never ahead of what was appended: it would swallow what comes later.
    if (session.acknowledged !== null && comparePositions(upTo, session.acknowledged) <= 0) return
    if (upTo.entry > this.#entry) return
    session.acknowledged = upTo
    session.queue.acknowledge(upTo)
    for (const [packetIdentifier, { position }] of session.outgoing) {
      if (comparePositions(position, upTo) <= 0) session.outgoing.delete(packetIdentifier)
    }
  }

  #tell(session: MemorySession, messages: readonly QueuedMessage[]): void {
    const there = messages.filter(({ position }) => session.queue?.holds(position))
    for (const tail of [...(this.#tails.get(session.record.uid) ?? [])]) {
      if (!this.#sessions.holds(tail.fence)) {
        this.#stop(tail)
        continue
      }
      if (there.length === 0) continue
      try {
        tail.callback(there)
      } catch (error) {
        throwLater(error)
      }
    }
  }

  #stop(tail: Tail): void {
    const tails = this.#tails.get(tail.fence.session)
    tails?.delete(tail)
    if (tails?.size === 0) this.#tails.delete(tail.fence.session)
  }
}
