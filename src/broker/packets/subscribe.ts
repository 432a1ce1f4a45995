import { authorize } from '../../auth/authorize.ts'
import type { SubscribePacket, SubscriptionRequest, UnsubscribePacket } from '../../mqtt/packet.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { parseSubscriptionFilter } from '../../mqtt/topic.ts'
import type { StoredSubscription } from '../../ports/session-store.ts'
import type { LimitName } from '../bounds/limit-hits.ts'
import { type CloseCause, clientError, storeUnavailable } from '../namespace/close-cause.ts'
import { topicFault } from '../namespace/message-limits.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Subscription } from '../namespace/subscription.ts'
import type { Peer } from './peer.ts'
import { RetainedSender } from './retained.ts'

/** Null: the store holds a filter that this version does not accept. */
export function parseStored(stored: StoredSubscription): Subscription | null {
  const parsed = parseSubscriptionFilter(stored.topicFilter)
  return parsed.ok ? { stored, ...parsed.value } : null
}

type Judged =
  | { readonly kind: 'granted'; readonly subscription: Subscription; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly reasonCode: ReasonCode }
  /** The whole connection goes. */
  | { readonly kind: 'fatal'; readonly cause: CloseCause }

/** Each filter is judged alone; what is granted is stored, then routed, then acknowledged, then its retained messages follow. */
export function onSubscribe(connection: Peer, session: OnlineSession, packet: SubscribePacket): void {
  const { core } = connection
  const { limits } = session.namespace
  const identifier = packet.properties.subscriptionIdentifier ?? null
  if (identifier !== null && !limits.subscriptionIdentifiers) {
    connection.end(
      clientError(ReasonCode.SubscriptionIdentifiersNotSupported, '3.2.2.3.12 Subscription Identifiers are not served'),
    )
    return
  }
  const userProperties = packet.properties.userProperties?.length ?? 0
  if (userProperties > 0 && !limits.userPropertiesOutsidePublish) {
    suback(
      connection,
      packet.packetIdentifier,
      packet.subscriptions.map(() => ReasonCode.ImplementationSpecificError),
    )
    return
  }
  const exceeded = session.subscribeRate?.exceeds(session.link.nowMs) ?? null
  if (exceeded !== null) {
    session.namespace.limitBites(exceeded)
    suback(
      connection,
      packet.packetIdentifier,
      packet.subscriptions.map(() => ReasonCode.QuotaExceeded),
    )
    return
  }
  if (session.entry.isStored && core.storeHealth.isFull) {
    suback(
      connection,
      packet.packetIdentifier,
      packet.subscriptions.map(() => ReasonCode.QuotaExceeded),
    )
    return
  }
  const reasonCodes: ReasonCode[] = []
  const granted: Extract<Judged, { kind: 'granted' }>[] = []
  for (const [index, request] of packet.subscriptions.entries()) {
    const judged =
      index >= limits.maximumFiltersPerSubscribe
        ? over(session.namespace, 'maximumFiltersPerSubscribe')
        : judge(connection, session, request, identifier)
    if (judged.kind === 'fatal') {
      connection.end(judged.cause)
      return
    }
    if (judged.kind === 'refused') {
      reasonCodes.push(judged.reasonCode)
      continue
    }
    const { stored } = judged.subscription
    session.subscribe(stored.topicFilter, judged.subscription)
    granted.push(judged)
    reasonCodes.push(stored.maximumQoS)
  }
  store(connection, session, () => {
    suback(connection, packet.packetIdentifier, reasonCodes)
    for (const { subscription, isNew } of granted) {
      const { retainHandling } = subscription.stored
      // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; never for a shared subscription (MQTT 5.0 4.8.2).
      if (retainHandling === 2 || (retainHandling === 1 && !isNew) || subscription.shareName !== null) continue
      new RetainedSender(core, session, subscription).resume()
    }
  })
}

function judge(
  connection: Peer,
  session: OnlineSession,
  request: SubscriptionRequest,
  subscriptionIdentifier: number | null,
): Judged {
  const { core } = connection
  const { namespace, principal, subscriptions } = session
  const { limits } = namespace
  const parsed = parseSubscriptionFilter(request.topicFilter)
  if (!parsed.ok) return { kind: 'refused', reasonCode: ReasonCode.TopicFilterInvalid }
  const { shareName, topicFilter } = parsed.value
  const fault = topicFault(topicFilter, Buffer.byteLength(topicFilter), limits)
  if (fault !== null) {
    namespace.limitBites(fault.limit)
    return { kind: 'refused', reasonCode: ReasonCode.TopicFilterInvalid }
  }
  if (shareName !== null) {
    if (session.version === 4 && !limits.sharedSubscriptionsInMqtt3) {
      return {
        kind: 'fatal',
        cause: clientError(ReasonCode.SharedSubscriptionsNotSupported, 'a shared subscription in MQTT 3.1.1'),
      }
    }
    if (!limits.sharedSubscriptions) {
      return { kind: 'refused', reasonCode: ReasonCode.SharedSubscriptionsNotSupported }
    }
    if (request.noLocal) {
      return {
        kind: 'fatal',
        cause: clientError(ReasonCode.ProtocolError, '[MQTT-3.8.3-4] No Local on a shared subscription'),
      }
    }
  }
  const authorization = authorize(core.rights.rightsOf(principal, namespace.view), 'subscribe', topicFilter)
  if (authorization.outcome === 'denied') {
    namespace.counters.deniedSubscribes++
    core.decisions.topicDenied(session, 'subscribe', authorization)
    return { kind: 'refused', reasonCode: ReasonCode.NotAuthorized }
  }
  const isNew = !subscriptions.has(request.topicFilter)
  const exceeded = isNew ? limitExceeded(session, shareName, topicFilter) : null
  if (exceeded !== null) return over(namespace, exceeded)
  const stored: StoredSubscription = {
    topicFilter: request.topicFilter,
    maximumQoS: request.qos > limits.maximumQoS ? limits.maximumQoS : request.qos,
    noLocal: request.noLocal,
    retainAsPublished: request.retainAsPublished,
    retainHandling: request.retainHandling,
    subscriptionIdentifier,
  }
  return { kind: 'granted', subscription: { stored, shareName, topicFilter }, isNew }
}

function over(namespace: Namespace, limit: LimitName): Judged {
  namespace.limitBites(limit)
  return { kind: 'refused', reasonCode: ReasonCode.QuotaExceeded }
}

function limitExceeded(session: OnlineSession, shareName: string | null, topicFilter: string): LimitName | null {
  const { subscriptions, namespace, entry } = session
  const { limits, router } = namespace
  // Granted, and no route yet: the packet is not through, or the store is on its way.
  const underWay = Math.max(0, subscriptions.size - entry.subscriptions.size)
  if (subscriptions.size >= limits.maximumSubscriptionsPerSession) return 'maximumSubscriptionsPerSession'
  if (router.subscriptionCount + underWay >= limits.maximumSubscriptions) return 'maximumSubscriptions'
  if (shareName === null) return null
  let shared = 0
  for (const subscription of subscriptions.values()) if (subscription.shareName !== null) shared++
  if (shared >= limits.maximumSharedSubscriptionsPerSession) return 'maximumSharedSubscriptionsPerSession'
  const group = router.group(shareName, topicFilter)
  if (group !== undefined) {
    return group.size >= limits.maximumSessionsPerSharedSubscription ? 'maximumSessionsPerSharedSubscription' : null
  }
  const filters = router.filtersShared(shareName)
  if (filters === 0 && router.shareNameCount >= limits.maximumShareGroups) return 'maximumShareGroups'
  if (filters >= limits.maximumSubscriptionsPerShareGroup) return 'maximumSubscriptionsPerShareGroup'
  return router.groupCount >= limits.maximumSharedSubscriptions ? 'maximumSharedSubscriptions' : null
}

export function onUnsubscribe(connection: Peer, session: OnlineSession, packet: UnsubscribePacket): void {
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    if (!parseSubscriptionFilter(topicFilter).ok) return ReasonCode.TopicFilterInvalid
    return session.unsubscribe(topicFilter) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted
  })
  const { packetIdentifier } = packet
  store(connection, session, () => connection.send({ type: 'UNSUBACK', packetIdentifier, reasonCodes, properties: {} }))
}

/** The session's filters take effect, then `answer`: in process at once, else when they are durable. */
function store(connection: Peer, session: OnlineSession, answer: () => void): void {
  const { commits, rejudge } = connection.core
  const { entry, namespace, subscriptions } = session
  rejudge.held(session)
  if (!entry.isStored) {
    namespace.setSubscriptions(entry, [...subscriptions.values()])
    answer()
    return
  }
  // The router follows the store (`SessionStore.routes`).
  commits.operate(session.fence, {
    kind: 'subscriptions',
    subscriptions: [...subscriptions.values()].map(({ stored }) => stored),
  })
  commits.wait({
    settled: (committed) => {
      if (connection.session !== session) return
      connection.guard(() => {
        if (committed) answer()
        else connection.end(storeUnavailable)
      })
    },
  })
}

/** MQTT 3.1.1 knows one failure [MQTT311-3.9.3-2]. */
function suback(connection: Peer, packetIdentifier: number, reasonCodes: readonly ReasonCode[]): void {
  connection.send({
    type: 'SUBACK',
    packetIdentifier,
    reasonCodes:
      connection.version === 5
        ? reasonCodes
        : reasonCodes.map((code) => (code >= 0x80 ? ReasonCode.UnspecifiedError : code)),
    properties: {},
  })
}
