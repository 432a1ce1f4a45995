import type { DisconnectPacket } from '../../mqtt/packet.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { clientError, connectionLost } from '../namespace/close-cause.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Peer } from './peer.ts'

const never = 0xffff_ffff

/** The peer says goodbye: its will is dropped unless it says otherwise [MQTT-3.14.4-3], its session may live longer or shorter. */
export function onDisconnect(connection: Peer, session: OnlineSession, packet: DisconnectPacket): void {
  const { limits, view } = session.namespace
  if (!limits.userPropertiesOutsidePublish && (packet.properties.userProperties?.length ?? 0) > 0) {
    // Azure lets the request fail: as if the packet had not come.
    connection.end({
      ...connectionLost,
      reason: 'ClientError',
      detail: 'User Properties are not allowed in DISCONNECT',
    })
    return
  }
  const asked = packet.properties.sessionExpiryIntervalSeconds
  if (asked !== undefined && asked !== 0 && session.expiryIntervalSeconds === 0) {
    connection.end(
      clientError(ReasonCode.ProtocolError, '3.14.2.2.2 a session that ends with its connection cannot be prolonged'),
    )
    return
  }
  if (asked !== undefined) {
    const expiry = Math.min(asked, view.maximumSessionExpirySeconds)
    session.expiryIntervalSeconds = expiry === never ? null : expiry
  }
  connection.end({
    reason: 'ClientInitiatedDisconnect',
    reasonCode: null,
    will: packet.reasonCode === ReasonCode.Success ? 'discard' : 'publish',
  })
}
