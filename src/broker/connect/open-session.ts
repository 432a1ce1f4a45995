import type { Accepted } from '../../auth/decision.ts'
import { sessionOwnerOf } from '../../auth/principal.ts'
import { unixMillis } from '../../base/time.ts'
import type { ConnectPacket } from '../../mqtt/packet.ts'
import { ReasonCode, ReturnCode } from '../../mqtt/reason-code.ts'
import { EngineError } from '../../ports/engine-error.ts'
import type { SessionUid } from '../../ports/identity.ts'
import type { OpenOutcome, OpenSession, SessionRecord, StoredWill } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import { takenOver } from '../namespace/close-cause.ts'
import { grantsOf } from '../namespace/held-rights.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Subscription } from '../namespace/subscription.ts'
import type { Peer } from '../packets/peer.ts'
import { parseStored } from '../packets/subscribe.ts'
import { negotiate } from './connack.ts'
import { answerRefused } from './connect-refusal.ts'

function isNewAndKept({ namespace, clientId, expiryIntervalSeconds }: OpenSession, { engine }: Core): boolean {
  return expiryIntervalSeconds !== 0 && engine.sessions.find(namespace, clientId) === undefined
}

/** 128 random bits, and no name that somebody has (S33). */
function assignedClientId({ engine, random }: Core, { id }: Namespace): string {
  for (;;) {
    const clientId = random.uid()
    if (engine.sessions.find(id, clientId) === undefined) return clientId
  }
}

/**
 * Asks the store for the session of an accepted CONNECT: behind what its holder did last, and anew when it holds what is no
 * longer its client's right. Null: there is none, and the peer was told.
 */
export async function openSession(
  connection: Peer,
  namespace: Namespace,
  packet: ConnectPacket,
  accepted: Accepted,
  will: StoredWill | null,
): Promise<OpenOutcome | null> {
  const { core } = connection
  const { view } = namespace
  const { principal } = accepted
  const terms = negotiate(packet, view)
  const request: OpenSession = {
    namespace: namespace.id,
    clientId: packet.clientId === '' ? assignedClientId(core, namespace) : packet.clientId,
    node: core.settings.nodeId,
    owner: sessionOwnerOf(principal),
    principal: {
      method: accepted.method,
      attributes: principal.kind === 'dynamicClient' ? principal.attributes : null,
      validUntil: accepted.validUntil === null ? null : unixMillis(accepted.validUntil * 1000),
    },
    cleanStart: packet.cleanStart,
    expiryIntervalSeconds: terms.sessionExpiryIntervalSeconds,
    will,
    quotas: quotasOf(namespace),
    queue: namespace.queueLimits,
    now: core.turn.now,
    newUid: core.random.uid() as SessionUid,
  }
  if (isNewAndKept(request, core) && core.storeHealth.isFull) {
    answerRefused(connection, packet, {
      kind: 'packet',
      reasonCode: ReasonCode.QuotaExceeded,
      returnCode: ReturnCode.ServerUnavailable,
      detail: 'the store takes nothing new',
    })
    return null
  }
  const holder = holderOf(namespace, request, core)
  holder?.link.waitForTakeover(true)
  const { openings, unfinished } = core
  openings.begin(connection, request)
  try {
    // What the holder did last is written under its own proof of ownership, which this opening ends.
    if (!(await core.commits.settled()))
      throw new EngineError('unavailable', 'what the session did last is not settled')
    const outcome = await openings.open(request)
    if (outcome.kind !== 'opened' || !outcome.present) return outcome
    const rights = core.rights.rightsOf(principal, view)
    const held = subscriptionsOf(outcome.record)
    if (held !== null && grantsOf(rights, held.values(), null) !== null) return outcome
    // What it subscribed to is no longer its right: the session is dropped whole, with what is queued (S34).
    const { session, epoch } = outcome.fence
    await unfinished.do('remove', session, () => core.engine.sessions.remove(session, { epoch }))
    core.turn.begin()
    core.sessionEnds.takeOver(outcome, namespace)
    if (!openings.isLast(connection, request)) {
      // A younger CONNECT of the same client has the session, or is about to: it keeps it.
      connection.end(takenOver)
      return null
    }
    // The uid of the first request may be that of the will that it left behind.
    const newUid = core.random.uid() as SessionUid
    return await openings.open({ ...request, cleanStart: true, now: core.turn.now, newUid })
  } catch (error) {
    core.turn.begin()
    core.log.write('error', 'sessionOpenFailed', { error: String(error) })
    answerRefused(connection, packet, {
      kind: 'packet',
      reasonCode: ReasonCode.ServerUnavailable,
      returnCode: ReturnCode.ServerUnavailable,
      detail: 'the store is not available',
    })
    return null
  } finally {
    holder?.link.waitForTakeover(false)
    openings.end(connection, request)
  }
}

export function quotasOf({ view, limits }: Namespace): OpenSession['quotas'] {
  return { perName: view.maximumClientSessionsPerAuthenticationName, perNamespace: limits.maximumSessions }
}

/** The connection of the same client, on this node, that has the session now. */
function holderOf(namespace: Namespace, { clientId, owner }: OpenSession, { engine }: Core): OnlineSession | null {
  const existing = engine.sessions.find(namespace.id, clientId)
  const online = existing === undefined ? undefined : namespace.sessions.get(existing.uid)?.online
  if (online == null) return null
  const { authority, uid } = online.record.owner
  return authority === owner.authority && uid === owner.uid ? online : null
}

/** Null: the store holds a filter that is none. */
export function subscriptionsOf({ subscriptions }: SessionRecord): ReadonlyMap<string, Subscription> | null {
  const parsed = new Map<string, Subscription>()
  for (const stored of subscriptions) {
    const subscription = parseStored(stored)
    if (subscription === null) return null
    parsed.set(stored.topicFilter, subscription)
  }
  return parsed
}
