import { assert } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import { patchPacketIdentifier, setDup } from '../../mqtt/publish-encoder.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { decodeTopicUtf8 } from '../../mqtt/topic.ts'
import type { Engine } from '../../ports/engine.ts'
import type { QueuedMessage, QueuedRun } from '../../ports/message-store.ts'
import type { InflightState, Position } from '../../ports/session-store.ts'
import type { Stop } from '../../ports/stop.ts'
import { OutgoingState } from '../message/inflight.ts'
import { MessageForms } from '../message/message-forms.ts'
import { PlainDelivery } from '../message/plain-delivery.ts'
import { readStoredPublish } from '../message/stored-message.ts'
import { storeUnavailable } from '../namespace/close-cause.ts'
import type { OnlineSession, StoredQueue } from '../namespace/session.ts'
import type { Resumption } from '../namespace/session-table.ts'
import type { Turn, TurnEnd } from '../turn/turn.ts'
import type { Commits } from './commits.ts'
import { UnderWay } from './under-way.ts'

/** What one read of the queue may bring into memory. */
const readMessages = 256
const readBytes = 1 << 20

/** What is acknowledged leaves the queue a moment later; whoever waits for that looks again then. */
const countedMs = 20

interface Bound {
  readonly identifier: number
  /** Of QoS 2: the store tells it to the next connection again. */
  readonly isDurable: boolean
  /** PUBREC came: PUBREL is due, not PUBLISH. */
  readonly isReleased: boolean
}

export interface StoredServices {
  readonly engine: Engine
  readonly turn: Turn
  readonly commits: Commits
}

/**
 * Sends what the store queues for one session: what the window allows, as it is appended; when it falls behind, it reads
 * on from where it stands. QoS 2 binds its identifier durably before it is sent, QoS 1 is sent again with DUP instead
 * (design 6; MQTT 5.0 4.4).
 */
export class StoredOutgoing implements StoredQueue, TurnEnd {
  readonly #session: OnlineSession
  readonly #services: StoredServices
  readonly #forms: MessageForms
  readonly #plain: PlainDelivery
  readonly #view = new PublishView()
  readonly #stopTail: Stop
  /** Last position that was looked at; what comes after it is not sent yet. */
  #sent: Position | null
  readonly #underWay = new UnderWay()
  /** Something was acknowledged in this turn: the cursor moves at its end. */
  #isCursorDue = false
  /** Identifiers of an earlier connection that are not sent again yet, by position. */
  readonly #bound = new Map<string, Bound>()
  readonly #earlier: Resumption | null
  /** More is in the store than was sent. */
  #isBehind = true
  #isReading = false
  /** Something was appended while a read was under way, which may have missed it. */
  #grewMeanwhile = false
  #isStopped = false
  /** Of the frame that `#make` made last. */
  #alias = 0

  constructor(session: OnlineSession, services: StoredServices, state: InflightState) {
    this.#session = session
    this.#services = services
    this.#forms = new MessageForms(services.turn.arenas)
    this.#plain = new PlainDelivery(services.turn.arenas)
    this.#sent = state.acknowledged
    this.#earlier = session.entry.resumption
    for (const [position, identifier] of this.#earlier?.identifiers ?? []) {
      this.#bound.set(position, { identifier, isDurable: false, isReleased: false })
    }
    for (const { position, packetIdentifier, phase } of state.outgoing) {
      const isReleased = phase === 'released'
      this.#bound.set(keyOf(position), { identifier: packetIdentifier, isDurable: true, isReleased })
    }
    for (const { identifier } of this.#bound.values()) session.inflight.reserve(identifier)
    this.#stopTail = services.engine.queue.tail(session.fence, (runs) => {
      services.turn.begin()
      this.#onTail(runs)
    })
  }

  /** More is in the store than was sent. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  stop(): void {
    if (this.#isStopped) return
    this.#moveCursor()
    this.#isStopped = true
    this.#stopTail()
    const identifiers = new Map<string, number>()
    const done = new Set<string>()
    this.#underWay.forEach((position, identifier, qos) => {
      if (qos === 0) done.add(keyOf(position))
      // Of QoS 2 the store knows which are bound. What it does not know was never sent, and may be bound to another message
      // by the next process: an identifier is used again only if it is durable.
      else if (qos === 1) identifiers.set(keyOf(position), identifier)
    })
    for (const [position, { identifier, isDurable }] of this.#bound) {
      if (!isDurable) identifiers.set(position, identifier)
    }
    // A connection that was taken over before it had sent everything again knows less than the one before it.
    const earlier = this.#earlier
    const isLess = earlier?.sentUpTo != null && (this.#sent === null || compare(this.#sent, earlier.sentUpTo) < 0)
    if (isLess) for (const key of earlier.done) done.add(key)
    const isRestUnknown = this.#isBehind && (earlier === null || earlier.isRestUnknown)
    this.#session.entry.resumption = {
      sentUpTo: isLess ? earlier.sentUpTo : this.#sent,
      identifiers,
      done,
      isRestUnknown,
    }
  }

  #onTail(runs: readonly QueuedRun[]): void {
    if (this.#isStopped) return
    if (this.#isBehind) {
      this.#grewMeanwhile = true
      return
    }
    for (const run of runs) {
      if (run.ends === undefined ? this.#send(run) : this.#sendRun(run, run.ends)) continue
      this.#isBehind = true
      return
    }
  }

  /** Reads on when there is something to send and room for it. */
  pump(): void {
    if (!this.#isBehind || this.#isReading || this.#isStopped) return
    if (!this.#session.inflight.isOpen || this.#session.outbox.isOverBound) return
    this.#isReading = true
    this.#grewMeanwhile = false
    const { engine, turn } = this.#services
    engine.queue
      .read(this.#session.fence.session, this.#sent, { messages: readMessages, bytes: readBytes })
      .then((messages) => {
        turn.begin()
        this.#isReading = false
        if (this.#isStopped) return
        if (messages.length === 0) {
          if (this.#grewMeanwhile) this.pump()
          else this.#isBehind = false
          return
        }
        for (const message of messages) if (!this.#send(message)) return
        this.pump()
      })
      .catch((error: unknown) => {
        this.#isReading = false
        if (!this.#isStopped) this.#session.link.onStoreFailure(error)
      })
  }

  /** @returns false when there is no room for it now */
  #send(message: QueuedMessage): boolean {
    const session = this.#session
    const { turn, commits } = this.#services
    if (this.#sent !== null && compare(message.position, this.#sent) <= 0) return true
    const isKnown = this.#bound.size > 0 || (this.#earlier?.done.size ?? 0) > 0
    const key = isKnown ? keyOf(message.position) : ''
    const bound = isKnown ? this.#bound.get(key) : undefined
    if (bound?.isReleased === true) {
      this.#sent = message.position
      this.#bound.delete(key)
      this.#start(message.position, bound.identifier, 2)
      session.inflight.restore(bound.identifier, OutgoingState.AwaitingPubcomp, message.body.length)
      session.link.sendAcknowledgement('PUBREL', bound.identifier, ReasonCode.Success)
      return true
    }
    if (!session.inflight.isOpen || !session.outbox.accepts(message.body.length)) return false
    if (!session.mayReceive(message.body.length)) return false
    this.#sent = message.position
    if (isKnown && this.#earlier?.done.has(key) === true) {
      this.#skip(message.position)
      return true
    }
    const now = turn.now
    if (bound === undefined && message.expiresAt !== null && message.expiresAt <= now) {
      session.namespace.counters.droppedExpired++
      this.#skip(message.position)
      return true
    }
    if (!isKnown && this.#sendPlain(message)) return true
    const qos = message.qos as 1 | 2
    assert(message.qos > 0, 'the store queues QoS 1 and 2')
    this.#make(message, qos, now)
    if (this.#alias > 0 && this.#forms.end - this.#forms.start > session.maximumPacketSizeBytes) {
      // An alias that comes with its topic must not cost the message.
      this.#make(message, qos, now, false)
    }
    const size = this.#forms.end - this.#forms.start
    if (size > session.maximumPacketSizeBytes) {
      session.namespace.counters.droppedTooLarge++
      if (bound === undefined || qos === 1) this.#skip(message.position)
      else {
        // The client may hold its identifier: it is given back as if PUBREC had come, not used for another message
        // [MQTT-3.1.2-25].
        this.#bound.delete(key)
        this.#start(message.position, bound.identifier, 2)
        session.inflight.restore(bound.identifier, OutgoingState.AwaitingPubcomp, size)
        this.released(bound.identifier)
      }
      return true
    }
    let identifier: number
    if (bound === undefined) {
      identifier = session.inflight.take(qos, size)
    } else {
      identifier = bound.identifier
      this.#bound.delete(key)
      const state = qos === 1 ? OutgoingState.AwaitingPuback : OutgoingState.AwaitingPubrec
      session.inflight.restore(identifier, state, size)
    }
    if (qos === 1) session.aliases?.sent(this.#forms.topicName, this.#alias)
    this.#start(message.position, identifier, qos)
    const { arena, start, end } = this.#forms
    patchPacketIdentifier(arena.bytes, this.#forms.identifierAt, identifier)
    if (bound !== undefined || this.#mayHaveBeenSent(message.position)) setDup(arena.bytes, start)
    session.namespace.counters.delivered.add(session.version, qos)
    if (qos === 1 || bound !== undefined) {
      session.outbox.append(arena, start, end)
      return true
    }
    // The identifier of a QoS 2 message is durable before the client can see it; the frame waits outside the arena.
    const frame = Buffer.from(arena.bytes.subarray(start, end))
    commits.operate(session.fence, {
      kind: 'outgoing',
      position: message.position,
      packetIdentifier: identifier,
      phase: 'sent',
    })
    this.#whenDurable(() => session.outbox.send(frame))
    return true
  }

  /**
   * The common case in few steps: QoS 1 as it was appended, which nobody was sent before, for a client that asked for
   * nothing special (bench: tcp-pairs-qos1-durable). @returns false: nothing was done
   */
  #sendPlain({ body, position, qos, retain, subscriptionIdentifiers, expiresAt }: QueuedMessage): boolean {
    const session = this.#session
    if (qos !== 1 || retain || expiresAt !== null || subscriptionIdentifiers.length > 0 || session.aliases !== null) {
      return false
    }
    if (this.#mayHaveBeenSent(position)) return false
    // What is sent of it is shorter than its stored form.
    if (body.length > session.maximumPacketSizeBytes) return false
    const plain = this.#plain
    if (!plain.write(body, session.version)) return false
    const { arena, start, end } = plain
    const identifier = session.inflight.take(1, end - start)
    patchPacketIdentifier(arena.bytes, plain.identifierAt, identifier)
    this.#start(position, identifier, 1)
    session.namespace.counters.delivered.add(session.version, 1)
    session.outbox.append(arena, start, end)
    return true
  }

  /** @returns false when there is no room for all of it now */
  #sendRun(run: QueuedRun, ends: readonly number[]): boolean {
    if (this.#sendWhole(run, ends)) return true
    const { entry, index } = run.position
    let start = 0
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] as number
      const position = { entry, index: index + i }
      if (!this.#send({ ...run, position, body: run.body.subarray(start, end) })) return false
      start = end
    }
    return true
  }

  /** What `#sendPlain` does, for a run that the window has room for. @returns false: nothing was done */
  #sendWhole(
    { body, position, qos, retain, subscriptionIdentifiers, expiresAt }: QueuedRun,
    ends: readonly number[],
  ): boolean {
    const session = this.#session
    const { inflight, outbox } = session
    if (qos !== 1 || retain || expiresAt !== null || subscriptionIdentifiers.length > 0 || session.goesSingly) {
      return false
    }
    if (this.#bound.size > 0 || (this.#earlier?.done.size ?? 0) > 0 || this.#mayHaveBeenSent(position)) return false
    if (this.#sent !== null && compare(position, this.#sent) <= 0) return false
    const count = ends.length
    // What is sent of each is shorter than its stored form.
    if (!inflight.hasRoomFor(count) || !outbox.accepts(body.length) || body.length > session.maximumPacketSizeBytes) {
      return false
    }
    const plain = this.#plain
    if (!plain.writeRun(body, ends, session.version)) return false
    const { arena, start, end, starts, identifiersAt } = plain
    const { entry, index } = position
    for (let i = 0; i < count; i++) {
      const next = i + 1 < count ? (starts[i + 1] as number) : end
      const identifier = inflight.take(1, next - (starts[i] as number))
      patchPacketIdentifier(arena.bytes, identifiersAt[i] as number, identifier)
      this.#underWay.sent(entry, index + i, identifier, 1)
    }
    this.#sent = { entry, index: index + count - 1 }
    session.namespace.counters.delivered.add(session.version, 1, count)
    outbox.append(arena, start, end)
    return true
  }

  /** [MQTT-3.3.1-1] */
  #mayHaveBeenSent(position: Position): boolean {
    const earlier = this.#earlier
    if (earlier === null) return this.#isBehind
    if (earlier.isRestUnknown && this.#isBehind) return true
    return earlier.sentUpTo !== null && compare(position, earlier.sentUpTo) <= 0
  }

  #make(message: QueuedMessage, qos: 1 | 2, now: UnixMillis, mayAlias = true): void {
    const session = this.#session
    const view = this.#view
    readStoredPublish(message.body, view)
    this.#forms.begin(view, decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd) ?? '')
    if (view.messageExpiryIntervalSeconds >= 0) {
      this.#forms.setRemainingExpiry(message.expiresAt === null ? -1 : Math.ceil((message.expiresAt - now) / 1000))
    }
    const identifiers = message.subscriptionIdentifiers
    // A frame that waits for its identifier may be overtaken: no alias there.
    const alias = qos === 1 && mayAlias ? (session.aliases?.aliasOf(this.#forms.topicName) ?? 0) : 0
    this.#alias = alias
    if (session.version === 5 && (identifiers.length > 0 || alias !== 0)) {
      this.#forms.make(qos, message.retain, identifiers, alias)
    } else this.#forms.select(session.version, qos, message.retain)
  }

  #start({ entry, index }: Position, identifier: number, qos: 1 | 2): void {
    this.#underWay.sent(entry, index, identifier, qos)
  }

  /** Not to be delivered at all: the cursor passes it in its turn. */
  #skip(position: Position): void {
    this.#underWay.skipped(position)
    this.#moveCursorSoon()
  }

  /** PUBREC came: durable before PUBREL, so that a new owner releases instead of sending again. */
  released(identifier: number): void {
    const position = this.#underWay.positionOf(identifier)
    if (position === null) return
    const { commits } = this.#services
    commits.operate(this.#session.fence, {
      kind: 'outgoing',
      position,
      packetIdentifier: identifier,
      phase: 'released',
    })
    this.#whenDurable(() => this.#session.link.sendAcknowledgement('PUBREL', identifier, ReasonCode.Success))
  }

  /** What never becomes durable ends the connection: the client comes back and gets it then. */
  #whenDurable(goOn: () => void): void {
    this.#services.commits.wait({
      settled: (committed) => {
        if (this.#isStopped) return
        if (committed) goOn()
        else this.#session.link.end(storeUnavailable)
      },
    })
  }

  /** The exchange is over. */
  acknowledged(identifier: number): void {
    const underWay = this.#underWay
    const qos = underWay.qosOf(identifier)
    if (qos === 0) return
    if (qos === 2) {
      // The identifier may serve another message before the cursor has passed this one, which must not come back then.
      this.#services.commits.operate(this.#session.fence, {
        kind: 'outgoing',
        position: underWay.positionOf(identifier) as Position,
        packetIdentifier: identifier,
        phase: 'done',
      })
    }
    underWay.over(identifier)
    this.#moveCursorSoon()
    this.pump()
  }

  /** Once for all that is acknowledged in this turn. */
  #moveCursorSoon(): void {
    if (this.#isCursorDue) return
    this.#isCursorDue = true
    this.#services.turn.atEnd(this)
  }

  endOfTurn(): void {
    this.#isCursorDue = false
    if (!this.#isStopped) this.#moveCursor()
  }

  #moveCursor(): void {
    const upTo = this.#underWay.passOver()
    if (upTo === null) return
    this.#services.engine.hot.acknowledgeSoon(this.#session.fence, upTo)
    if (this.#session.hasWaiting) this.#session.link.pumpLater(countedMs)
  }
}

function keyOf(position: Position): string {
  return `${position.entry}.${position.index}`
}

function compare(a: Position, b: Position): number {
  if (a.entry !== b.entry) return a.entry < b.entry ? -1 : 1
  return a.index - b.index
}
