import type { PublishPacket, QoS, SubscriptionRequest } from '../../src/mqtt/packet.ts'
import { type DeviceName, matches, type SimNamespace } from './rights.ts'
import { must } from './violation.ts'

/** An order that does not come. */
const never = Number.MAX_SAFE_INTEGER

/** One application message, from its first PUBLISH on. Its id is its payload. */
export interface Message {
  readonly id: string
  readonly namespace: SimNamespace
  readonly publisher: string
  readonly device: DeviceName
  /** Counts over the whole run: sent earlier is lower. */
  readonly order: number
  readonly topicName: string
  readonly qos: QoS
  readonly retain: boolean
  readonly isWill: boolean
  readonly sizeBytes: number
  readonly sentAt: number
  readonly expirySeconds: number | null
  /** Of the rights when it was first sent. */
  readonly version: number
  /** How often the publisher sent it. */
  attempts: number
  /** `over`: the publisher's session is gone, nobody knows. */
  state: 'open' | 'accepted' | 'refused' | 'over'
  acceptedOrder: number
  /** By share group: sessions that got it and can only have got it as members. */
  readonly shared: Map<string, Set<SessionModel>>
  /** Sessions that are owed it once it is accepted, and the lowest QoS that can be theirs. */
  readonly candidates: Map<SessionModel, Candidate>
}

interface Candidate {
  readonly lowest: QoS
  /** Null: subscriptions changed meanwhile. */
  readonly exactly: QoS | null
}

export interface SubscriptionModel {
  readonly request: SubscriptionRequest
  readonly identifier: number | null
  readonly requestedOrder: number
  readonly requestedVersion: number
  /** Null: no SUBACK, or something happened to it since. */
  granted: QoS | null
  isRefused: boolean
  /** UNSUBACK came, or another took its place. */
  removedOrder: number
}

interface Receipt {
  count: number
  /** Without DUP. */
  fresh: number
  /** With QoS 2. */
  exact: number
  link: number
  onThisLink: number
}

/** What a client and everybody who owes it something know about one session of the broker. */
export class SessionModel {
  readonly owner: string
  readonly device: DeviceName
  readonly namespace: SimNamespace
  /** The lowest that can be in force. */
  expirySeconds: number
  /** What CONNACK said last, while nothing since can have changed it. */
  agreedSeconds: number | null = null
  /** A CONNACK told of it. */
  isReal = false
  /** Since when the connection is over at the latest; null: connected. */
  offlineSince: number | null = null
  /** Something may have ended or emptied it: nothing is owed. */
  isDoomed = false
  readonly current = new Map<string, SubscriptionModel>()
  readonly history: SubscriptionModel[] = []
  readonly owed = new Map<Message, Candidate>()
  /** In whatever way, retained or not. */
  readonly got = new Set<Message>()
  readonly received = new Map<Message, Receipt>()
  readonly #lastOrder = new Map<string, number>()
  smallestPacket = Number.MAX_SAFE_INTEGER

  constructor(owner: string, device: DeviceName, namespace: SimNamespace, expirySeconds: number) {
    this.owner = owner
    this.device = device
    this.namespace = namespace
    this.expirySeconds = expirySeconds
  }

  /** False: the broker may say that there is no session. */
  mustExist(now: number): boolean {
    if (this.isDoomed || !this.isReal || this.expirySeconds === 0) return false
    return this.offlineSince === null || now - this.offlineSince < this.expirySeconds * 1_000
  }

  doom(): void {
    this.isDoomed = true
    this.owed.clear()
  }

  /** In order of publication per publisher, topic and both QoS. */
  inOrder(message: Message, qos: QoS): boolean {
    const key = `${message.publisher} ${message.topicName} ${message.qos} ${qos} ${message.isWill}`
    const last = this.#lastOrder.get(key) ?? -1
    if (message.order < last) return false
    this.#lastOrder.set(key, message.order)
    return true
  }
}

/** Everything that was published, to whom it is owed, and what is wrong with a delivery. */
export class Ledger {
  readonly #byId = new Map<string, Message>()
  readonly #sessions = new Set<SessionModel>()
  readonly #open = new Set<Message>()
  /** False where queues overflow: then nothing is owed. */
  readonly #isOwing: boolean
  #order = 0
  /** What was checked, for the figures of a run. */
  deliveries = 0
  kept = 0

  constructor(isOwing: boolean) {
    this.#isOwing = isOwing
  }

  get messages(): number {
    return this.#byId.size
  }

  get sessions(): ReadonlySet<SessionModel> {
    return this.#sessions
  }

  nextOrder(): number {
    return ++this.#order
  }

  openSession(owner: string, device: DeviceName, namespace: SimNamespace, expirySeconds: number): SessionModel {
    const session = new SessionModel(owner, device, namespace, expirySeconds)
    this.#sessions.add(session)
    return session
  }

  /** The client will never use it again. */
  forget(session: SessionModel): void {
    session.doom()
    this.#sessions.delete(session)
    for (const message of this.#open) message.candidates.delete(session)
  }

  /** A message is about to be sent for the first time. */
  publish(
    facts: Omit<Message, 'id' | 'order' | 'attempts' | 'state' | 'acceptedOrder' | 'candidates' | 'shared'>,
  ): Message {
    const order = this.nextOrder()
    const message: Message = {
      ...facts,
      id: `${facts.namespace.name}/${facts.publisher}/${order}`,
      order,
      attempts: 1,
      state: 'open',
      acceptedOrder: never,
      candidates: new Map(),
      shared: new Map(),
    }
    this.#byId.set(message.id, message)
    if (message.qos === 0 || message.isWill) return message
    this.#open.add(message)
    if (!this.#isOwing || message.expirySeconds !== null) return message
    for (const session of this.#sessions) {
      if (session.namespace !== message.namespace || session.isDoomed) continue
      const candidate = candidateOf(session, message)
      if (candidate !== null) message.candidates.set(session, candidate)
    }
    return message
  }

  /** The broker took it over: whoever subscribed all the while is owed it. */
  accepted(message: Message): void {
    if (message.state !== 'open') return
    message.state = 'accepted'
    message.acceptedOrder = this.nextOrder()
    this.#open.delete(message)
    for (const [session, candidate] of message.candidates) {
      if (candidate.lowest > 0 && !session.isDoomed && !session.got.has(message)) session.owed.set(message, candidate)
    }
  }

  refused(message: Message): void {
    message.state = 'refused'
    message.acceptedOrder = this.nextOrder()
    this.#open.delete(message)
  }

  over(message: Message): void {
    if (message.state !== 'open') return
    message.state = 'over'
    this.#open.delete(message)
  }

  // ------------------------------------------------------------------------------------------ subscriptions

  subscribing(session: SessionModel, requests: readonly SubscriptionRequest[], identifier: number | null): void {
    for (const request of requests) {
      const before = session.current.get(request.topicFilter)
      const subscription: SubscriptionModel = {
        request,
        identifier,
        requestedOrder: this.nextOrder(),
        requestedVersion: session.namespace.version,
        granted: null,
        isRefused: false,
        removedOrder: never,
      }
      session.current.set(request.topicFilter, subscription)
      session.history.push(subscription)
      for (const message of this.#matchingOpen(session, request.topicFilter)) {
        const { lowest } = message.candidates.get(session) as Candidate
        const isLower = before !== undefined && request.qos < lowest
        const isOwn = request.noLocal && message.publisher === session.owner
        if (isOwn && before !== undefined) message.candidates.delete(session)
        else message.candidates.set(session, { lowest: isLower ? request.qos : lowest, exactly: null })
      }
    }
  }

  subscribed(session: SessionModel, requests: readonly SubscriptionRequest[], reasonCodes: readonly number[]): void {
    must(requests.length === reasonCodes.length, 'SUBACK has one code per filter', () => `${reasonCodes.length}`)
    for (const [index, { topicFilter, qos }] of requests.entries()) {
      const subscription = session.current.get(topicFilter)
      const reasonCode = reasonCodes[index] as number
      if (subscription === undefined || subscription.request !== requests[index]) continue
      const { namespace, device } = session
      if (reasonCode >= 0x80) {
        subscription.isRefused = true
        session.current.delete(topicFilter)
        continue
      }
      must(reasonCode <= qos, 'granted QoS is at most what was asked for', () => `${reasonCode} for ${qos}`)
      must(
        namespace.maySubscribe(device, topicFilter, subscription.requestedVersion),
        'no subscription without right',
        () => `${session.owner} subscribed to ${topicFilter}`,
      )
      subscription.granted = reasonCode as QoS
      for (const other of session.history) {
        if (other !== subscription && other.request.topicFilter === topicFilter) {
          other.removedOrder = Math.min(other.removedOrder, this.#order)
        }
      }
    }
  }

  unsubscribing(session: SessionModel, topicFilter: string): void {
    const subscription = session.current.get(topicFilter)
    session.current.delete(topicFilter)
    if (subscription === undefined) return
    subscription.granted = null
    for (const message of this.#matchingOpen(session, topicFilter)) message.candidates.delete(session)
  }

  unsubscribed(session: SessionModel, topicFilter: string): void {
    if (session.current.has(topicFilter)) return
    const order = this.nextOrder()
    for (const subscription of session.history) {
      if (subscription.request.topicFilter === topicFilter) {
        subscription.removedOrder = Math.min(subscription.removedOrder, order)
      }
    }
  }

  /** The connection is over: what was not answered is not known. */
  unanswered(session: SessionModel): void {
    for (const subscription of session.current.values()) {
      if (subscription.granted === null) session.current.delete(subscription.request.topicFilter)
    }
  }

  *#matchingOpen(session: SessionModel, topicFilter: string): Generator<Message> {
    for (const message of this.#open) {
      if (message.candidates.has(session) && matches(topicFilter, message.topicName)) yield message
    }
  }

  // ------------------------------------------------------------------------------------------ deliveries

  /** @param link number of the connection; @param topicName with the alias resolved */
  delivered(session: SessionModel, link: number, packet: PublishPacket, topicName: string, now: number): Message {
    const text = Buffer.from(packet.payload).toString('latin1')
    const end = text.indexOf(' ')
    const message = this.#byId.get(end < 0 ? text : text.slice(0, end))
    const who = `${session.owner} in ${session.namespace.name}`
    must(message !== undefined, 'only what was published is delivered', () => `${who} got ${text.slice(0, 60)}`)
    const what = (): string => `${who} got ${message.id} on ${topicName} with QoS ${packet.qos} of ${message.qos}`
    this.deliveries++
    must(message.namespace === session.namespace, 'no message crosses namespaces', what)
    must(packet.payload.length === message.sizeBytes, 'a payload arrives whole', what)
    must(topicName === message.topicName, 'a message keeps its topic', what)
    must(packet.qos <= message.qos, 'QoS is never raised', what)
    const mayPublish = message.namespace.mayPublish(message.device, message.topicName, message.version)
    must(mayPublish, 'no message is delivered that its client may not publish', what)
    must(message.state !== 'refused' || message.attempts > 1, 'no message is delivered that was refused', what)
    const subscriptions = this.#reasonsFor(session, message, packet.retain, what)
    const highest = Math.max(...subscriptions.map(({ granted, request }) => granted ?? request.qos))
    must(packet.qos <= highest, 'QoS is at most what was granted', () => `${what()}, granted ${highest}`)
    for (const identifier of packet.properties.subscriptionIdentifiers ?? []) {
      const isKnown = subscriptions.some((subscription) => subscription.identifier === identifier)
      must(isKnown, 'identifiers are those of matching subscriptions', () => `${what()}, identifier ${identifier}`)
    }
    this.#judgeExpiry(message, packet, now, what)
    const isShared = subscriptions.some(({ request }) => request.topicFilter.startsWith('$share/'))
    if (!isFromStore(message, packet)) this.#judgeCopies(session, link, message, packet, isShared, subscriptions, what)
    session.got.add(message)
    session.owed.delete(message)
    return message
  }

  /** The subscriptions that the delivery can rest on. */
  #reasonsFor(session: SessionModel, message: Message, retain: boolean, what: () => string): SubscriptionModel[] {
    const own = message.publisher === session.owner
    const matching = session.history.filter(({ request }) => matches(request.topicFilter, message.topicName))
    must(matching.length > 0, 'only subscribed topics are delivered', what)
    const others = matching.filter(({ request }) => !(own && request.noLocal && !message.isWill))
    must(others.length > 0 || retain, 'No Local keeps own messages away', what)
    const inTime = matching.filter(
      ({ removedOrder, requestedOrder, request }) =>
        // What one member of a share leaves behind goes to another, however young its membership is.
        message.order < removedOrder &&
        (retain || requestedOrder < message.acceptedOrder || request.topicFilter.startsWith('$share/')),
    )
    must(inTime.length > 0 || (retain && message.retain), 'nothing is delivered after UNSUBACK', what)
    const allowed = matching.filter(({ request }) =>
      session.namespace.maySubscribe(session.device, request.topicFilter, message.version),
    )
    must(allowed.length > 0, 'no delivery without right', what)
    return matching
  }

  #judgeExpiry(message: Message, packet: PublishPacket, now: number, what: () => string): void {
    const left = packet.properties.messageExpiryIntervalSeconds
    if (message.expirySeconds === null) {
      must(left === undefined, 'an expiry interval is not invented', what)
      return
    }
    if (left !== undefined) {
      const isLeft = left > 0 || packet.dup
      must(isLeft && left <= message.expirySeconds, 'the expiry interval shrinks while a message waits', what)
      must(
        left * 1_000 >= message.expirySeconds * 1_000 - (now - message.sentAt),
        'the expiry interval shrinks by the time waited',
        () => `${what()}: ${left} of ${message.expirySeconds} s after ${now - message.sentAt} ms`,
      )
    }
  }

  #judgeCopies(
    session: SessionModel,
    link: number,
    message: Message,
    packet: PublishPacket,
    isShared: boolean,
    reasons: readonly SubscriptionModel[],
    what: () => string,
  ): void {
    this.#judgeShare(session, message, packet, reasons, what)
    const receipt = session.received.get(message)
    if (receipt === undefined) {
      session.received.set(message, {
        count: 1,
        fresh: packet.dup ? 0 : 1,
        exact: packet.qos === 2 ? 1 : 0,
        link,
        onThisLink: 1,
      })
      // What expires or overflows on the way comes late when its client sends it again; wills have delays.
      const isTooLarge = message.sizeBytes + 300 > session.smallestPacket
      if (
        isShared ||
        isTooLarge ||
        !this.#isOwing ||
        message.retain ||
        message.isWill ||
        message.expirySeconds !== null
      )
        return
      // Sent again after somebody subscribed it is a younger message to him; and so it is to one to whom it goes with QoS 0
      // and who was away when it came first.
      if (message.attempts > 1 && (packet.qos === 0 || !message.candidates.has(session))) return
      must(session.inOrder(message, packet.qos), 'messages of one client and topic keep their order', what)
      const exactly = message.candidates.get(session)?.exactly ?? null
      if (exactly !== null && !session.isDoomed) {
        must(
          packet.qos === exactly,
          'QoS is the lower of published and granted',
          () => `${what()}, expected ${exactly}`,
        )
      }
      return
    }
    const groups = new Set(
      reasons.map(({ request }) => (request.topicFilter.startsWith('$') ? request.topicFilter : '')),
    )
    receipt.count++
    receipt.onThisLink = receipt.link === link ? receipt.onThisLink + 1 : 1
    receipt.link = link
    if (packet.qos === 0 && message.qos === 0) {
      must(receipt.count <= groups.size, 'QoS 0 arrives at most once', what)
    }
    if (packet.qos === 2) receipt.exact++
    must(receipt.exact <= groups.size, 'QoS 2 arrives exactly once', what)
    must(
      receipt.onThisLink <= message.attempts * groups.size,
      'nothing is sent twice in one connection',
      () => `${what()}, ${receipt.onThisLink} times, published ${message.attempts} times`,
    )
    if (packet.qos === 0) return
    if (!packet.dup) receipt.fresh++
    must(receipt.fresh <= message.attempts * groups.size, 'what is sent again has DUP', what)
  }

  /** One member of a share gets a message; QoS 1 may move on when its member goes. */
  #judgeShare(
    session: SessionModel,
    message: Message,
    packet: PublishPacket,
    reasons: readonly SubscriptionModel[],
    what: () => string,
  ): void {
    const filters = new Set(reasons.map(({ request }) => request.topicFilter))
    const [topicFilter = ''] = filters
    if (filters.size !== 1 || !topicFilter.startsWith('$share/') || packet.qos === 1 || message.qos === 1) return
    const members = message.shared.get(topicFilter) ?? new Set()
    message.shared.set(topicFilter, members.add(session))
    must(members.size <= message.attempts, 'a share gets one copy', () => `${what()}, ${members.size} members`)
  }

  /** At the end: whatever is owed and not there is lost. */
  judgeOwed(): void {
    for (const session of this.#sessions) {
      for (const [message] of session.owed) {
        if (message.sizeBytes + 300 > session.smallestPacket) continue
        must(
          false,
          message.qos === 2 ? 'QoS 2 arrives exactly once' : 'QoS 1 arrives at least once',
          () => `${session.owner} in ${session.namespace.name} never got ${message.id} on ${message.topicName}`,
        )
      }
      this.kept += session.received.size
    }
  }
}

/** With RETAIN it may come from the retained store, as often as somebody subscribes. */
function isFromStore(message: Message, packet: PublishPacket): boolean {
  return packet.retain && message.retain
}

function candidateOf(session: SessionModel, message: Message): Candidate | null {
  let granted = -1
  let isCertain = true
  for (const subscription of session.history) {
    const { topicFilter, noLocal } = subscription.request
    if (subscription.removedOrder !== never || subscription.isRefused) continue
    if (topicFilter.startsWith('$share/') || !matches(topicFilter, message.topicName)) continue
    const current = session.current.get(topicFilter)
    // Somebody asked for another one, or for none: which of them the message meets is open.
    if (current !== subscription || subscription.granted === null) isCertain = false
    if (current === undefined || subscription.granted === null) continue
    const isOwn = message.publisher === session.owner
    if (isOwn && (noLocal || current.request.noLocal)) continue
    granted = Math.max(granted, Math.min(subscription.granted, current.request.qos))
  }
  if (granted < 0) return null
  const lowest = Math.min(granted, message.qos) as QoS
  return { lowest, exactly: isCertain ? lowest : null }
}
