import type { Clock } from '../../ports/clock.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { Log } from '../../ports/log.ts'
import type { QueueLimits, StoredSubscription } from '../../ports/session-store.ts'
import type { NamespaceLimits } from '../../registry/profile.ts'
import type { NamespaceView } from '../../registry/view.ts'
import { DecisionLog } from '../bounds/decision-log.ts'
import { LimitHits, type LimitName } from '../bounds/limit-hits.ts'
import { NamespaceRates } from '../bounds/namespace-rates.ts'
import { QueuedBytes } from '../bounds/queued-bytes.ts'
import { DecisionTally, MessageTally } from '../bounds/tally.ts'
import { HeldRights } from './held-rights.ts'
import { RetainedTopics } from './retained-topics.ts'
import { Router } from './router.ts'
import { type SessionEntry, SessionTable } from './session-table.ts'
import type { Subscription } from './subscription.ts'

/** What a namespace counts; summed into metrics from time to time, never per message. */
export interface Counters {
  readonly published: MessageTally
  publishedBytes: number
  readonly delivered: MessageTally
  /** QoS 0 towards a subscriber that does not keep up. */
  droppedSlow: number
  droppedTooLarge: number
  droppedExpired: number
  droppedOverflow: number
  /** QoS 0 above what a session or the namespace may receive per second. */
  droppedRate: number
  /** Messages that were not taken because the store takes nothing new. */
  refusedNoSpace: number
  connects: number
  refusedConnects: number
  deniedPublishes: number
  deniedSubscribes: number
}

/**
 * One namespace at run time: its subscriptions, sessions, retained topics, limits and decisions. Nothing below takes a
 * topic, a filter or a Client Identifier without the namespace it belongs to (design 3.1).
 */
export class Namespace {
  readonly id: NamespaceId
  readonly router = new Router()
  readonly sessions = new SessionTable()
  readonly retained = new RetainedTopics()
  readonly heldRights = new HeldRights<SessionEntry>()
  readonly decisions: DecisionLog
  readonly decided = new DecisionTally()
  readonly limitHits: LimitHits
  readonly queuedBytes: QueuedBytes
  readonly rates: NamespaceRates
  /** Open ones, those before CONNECT included. */
  connections = 0
  readonly counters: Counters = {
    published: new MessageTally(),
    publishedBytes: 0,
    delivered: new MessageTally(),
    droppedSlow: 0,
    droppedTooLarge: 0,
    droppedExpired: 0,
    droppedOverflow: 0,
    droppedRate: 0,
    refusedNoSpace: 0,
    connects: 0,
    refusedConnects: 0,
    deniedPublishes: 0,
    deniedSubscribes: 0,
  }
  #view: NamespaceView
  #limits: NamespaceLimits
  #queueLimits: QueueLimits
  #rightsRulesChanged = false
  /**
   * Rises whenever the registry changes: whoever keeps a grant compares this one number per message, and the revisions
   * that the grant was made from only when it differs (S40).
   */
  registryStamp = 0

  /** @param storedBytes what its queues in the store hold */
  constructor(view: NamespaceView, clock: Clock, log: Log, storedBytes: () => number) {
    this.id = view.id
    this.#view = view
    this.#limits = view.limits
    this.#queueLimits = queueLimitsOf(view.limits)
    this.rates = new NamespaceRates(view.limits, clock.monotonicMs())
    this.limitHits = new LimitHits(clock, log)
    this.queuedBytes = new QueuedBytes(storedBytes, () => this.#limits.maximumNamespaceQueuedBytes)
    this.decisions = new DecisionLog(view.limits.decisionsKept)
  }

  get view(): NamespaceView {
    return this.#view
  }

  get limits(): NamespaceLimits {
    return this.#limits
  }

  /** Of a session that opens now; all of them have the same (bench: mtls-idle). */
  get queueLimits(): QueueLimits {
    return this.#queueLimits
  }

  /** A limit was in somebody's way. */
  limitBites(limit: LimitName): void {
    this.limitHits.hit(this.#view.name, limit, this.#limits[limit])
  }

  /** Makes these the session's subscriptions; only topics that a changed filter matches get another route. */
  setSubscriptions(entry: SessionEntry, subscriptions: readonly Subscription[]): void {
    const before = new Map(entry.subscriptions)
    for (const subscription of subscriptions) {
      const { topicFilter } = subscription.stored
      const old = before.get(topicFilter)
      before.delete(topicFilter)
      if (old !== undefined && isSame(old.stored, subscription.stored)) continue
      entry.subscribe(topicFilter, subscription)
      this.router.add(entry, subscription)
    }
    for (const [topicFilter, old] of before) {
      entry.unsubscribe(topicFilter)
      this.router.remove(entry, old)
    }
  }

  /** The registry changed: from here on nothing that was decided before is worth anything without another look. */
  registryChanged(view: NamespaceView, nowMs: number): void {
    if (this.#limits !== view.limits) {
      this.rates.retune(view.limits, nowMs)
      this.#queueLimits = queueLimitsOf(view.limits)
    }
    if (this.#limits.dollarTopics !== view.limits.dollarTopics) this.#rightsRulesChanged = true
    this.#view = view
    this.#limits = view.limits
    this.registryStamp++
  }

  /** Whether a rule by which rights are judged has changed since the last question. */
  takeRightsRulesChanged(): boolean {
    const changed = this.#rightsRulesChanged
    this.#rightsRulesChanged = false
    return changed
  }
}

function queueLimitsOf({ maximumQueuedMessages, maximumQueuedBytes, queueOverflow }: NamespaceLimits): QueueLimits {
  return { maximumMessages: maximumQueuedMessages, maximumBytes: maximumQueuedBytes, overflow: queueOverflow }
}

function isSame(a: StoredSubscription, b: StoredSubscription): boolean {
  return (
    a.maximumQoS === b.maximumQoS &&
    a.noLocal === b.noLocal &&
    a.retainAsPublished === b.retainAsPublished &&
    a.subscriptionIdentifier === b.subscriptionIdentifier
  )
}
