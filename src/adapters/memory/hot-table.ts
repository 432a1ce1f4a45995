import { unreachable } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import type { NamespaceId, SessionUid } from '../../ports/identity.ts'
import type { Append, Commit, CommitResult, QueuedMessage, QueuedRun, RetainChange } from '../../ports/message-store.ts'
import type { Fence, InflightState, OutgoingInflight, Position, QueueLimits } from '../../ports/session-store.ts'
import type { Stop } from '../../ports/stop.ts'
import { applyCommit, type MessageOperation } from '../apply-commit.ts'
import { assertBodiesExist, commitMark, OperationIds } from '../operation-ids.ts'
import { comparePositions } from '../positions.ts'
import { QueuedBytes } from '../queued-bytes.ts'
import { losesMessages, type SessionChange } from '../session-entry.ts'
import { emptyInflight, type SessionTable } from '../session-table.ts'
import { Tails } from '../tails.ts'
import { MessageQueue } from './message-queue.ts'
import type { RetainedTable } from './retained-table.ts'

/** A session's messages. */
class Messages {
  readonly queue: MessageQueue
  readonly outgoing = new Map<number, OutgoingInflight>()
  readonly incoming = new Map<number, Uint8Array>()
  acknowledged: Position | null = null

  constructor(counted: (bytes: number) => void) {
    this.queue = new MessageQueue(counted)
  }
}

/** Commits of one world, applied one after the other by the write queue. */
export class HotTable {
  readonly #sessions: SessionTable
  readonly #retained: RetainedTable
  readonly #tails: Tails
  readonly #applied = new OperationIds()
  readonly #messages = new Map<SessionUid, Messages>()
  readonly #bytes = new QueuedBytes()
  #entry = 0n

  constructor(sessions: SessionTable, retained: RetainedTable) {
    this.#sessions = sessions
    this.#retained = retained
    this.#tails = new Tails(sessions)
  }

  queueOf(uid: SessionUid): MessageQueue | undefined {
    return this.#messages.get(uid)?.queue
  }

  bytesOf(namespace: NamespaceId): number {
    return this.#bytes.of(namespace)
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
    if (change.before === null || !losesMessages(change)) return
    const { uid, namespace } = change.before.record
    this.#bytes.add(namespace, -(this.#messages.get(uid)?.queue.bytes ?? 0))
    this.#messages.delete(uid)
  }

  commit(commit: Commit, now: UnixMillis): CommitResult {
    const repeat = this.#applied.repeatOf(commit)
    if (repeat !== undefined) return repeat
    assertBodiesExist(commit)
    const bodies = commit.bodies.map((body) => new Uint8Array(body))
    const appended = new Map<SessionUid, QueuedMessage[]>()
    const result = applyCommit(
      commit,
      this.#sessions,
      {
        operate: (uid, operation) => this.#operate(uid, operation),
        retain: (change) => this.#retain(change, bodies),
        push: (append) => this.#push(append, bodies, appended),
        size: (uid) => this.#messagesOf(uid).queue,
        shorten: (uid, limits) => this.#shorten(uid, limits),
      },
      now,
    )
    this.#applied.remember(commit.opId, commitMark(commit), result)
    for (const [session, messages] of appended) {
      const queue = this.#messages.get(session)?.queue
      this.#tails.tell(
        session,
        messages.filter(({ position }) => queue?.holds(position)),
      )
    }
    return result
  }

  acknowledge(fence: Fence, upTo: Position): void {
    if (this.#sessions.holds(fence)) this.#acknowledge(this.#messagesOf(fence.session), upTo)
  }

  tail(fence: Fence, callback: (runs: readonly QueuedRun[]) => void): Stop {
    return this.#tails.add(fence, callback)
  }

  #retain({ namespace, topicName, body, expiresAt }: RetainChange, bodies: readonly Uint8Array[]): void {
    if (body === null) this.#retained.remove(namespace, topicName)
    else this.#retained.set(namespace, { topicName, body: bodies[body] as Uint8Array, expiresAt })
  }

  #push(append: Append, bodies: readonly Uint8Array[], appended: Map<SessionUid, QueuedMessage[]>): void {
    const { queue } = this.#messagesOf(append.session)
    const entry = ++this.#entry
    const messages: QueuedMessage[] = []
    for (const { body: number, ends, ...delivery } of append.messages) {
      const body = bodies[number] as Uint8Array
      let at = 0
      for (const end of ends ?? [body.length]) {
        messages.push({ ...delivery, position: { entry, index: messages.length }, body: body.subarray(at, end) })
        at = end
      }
    }
    for (const message of messages) queue.push(message)
    appended.set(append.session, (appended.get(append.session) ?? []).concat(messages))
  }

  #shorten(uid: SessionUid, limits: QueueLimits): number {
    const { queue, outgoing } = this.#messagesOf(uid)
    const bound = new Set([...outgoing.values()].map(({ position }) => `${position.entry}.${position.index}`))
    const isBound = ({ position }: QueuedMessage): boolean => bound.has(`${position.entry}.${position.index}`)
    let dropped = 0
    while (queue.messages > limits.maximumMessages || queue.bytes > limits.maximumBytes) {
      if (!queue.dropOldest(isBound)) break
      dropped++
    }
    return dropped
  }

  #operate(uid: SessionUid, operation: MessageOperation): void {
    const messages = this.#messagesOf(uid)
    switch (operation.kind) {
      case 'acknowledge':
        this.#acknowledge(messages, operation.upTo)
        break
      case 'outgoing': {
        const { position, packetIdentifier, phase } = operation
        if (phase === 'done') {
          messages.outgoing.delete(packetIdentifier)
          messages.queue.remove(position)
        } else {
          messages.outgoing.set(packetIdentifier, { position, packetIdentifier, phase })
        }
        break
      }
      case 'incoming':
        if (operation.body === null) messages.incoming.delete(operation.packetIdentifier)
        else messages.incoming.set(operation.packetIdentifier, new Uint8Array(operation.body))
        break
      default:
        unreachable(operation)
    }
  }

  #acknowledge(messages: Messages, upTo: Position): void {
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
    const known = this.#messages.get(uid)
    if (known !== undefined) return known
    const namespace = this.#sessions.get(uid)?.record.namespace
    const messages = new Messages((bytes) => {
      if (namespace !== undefined) this.#bytes.add(namespace, bytes)
    })
    this.#messages.set(uid, messages)
    return messages
  }
}
