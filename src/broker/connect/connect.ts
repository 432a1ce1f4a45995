import { acceptanceOf } from '../../auth/acceptance.ts'
import { authenticate, verify } from '../../auth/authenticate.ts'
import { authorize } from '../../auth/authorize.ts'
import type { Accepted, Refused } from '../../auth/decision.ts'
import type { ConnectEvidence } from '../../auth/evidence.ts'
import { isUnchanged, judgedUnder } from '../../auth/judged-under.ts'
import { sessionOwnerOf } from '../../auth/principal.ts'
import { certificatesBehind } from '../../auth/revoked.ts'
import { err, ok, type Result } from '../../base/result.ts'
import type { ConnectPacket } from '../../mqtt/packet.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { parseTopicName, type TopicName } from '../../mqtt/topic.ts'
import type { OpenOutcome, SessionRecord, StoredWill } from '../../ports/session-store.ts'
import type { ConnectRate } from '../bounds/namespace-rates.ts'
import type { Core } from '../core/core.ts'
import { topicFault } from '../namespace/message-limits.ts'
import type { Namespace } from '../namespace/namespace.ts'
import { OnlineSession } from '../namespace/session.ts'
import { type Resumption, SessionEntry } from '../namespace/session-table.ts'
import { IncomingPublish } from '../packets/incoming-publish.ts'
import type { Peer } from '../packets/peer.ts'
import { StoredOutgoing } from '../publish/stored-outgoing.ts'
import { noteCertificate } from '../trust/certificate-note.ts'
import { connectFault, negotiate } from './connack.ts'
import {
  answerRefused,
  nameRefusal,
  rateRefusal,
  sessionRefusal,
  unknownNamespace,
  willRefusal,
} from './connect-refusal.ts'
import { contextOf, evidenceOf, type Gathered, gather } from './gather.ts'
import { openSession, subscriptionsOf } from './open-session.ts'

/**
 * The way of a CONNECT, top to bottom: what must be waited for, who it is, the packet against the namespace's limits, the
 * will, the session, the judgement once more, CONNACK. While it waits the peer is not read; when the peer leaves, what is
 * waited for is cancelled.
 */
export async function connect(connection: Peer, packet: ConnectPacket): Promise<void> {
  const { core, namespace } = connection
  if (namespace === null) {
    answerRefused(connection, packet, unknownNamespace)
    return
  }
  const gathered = await gather(connection, namespace, evidenceOf(connection, packet), {
    password: packet.password,
    authenticationData: packet.properties.authenticationData ?? null,
  })
  if (gathered === null || !connection.isOpen) return
  const { evidence } = gathered
  core.turn.begin()
  if (isGone(core, namespace)) {
    answerRefused(connection, packet, unknownNamespace)
    return
  }

  const context = contextOf(connection, namespace)
  const judged = authenticate(evidence, namespace.view, context)
  if (judged.outcome === 'refused') {
    answerRefused(connection, packet, { kind: 'decision', refused: judged })
    return
  }
  const under = judgedUnder(judged.principal, namespace.view, context.now)
  const fault = connectFault(packet, namespace.limits)
  if (fault !== null) {
    if (fault.limit !== null) namespace.limitBites(fault.limit)
    answerRefused(connection, packet, { kind: 'packet', ...fault })
    return
  }
  if (!isAllowedName(packet.clientId, judged, namespace)) {
    answerRefused(connection, packet, { kind: 'decision', refused: nameRefusal(judged, packet.clientId) })
    return
  }
  const will = willOf(connection, namespace, packet, judged, evidence)
  if (will.outcome === 'refused') {
    answerRefused(connection, packet, { kind: 'decision', refused: will.refused })
    return
  }
  const exceeded = rateExceeded(connection, namespace, packet.clientId, judged)
  if (exceeded !== null) {
    answerRefused(connection, packet, { kind: 'decision', refused: rateRefusal(judged, namespace, exceeded) })
    return
  }
  connection.openingSession(packet)
  const opened = await openSession(connection, namespace, packet, judged, will.stored)
  core.turn.begin()
  if (opened === null) return
  if (opened.kind !== 'opened') {
    if (opened.kind === 'quotaExceeded' && opened.which === 'perNamespace') namespace.limitBites('maximumSessions')
    answerRefused(connection, packet, {
      kind: 'decision',
      refused: sessionRefusal(opened, judged, namespace, packet.clientId),
    })
    return
  }
  // Whoever ended the namespace's sessions did not know this one.
  if (isGone(core, namespace) || !namespace.view.mqttEnabled) {
    core.sessionEnds.abandon(opened, namespace)
    answerRefused(connection, packet, unknownNamespace)
    return
  }
  const contextNow = contextOf(connection, namespace)
  const again = isUnchanged(under, judgedUnder(judged.principal, namespace.view, contextNow.now))
    ? judged
    : verify(judged.principal, evidence, namespace.view, contextNow)
  if (!connection.isOpen || again.outcome === 'refused') {
    core.sessionEnds.abandon(opened, namespace)
    if (again.outcome === 'refused') answerRefused(connection, packet, { kind: 'decision', refused: again })
    return
  }
  // The second judgement holds; how the name was found, only the first one knows.
  const accepted = { ...again, explanation: judged.explanation }
  admit(connection, namespace, packet, gathered, accepted, opened, will.topicName)
}

/** Deleted meanwhile (S50): its view still answers, from what it remembers. */
function isGone({ namespaces }: Core, namespace: Namespace): boolean {
  return namespaces.get(namespace.id) !== namespace
}

/** Which Client Identifiers the namespace lets its clients use (S32). */
export function isAllowedName(clientId: string, { principal }: Accepted, { view, limits }: Namespace): boolean {
  if (clientId === '' || limits.clientIdPolicy === 'any') return true
  const named = view.clientByAuthenticationName(clientId)
  if (named !== undefined && named.uid !== principal.uid) return false
  if (limits.clientIdPolicy === 'reserved') return true
  const name = principal.authenticationName
  // What follows the name must not make it another name.
  return clientId === name || (clientId.startsWith(name) && /^[^\p{L}\p{N}]/u.test(clientId.slice(name.length)))
}

/** Charged to the name as this client uses it: whoever merely knows a name uses up nothing that belongs to it (S31). */
function rateExceeded({ core }: Peer, namespace: Namespace, clientId: string, accepted: Accepted): ConnectRate | null {
  const { authority, uid } = sessionOwnerOf(accepted.principal)
  const existing = core.engine.sessions.find(namespace.id, clientId)
  const isTakeover =
    existing !== undefined &&
    isConnected(core, namespace, existing) &&
    existing.owner.authority === authority &&
    existing.owner.uid === uid
  const nowMs = core.turn.monotonicMs
  const session = clientId === '' ? null : `${authority} ${uid} ${clientId}`
  const exceeded = namespace.rates.connectExceeds(session, isTakeover, nowMs)
  // How often sessions may be taken over is no row of the profile: the decision tells it.
  if (exceeded !== null && exceeded !== 'takeoversPerSecond') namespace.limitBites(exceeded)
  return exceeded
}

/** A connection of this node whose end is already under way counts no more. */
function isConnected({ settings }: Core, namespace: Namespace, { uid, node }: SessionRecord): boolean {
  if (node === settings.nodeId) return namespace.sessions.get(uid)?.online != null
  return node !== null
}

/** A rejected promise of the world and a bug of ours both end this one connection. */
export function startConnect(connection: Peer, packet: ConnectPacket): void {
  connect(connection, packet).catch((error: unknown) => {
    connection.guard(() => {
      throw error
    })
  })
}

type WillOutcome =
  | { readonly outcome: 'ok'; readonly stored: StoredWill | null; readonly topicName: TopicName | null }
  | { readonly outcome: 'refused'; readonly refused: Refused }

/** A will needs its right now and again when it is due (S37). */
function willOf(
  connection: Peer,
  namespace: Namespace,
  packet: ConnectPacket,
  accepted: Accepted,
  evidence: ConnectEvidence,
): WillOutcome {
  const { core } = connection
  const { will } = packet
  if (will === null) return { outcome: 'ok', stored: null, topicName: null }
  const judged = judgeWillTopic(core, namespace, accepted, will.topicName)
  if (!judged.ok) {
    const fault = topicFault(will.topicName, Buffer.byteLength(will.topicName), namespace.limits)
    if (fault !== null) namespace.limitBites(fault.limit)
    return { outcome: 'refused', refused: judged.error }
  }
  const owner = sessionOwnerOf(accepted.principal)
  const chain = certificatesBehind(evidence, accepted, namespace.view)
  return { outcome: 'ok', stored: core.wills.encode(will, namespace, owner, chain), topicName: judged.value }
}

export function judgeWillTopic(
  core: Core,
  namespace: Namespace,
  accepted: Accepted,
  topicName: string,
): Result<TopicName, Refused> {
  const parsed = parseTopicName(topicName)
  const fault = parsed.ok
    ? topicFault(parsed.value, Buffer.byteLength(parsed.value), namespace.limits)
    : { detail: `the will's topic is not valid: ${parsed.error.kind}` }
  if (!parsed.ok || fault !== null) return err(willRefusal(accepted, topicName, fault?.detail ?? null))
  const rights = core.rights.rightsOf(accepted.principal, namespace.view)
  const authorization = authorize(rights, 'will', parsed.value)
  if (authorization.outcome === 'allowed') return ok(parsed.value)
  return err({ ...willRefusal(accepted, topicName, null), remedy: authorization.remedy })
}

const nothingSent: Resumption = { sentUpTo: null, identifiers: new Map(), done: new Set(), isRestUnknown: false }

/** Everything has been decided: from the takeover to CONNACK nothing waits. */
function admit(
  connection: Peer,
  namespace: Namespace,
  packet: ConnectPacket,
  { evidence, authenticationData }: Gathered,
  accepted: Accepted,
  opened: Extract<OpenOutcome, { kind: 'opened' }>,
  willTopic: TopicName | null,
): void {
  const { core } = connection
  const { record } = opened
  const terms = negotiate(packet, namespace.view)
  core.sessionEnds.takeOver(opened, namespace)

  const { sessions } = namespace
  let entry = sessions.get(record.uid)
  if (entry === undefined) {
    entry = new SessionEntry(record.uid, record.clientId, opened.queue === 'stored')
    // A younger opening may have discarded it before this one's answer came: it goes with its connection then.
    entry.isRemoved = entry.isStored && core.engine.sessions.get(record.uid) === undefined
    sessions.add(entry)
  }
  if (!opened.present) entry.resumption = nothingSent
  const session = new OnlineSession({
    entry,
    namespace,
    principal: accepted.principal,
    evidence,
    acceptance: acceptanceOf(accepted),
    fence: opened.fence,
    record,
    willTopic,
    nowMs: core.turn.monotonicMs,
    version: packet.protocolVersion,
    maximumPacketSizeBytes: packet.properties.maximumPacketSizeBytes ?? 0xfff_ffff,
    receiveMaximum: packet.properties.receiveMaximum ?? 65_535,
    topicAliasMaximum: packet.properties.topicAliasMaximum ?? 0,
    link: connection,
  })
  for (const [topicFilter, subscription] of subscriptionsOf(record) ?? []) {
    session.subscribe(topicFilter, subscription)
  }
  sessions.connected(session)
  core.rejudge.add(session)
  core.rejudge.held(session)
  noteCertificate(core, session)
  if (opened.queue === 'stored') session.queueIn(new StoredOutgoing(session, core, opened.inflight))
  namespace.counters.connects++

  connection.send({
    type: 'CONNACK',
    sessionPresent: opened.present,
    reasonCode: ReasonCode.Success,
    properties: {
      ...terms.connackProperties(record.clientId),
      // [MQTT-4.12.0-5]: what was begun with a method ends with it.
      ...(evidence.authenticationMethod === null ? {} : { authenticationMethod: evidence.authenticationMethod }),
      ...(authenticationData === null ? {} : { authenticationData }),
    },
  })
  connection.connected(
    session,
    new IncomingPublish(core, session, connection, opened.inflight.incoming),
    terms.keepAliveSeconds,
  )
  core.decisions.accepted({ namespace, ...session.peer }, accepted)
  core.events.emit({
    kind: 'sessionOpened',
    namespace: namespace.id,
    at: core.turn.now,
    authenticationName: record.owner.authenticationName,
    clientId: record.clientId,
    sequenceNumber: record.sequenceNumber,
  })
  session.stored?.pump()
  for (const sender of entry.takeRetainedSenders()) sender.goOn(session)
}
