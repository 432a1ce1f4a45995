import { type UnixMillis, unixMillis } from '../../base/time.ts'
import type { ProtocolVersion, QoS } from '../../mqtt/packet.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { decodeTopicUtf8, type TopicName } from '../../mqtt/topic.ts'
import type { Events } from '../../ports/events.ts'
import type { Fence } from '../../ports/session-store.ts'
import { BodyBlocks } from '../message/body-blocks.ts'
import { MessageForms } from '../message/message-forms.ts'
import { encodeStoredMessage, type Publisher, readStoredPublish, type TakeBytes } from '../message/stored-message.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Delivery, Route } from '../namespace/router.ts'
import { merge } from '../namespace/router.ts'
import type { SessionEntry } from '../namespace/session-table.ts'
import type { SharedCopy, ShareGroup } from '../namespace/shared-subscription.ts'
import type { Turn } from '../turn/turn.ts'
import type { CommitPart, Commits, DueWill, Settled } from './commits.ts'

/** Where a message comes from: a connection, a will, an HTTP request. */
export interface PublishOrigin {
  /** For No Local; null: no session. */
  readonly session: SessionEntry | null
  readonly publisher: Publisher
  /** Messages of this origin that wait for a commit: those behind them wait too, so that their order holds. */
  uncommitted: number
  /** As it speaks, for what it sent that was kept in a form without a version; absent: nobody knows any more. */
  readonly version?: ProtocolVersion
  /** A message that `publish` did not finish at once. @param committed false: nothing happened, do not acknowledge */
  published(token: number, committed: boolean): void
}

/** A message behind parse and authorize. */
export interface Publication {
  readonly namespace: Namespace
  readonly route: Route
  readonly topicName: TopicName
  /** UTF-8 of the topic where the message itself has only an alias; else null. */
  readonly aliasedTopic: Uint8Array | null
}

/** Without a share group nobody asks for it. */
const noBody = (): Uint8Array => new Uint8Array(0)

/** A QoS 2 message that is released: forgotten in the same commit that hands it on. */
export interface Release {
  readonly fence: Fence
  readonly packetIdentifier: number
}

/**
 * The way of a message from its authorization to its receivers: match, one commit per turn, then acknowledge and
 * deliver. It takes no connection, so wills and HTTP go the same way (design 3.5).
 */
export class Publishing {
  readonly #turn: Turn
  readonly #commits: Commits
  readonly #events: Events
  readonly #forms: MessageForms
  /** For messages that come from memory or store rather than from a peer's frame. */
  readonly #storedView = new PublishView()
  readonly #blocks = new BodyBlocks()
  readonly #take: TakeBytes = (size) => this.#blocks.take(size)

  constructor(turn: Turn, commits: Commits, events: Events) {
    this.#turn = turn
    this.#commits = commits
    this.#events = events
    this.#forms = new MessageForms(turn.arenas)
  }

  /**
   * @param view the message; not needed any more after the call
   * @param token given back through `origin.published`
   * @param will the will that this is; published only if the store still has it
   * @param heldSince when it came, where it waited for PUBREL since: its expiry interval counts from then [MQTT-3.3.2-6]
   * @returns true: it is done, acknowledge it now. False: `origin.published` will be called
   */
  publish(
    publication: Publication,
    view: PublishView,
    qos: QoS,
    retain: boolean,
    origin: PublishOrigin,
    token: number,
    release: Release | null = null,
    will: DueWill | null = null,
    heldSince: UnixMillis | null = null,
  ): boolean {
    const { namespace, route } = publication
    const now = this.#turn.now
    namespace.counters.published.add(origin.version ?? view.version, qos)
    namespace.counters.publishedBytes += view.end - view.payloadStart
    const expiresAt = this.#expiryOf(namespace, view, heldSince ?? now)
    const stored = route.storedQoS > 0 && qos > 0
    if (!stored && !retain && release === null && will === null && origin.uncommitted === 0) {
      if (heldSince !== null && this.#isExpired(namespace, expiresAt)) return true
      this.#forms.begin(view, publication.topicName)
      if (publication.aliasedTopic !== null) this.#forms.setTopic(publication.aliasedTopic)
      // Where 0 means never, nobody is told 0.
      if (expiresAt === null) this.#forms.setRemainingExpiry(-1)
      else if (heldSince !== null) this.#forms.setRemainingExpiry(Math.ceil((expiresAt - now) / 1000))
      const bodyOf =
        route.groups.length === 0
          ? noBody
          : () => encodeStoredMessage(view, publication.aliasedTopic, qos, retain, origin.publisher, now)
      this.#deliver(publication, { qos, retain, expiresAt, isReserved: false }, origin.session, null, bodyOf)
      if (this.#events.wants('published')) this.#tell(publication, view, origin.publisher, now)
      return true
    }
    // A member of a share group may have to pass it on much later.
    const take = route.groups.length === 0 ? this.#take : undefined
    const body = encodeStoredMessage(view, publication.aliasedTopic, qos, retain, origin.publisher, now, take)
    const part = will === null ? this.#commits : this.#commits.will(will)
    const keeping = retain ? this.#keeping(publication, view, body, will !== null) : 'nothing'
    const facts: MessageFacts = { qos, retain, expiresAt, isReserved: keeping === 'message' }
    const chosen = this.#commit(part, publication, body, facts, origin, keeping)
    if (facts.isReserved) namespace.retained.reserve(publication.topicName, body.length)
    if (release !== null) {
      const { fence, packetIdentifier } = release
      this.#commits.operate(fence, { kind: 'incoming', packetIdentifier, body: null })
    }
    origin.uncommitted++
    part.wait(new WaitingMessage(this, publication, body, facts, origin, token, chosen))
    return false
  }

  /** The commit of a message came to its end: what is delivered in process goes out now, then it is acknowledged. */
  settled(message: WaitingMessage, committed: boolean): void {
    const { origin, token, publication, facts } = message
    origin.uncommitted--
    if (facts.isReserved) publication.namespace.retained.settled(publication.topicName)
    this.#guarded(() => {
      if (committed) this.#deliverCommitted(message)
      origin.published(token, committed)
    })
  }

  /** Its publisher was told that it is not sure; the receivers in process are owed it like those with a queue in the store. */
  learned(message: WaitingMessage, committed: boolean): void {
    if (committed) this.#guarded(() => this.#deliverCommitted(message))
  }

  #deliverCommitted({ publication, body, facts, origin, chosen }: WaitingMessage): void {
    if (publication.route.isStoredOnly && facts.qos > 0 && !this.#events.wants('published')) return
    if (this.#isExpired(publication.namespace, facts.expiresAt)) return
    this.#beginStored(body, publication.topicName, facts.expiresAt)
    this.#deliver(publication, facts, origin.session, chosen, () => body)
    if (this.#events.wants('published')) this.#tell(publication, this.#storedView, origin.publisher, this.#turn.now)
  }

  /** [MQTT-3.3.2-5] */
  #isExpired({ counters }: Namespace, expiresAt: UnixMillis | null): boolean {
    if (expiresAt === null || expiresAt > this.#turn.now) return false
    counters.droppedExpired++
    return true
  }

  /** A bug that one message shows must not keep the others of its commit from being acknowledged. */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#events.emit({ kind: 'bug', at: this.#turn.now, where: 'publish', error })
    }
  }

  /**
   * [MQTT-3.3.1-6]: an empty payload removes what is retained. A PUBLISH was measured when it came; a will is measured
   * now: above the limits it is delivered all the same, and not kept.
   */
  #keeping({ namespace, topicName }: Publication, view: PublishView, body: Uint8Array, isWill: boolean): Keeping {
    if (view.end === view.payloadStart) return 'removal'
    if (!isWill) return 'message'
    const limit = namespace.retained.exceeds(topicName, body.length, namespace.limits)
    if (limit === null) return 'message'
    namespace.limitBites(limit)
    return 'nothing'
  }

  /** A member of a share group went before it had its message: another one gets it, or nobody is left. */
  passOn(copy: SharedCopy): void {
    const member = copy.group.pick()
    const now = this.#turn.now
    if (member === null || (copy.expiresAt !== null && copy.expiresAt <= now)) return
    const delivery = merge(member.session, [member.subscription])
    const { session, maximumQoS, identifiers } = delivery
    const qos = Math.min(copy.qos, maximumQoS) as QoS
    const retain = copy.retain && delivery.retainAsPublished
    if (qos > 0 && session.isStored) {
      this.#commits.append(session.uid, {
        body: this.#commits.body(copy.body),
        qos,
        retain,
        subscriptionIdentifiers: identifiers,
        expiresAt: copy.expiresAt,
      })
      return
    }
    const { online } = session
    if (online === null) return
    this.#beginStored(copy.body, null, copy.expiresAt)
    if (qos === 0) online.deliverAtMostOnce(this.#forms, identifiers, retain)
    else online.deliver(this.#forms, qos, identifiers, retain, true, copy.expiresAt, copy)
  }

  #beginStored(body: Uint8Array, topicName: string | null, expiresAt: UnixMillis | null): void {
    const view = this.#storedView
    readStoredPublish(body, view)
    this.#forms.begin(view, topicName ?? decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd) ?? '')
    if (view.messageExpiryIntervalSeconds < 0) return
    this.#forms.setRemainingExpiry(expiresAt === null ? -1 : Math.ceil((expiresAt - this.#turn.now) / 1000))
  }

  #expiryOf(namespace: Namespace, view: PublishView, now: UnixMillis): UnixMillis | null {
    const seconds = view.messageExpiryIntervalSeconds
    if (seconds < 0 || (seconds === 0 && namespace.limits.zeroMessageExpiryMeansNever)) return null
    return unixMillis(now + seconds * 1000)
  }

  /** Adds to the turn's commit what goes through the store. @returns the members that the share groups chose */
  #commit(
    commits: CommitPart,
    { namespace, route, topicName }: Publication,
    body: Uint8Array,
    { qos, retain, expiresAt }: MessageFacts,
    origin: PublishOrigin,
    keeping: Keeping,
  ): readonly Delivery[] {
    let index = -1
    const append = (delivery: Delivery): void => {
      const effective = Math.min(qos, delivery.maximumQoS) as QoS
      if (effective === 0 || !delivery.session.isStored) return
      if (index < 0) index = commits.body(body)
      commits.append(delivery.session.uid, {
        body: index,
        qos: effective,
        retain: retain && delivery.retainAsPublished,
        subscriptionIdentifiers: delivery.identifiers,
        expiresAt,
      })
    }
    for (const delivery of route.deliveries) {
      const own = ownDelivery(delivery, origin.session)
      if (own !== null) append(own)
    }
    const chosen = chooseMembers(namespace, route, qos, this.#turn.monotonicMs)
    for (const delivery of chosen) append(delivery)
    if (keeping !== 'nothing') {
      const isKept = keeping === 'message'
      if (isKept && index < 0) index = commits.body(body)
      commits.retain({
        namespace: namespace.id,
        topicName,
        body: isKept ? index : null,
        expiresAt: isKept ? retainedExpiry(namespace, expiresAt, this.#turn.now) : null,
      })
    }
    return chosen
  }

  /**
   * @param chosen members of the share groups; null: to be chosen now
   * @param bodyOf the message in stored form, for what a member may leave to others
   */
  #deliver(
    { namespace, route }: Publication,
    { qos, retain, expiresAt }: MessageFacts,
    from: SessionEntry | null,
    chosen: readonly Delivery[] | null,
    bodyOf: () => Uint8Array,
  ): void {
    const { deliveries, groups } = route
    const exclusive = deliveries.length === 1 && groups.length === 0
    for (let i = 0; i < deliveries.length; i++) {
      const delivery = deliveries[i] as Delivery
      if (delivery.session === from && delivery.hasNoLocal) {
        // [MQTT-3.8.3-3]
        if (delivery.ownMessages === null) continue
        this.#deliverTo(delivery.ownMessages, qos, retain, exclusive, expiresAt, null)
      } else {
        this.#deliverTo(delivery, qos, retain, exclusive, expiresAt, null)
      }
    }
    if (groups.length === 0) return
    for (const delivery of chosen ?? chooseMembers(namespace, route, qos, this.#turn.monotonicMs)) {
      const { group } = delivery
      const isKept = group !== null && qos > 0 && delivery.maximumQoS > 0 && !delivery.session.isStored
      const copy = isKept ? { group, body: bodyOf(), qos, retain, expiresAt } : null
      this.#deliverTo(delivery, qos, retain, false, expiresAt, copy)
    }
  }

  #deliverTo(
    delivery: Delivery,
    qos: QoS,
    retain: boolean,
    exclusive: boolean,
    expiresAt: UnixMillis | null,
    shared: SharedCopy | null,
  ): void {
    const { session, maximumQoS, identifiers } = delivery
    const { online } = session
    if (online === null) return
    const flag = retain && delivery.retainAsPublished
    const effective = qos < maximumQoS ? qos : maximumQoS
    if (effective === 0) online.deliverAtMostOnce(this.#forms, identifiers, flag)
    else if (!session.isStored) online.deliver(this.#forms, effective, identifiers, flag, exclusive, expiresAt, shared)
  }

  #tell({ namespace, topicName }: Publication, view: PublishView, publisher: Publisher, at: UnixMillis): void {
    this.#events.emit({
      kind: 'published',
      namespace: namespace.id,
      at,
      authenticationName: publisher.authenticationName,
      topicName,
      body: Uint8Array.prototype.slice.call(view.bytes, view.payloadStart, view.end),
    })
  }
}

class WaitingMessage implements Settled {
  readonly #publishing: Publishing
  readonly publication: Publication
  readonly body: Uint8Array
  readonly facts: MessageFacts
  readonly origin: PublishOrigin
  readonly token: number
  readonly chosen: readonly Delivery[]

  constructor(
    publishing: Publishing,
    publication: Publication,
    body: Uint8Array,
    facts: MessageFacts,
    origin: PublishOrigin,
    token: number,
    chosen: readonly Delivery[],
  ) {
    this.#publishing = publishing
    this.publication = publication
    this.body = body
    this.facts = facts
    this.origin = origin
    this.token = token
    this.chosen = chosen
  }

  settled(committed: boolean): void {
    this.#publishing.settled(this, committed)
  }

  learned(committed: boolean): void {
    this.#publishing.learned(this, committed)
  }
}

/** What is decided about a message once, when it comes. */
interface MessageFacts {
  readonly qos: QoS
  readonly retain: boolean
  readonly expiresAt: UnixMillis | null
  /** It counts among what will be retained, until its commit is settled. */
  readonly isReserved: boolean
}

/** What RETAIN comes to. */
type Keeping = 'message' | 'removal' | 'nothing'

function ownDelivery(delivery: Delivery, from: SessionEntry | null): Delivery | null {
  return delivery.session === from && delivery.hasNoLocal ? delivery.ownMessages : delivery
}

/** One member of each group; groups with nobody to take the message are left out. */
function chooseMembers(namespace: Namespace, route: Route, qos: QoS, nowMs: number): readonly Delivery[] {
  if (route.groups.length === 0) return []
  const chosen: Delivery[] = []
  for (const group of route.groups) {
    const member = group.pick()
    if (member === null) continue
    const delivery = { ...merge(member.session, [member.subscription]), group }
    if (isWithinShareRate(namespace, group, delivery, qos, nowMs)) chosen.push(delivery)
  }
  return chosen
}

/** Above the rate of a shared subscription QoS 0 is dropped, and its members get the rest at their part of the rate. */
function isWithinShareRate(
  namespace: Namespace,
  group: ShareGroup,
  { session, maximumQoS }: Delivery,
  qos: QoS,
  nowMs: number,
): boolean {
  const perMember = namespace.limits.sharedDeliveriesPerSecondPerSubscriber
  if (perMember === null) return true
  const waitMs = group.waitMs(perMember, nowMs)
  if (waitMs > 0) {
    namespace.limitBites('sharedDeliveriesPerSecondPerSubscriber')
    if (qos === 0 || maximumQoS === 0) {
      namespace.counters.droppedRate++
      return false
    }
    session.online?.paceFor(waitMs, perMember)
  }
  group.gaveOut()
  return true
}

function retainedExpiry(namespace: Namespace, expiresAt: UnixMillis | null, now: UnixMillis): UnixMillis | null {
  const longest = namespace.limits.maximumRetainedExpirySeconds
  if (longest === null) return expiresAt
  const latest = unixMillis(now + longest * 1000)
  return expiresAt === null || expiresAt > latest ? latest : expiresAt
}
