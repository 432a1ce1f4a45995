import type { QoS } from '../../mqtt/packet.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import type { Core } from '../core/core.ts'
import { MessageForms } from '../message/message-forms.ts'
import { type Publisher, readStoredMessage, readStoredPublish } from '../message/stored-message.ts'
import { storeUnavailable } from '../namespace/close-cause.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { RetainedRest } from '../namespace/session-table.ts'
import type { Subscription } from '../namespace/subscription.ts'
import type { Resumable } from '../turn/turn.ts'

const noBound = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
/** Retained messages that one turn sends for one subscription. */
const perTurn = 200
/** What may wait in a stored session's queue before its retained messages do, at most half of what the queue may hold. */
const mostQueued = 1_000
/** The store counts what is acknowledged a moment later. */
const lookAgainMs = 50

/**
 * Sends the retained messages that a new subscription matches, a portion per turn and only as fast as the client takes
 * them. Each is read when it is sent, so a value that was replaced meanwhile is never sent after its successor.
 */
export class RetainedSender implements Resumable, RetainedRest {
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #subscription: Subscription
  readonly #topics: Generator<readonly [topicName: string, bytes: number]>
  readonly #forms: MessageForms
  readonly #view = new PublishView()
  /** For the session's queue in the store, in this portion. */
  #appended = 0
  #appendedBytes = 0

  /** @param topics what an earlier connection of the session did not come to */
  constructor(
    core: Core,
    session: OnlineSession,
    subscription: Subscription,
    topics = session.namespace.retained.matching(subscription.topicFilter),
  ) {
    this.#core = core
    this.#session = session
    this.#subscription = subscription
    this.#topics = topics
    this.#forms = new MessageForms(core.turn.arenas)
    // One that is asked for the same again has more to send than the one before it.
    session.sendsRetained(subscription.stored.topicFilter, this)
  }

  /** The rest, for the next connection of the session. */
  goOn(session: OnlineSession): void {
    new RetainedSender(this.#core, session, this.#subscription, this.#topics).resume()
  }

  /** [MQTT-3.10.4-2]: also after UNSUBSCRIBE there is nothing more to send. */
  get #isOver(): boolean {
    const { entry, subscriptions } = this.#session
    const { topicFilter } = this.#subscription.stored
    return (
      entry.online !== this.#session ||
      !this.#session.isRetainedSender(topicFilter, this) ||
      subscriptions.get(topicFilter) === undefined
    )
  }

  #end(): void {
    this.#session.hasSentRetained(this.#subscription.stored.topicFilter, this)
  }

  resume(): void {
    if (this.#isOver) {
      if (this.#session.entry.online === this.#session) this.#end()
      return
    }
    const { outbox, queue } = this.#session
    const room = this.#room()
    this.#appended = 0
    this.#appendedBytes = 0
    for (let sent = 0; sent < perTurn; sent++) {
      const isFull = this.#appended >= room.messages || this.#appendedBytes >= room.bytes
      if (isFull || outbox.isOverBound || queue.length > perTurn) {
        this.#wait()
        return
      }
      const next = this.#topics.next()
      if (next.done === true) {
        this.#end()
        return
      }
      this.#send(next.value[0])
    }
    if (this.#appended > 0) this.#goOnWhenDurable()
    else this.#core.turn.resumeLater(this)
  }

  /** What may be appended to the queue in the store. */
  #room(): { readonly messages: number; readonly bytes: number } {
    const { entry, namespace } = this.#session
    if (!entry.isStored) return noBound
    const { maximumQueuedMessages, maximumQueuedBytes } = namespace.limits
    const { messages, bytes } = this.#core.engine.queue.size(entry.uid)
    return {
      messages: Math.min(mostQueued, Math.max(1, maximumQueuedMessages >> 1)) - messages,
      bytes: Math.max(1, Math.floor(maximumQueuedBytes / 2)) - bytes,
    }
  }

  #wait(): void {
    if (this.#appended > 0) {
      this.#goOnWhenDurable()
      return
    }
    const { inflight, link, stored } = this.#session
    this.#session.waitsForRoom(this)
    // Nothing is under way that could wake this up: the store is only late with counting.
    if (stored !== null && inflight.count === 0 && !stored.isBehind) link.pumpLater(lookAgainMs)
  }

  /** Not before the store counts this portion. */
  #goOnWhenDurable(): void {
    this.#core.commits.wait({
      settled: (committed) => {
        if (this.#session.entry.online !== this.#session) return
        if (committed) this.#core.turn.resumeLater(this)
        else this.#session.link.end(storeUnavailable)
      },
    })
  }

  #send(topicName: string): void {
    const { engine, commits, turn } = this.#core
    const session = this.#session
    const { namespace } = session
    const retained = engine.retained.get(namespace.id, topicName)
    const now = turn.now
    if (retained === undefined || (retained.expiresAt !== null && retained.expiresAt <= now)) return
    const message = readStoredMessage(retained.body)
    if (isHidden(message.publisher, namespace)) return
    const { maximumQoS, subscriptionIdentifier } = this.#subscription.stored
    const qos = Math.min(message.qos, maximumQoS) as QoS
    const identifiers = subscriptionIdentifier === null ? [] : [subscriptionIdentifier]
    if (qos > 0 && session.entry.isStored) {
      this.#appended++
      this.#appendedBytes += retained.body.length
      commits.append(session.entry.uid, {
        body: commits.body(retained.body),
        qos,
        retain: true,
        subscriptionIdentifiers: identifiers,
        expiresAt: retained.expiresAt,
      })
      return
    }
    readStoredPublish(retained.body, this.#view)
    this.#forms.begin(this.#view, topicName)
    if (this.#view.messageExpiryIntervalSeconds >= 0) {
      this.#forms.setRemainingExpiry(retained.expiresAt === null ? -1 : Math.ceil((retained.expiresAt - now) / 1000))
    }
    if (qos === 0) session.deliverAtMostOnce(this.#forms, identifiers, true)
    else session.deliver(this.#forms, qos, identifiers, true, true, retained.expiresAt)
  }
}

/** The namespace hides what a client left behind that is not registered any more (`retainedOfRemoved`). */
function isHidden({ authority, uid }: Publisher, { limits, view }: Namespace): boolean {
  return limits.retainedOfRemoved === 'hide' && authority === 'registry' && view.clientByUid(uid) === undefined
}
