import { authorize, type Denied } from '../auth/authorize.ts'
import type { Accepted, Refused } from '../auth/decision.ts'
import { type Principal, sessionOwnerOf } from '../auth/principal.ts'
import { assert } from '../base/assert.ts'
import { err, ok, type Result } from '../base/result.ts'
import { inSlices, type Steps } from '../base/steps.ts'
import { encodePacket } from '../mqtt/encode.ts'
import type { MessageProperties, QoS } from '../mqtt/packet.ts'
import { PublishView } from '../mqtt/publish-view.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import { parseTopicName } from '../mqtt/topic.ts'
import type { NamespaceId } from '../ports/identity.ts'
import type { Queue } from '../ports/message-store.ts'
import type { SessionRecord } from '../ports/session-store.ts'
import type { DecisionEntry, DecisionRing } from './bounds/decision-log.ts'
import type { LimitName } from './bounds/limit-hits.ts'
import type { DecisionCount, LatencyReading } from './bounds/tally.ts'
import { type RehearsedConnect, rehearse } from './connect/rehearsal.ts'
import { overLimit, topicFault } from './namespace/message-limits.ts'
import type { Counters } from './namespace/namespace.ts'
import type { SessionEntry } from './namespace/session-table.ts'
import type { Services } from './packets/services.ts'

export interface SessionListing {
  readonly record: SessionRecord
  /** Connected to this node. */
  readonly online: boolean
  readonly queued: { readonly messages: number; readonly bytes: number }
}

export interface PublishRequest {
  readonly namespace: NamespaceId
  readonly principal: Principal
  readonly topicName: string
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: MessageProperties
  readonly payload: Uint8Array
}

export type PublishRequestFailure =
  | { readonly kind: 'namespaceNotFound' }
  | { readonly kind: 'topicInvalid'; readonly detail: string }
  | { readonly kind: 'notAuthorized'; readonly denied: Denied }
  | { readonly kind: 'overLimit'; readonly reasonCode: ReasonCode }
  | { readonly kind: 'unavailable' }

export interface Stats {
  readonly connections: number
  readonly commitLatency: LatencyReading
  /** The store takes what is new. */
  readonly storeWritable: boolean
  /** Ends of sessions and namespaces that the store has not taken yet. */
  readonly unfinished: number
  /** Of peers that belong to no namespace. */
  readonly strayDecided: readonly Readonly<DecisionCount>[]
  readonly namespaces: readonly {
    readonly namespace: NamespaceId
    readonly online: number
    readonly sessions: number
    readonly subscriptions: number
    readonly retained: number
    readonly decided: readonly Readonly<DecisionCount>[]
    readonly retainedBytes: number
    readonly counters: Readonly<Counters>
    /** How often each limit was in somebody's way; only those that ever were. */
    readonly limitHits: readonly (readonly [limit: LimitName, total: number])[]
  }[]
}

/** What the API may ask of the broker. */
export interface Operations {
  /** In order of Client Identifier. */
  sessions(query: {
    readonly namespace: NamespaceId
    readonly foldedName?: string
    readonly after: string | null
    readonly limit: number
  }): readonly SessionListing[]
  /** Ends the session and its connection. False: there is none of this name. */
  closeSession(namespace: NamespaceId, clientId: string): Promise<boolean>
  /** Connected sessions, on this node, whose certification path holds this registered CA certificate. */
  sessionsRestingOn(namespace: NamespaceId, caCertificateName: string): number
  /** Newest first. Null: peers that belong to no namespace. */
  decisions(namespace: NamespaceId | null, limit: number, ring?: DecisionRing): readonly DecisionEntry[]
  /** What a CONNECT of an accepted principal would be refused by as things stand; null: by nothing. Changes nothing. */
  rehearse(namespace: NamespaceId, accepted: Accepted, asked: RehearsedConnect): Refused | null
  /** Resolves when the message is as durable as a PUBACK would say. */
  publish(request: PublishRequest): Promise<Result<null, PublishRequestFailure>>
  stats(): Stats
  /** What waits for subscribers, of all sessions of the namespace. Looks at each of them, so it takes its time in slices. */
  queued(namespace: NamespaceId): Promise<{ readonly messages: number; readonly bytes: number }>
}

export class BrokerOperations implements Operations {
  readonly #core: Services
  readonly #connections: { readonly size: number }
  readonly #view = new PublishView()

  constructor(core: Services, connections: { readonly size: number }) {
    this.#core = core
    this.#connections = connections
  }

  sessions(query: Parameters<Operations['sessions']>[0]): readonly SessionListing[] {
    const { engine, namespaces } = this.#core
    const namespace = namespaces.get(query.namespace)
    return engine.sessions.list(query).map((record) => ({
      record,
      online: namespace?.sessions.get(record.uid)?.online != null,
      queued: engine.queue.size(record.uid),
    }))
  }

  async closeSession(id: NamespaceId, clientId: string): Promise<boolean> {
    const { engine, namespaces, turn } = this.#core
    const record = engine.sessions.find(id, clientId)
    if (record === undefined) return false
    turn.begin()
    const online = namespaces.get(id)?.sessions.get(record.uid)?.online
    if (online == null) return engine.sessions.remove(record.uid, { epoch: record.epoch })
    online.link.end({
      reason: 'ServerInitiatedDisconnect',
      reasonCode: ReasonCode.AdministrativeAction,
      will: 'publish',
      endsSession: true,
    })
    await this.#core.sessionEnds.settled()
    return true
  }

  sessionsRestingOn(id: NamespaceId, caCertificateName: string): number {
    return this.#core.rejudge.restingOn(id, caCertificateName)
  }

  decisions(id: NamespaceId | null, limit: number, ring?: DecisionRing): readonly DecisionEntry[] {
    if (id === null) return this.#core.decisions.stray(limit)
    return this.#core.namespaces.get(id)?.decisions.recent(limit, ring) ?? []
  }

  rehearse(id: NamespaceId, accepted: Accepted, asked: RehearsedConnect): Refused | null {
    const namespace = this.#core.namespaces.get(id)
    return namespace === null ? null : rehearse(this.#core, namespace, accepted, asked)
  }

  publish(request: PublishRequest): Promise<Result<null, PublishRequestFailure>> {
    const core = this.#core
    const view = this.#view
    core.turn.begin()
    const { principal, qos, retain } = request
    const namespace = core.namespaces.get(request.namespace)
    if (namespace === null) return Promise.resolve(err({ kind: 'namespaceNotFound' }))
    const parsed = parseTopicName(request.topicName)
    if (!parsed.ok) return Promise.resolve(err({ kind: 'topicInvalid', detail: parsed.error.kind }))
    const topicName = parsed.value
    const fault = topicFault(topicName, Buffer.byteLength(topicName), namespace.limits)
    if (fault !== null) {
      namespace.limitBites(fault.limit)
      return Promise.resolve(err({ kind: 'topicInvalid', detail: fault.detail }))
    }
    const authorization = authorize(core.rights.rightsOf(principal, namespace.view), 'publish', topicName)
    if (authorization.outcome === 'denied')
      return Promise.resolve(err({ kind: 'notAuthorized', denied: authorization }))
    const frame = encodePacket(
      {
        type: 'PUBLISH',
        dup: false,
        qos: 0,
        retain,
        topicName,
        packetIdentifier: null,
        properties: request.properties,
        payload: request.payload,
      },
      5,
    )
    if (frame.length > namespace.limits.maximumPacketSizeBytes) {
      namespace.limitBites('maximumPacketSizeBytes')
      return Promise.resolve(err({ kind: 'overLimit', reasonCode: ReasonCode.PacketTooLarge }))
    }
    let bodyStart = 1
    while ((frame[bodyStart] as number) >= 0x80) bodyStart++
    const failure = view.read(frame, 0, bodyStart + 1, frame.length, 5)
    assert(failure === null, 'what was encoded can be read')
    const exceeded = overLimit(view, topicName, namespace)
    if (exceeded !== null) {
      namespace.limitBites(exceeded.limit)
      return Promise.resolve(err({ kind: 'overLimit', reasonCode: exceeded.reasonCode }))
    }
    return new Promise((resolve) => {
      const origin = {
        session: null,
        publisher: sessionOwnerOf(principal),
        uncommitted: 0,
        published: (_token: number, committed: boolean) =>
          resolve(committed ? ok(null) : err({ kind: 'unavailable' as const })),
      }
      const route = namespace.router.route(topicName)
      const publication = { namespace, topicName, route, aliasedTopic: null }
      if (core.publishing.publish(publication, view, qos, retain, origin, 1)) resolve(ok(null))
    })
  }

  queued(id: NamespaceId): Promise<{ readonly messages: number; readonly bytes: number }> {
    const { clock, engine, namespaces } = this.#core
    const all = namespaces.get(id)?.sessions.all() ?? []
    return inSlices(clock, sumOfQueues(all, engine.queue))
  }

  stats(): Stats {
    const { commits, decisions, engine, namespaces, unfinished } = this.#core
    return {
      connections: this.#connections.size,
      commitLatency: commits.latency.read(),
      storeWritable: engine.health().writable,
      unfinished: unfinished.count,
      strayDecided: decisions.strayDecided.all(),
      namespaces: [...namespaces.all()].map((namespace) => ({
        namespace: namespace.id,
        online: namespace.sessions.onlineCount,
        sessions: namespace.sessions.count,
        subscriptions: namespace.router.subscriptionCount,
        retained: namespace.retained.size,
        decided: namespace.decided.all(),
        retainedBytes: namespace.retained.bytes,
        counters: namespace.counters,
        limitHits: [...namespace.limitHits.all()],
      })),
    }
  }
}

function* sumOfQueues(
  entries: Iterable<SessionEntry>,
  queue: Pick<Queue, 'size'>,
): Steps<{ readonly messages: number; readonly bytes: number }> {
  const sum = { messages: 0, bytes: 0 }
  for (const { uid, isStored, isRemoved, online } of entries) {
    if (isStored && !isRemoved) {
      const { messages, bytes } = queue.size(uid)
      sum.messages += messages
      sum.bytes += bytes
    } else if (online !== null) {
      sum.messages += online.queue.length
      sum.bytes += online.queue.bytes
    }
    yield
  }
  return sum
}
