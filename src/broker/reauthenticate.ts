import { authenticate } from '../auth/authenticate.ts'
import { sessionOwnerOf } from '../auth/principal.ts'
import type { AuthPacket } from '../mqtt/packet.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import { clientError } from './close-cause.ts'
import type { Connection } from './connection.ts'
import { contextOf, gather } from './gather.ts'
import type { OnlineSession } from './session.ts'

/**
 * AUTH in a connection that stands (MQTT 5.0 4.12). The methods that exist ask nothing back, so a client's AUTH can only
 * begin a re-authentication; while it is looked into, the connection goes on under what was accepted before.
 */
export function onAuth(connection: Connection, session: OnlineSession, packet: AuthPacket): void {
  const { limits } = session.namespace
  const { authenticationMethod, authenticationData, userProperties } = packet.properties
  if (!limits.userPropertiesOutsidePublish && (userProperties?.length ?? 0) > 0) {
    connection.end(clientError(ReasonCode.ImplementationSpecificError, 'User Properties are not allowed in AUTH'))
    return
  }
  const { evidence } = session
  if (evidence.authenticationMethod === null) {
    connection.end(clientError(ReasonCode.ProtocolError, '[MQTT-4.12.0-7] CONNECT named no Authentication Method'))
    return
  }
  if (authenticationMethod !== evidence.authenticationMethod) {
    connection.end(clientError(ReasonCode.BadAuthenticationMethod, '[MQTT-4.12.1-1] another Authentication Method'))
    return
  }
  if (packet.reasonCode !== ReasonCode.ReAuthenticate || session.isReauthenticating) {
    connection.end(clientError(ReasonCode.ProtocolError, '3.15.2.1 this AUTH answers nothing'))
    return
  }
  if ((authenticationData?.length ?? 0) > limits.maximumAuthenticationDataBytes) {
    connection.end(clientError(ReasonCode.ImplementationSpecificError, 'the Authentication Data is too long'))
    return
  }
  session.isReauthenticating = true
  reauthenticate(connection, session, authenticationData ?? null).catch((error: unknown) =>
    connection.guard(() => {
      throw error
    }),
  )
}

async function reauthenticate(connection: Connection, session: OnlineSession, data: Uint8Array | null): Promise<void> {
  const { core } = connection
  const { namespace } = session
  const fresh = { ...session.evidence, token: null, webhook: null }
  const evidence = await gather(connection, namespace, fresh, { password: null, authenticationData: data })
  core.turn.begin()
  if (evidence === null || connection.session !== session) return
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
      properties: { authenticationMethod: evidence.authenticationMethod ?? '' },
    })
    return
  }
  if (judged.outcome === 'refused') {
    core.decisions.refused(
      { namespace, ...session.peer },
      {
        action: 'session',
        code: judged.code,
        remedy: judged.remedy,
        steps: judged.explanation.steps,
        proven: true,
        explanation: judged.explanation,
        method: session.acceptance.method,
      },
    )
  }
  connection.end({
    reason: 'ClientAuthenticationError',
    reasonCode: ReasonCode.NotAuthorized,
    will: 'publish',
    detail: isSame ? 'the re-authentication was refused' : 'the re-authentication names somebody else',
  })
}
