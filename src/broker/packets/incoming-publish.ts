import { authorize, type Denied } from '../../auth/authorize.ts'
import { assert } from '../../base/assert.ts'
import type { ProtocolVersion } from '../../mqtt/packet.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { decodeTopicUtf8, parseTopicFilter } from '../../mqtt/topic.ts'
import { isUtf8Payload } from '../../mqtt/utf8.ts'
import type { InflightState } from '../../ports/session-store.ts'
import type { Rate } from '../bounds/token-bucket.ts'
import type { Core } from '../core/core.ts'
import { encodeStoredMessage, type Publisher, readStoredMessage, readStoredPublish } from '../message/stored-message.ts'
import { type CloseCause, clientError, packetFailure, storeUnavailable } from '../namespace/close-cause.ts'
import { type LimitFault, overLimit } from '../namespace/message-limits.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { SessionEntry } from '../namespace/session-table.ts'
import type { PublishOrigin } from '../publish/publish.ts'
import { appendPubacks, PublishRun, type RunOrigin } from '../publish/publish-run.ts'
import { TopicSlot } from '../publish/topic-memory.ts'
import { fanOutWork } from '../turn/fan-out-work.ts'
import { HeldMessages } from './held-messages.ts'
import { PublishTopics } from './publish-topics.ts'

/** What the handler asks of its connection. */
export interface PublishLink {
  end(cause: CloseCause): void
  sendAcknowledgement(type: 'PUBACK' | 'PUBREC' | 'PUBCOMP', identifier: number, reasonCode: ReasonCode): void
  /** A huge fan-out uses up its publisher's turn. @param amount in packets */
  countWork(amount: number): void
  onThrottled(waitMs: number): void
  /** Something waits for a commit: reading may have to pause; and it is done. */
  onBacklog(): void
  onBacklogGone(): void
}

/** A released QoS 2 message is answered with PUBCOMP, any other with PUBACK. */
const releaseToken = 0x1_0000
/** Its PUBACK says that nobody has subscribed. */
const unheardToken = 0x2_0000
/** One view serves all connections: it is used up within one call. */
const view = new PublishView()
/** Who sends on after so many refusals is cut off. */
const mostRefusedPerSecond = 1_000
const noChunk = new Uint8Array(0)

/**
 * PUBLISH and PUBREL of one connection: resolve alias, parse, authorize, hold QoS 2 until it is released, hand on, answer
 * when it is durable (design 3.5).
 */
export class IncomingPublish implements PublishOrigin, RunOrigin {
  readonly session: SessionEntry
  readonly publisher: Publisher
  uncommitted = 0
  /** QoS 1 messages and released QoS 2 messages whose last acknowledgement waits for a commit. */
  #unanswered = 0
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #link: PublishLink
  readonly #topics: PublishTopics
  readonly #held: HeldMessages
  #isEnded = false
  /** Null: no limit. */
  readonly #rate: Rate | null
  /** Messages refused because of the rate, in the second that began at `#refusedSinceMs`. */
  #refused = 0
  #refusedSinceMs = 0
  /** Frames in it stay as they are until `endChunk`. */
  #chunk: Uint8Array = noChunk

  constructor(core: Core, session: OnlineSession, link: PublishLink, incoming: InflightState['incoming']) {
    this.#core = core
    this.#session = session
    this.#link = link
    this.session = session.entry
    const { owner } = session.record
    this.publisher = { authority: owner.authority, uid: owner.uid, authenticationName: owner.authenticationName }
    this.#rate = session.namespace.rates.publishes(core.turn.monotonicMs)
    this.#topics = new PublishTopics(core, session)
    this.#held = new HeldMessages(session.namespace.retained, incoming)
  }

  get version(): ProtocolVersion {
    return this.#session.version
  }

  end(): void {
    this.finishRun()
    this.#isEnded = true
    this.#held.end()
  }

  beginChunk(chunk: Uint8Array): void {
    this.#chunk = chunk
  }

  endChunk(): void {
    this.finishRun()
    this.#chunk = noChunk
  }

  /** Before anything else of this peer takes effect. */
  finishRun(): void {
    const { run } = this.#core
    if (!run.isEmpty) run.finish(this.#session.outbox, this)
  }

  onPublish(bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    if (bytes === this.#chunk && this.#core.run.takes(bytes, start, bodyStart, end)) return
    const session = this.#session
    const failure = view.read(bytes, start, bodyStart, end, session.version)
    if (failure !== null) {
      this.#link.end(packetFailure(failure))
      return
    }
    if (bytes === this.#chunk) {
      if (this.#joinsRun()) return
      this.finishRun()
    }
    const { qos } = view
    if (qos > 0 && !this.#admits(view.packetIdentifier)) return
    if (qos === 2 && this.#held.has(view.packetIdentifier)) {
      this.#onRepeated(view.packetIdentifier)
      return
    }
    if (this.#rate !== null && !this.#isWithinRate(this.#rate)) return
    const slot = view.topicAlias === 0 ? this.#topics.named(view) : this.#topics.aliased(view)
    if (!(slot instanceof TopicSlot)) {
      this.#link.end(slot)
      return
    }
    const topicFault = this.#topics.faultOf(slot)
    if (topicFault !== null) {
      this.#refuseTopic(topicFault)
      return
    }
    if (view.retain || view.propertiesEnd > view.propertiesStart) {
      const fault = overLimit(view, slot.topicName, session.namespace)
      if (fault !== null) {
        this.#refuseOverLimit(fault)
        return
      }
      if (!this.#mayNameResponseTopic()) return
      if (view.payloadFormatIndicator === 1 && !isUtf8Payload(bytes, view.payloadStart, end)) {
        this.#refuse(ReasonCode.PayloadFormatInvalid, 'the payload is not the UTF-8 it says it is')
        return
      }
    }
    if (!slot.route.isValid) slot.route = session.namespace.router.route(slot.topicName)
    slot.aliasedTopic = view.topicStart === view.topicEnd ? slot.bytes : null
    if (this.#needsStore(slot) && this.#core.storeHealth.isFull) {
      session.namespace.counters.refusedNoSpace++
      this.#refuse(ReasonCode.QuotaExceeded, 'the store takes nothing new', 'ServerError')
      return
    }
    if (qos > 0 && slot.route.storedQoS > 0 && !session.namespace.queuedBytes.hasRoomFor(end - start)) {
      session.namespace.limitBites('maximumNamespaceQueuedBytes')
      this.#refuse(ReasonCode.QuotaExceeded, 'the queues of the namespace are full', 'QuotaExceeded')
      return
    }
    if (qos === 2) {
      if (this.#held.hasRoomFor(end - start, session.namespace.limits)) this.#hold(slot)
      else {
        session.namespace.limitBites('receiveMaximum')
        this.#refuse(ReasonCode.QuotaExceeded, 'too many bytes wait for PUBREL', 'QuotaExceeded')
      }
      return
    }
    const identifier = view.packetIdentifier
    const { deliveries } = slot.route
    if (deliveries.length > 1) this.#link.countWork(fanOutWork(deliveries.length, view.end - view.payloadStart))
    const answer = this.#answerTo(slot)
    const token = answer === ReasonCode.Success ? identifier : unheardToken | identifier
    const isDone = this.#core.publishing.publish(slot, view, qos, view.retain, this, token)
    if (qos === 1 && isDone) this.#link.sendAcknowledgement('PUBACK', identifier, answer)
    else if (!isDone) {
      if (qos === 1) this.#unanswered++
      this.#link.onBacklog()
    }
  }

  /**
   * [MQTT-4.3.3-10]: the broker has the message. Whatever is true of it by now, a refusal here would free the identifier for
   * the client alone; PUBREL judges again.
   */
  #onRepeated(identifier: number): void {
    if (this.#rate !== null) this.#spend(this.#rate)
    const slot = view.topicAlias > 0 ? this.#topics.aliased(view) : null
    if (slot === null || slot instanceof TopicSlot) {
      this.#inOrder(() => this.#link.sendAcknowledgement('PUBREC', identifier, ReasonCode.Success))
    } else this.#link.end(slot)
  }

  /** Will anything of this message be written? A QoS 2 message whose session ends with its connection is not, until PUBREL. */
  #needsStore({ route }: TopicSlot): boolean {
    if (view.retain && view.end > view.payloadStart) return true
    return (view.qos > 0 && route.storedQoS > 0) || (view.qos === 2 && this.session.isStored)
  }

  /** The common case in few steps: a known topic under current rights with a current route (bench: TCP pairs QoS 0). */
  #joinsRun(): boolean {
    const { run, events } = this.#core
    // Nothing of it changes while a run gathers.
    if (run.isEmpty && (this.#rate !== null || events.wants('published'))) return false
    if (view.propertiesEnd > view.propertiesStart) return false
    const slot = this.#topics.remembered(view)
    if (slot === null || slot.stamp !== slot.namespace.registryStamp || !slot.route.isValid) return false
    if (!PublishRun.admits(slot, view)) return false
    const isStored = PublishRun.isStored(slot, view)
    if (isStored ? !this.#isRoomFor(view.end - view.start) : this.uncommitted > 0) return false
    if (view.qos === 1 && (this.#answerTo(slot) !== ReasonCode.Success || !this.#admits(view.packetIdentifier))) {
      return false
    }
    if (!run.add(slot, view)) {
      run.finish(this.#session.outbox, this)
      run.add(slot, view)
    }
    if (isStored) {
      this.uncommitted++
      this.#unanswered++
      this.#link.onBacklog()
    }
    const { deliveries } = slot.route
    if (deliveries.length > 1) this.#link.countWork(fanOutWork(deliveries.length, view.end - view.payloadStart))
    return true
  }

  /** Of PUBACK and PUBREC (MQTT 5.0 3.4.2.1), where the namespace tells it. */
  #answerTo({ route }: TopicSlot): ReasonCode {
    if (route.deliveries.length > 0 || route.groups.length > 0) return ReasonCode.Success
    const isTold = this.#session.version === 5 && this.#session.namespace.limits.tellsNoMatchingSubscribers
    return isTold ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success
  }

  /** What the store or the namespace has no room for is refused on the ordinary way. */
  #isRoomFor(bytes: number): boolean {
    return !this.#core.storeHealth.isFull && this.#session.namespace.queuedBytes.hasRoomFor(bytes)
  }

  /** QoS 1 and 2: what the namespace offers, and our Receive Maximum [MQTT-3.3.4-7]. */
  #admits(identifier: number): boolean {
    const { limits } = this.#session.namespace
    if (view.qos > limits.maximumQoS) {
      this.#link.end(clientError(ReasonCode.QoSNotSupported, '[MQTT-3.2.2-11] QoS above Maximum QoS'))
      return false
    }
    if (this.#unanswered + this.#held.size < limits.receiveMaximum) return true
    if (view.qos === 2 && this.#held.has(identifier)) return true
    // A client of 3.1.1 was not told; it is slowed by not reading on, and only cut where the namespace says so.
    if (this.#session.version === 4 && !limits.receiveMaximumClosesMqtt3) return true
    this.#session.namespace.limitBites('receiveMaximum')
    this.#link.end(clientError(ReasonCode.ReceiveMaximumExceeded, '[MQTT-3.3.4-7] more than Receive Maximum'))
    return false
  }

  /** Version 5 is told where it waits for an answer; everybody else is read more slowly (EG 6.8). */
  #isWithinRate(rate: Rate): boolean {
    const nowMs = this.#core.turn.monotonicMs
    const isTold = view.qos > 0 && this.#session.version === 5
    if (isTold && rate.waitMs(nowMs) > 0) {
      this.#countRate(rate, nowMs)
      if (nowMs - this.#refusedSinceMs >= 1000) {
        this.#refusedSinceMs = nowMs
        this.#refused = 0
      }
      if (++this.#refused > mostRefusedPerSecond) {
        this.#link.end({
          reason: 'QuotaExceeded',
          reasonCode: ReasonCode.MessageRateTooHigh,
          will: 'publish',
          detail: 'goes on publishing although it is told that it is too much',
        })
      } else {
        this.#refuse(ReasonCode.QuotaExceeded, 'more messages per second than allowed')
      }
      return false
    }
    this.#spend(rate, isTold)
    return true
  }

  #spend(rate: Rate, isTold = false): void {
    rate.spend(view.end - view.start)
    const nowMs = this.#core.turn.monotonicMs
    const waitMs = rate.waitMs(nowMs)
    if (waitMs === 0 || isTold) return
    this.#countRate(rate, nowMs)
    this.#link.onThrottled(waitMs)
  }

  #countRate(rate: Rate, nowMs: number): void {
    const limit = rate.limiting(nowMs)
    if (limit !== null) this.#session.namespace.limitBites(limit)
  }

  #refuseTopic(fault: Denied | LimitFault): void {
    if ('limit' in fault) this.#refuseOverLimit(fault)
    else this.#deny(fault)
  }

  /** Where the namespace asks for it, a Response Topic is one that its sender could subscribe to (S45). */
  #mayNameResponseTopic(): boolean {
    const { namespace, principal } = this.#session
    if (view.responseTopicStart < 0 || !namespace.limits.responseTopicCheck) return true
    const text = decodeTopicUtf8(view.bytes, view.responseTopicStart, view.responseTopicEnd) ?? ''
    const parsed = parseTopicFilter(text)
    if (!parsed.ok) {
      this.#refuse(ReasonCode.TopicNameInvalid, `Response Topic: ${parsed.error.kind}`)
      return false
    }
    const rights = this.#core.rights.rightsOf(principal, namespace.view)
    const authorization = authorize(rights, 'subscribe', parsed.value)
    if (authorization.outcome === 'denied') this.#deny(authorization)
    return authorization.outcome === 'allowed'
  }

  #deny(denied: Denied): void {
    this.#record(denied)
    this.#refuse(ReasonCode.NotAuthorized, denied.code, 'ClientAuthorizationError')
  }

  #record(denied: Denied): void {
    this.#session.namespace.counters.deniedPublishes++
    this.#core.decisions.topicDenied(this.#session, 'publish', denied)
  }

  #refuseOverLimit({ limit, reasonCode, detail }: LimitFault): void {
    this.#session.namespace.limitBites(limit)
    // [MQTT-3.4.2-1]: PUBACK and PUBREC have no word for it; CONNACK had said it.
    if (reasonCode === ReasonCode.RetainNotSupported) this.#link.end(clientError(reasonCode, detail))
    else this.#refuse(reasonCode, detail)
  }

  /** Version 5 is told in the acknowledgement and stays; without one, and in 3.1.1, the connection ends. */
  #refuse(reasonCode: ReasonCode, detail: string, reason: CloseCause['reason'] = 'ClientError'): void {
    if (view.qos === 0 || this.#session.version === 4) {
      this.#link.end({ reason, reasonCode, will: 'publish', detail })
      return
    }
    const type = view.qos === 1 ? 'PUBACK' : 'PUBREC'
    const identifier = view.packetIdentifier
    this.#inOrder(() => this.#link.sendAcknowledgement(type, identifier, reasonCode))
  }

  /** Behind the acknowledgements that wait for a commit [MQTT-4.6.0-2]. */
  #inOrder(answer: () => void): void {
    if (this.uncommitted === 0) {
      answer()
      return
    }
    this.#core.commits.wait({
      settled: () => {
        if (!this.#isEnded) answer()
      },
    })
  }

  /** QoS 2: kept under its identifier until PUBREL. */
  #hold(slot: TopicSlot): void {
    const core = this.#core
    const session = this.#session
    const identifier = view.packetIdentifier
    const body = encodeStoredMessage(view, slot.aliasedTopic, 2, view.retain, this.publisher, core.turn.now)
    this.#held.add(identifier, body)
    const answer = this.#answerTo(slot)
    if (!session.entry.isStored) {
      this.#inOrder(() => this.#link.sendAcknowledgement('PUBREC', identifier, answer))
      return
    }
    core.commits.operate(session.fence, { kind: 'incoming', packetIdentifier: identifier, body })
    this.#afterCommit('PUBREC', identifier, answer)
  }

  onPubrel(identifier: number): void {
    const body = this.#held.take(identifier)
    if (body === undefined) {
      // [MQTT-4.3.3-11]: answered all the same; it was released before.
      this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound)
      return
    }
    const { namespace, fence, entry } = this.#session
    const { retain, publishedAt } = readStoredMessage(body)
    readStoredPublish(body, view)
    const slot = this.#topics.named(view)
    assert(slot instanceof TopicSlot, 'the topic of what is held was parsed when it came')
    const denied = this.#topics.denialOf(slot)
    if (denied !== null) {
      this.#record(denied)
      this.#dropHeld(identifier, denied.code)
      return
    }
    if (!slot.route.isValid) slot.route = namespace.router.route(slot.topicName)
    slot.aliasedTopic = null
    const release = entry.isStored ? { fence, packetIdentifier: identifier } : null
    const token = releaseToken | identifier
    if (this.#core.publishing.publish(slot, view, 2, retain, this, token, release, null, publishedAt)) {
      this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.Success)
    } else {
      this.#unanswered++
      this.#link.onBacklog()
    }
  }

  /**
   * Its client has lost the right since PUBREC: the message is dropped. Version 5 is told that there is none; 3.1.1 has no
   * word for it, so its connection ends. The identifier is free when nothing can bring the message back.
   */
  #dropHeld(identifier: number, detail: string): void {
    const { fence, entry, version } = this.#session
    if (entry.isStored) {
      this.#core.commits.operate(fence, { kind: 'incoming', packetIdentifier: identifier, body: null })
    }
    if (version === 4) {
      this.#link.end({ reason: 'ClientAuthorizationError', reasonCode: null, will: 'publish', detail })
      return
    }
    if (entry.isStored) this.#afterCommit('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound)
    else this.#inOrder(() => this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound))
  }

  /** Answers when this turn's commit is durable. */
  #afterCommit(type: 'PUBREC' | 'PUBCOMP', identifier: number, reasonCode: ReasonCode): void {
    this.uncommitted++
    this.#core.commits.wait({
      settled: (committed) => {
        this.uncommitted--
        if (this.#isEnded) return
        if (committed) this.#link.sendAcknowledgement(type, identifier, reasonCode)
        else this.#link.end(storeUnavailable)
        this.#link.onBacklogGone()
      },
    })
    this.#link.onBacklog()
  }

  runSettled(identifiers: readonly number[], committed: boolean): void {
    this.uncommitted -= identifiers.length
    this.#unanswered -= identifiers.length
    if (this.#isEnded) return
    if (!committed) {
      this.#link.end(storeUnavailable)
      return
    }
    appendPubacks(this.#core.turn, this.#session.outbox, identifiers)
    this.#link.onBacklogGone()
  }

  published(token: number, committed: boolean): void {
    if (token > 0) this.#unanswered--
    if (this.#isEnded) return
    if (!committed) {
      this.#link.end(storeUnavailable)
      return
    }
    const identifier = token & 0xffff
    if ((token & releaseToken) !== 0) this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.Success)
    else if ((token & unheardToken) !== 0) {
      this.#link.sendAcknowledgement('PUBACK', identifier, ReasonCode.NoMatchingSubscribers)
    } else if (token > 0) this.#link.sendAcknowledgement('PUBACK', identifier, ReasonCode.Success)
    this.#link.onBacklogGone()
  }
}
