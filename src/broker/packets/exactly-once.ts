import { assert } from '../../base/assert.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { InflightState } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import { encodeStoredMessage, readStoredMessage, readStoredPublish } from '../message/stored-message.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { PublishOrigin } from '../publish/publish.ts'
import { TopicSlot } from '../publish/topic-memory.ts'
import { HeldMessages } from './held-messages.ts'
import type { PublishAnswers, PublishLink } from './publish-answers.ts'
import type { PublishTopics } from './publish-topics.ts'

/** Stands in the token of a message that PUBREL released: it is answered with PUBCOMP, any other with PUBACK. */
export const releaseToken = 0x1_0000

const released = new PublishView()

/** QoS 2 of one publisher: a message is kept under its identifier until PUBREL, judged again there, and handed on once. */
export class ExactlyOnce {
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #link: PublishLink
  readonly #answers: PublishAnswers
  readonly #topics: PublishTopics
  readonly #held: HeldMessages

  constructor(
    core: Core,
    session: OnlineSession,
    link: PublishLink,
    answers: PublishAnswers,
    topics: PublishTopics,
    earlier: InflightState['incoming'],
  ) {
    this.#core = core
    this.#session = session
    this.#link = link
    this.#answers = answers
    this.#topics = topics
    this.#held = new HeldMessages(session.namespace.retained, earlier)
  }

  /** Messages that wait for PUBREL. */
  get size(): number {
    return this.#held.size
  }

  has(identifier: number): boolean {
    return this.#held.has(identifier)
  }

  end(): void {
    this.#held.end()
  }

  /**
   * [MQTT-4.3.3-10]: the broker has the message. Whatever is true of it by now, a refusal here would free the identifier for
   * the client alone; PUBREL judges again.
   */
  onRepeated(view: PublishView): void {
    const slot = view.topicAlias > 0 ? this.#topics.aliased(view) : null
    if (slot === null || slot instanceof TopicSlot) {
      this.#answers.inOrder('PUBREC', view.packetIdentifier, ReasonCode.Success)
    } else this.#link.end(slot)
  }

  /** @param answer of PUBREC, when there is room for the message */
  hold(slot: TopicSlot, view: PublishView, publisher: PublishOrigin['publisher'], answer: ReasonCode): void {
    const { commits, turn } = this.#core
    const { namespace, fence, entry } = this.#session
    if (!this.#held.hasRoomFor(view.end - view.start, namespace.limits)) {
      namespace.limitBites('receiveMaximum')
      this.#answers.refuse(view, ReasonCode.QuotaExceeded, 'too many bytes wait for PUBREL', 'QuotaExceeded')
      return
    }
    const identifier = view.packetIdentifier
    const body = encodeStoredMessage(view, slot.aliasedTopic, 2, view.retain, publisher, turn.now)
    this.#held.add(identifier, body)
    if (!entry.isStored) {
      this.#answers.inOrder('PUBREC', identifier, answer)
      return
    }
    commits.operate(fence, { kind: 'incoming', packetIdentifier: identifier, body })
    this.#answers.afterCommit('PUBREC', identifier, answer)
  }

  /** @returns whether it is answered; else `origin` will hear of the commit that it waits for */
  onPubrel(identifier: number, origin: PublishOrigin): boolean {
    const body = this.#held.take(identifier)
    if (body === undefined) {
      // [MQTT-4.3.3-11]: answered all the same; it was released before.
      this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound)
      return true
    }
    const { namespace, fence, entry } = this.#session
    const { retain, publishedAt } = readStoredMessage(body)
    readStoredPublish(body, released)
    const slot = this.#topics.named(released)
    assert(slot instanceof TopicSlot, 'the topic of what is held was parsed when it came')
    const denied = this.#topics.denialOf(slot)
    if (denied !== null) {
      this.#answers.recordDenied(denied)
      this.#drop(identifier, denied.code)
      return true
    }
    if (!slot.route.isValid) slot.route = namespace.router.route(slot.topicName)
    slot.aliasedTopic = null
    const release = entry.isStored ? { fence, packetIdentifier: identifier } : null
    const token = releaseToken | identifier
    if (!this.#core.publishing.publish(slot, released, 2, retain, origin, token, release, null, publishedAt))
      return false
    this.#link.sendAcknowledgement('PUBCOMP', identifier, ReasonCode.Success)
    return true
  }

  /**
   * Its client has lost the right since PUBREC: the message is dropped. Version 5 is told that there is none; 3.1.1 has no
   * word for it, so its connection ends. The identifier is free when nothing can bring the message back.
   */
  #drop(identifier: number, detail: string): void {
    const { fence, entry, version } = this.#session
    if (entry.isStored) {
      this.#core.commits.operate(fence, { kind: 'incoming', packetIdentifier: identifier, body: null })
    }
    if (version === 4) {
      this.#link.end({ reason: 'ClientAuthorizationError', reasonCode: null, will: 'publish', detail })
      return
    }
    if (entry.isStored) this.#answers.afterCommit('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound)
    else this.#answers.inOrder('PUBCOMP', identifier, ReasonCode.PacketIdentifierNotFound)
  }
}
