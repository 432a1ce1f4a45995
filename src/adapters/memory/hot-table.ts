import { unreachable } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import type {
  Append,
  Commit,
  CommitResult,
  Fence,
  InflightState,
  OutgoingInflight,
  OwnerOperation,
  Position,
  QueuedMessage,
  SessionUid,
  Stop,
} from '../../ports/engine.ts'
import { assertBodiesExist, commitMark, OperationIds } from '../operation-ids.ts'
import { comparePositions } from '../positions.ts'
import { emptyInflight, losesMessages, type SessionChange, type SessionTable } from '../session-table.ts'
import { Tails } from '../tails.ts'
import { MessageQueue } from './message-queue.ts'
import type { RetainedTable } from './retained-table.ts'

/** A session's messages. */
class Messages {
  readonly queue = new MessageQueue()
  readonly outgoing = new Map<number, OutgoingInflight>()
  readonly incoming = new Map<number, Uint8Array>()
  acknowledged: Position | null = null
}

/** Commits of one world, applied one after the other by the write queue. */
export class HotTable {
  readonly tails: Tails
  readonly #sessions: SessionTable
  readonly #retained: RetainedTable
  readonly #applied = new OperationIds()
  readonly #messages = new Map<SessionUid, Messages>()
  #entry = 0n

  constructor(sessions: SessionTable, retained: RetainedTable) {
    this.#sessions = sessions
    this.#retained = retained
    this.tails = new Tails(sessions)
  }

  queueOf(uid: SessionUid): MessageQueue | undefined {
    return this.#messages.get(uid)?.queue
  }

  inflightOf(uid: SessionUid): InflightState {
    const messages = this.#messages.get(uid)
    if (messages === undefined) return emptyInflight
    return {
      acknowledged: messages.acknowledged,
      outgoing: [...messages.outgoing.values()].sort((a, b) => comparePositions(a.position, b.position)),
      incoming: [...messages.incoming].map(([packetIdentifier, body]) => ({ packetIdentifier, body })),
    }
  }

  onSessionChange(change: SessionChange): void {
    if (change.before !== null && losesMessages(change)) this.#messages.delete(change.before.record.uid)
  }

  commit(commit: Commit, now: UnixMillis): CommitResult {
    const repeat = this.#applied.repeatOf(commit)
    if (repeat !== undefined) return repeat
    assertBodiesExist(commit)
    const bodies = commit.bodies.map((body) => new Uint8Array(body))

    // Owner operations go first: what they acknowledge makes room for what is appended.
    const fenced = new Set<SessionUid>()
    for (const { fence, operations } of commit.owner) {
      if (!this.#sessions.holds(fence)) fenced.add(fence.session)
      else for (const operation of operations) this.#apply(fence.session, operation)
    }
    for (const { namespace, topicName, body, expiresAt } of commit.retain) {
      if (body === null) this.#retained.remove(namespace, topicName)
      else this.#retained.set(namespace, { topicName, body: bodies[body] as Uint8Array, expiresAt })
    }
    const overflow = new Map<SessionUid, { readonly session: SessionUid; dropped: number; ended: boolean }>()
    const appended = new Map<SessionUid, QueuedMessage[]>()
    for (const append of commit.appends) {
      const { session } = append
      if (this.#sessions.get(session)?.queue !== 'stored') continue
      const lost = this.#append(append, bodies, appended, now)
      if (lost.dropped === 0 && !lost.ended) continue
      const sum = overflow.get(session) ?? { session, dropped: 0, ended: false }
      sum.dropped += lost.dropped
      sum.ended ||= lost.ended
      overflow.set(session, sum)
    }
    const result = { overflow: [...overflow.values()], fenced: [...fenced] }
    this.#applied.remember(commit.opId, commitMark(commit), result)
    for (const [session, messages] of appended) {
      const queue = this.#messages.get(session)?.queue
      this.tails.tell(
        session,
        messages.filter(({ position }) => queue?.holds(position)),
      )
    }
    return result
  }

  acknowledge(fence: Fence, upTo: Position): void {
    if (this.#sessions.holds(fence)) this.#apply(fence.session, { kind: 'acknowledge', upTo })
  }

  tail(fence: Fence, callback: (messages: readonly QueuedMessage[]) => void): Stop {
    return this.tails.add(fence, callback)
  }

  #append(
    append: Append,
    bodies: readonly Uint8Array[],
    appended: Map<SessionUid, QueuedMessage[]>,
    now: UnixMillis,
  ): { readonly dropped: number; readonly ended: boolean } {
    if (append.messages.length === 0) return { dropped: 0, ended: false }
    const uid = append.session
    const { queue, outgoing } = this.#messagesOf(uid)
    const { maximumMessages, maximumBytes, overflow } = this.#sessions.get(uid)?.limits ?? noRoom
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
      appended.delete(uid)
      this.#sessions.endByOverflow(uid, now)
      return { dropped, ended: true }
    }
    appended.set(uid, (appended.get(uid) ?? []).concat(news))
    if (!tooMuch()) return { dropped: 0, ended: false }
    // A message whose Packet Identifier is bound is under way; dropping it would break the exchange.
    const bound = new Set([...outgoing.values()].map(({ position }) => `${position.entry}.${position.index}`))
    const isBound = ({ position }: QueuedMessage): boolean => bound.has(`${position.entry}.${position.index}`)
    let dropped = 0
    while (tooMuch() && queue.dropOldest(isBound)) dropped++
    return { dropped, ended: false }
  }

  #apply(uid: SessionUid, operation: OwnerOperation): void {
    switch (operation.kind) {
      case 'acknowledge':
        this.#acknowledge(uid, operation.upTo)
        break
      case 'outgoing': {
        const { position, packetIdentifier, phase } = operation
        const { queue, outgoing } = this.#messagesOf(uid)
        if (phase === 'done') {
          outgoing.delete(packetIdentifier)
          queue.remove(position)
        } else {
          outgoing.set(packetIdentifier, { position, packetIdentifier, phase })
        }
        break
      }
      case 'incoming': {
        const { incoming } = this.#messagesOf(uid)
        if (operation.body === null) incoming.delete(operation.packetIdentifier)
        else incoming.set(operation.packetIdentifier, new Uint8Array(operation.body))
        break
      }
      case 'subscriptions':
        this.#sessions.setSubscriptions(uid, operation.subscriptions)
        break
      case 'expiryInterval':
        this.#sessions.setExpiryInterval(uid, operation.seconds)
        break
      default:
        unreachable(operation)
    }
  }

  #acknowledge(uid: SessionUid, upTo: Position): void {
    const messages = this.#messagesOf(uid)
    // A cursor never goes back, and never ahead of what was appended: it would swallow what comes later.
    if (messages.acknowledged !== null && comparePositions(upTo, messages.acknowledged) <= 0) return
    if (upTo.entry > this.#entry) return
    messages.acknowledged = upTo
    messages.queue.acknowledge(upTo)
    for (const [packetIdentifier, { position }] of messages.outgoing) {
      if (comparePositions(position, upTo) <= 0) messages.outgoing.delete(packetIdentifier)
    }
  }

  #messagesOf(uid: SessionUid): Messages {
    const messages = this.#messages.get(uid) ?? new Messages()
    this.#messages.set(uid, messages)
    return messages
  }
}

const noRoom = { maximumMessages: 0, maximumBytes: 0, overflow: 'dropOldest' } as const
