import { authenticate } from '../../auth/authenticate.ts'
import { sessionOwnerOf } from '../../auth/principal.ts'
import type { AuthPacket } from '../../mqtt/packet.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Peer } from '../packets/peer.ts'
import { authFault } from './auth-exchange.ts'
import { contextOf, gather } from './gather.ts'

/**
 * AUTH in a connection that stands (MQTT 5.0 4.12.1): it begins a re-authentication, or answers what the method asks in
 * one. While it lasts, the connection goes on under what was accepted before.
 */
export function onAuth(connection: Peer, session: OnlineSession, packet: AuthPacket): void {
  const { exchange } = connection
  const answers = exchange?.isAsking === true ? exchange : null
  const expected =
    answers !== null ? ReasonCode.ContinueAuthentication : session.isReauthenticating ? null : ReasonCode.ReAuthenticate
  const fault = authFault(packet, expected, session.evidence.authenticationMethod, session.namespace)
  if (fault !== null) {
    connection.end(fault)
    return
  }
  if (answers !== null) {
    answers.onAnswer(packet)
    return
  }
  session.isReauthenticating = true
  reauthenticate(connection, session, packet.properties.authenticationData ?? null).catch((error: unknown) =>
    connection.guard(() => {
      throw error
    }),
  )
}

async function reauthenticate(connection: Peer, session: OnlineSession, data: Uint8Array | null): Promise<void> {
  const { core } = connection
  const { namespace } = session
  const fresh = { ...session.evidence, token: null, webhook: null }
  const gathered = await gather(connection, namespace, fresh, { password: null, authenticationData: data })
  core.turn.begin()
  if (gathered === null || connection.session !== session) return
  const { evidence, authenticationData } = gathered
  session.isReauthenticating = false
  const judged = authenticate(evidence, namespace.view, contextOf(connection, namespace))
  const before = sessionOwnerOf(session.principal)
  const after = judged.outcome === 'accepted' ? sessionOwnerOf(judged.principal) : null
  // The principal never changes (S39).
  const isSame = after !== null && after.authority === before.authority && after.uid === before.uid
  if (judged.outcome === 'accepted' && isSame) {
    core.rejudge.renewed(session, judged, evidence)
    core.decisions.accepted({ namespace, ...session.peer }, judged)
    connection.send({
      type: 'AUTH',
      reasonCode: ReasonCode.Success,
      properties: {
        authenticationMethod: evidence.authenticationMethod ?? '',
        ...(authenticationData === null ? {} : { authenticationData }),
      },
    })
    return
  }
  if (judged.outcome === 'refused') {
    core.decisions.sessionRefused(session, judged)
  }
  connection.end({
    reason: 'ClientAuthenticationError',
    reasonCode: ReasonCode.NotAuthorized,
    will: 'publish',
    detail: isSame ? 'the re-authentication was refused' : 'the re-authentication names somebody else',
  })
}
