import type { TopicName } from '../../mqtt/topic.ts'
import type { SessionEntry } from './session-table.ts'
import { ShareGroup } from './shared-subscription.ts'
import type { Subscription } from './subscription.ts'
import { TopicNames, TopicTrie } from './topic-trie.ts'

/** What one session gets of one topic: one copy, whatever number of its subscriptions match. */
export interface Delivery {
  readonly session: SessionEntry
  readonly maximumQoS: 0 | 1 | 2
  readonly retainAsPublished: boolean
  readonly identifiers: readonly number[]
  /** True when one of the matching subscriptions has No Local: `ownMessages` holds for what the session publishes itself. */
  readonly hasNoLocal: boolean
  readonly ownMessages: Delivery | null
  /** Null: not by a shared subscription. */
  readonly group: ShareGroup | null
}

/** Where messages of one topic go. Replaced, never changed: `isValid` turns false when a matching filter changes. */
export interface Route {
  readonly topicName: TopicName
  isValid: boolean
  readonly deliveries: readonly Delivery[]
  readonly groups: readonly ShareGroup[]
  /** Highest QoS of a subscription whose queue is in the store; 0: no such one, a commit is not needed. */
  readonly storedQoS: 0 | 1 | 2
  /**
   * True when all receivers of one version get the very same bytes of a message without RETAIN: no group, no
   * identifiers, no no-local.
   */
  readonly isPlain: boolean
  /** Plain, and all receivers have their queue in the store: of a message with QoS 1 or 2 nothing is delivered in process. */
  readonly isStoredOnly: boolean
}

/** Routes kept per namespace; above, all of them are made anew as they are asked for. */
const cachedRoutes = 100_000

type Target = SessionEntry | ShareGroup

/** Subscriptions of one namespace, and for each topic that is published to the receivers they lead to. */
export class Router {
  readonly #trie = new TopicTrie<Target, Subscription | ShareGroup>()
  readonly #routes = new TopicNames<Route>()
  readonly #groups = new Map<string, ShareGroup>()
  /** Filters in use under each share name. */
  readonly #shareNames = new Map<string, number>()

  get subscriptionCount(): number {
    return this.#trie.size
  }

  get groupCount(): number {
    return this.#groups.size
  }

  get shareNameCount(): number {
    return this.#shareNames.size
  }

  filtersShared(shareName: string): number {
    return this.#shareNames.get(shareName) ?? 0
  }

  group(shareName: string, topicFilter: string): ShareGroup | undefined {
    return this.#groups.get(groupKey(shareName, topicFilter))
  }

  add(session: SessionEntry, subscription: Subscription): void {
    const { shareName, topicFilter } = subscription
    if (shareName === null) {
      this.#trie.set(topicFilter, session, subscription)
    } else {
      const key = groupKey(shareName, topicFilter)
      let group = this.#groups.get(key)
      if (group === undefined) {
        group = new ShareGroup(shareName, topicFilter)
        this.#groups.set(key, group)
        this.#shareNames.set(shareName, this.filtersShared(shareName) + 1)
        this.#trie.set(topicFilter, group, group)
      }
      group.add(session, subscription)
    }
    this.#invalidate(topicFilter)
  }

  remove(session: SessionEntry, subscription: Subscription): void {
    const { shareName, topicFilter } = subscription
    if (shareName === null) {
      this.#trie.delete(topicFilter, session)
    } else {
      const key = groupKey(shareName, topicFilter)
      const group = this.#groups.get(key)
      if (group === undefined) return
      group.remove(session)
      if (group.size === 0) {
        this.#groups.delete(key)
        const left = this.filtersShared(shareName) - 1
        if (left > 0) this.#shareNames.set(shareName, left)
        else this.#shareNames.delete(shareName)
        this.#trie.delete(topicFilter, group)
      }
    }
    this.#invalidate(topicFilter)
  }

  route(topicName: TopicName): Route {
    const cached = this.#routes.get(topicName)
    if (cached !== undefined) return cached
    if (this.#routes.size >= cachedRoutes) this.#forgetRoutes()
    const route = this.#compute(topicName)
    this.#routes.set(topicName, route)
    return route
  }

  #compute(topicName: TopicName): Route {
    const matches = new Map<SessionEntry, Subscription | Subscription[]>()
    const groups: ShareGroup[] = []
    this.#trie.match(topicName, (value, key) => {
      if (value instanceof ShareGroup) {
        groups.push(value)
        return
      }
      const session = key as SessionEntry
      const before = matches.get(session)
      if (before === undefined) matches.set(session, value)
      else if (Array.isArray(before)) before.push(value)
      else matches.set(session, [before, value])
    })
    const deliveries: Delivery[] = []
    let storedQoS: 0 | 1 | 2 = 0
    let isPlain = groups.length === 0
    let isStoredOnly = true
    for (const [session, match] of matches) {
      const delivery = combine(session, Array.isArray(match) ? match : [match])
      deliveries.push(delivery)
      if (session.isStored && delivery.maximumQoS > storedQoS) storedQoS = delivery.maximumQoS
      if (delivery.identifiers.length > 0 || delivery.hasNoLocal) isPlain = false
      if (!session.isStored || delivery.maximumQoS === 0) isStoredOnly = false
    }
    for (const group of groups) if (group.storedQoS > storedQoS) storedQoS = group.storedQoS
    isStoredOnly &&= isPlain && deliveries.length > 0
    return { topicName, isValid: true, deliveries, groups, storedQoS, isPlain, isStoredOnly }
  }

  /** Only topics that the changed filter matches lose their route: a device that subscribes empties nobody's cache. */
  #invalidate(topicFilter: string): void {
    if (this.#routes.size === 0) return
    const stale: string[] = []
    for (const [topicName, route] of this.#routes.matching(topicFilter)) {
      route.isValid = false
      stale.push(topicName)
    }
    for (const topicName of stale) this.#routes.delete(topicName)
  }

  #forgetRoutes(): void {
    for (const [, route] of this.#routes.all()) route.isValid = false
    this.#routes.clear()
  }
}

function groupKey(shareName: string, topicFilter: string): string {
  return `${shareName}/${topicFilter}`
}

/** One copy with the highest QoS and all identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-4]. */
function combine(session: SessionEntry, subscriptions: readonly Subscription[]): Delivery {
  const all = merge(session, subscriptions)
  const others = subscriptions.filter((subscription) => !subscription.stored.noLocal)
  if (others.length === subscriptions.length) return all
  return { ...all, hasNoLocal: true, ownMessages: others.length === 0 ? null : merge(session, others) }
}

export function merge(session: SessionEntry, subscriptions: readonly Subscription[]): Delivery {
  let maximumQoS: 0 | 1 | 2 = 0
  let retainAsPublished = false
  const identifiers: number[] = []
  for (const { stored } of subscriptions) {
    if (stored.maximumQoS > maximumQoS) maximumQoS = stored.maximumQoS
    if (stored.retainAsPublished) retainAsPublished = true
    if (stored.subscriptionIdentifier !== null) identifiers.push(stored.subscriptionIdentifier)
  }
  return { session, maximumQoS, retainAsPublished, identifiers, hasNoLocal: false, ownMessages: null, group: null }
}
