import { authorize } from '../../auth/authorize.ts'
import type { ProtocolVersion } from '../../mqtt/packet.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { decodeTopicUtf8, parseTopicFilter } from '../../mqtt/topic.ts'
import { isUtf8Payload } from '../../mqtt/utf8.ts'
import type { InflightState } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import type { Publisher } from '../message/stored-message.ts'
import { clientError, packetFailure, storeUnavailable } from '../namespace/close-cause.ts'
import { overLimit } from '../namespace/message-limits.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { SessionEntry } from '../namespace/session-table.ts'
import type { PublishOrigin } from '../publish/publish.ts'
import { appendPubacks, PublishRun, type RunOrigin } from '../publish/publish-run.ts'
import { TopicSlot } from '../publish/topic-memory.ts'
import { fanOutWork } from '../turn/fan-out-work.ts'
import { ExactlyOnce, releaseToken } from './exactly-once.ts'
import { PublishAnswers, type PublishLink } from './publish-answers.ts'
import { PublishRate } from './publish-rate.ts'
import { PublishTopics } from './publish-topics.ts'

/** Its PUBACK says that nobody has subscribed. */
const unheardToken = 0x2_0000
/** One view serves all connections: it is used up within one call. */
const view = new PublishView()
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
  readonly #answers: PublishAnswers
  /** Null: no QoS 2 so far, as with most devices (bench: mtls-idle). */
  #exactlyOnce: ExactlyOnce | null = null
  /** Null: no limit. */
  readonly #rate: PublishRate | null
  /** Frames in it stay as they are until `endChunk`. */
  #chunk: Uint8Array = noChunk

  constructor(core: Core, session: OnlineSession, link: PublishLink, incoming: InflightState['incoming']) {
    this.#core = core
    this.#session = session
    this.#link = link
    this.session = session.entry
    this.publisher = session.record.owner
    this.#topics = new PublishTopics(core, session)
    this.#answers = new PublishAnswers(core, session, link, this)
    if (incoming.length > 0) this.#exactlyOnce = this.#makeExactlyOnce(incoming)
    const rate = session.namespace.rates.publishes(core.turn.monotonicMs)
    this.#rate = rate === null ? null : new PublishRate(rate, core.turn, session, link, this.#answers)
  }

  #makeExactlyOnce(earlier: InflightState['incoming']): ExactlyOnce {
    return new ExactlyOnce(this.#core, this.#session, this.#link, this.#answers, this.#topics, earlier)
  }

  get version(): ProtocolVersion {
    return this.#session.version
  }

  end(): void {
    this.finishRun()
    this.#answers.end()
    this.#exactlyOnce?.end()
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
    if (bytes === this.#chunk && this.#continuesRun(bytes, start, bodyStart, end)) return
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
    if (qos === 2 && this.#exactlyOnce?.has(view.packetIdentifier) === true) {
      this.#rate?.spend(view)
      this.#exactlyOnce.onRepeated(view)
      return
    }
    if (this.#rate !== null && !this.#rate.admits(view)) return
    const slot = view.topicAlias === 0 ? this.#topics.named(view) : this.#topics.aliased(view)
    if (!(slot instanceof TopicSlot)) {
      this.#link.end(slot)
      return
    }
    const topicFault = this.#topics.faultOf(slot)
    if (topicFault !== null) {
      this.#answers.refuseTopic(view, topicFault)
      return
    }
    if (view.retain || view.propertiesEnd > view.propertiesStart) {
      const fault = overLimit(view, slot.topicName, session.namespace)
      if (fault !== null) {
        this.#answers.refuseOverLimit(view, fault)
        return
      }
      if (!this.#mayNameResponseTopic()) return
      if (view.payloadFormatIndicator === 1 && !isUtf8Payload(bytes, view.payloadStart, end)) {
        this.#answers.refuse(view, ReasonCode.PayloadFormatInvalid, 'the payload is not the UTF-8 it says it is')
        return
      }
    }
    if (!slot.route.isValid) slot.route = session.namespace.router.route(slot.topicName)
    slot.aliasedTopic = view.topicStart === view.topicEnd ? slot.bytes : null
    if (this.#needsStore(slot) && this.#core.storeHealth.isFull) {
      session.namespace.counters.refusedNoSpace++
      this.#answers.refuse(view, ReasonCode.QuotaExceeded, 'the store takes nothing new', 'ServerError')
      return
    }
    if (qos > 0 && slot.route.storedQoS > 0 && !session.namespace.queuedBytes.hasRoomFor(end - start)) {
      session.namespace.limitBites('maximumNamespaceQueuedBytes')
      this.#answers.refuse(view, ReasonCode.QuotaExceeded, 'the queues of the namespace are full', 'QuotaExceeded')
      return
    }
    if (qos === 2) {
      this.#exactlyOnce ??= this.#makeExactlyOnce([])
      this.#exactlyOnce.hold(slot, view, this.publisher, this.#answerTo(slot))
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

  /** Will anything of this message be written? A QoS 2 message whose session ends with its connection is not, until PUBREL. */
  #needsStore({ route }: TopicSlot): boolean {
    if (view.retain && view.end > view.payloadStart) return true
    return (view.qos > 0 && route.storedQoS > 0) || (view.qos === 2 && this.session.isStored)
  }

  /** The most common case: like the frame before it. */
  #continuesRun(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const { run } = this.#core
    if (!run.waitsForStore) return run.takes(bytes, start, bodyStart, end)
    // What may not wait is refused on the ordinary way.
    if (!this.#mayWait || !this.#isRoomFor(end - start) || !run.takes(bytes, start, bodyStart, end)) return false
    this.#waitsForStore()
    return true
  }

  #waitsForStore(): void {
    this.uncommitted++
    this.#unanswered++
    this.#link.onBacklog()
  }

  /** [MQTT-3.3.4-7] One more is within our Receive Maximum. */
  get #mayWait(): boolean {
    return this.#unanswered + (this.#exactlyOnce?.size ?? 0) < this.#session.namespace.limits.receiveMaximum
  }

  /** The common case in few steps: a known topic under current rights with a current route (bench: TCP pairs QoS 0). */
  #joinsRun(): boolean {
    const { run, events } = this.#core
    // Nothing of it changes while a run gathers.
    if (run.isEmpty && (this.#rate !== null || events.wants('published'))) return false
    if (view.propertiesEnd > view.propertiesStart) return false
    const slot = this.#topics.remembered(view)
    // What was written to others is no reason to leave the run: the look at its own rights is enough.
    if (slot === null || !slot.route.isValid || this.#topics.faultOf(slot) !== null) return false
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
    if (isStored) this.#waitsForStore()
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
    if (this.#mayWait) return true
    if (view.qos === 2 && this.#exactlyOnce?.has(identifier) === true) return true
    // A client of 3.1.1 was not told; it is slowed by not reading on, and only cut where the namespace says so.
    if (this.#session.version === 4 && !limits.receiveMaximumClosesMqtt3) return true
    this.#session.namespace.limitBites('receiveMaximum')
    this.#link.end(clientError(ReasonCode.ReceiveMaximumExceeded, '[MQTT-3.3.4-7] more than Receive Maximum'))
    return false
  }

  /** Where the namespace asks for it, a Response Topic is one that its sender could subscribe to (S45). */
  #mayNameResponseTopic(): boolean {
    const { namespace, principal } = this.#session
    if (view.responseTopicStart < 0 || !namespace.limits.responseTopicCheck) return true
    const text = decodeTopicUtf8(view.bytes, view.responseTopicStart, view.responseTopicEnd) ?? ''
    const parsed = parseTopicFilter(text)
    if (!parsed.ok) {
      this.#answers.refuse(view, ReasonCode.TopicNameInvalid, `Response Topic: ${parsed.error.kind}`)
      return false
    }
    const rights = this.#core.rights.rightsOf(principal, namespace.view)
    const authorization = authorize(rights, 'subscribe', parsed.value)
    if (authorization.outcome === 'denied') this.#answers.deny(view, authorization)
    return authorization.outcome === 'allowed'
  }

  onPubrel(identifier: number): void {
    this.#exactlyOnce ??= this.#makeExactlyOnce([])
    if (this.#exactlyOnce.onPubrel(identifier, this)) return
    this.#unanswered++
    this.#link.onBacklog()
  }

  runSettled(identifiers: readonly number[], committed: boolean): void {
    this.uncommitted -= identifiers.length
    this.#unanswered -= identifiers.length
    if (this.#answers.isEnded) return
    if (!committed) {
      this.#link.end(storeUnavailable)
      return
    }
    appendPubacks(this.#core.turn, this.#session.outbox, identifiers)
    this.#link.onBacklogGone()
  }

  published(token: number, committed: boolean): void {
    if (token > 0) this.#unanswered--
    if (this.#answers.isEnded) return
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
