import type { Acceptance } from '../../auth/decision.ts'
import type { ConnectEvidence } from '../../auth/evidence.ts'
import type { Principal } from '../../auth/principal.ts'
import type { Rights } from '../../auth/rights.ts'
import type { UnixMillis } from '../../base/time.ts'
import type { ProtocolVersion, QoS } from '../../mqtt/packet.ts'
import { patchPacketIdentifier } from '../../mqtt/publish-encoder.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { TopicName } from '../../mqtt/topic.ts'
import type { Fence, SessionRecord } from '../../ports/session-store.ts'
import type { SubscribeRate } from '../bounds/namespace-rates.ts'
import { type Rate, TokenBucket } from '../bounds/token-bucket.ts'
import { OutgoingInflight, OutgoingState } from '../message/inflight.ts'
import type { MessageForms } from '../message/message-forms.ts'
import type { Outbox } from '../message/outbox.ts'
import { OutgoingAliases } from '../message/topic-alias.ts'
import type { WheelEntry } from '../turn/timers.ts'
import type { Resumable } from '../turn/turn.ts'
import type { CloseCause } from './close-cause.ts'
import { MemoryQueue } from './memory-queue.ts'
import type { Namespace } from './namespace.ts'
import type { PeerFacts } from './peer-facts.ts'
import { noRest, type RetainedRest, type SessionEntry } from './session-table.ts'
import type { SharedCopy } from './shared-subscription.ts'
import { SubscriptionHolder } from './subscription-holder.ts'

/** Of everybody for whom none waits (bench: mtls-idle). */
const nobodyWaits: Resumable[] = []

/** Property of an alias, and two lengths that may need a byte more each. */
const longestAliasBytes = 5

/** What a session asks of its connection. */
export interface SessionLink {
  /** Monotonic time of this turn. */
  readonly nowMs: number
  readonly outbox: Outbox
  sendAcknowledgement(
    type: 'PUBREL' | 'PUBACK' | 'PUBREC' | 'PUBCOMP',
    identifier: number,
    reasonCode: ReasonCode,
  ): void
  /** The queue is over its limits and its rule is to end the session. */
  onSessionOverflow(): void
  /** Calls `pump` after so many milliseconds. */
  pumpLater(waitMs: number): void
  onStoreFailure(error: unknown): void
  /** Somebody with the same right is taking the session over: nothing more is read until it is decided. */
  waitForTakeover(isWaiting: boolean): void
  end(cause: CloseCause): void
}

/** What the store queues for a session, on its way to the client. */
export interface StoredQueue {
  /** More is in the store than was sent. */
  readonly isBehind: boolean
  /** Sends what the window allows. */
  pump(): void
  /** Both: of the message under this identifier. */
  acknowledged(identifier: number): void
  released(identifier: number): void
  stop(): void
}

export interface SessionFacts {
  readonly entry: SessionEntry
  readonly namespace: Namespace
  readonly principal: Principal
  /** What CONNECT saw, kept for judging again. */
  readonly evidence: ConnectEvidence
  readonly acceptance: Acceptance
  readonly fence: Fence
  readonly record: SessionRecord
  readonly willTopic: TopicName | null
  readonly version: ProtocolVersion
  /** Towards the client. */
  readonly maximumPacketSizeBytes: number
  readonly receiveMaximum: number
  readonly topicAliasMaximum: number
  readonly link: SessionLink
  /** Monotonic. */
  readonly nowMs: number
}

/**
 * A session with its connection on this node: what it is owed and what is under way to it. Its subscriptions are as the client
 * set them; the store and the router follow.
 */
export class OnlineSession extends SubscriptionHolder {
  readonly entry: SessionEntry
  readonly namespace: Namespace
  /** Attributes of a dynamic client may change with a re-authentication, who it is never does. */
  principal: Principal
  /** Of CONNECT, or of the last re-authentication. */
  evidence: ConnectEvidence
  isReauthenticating = false
  /** Of the last judgement. */
  acceptance: Acceptance
  readonly fence: Fence
  readonly record: SessionRecord
  readonly version: ProtocolVersion
  readonly maximumPacketSizeBytes: number
  readonly link: SessionLink
  readonly outbox: Outbox
  readonly inflight: OutgoingInflight
  /** Null: the client or the namespace wants none. */
  readonly aliases: OutgoingAliases | null
  /** What it may receive per second; null: no limit. */
  readonly rate: Rate | null
  /** SUBSCRIBE packets; null: no limit. */
  readonly subscribeRate: SubscribeRate | null
  readonly queue: MemoryQueue
  /** As agreed at CONNECT, or as DISCONNECT changed it; null: never expires. */
  expiryIntervalSeconds: number | null
  /** Of the will that CONNECT set; null: none. */
  readonly willTopic: TopicName | null
  /** Rights under which everything it holds was found allowed; null: not judged yet. */
  heldBy: Rights | null = null
  /** Of who judges it again: when its acceptance ends; null: never. */
  expiry: WheelEntry<OnlineSession> | null = null
  /** Those that have more to send, by filter. */
  #retainedSenders: Map<string, RetainedRest> | null = null
  #waiting = nobodyWaits
  /** While a share group gives out more than its rate: how fast this member takes its part, and until when. */
  #pace: TokenBucket | null = null
  #pacedUntilMs = 0
  /** QoS 1 messages of share groups under way, by identifier; null: none so far (bench: mtls-idle). */
  #shared: Map<number, SharedCopy> | null = null
  #stored: StoredQueue | null = null

  constructor(facts: SessionFacts) {
    super()
    const { limits } = facts.namespace
    this.entry = facts.entry
    this.namespace = facts.namespace
    this.principal = facts.principal
    this.evidence = facts.evidence
    this.acceptance = facts.acceptance
    this.fence = facts.fence
    this.record = facts.record
    this.version = facts.version
    this.maximumPacketSizeBytes = facts.maximumPacketSizeBytes
    this.link = facts.link
    this.willTopic = facts.willTopic
    this.expiryIntervalSeconds = facts.record.expiryIntervalSeconds
    this.outbox = facts.link.outbox
    this.subscribeRate = facts.namespace.rates.subscribes(facts.nowMs)
    this.rate = facts.namespace.rates.deliveries(facts.nowMs)
    const aliases = Math.min(facts.topicAliasMaximum, limits.outgoingTopicAliasMaximum)
    this.aliases = aliases > 0 && facts.version === 5 ? new OutgoingAliases(aliases) : null
    this.inflight = new OutgoingInflight(
      Math.min(facts.receiveMaximum, limits.maximumOutboundInflightMessages),
      limits.maximumOutboundInflightBytes,
    )
    this.queue = new MemoryQueue(facts.namespace.queueLimits, facts.namespace.queuedBytes)
  }

  /** For decisions about what it does later. */
  get peer(): PeerFacts {
    const { listener, remoteAddress, serverName, protocol, username } = this.evidence
    return { listener, remoteAddress, serverName, protocol, clientId: this.record.clientId, username }
  }

  /** From now on it is this one that sends what is retained for the filter. */
  sendsRetained(topicFilter: string, sender: RetainedRest): void {
    this.#retainedSenders ??= new Map()
    this.#retainedSenders.set(topicFilter, sender)
  }

  isRetainedSender(topicFilter: string, sender: RetainedRest): boolean {
    return this.#retainedSenders?.get(topicFilter) === sender
  }

  hasSentRetained(topicFilter: string, sender: RetainedRest): void {
    if (this.isRetainedSender(topicFilter, sender)) this.#retainedSenders?.delete(topicFilter)
  }

  /** What it does not come to any more. */
  get retainedRest(): readonly RetainedRest[] {
    return this.#retainedSenders === null ? noRest : [...this.#retainedSenders.values()]
  }

  /** Null: the queue is in memory. */
  get stored(): StoredQueue | null {
    return this.#stored
  }

  queueIn(stored: StoredQueue): void {
    this.#stored = stored
    this.outbox.isAwaited = true
  }

  /** Its messages are counted or written one by one, so they cannot be copied as a run. */
  get goesSingly(): boolean {
    return this.rate !== null || this.aliases !== null || this.#pace !== null
  }

  /** False: another member of a share group takes the message sooner. */
  get keepsUp(): boolean {
    return this.inflight.isOpen && !this.outbox.isSlow && this.queue.length === 0
  }

  /** Counts the message. False: it has to wait, and `pump` will be called. */
  mayReceive(sizeBytes: number): boolean {
    const { rate } = this
    if (rate === null && this.#pace === null) return true
    const { nowMs } = this.link
    if (this.#pace !== null && nowMs >= this.#pacedUntilMs) this.#pace = null
    const waitMs = Math.max(rate?.waitMs(nowMs) ?? 0, this.#pace?.waitMs(nowMs) ?? 0)
    if (waitMs === 0) {
      rate?.spend(sizeBytes)
      this.#pace?.spend(1)
      return true
    }
    const limit = rate?.limiting(nowMs) ?? null
    if (limit !== null) this.namespace.limitBites(limit)
    this.link.pumpLater(waitMs)
    return false
  }

  /**
   * A share group has given this member more than the group may give out: what it is owed goes out one by one at its part
   * of the rate until the group is level again. Its queue keeps one order, so all of it goes at that pace.
   */
  paceFor(waitMs: number, messagesPerSecond: number): void {
    const { nowMs } = this.link
    this.#pacedUntilMs = Math.max(this.#pacedUntilMs, nowMs + waitMs)
    this.#pace ??= new TokenBucket(messagesPerSecond, 0, nowMs)
  }

  /** Effective QoS 0: dropped and counted when it does not fit. */
  deliverAtMostOnce(forms: MessageForms, identifiers: readonly number[], retain: boolean): void {
    if (identifiers.length === 0 || this.version === 4) forms.select(this.version, 0, retain)
    else forms.make(0, retain, identifiers)
    const size = forms.end - forms.start
    if (size > this.maximumPacketSizeBytes) {
      this.namespace.counters.droppedTooLarge++
    } else if (!this.outbox.accepts(size)) {
      this.namespace.counters.droppedSlow++
      this.namespace.limitBites('maximumOutboxBytes')
    } else if (!this.mayReceive(size)) {
      this.namespace.counters.droppedRate++
    } else {
      // Only what is really sent may introduce an alias.
      if (this.aliases !== null) this.#introduce(this.aliases, forms, 0, retain, identifiers)
      this.outbox.append(forms.arena, forms.start, forms.end)
      this.namespace.counters.delivered.add(this.version, 0)
    }
  }

  /**
   * Effective QoS 1 or 2 of a session that queues in memory.
   *
   * @param exclusive nobody else gets these bytes, so the identifier is written into them
   * @param shared for another member of the group, should this session end before it has the message
   */
  deliver(
    forms: MessageForms,
    qos: 1 | 2,
    identifiers: readonly number[],
    retain: boolean,
    exclusive: boolean,
    expiresAt: UnixMillis | null,
    shared: SharedCopy | null = null,
  ): void {
    const own = identifiers.length > 0 && this.version === 5
    if (own) forms.make(qos, retain, identifiers)
    else forms.select(this.version, qos, retain)
    const size = forms.end - forms.start
    if (size > this.maximumPacketSizeBytes) {
      // [MQTT-3.1.2-25]: as if it had been delivered.
      this.namespace.counters.droppedTooLarge++
      return
    }
    if (this.queue.length > 0 || !this.inflight.isOpen || !this.outbox.accepts(size) || !this.mayReceive(size)) {
      this.#enqueue(forms, qos, expiresAt, shared)
      return
    }
    const identifier = this.inflight.take(qos, size)
    if (shared !== null) this.#keepShared(identifier, qos, shared)
    this.namespace.counters.delivered.add(this.version, qos)
    const isAliased = this.aliases !== null && this.#introduce(this.aliases, forms, qos, retain, identifiers)
    if (exclusive || own || isAliased) {
      patchPacketIdentifier(forms.arena.bytes, forms.identifierAt, identifier)
      this.outbox.append(forms.arena, forms.start, forms.end)
    } else {
      this.outbox.appendPatched(forms.arena, forms.start, forms.end, forms.identifierAt, identifier)
    }
  }

  /**
   * Puts the topic's alias into the frame that goes out now. The alias that comes with its topic makes the frame longer
   * than what was measured: where that is too long for the client, it goes without.
   */
  #introduce(
    aliases: OutgoingAliases,
    forms: MessageForms,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
  ): boolean {
    const alias = aliases.aliasOf(forms.topicName)
    if (alias > 0 && forms.end - forms.start + longestAliasBytes > this.maximumPacketSizeBytes) return false
    aliases.sent(forms.topicName, alias)
    if (alias === 0) return false
    forms.make(qos, retain, identifiers, alias)
    return true
  }

  /** [MQTT-4.8.2-5]: QoS 2 that was sent is never given to anybody else. */
  #keepShared(identifier: number, qos: 1 | 2, shared: SharedCopy): void {
    if (qos !== 1) return
    this.#shared ??= new Map()
    this.#shared.set(identifier, shared)
  }

  /** What share groups gave to this session and it does not have: for their other members. */
  takeShared(): readonly SharedCopy[] {
    const copies = this.#shared === null ? [] : [...this.#shared.values()]
    this.#shared = null
    for (let message = this.queue.shift(); message !== null; message = this.queue.shift()) {
      if (message.shared !== null) copies.push(message.shared)
    }
    return copies
  }

  #enqueue(forms: MessageForms, qos: 1 | 2, expiresAt: UnixMillis | null, shared: SharedCopy | null): void {
    const message = forms.keep(this.version, qos, expiresAt)
    const { dropped } = this.queue
    const { queuedBytes } = this.namespace
    const isFull = !queuedBytes.hasRoomFor(message.frame.length)
    const fits = this.queue.push(shared === null ? message : { ...message, shared })
    this.outbox.isAwaited = true
    if (this.queue.dropped > dropped) {
      this.namespace.counters.droppedOverflow += this.queue.dropped - dropped
      this.namespace.limitBites(isFull ? 'maximumNamespaceQueuedBytes' : 'maximumQueuedMessages')
    }
    if (!fits) this.link.onSessionOverflow()
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Resumed when the socket took what it had, or the client acknowledged something. */
  waitsForRoom(sender: Resumable): void {
    if (this.#waiting === nobodyWaits) this.#waiting = [sender]
    else this.#waiting.push(sender)
    this.outbox.isAwaited = true
  }

  /** Is there anything that `pump` might send or resume? */
  get isOwed(): boolean {
    return this.stored !== null || this.queue.length > 0 || this.#waiting.length > 0
  }

  /** Sends what waits as far as window and socket allow. */
  pump(now: UnixMillis): void {
    this.#pumpQueue(now)
    if (this.#waiting.length === 0 || this.outbox.isOverBound) return
    const waiting = this.#waiting
    this.#waiting = nobodyWaits
    for (const sender of waiting) sender.resume()
  }

  #pumpQueue(now: UnixMillis): void {
    if (this.stored !== null) {
      this.stored.pump()
      return
    }
    for (;;) {
      const message = this.queue.peek()
      if (message === null || !this.inflight.isOpen || !this.outbox.accepts(message.frame.length)) return
      const isExpired = message.expiresAt !== null && message.expiresAt <= now
      if (!isExpired && !this.mayReceive(message.frame.length)) return
      this.queue.shift()
      if (isExpired) {
        this.namespace.counters.droppedExpired++
        continue
      }
      const identifier = this.inflight.take(message.qos, message.frame.length)
      if (message.shared !== null) this.#keepShared(identifier, message.qos, message.shared)
      // [MQTT-3.3.2-6]: the interval received minus the time the message waited here.
      const seconds = message.expiresAt === null ? 0 : Math.ceil((message.expiresAt - now) / 1000)
      this.outbox.sendWaiting(message, identifier, seconds)
      this.namespace.counters.delivered.add(this.version, message.qos)
    }
  }

  onPuback(identifier: number, now: UnixMillis): void {
    if (this.inflight.stateOf(identifier) !== OutgoingState.AwaitingPuback) return
    this.inflight.free(identifier)
    this.#shared?.delete(identifier)
    if (this.stored !== null) this.stored.acknowledged(identifier)
    else if (this.queue.length > 0 || this.#waiting.length > 0) this.pump(now)
  }

  onPubrec(identifier: number, reasonCode: number, now: UnixMillis): void {
    const state = this.inflight.stateOf(identifier)
    if (state === OutgoingState.AwaitingPuback || state === OutgoingState.Reserved) return
    if (state === OutgoingState.Free) {
      if (reasonCode < 0x80) this.link.sendAcknowledgement('PUBREL', identifier, ReasonCode.PacketIdentifierNotFound)
      return
    }
    if (reasonCode >= 0x80) {
      // [MQTT-4.3.3-4]: not sent again; the identifier is free.
      this.inflight.free(identifier)
      if (this.stored !== null) this.stored.acknowledged(identifier)
      else this.pump(now)
      return
    }
    this.inflight.released(identifier)
    if (this.stored !== null && state === OutgoingState.AwaitingPubrec) this.stored.released(identifier)
    else this.link.sendAcknowledgement('PUBREL', identifier, ReasonCode.Success)
  }

  onPubcomp(identifier: number, now: UnixMillis): void {
    if (this.inflight.stateOf(identifier) !== OutgoingState.AwaitingPubcomp) return
    this.inflight.free(identifier)
    if (this.stored !== null) this.stored.acknowledged(identifier)
    else if (this.queue.length > 0 || this.#waiting.length > 0) this.pump(now)
  }
}
