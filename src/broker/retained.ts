import type { QoS } from '../mqtt/packet.ts'
import { PublishView } from '../mqtt/publish-view.ts'
import type { Core } from './core.ts'
import { MessageForms } from './message-forms.ts'
import type { Namespace } from './namespace.ts'
import type { Subscription } from './router.ts'
import type { OnlineSession } from './session.ts'
import { type Publisher, readStoredMessage, readStoredPublish } from './stored-message.ts'
import type { Resumable } from './turn.ts'

/** Retained messages that one turn sends for one subscription. */
const perTurn = 200

/**
 * Sends the retained messages that a new subscription matches, a portion per turn and only as fast as the socket takes
 * them. Each is read when it is sent, so a value that was replaced meanwhile is never sent after its successor.
 */
export class RetainedSender implements Resumable {
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #subscription: Subscription
  readonly #topics: Generator<readonly [topicName: string, bytes: number]>
  readonly #forms: MessageForms
  readonly #view = new PublishView()

  constructor(core: Core, session: OnlineSession, subscription: Subscription) {
    this.#core = core
    this.#session = session
    this.#subscription = subscription
    this.#topics = session.namespace.retained.matching(subscription.topicFilter)
    this.#forms = new MessageForms(core.turn.arenas)
  }

  resume(): void {
    const { entry, outbox, queue } = this.#session
    if (entry.online !== this.#session) return
    for (let sent = 0; sent < perTurn; sent++) {
      if (outbox.isOverBound || queue.length > perTurn) {
        this.#session.waitsForRoom(this)
        return
      }
      const next = this.#topics.next()
      if (next.done === true) return
      this.#send(next.value[0])
    }
    this.#core.turn.resumeLater(this)
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
export function isHidden({ authority, uid }: Publisher, { limits, view }: Namespace): boolean {
  return limits.retainedOfRemoved === 'hide' && authority === 'registry' && view.clientByUid(uid) === undefined
}
