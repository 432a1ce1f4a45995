import { packetIdentifierOf, readAcknowledgement, reasonCodeOf } from '../mqtt/acknowledgement-view.ts'
import { decodePacket } from '../mqtt/decode.ts'
import type { AcknowledgementPacket, Packet } from '../mqtt/packet.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import { onAuth } from './connect/reauthenticate.ts'
import { clientError, packetFailure } from './namespace/close-cause.ts'
import type { OnlineSession } from './namespace/session.ts'
import { onDisconnect } from './packets/disconnect.ts'
import type { IncomingPublish } from './packets/incoming-publish.ts'
import type { Peer } from './packets/peer.ts'
import { onSubscribe, onUnsubscribe } from './packets/subscribe.ts'

/** What a connected peer sent, PUBLISH excepted. */
export function dispatch(
  connection: Peer,
  session: OnlineSession,
  incoming: IncomingPublish,
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
): void {
  const type = (bytes[start] as number) >> 4
  // Nearly all acknowledgements are an identifier and nothing else (bench: QoS 1).
  if (type >= 4 && type <= 7 && end - bodyStart <= 3) {
    const read = readAcknowledgement(bytes, start, bodyStart, end, connection.version)
    if (read >= 0) {
      onAcknowledgement(connection, session, incoming, type, packetIdentifierOf(read), reasonCodeOf(read))
      return
    }
  }
  const decoded = decodePacket(bytes, start, bodyStart, end, connection.version, 'client')
  if (decoded.ok) onPacket(connection, session, incoming, decoded.value)
  else connection.end(packetFailure(decoded.error))
}

function onAcknowledgement(
  connection: Peer,
  session: OnlineSession,
  incoming: IncomingPublish,
  type: number,
  packetIdentifier: number,
  reasonCode: number,
): void {
  if (reasonCode >= 0x80 && session.namespace.limits.failedAcknowledgementEndsConnection) {
    connection.end(clientError(ReasonCode.ImplementationSpecificError, 'the acknowledgement has a failure code'))
    return
  }
  const { now } = connection.core.turn
  switch (type) {
    case 4:
      session.onPuback(packetIdentifier, now)
      break
    case 5:
      session.onPubrec(packetIdentifier, reasonCode, now)
      break
    case 6:
      incoming.onPubrel(packetIdentifier)
      break
    default:
      session.onPubcomp(packetIdentifier, now)
  }
}

const acknowledgementTypes = { PUBACK: 4, PUBREC: 5, PUBREL: 6, PUBCOMP: 7 } as const

function onPacket(connection: Peer, session: OnlineSession, incoming: IncomingPublish, packet: Packet): void {
  switch (packet.type) {
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
      onFullAcknowledgement(connection, session, incoming, packet)
      break
    case 'SUBSCRIBE':
      onSubscribe(connection, session, packet)
      break
    case 'UNSUBSCRIBE':
      onUnsubscribe(connection, session, packet)
      break
    case 'PINGREQ':
      connection.send({ type: 'PINGRESP' })
      break
    case 'DISCONNECT':
      onDisconnect(connection, session, packet)
      break
    case 'AUTH':
      onAuth(connection, session, packet)
      break
    case 'CONNECT':
      connection.end(clientError(ReasonCode.ProtocolError, '[MQTT-3.1.0-2] a second CONNECT'))
      break
    default:
      connection.end(clientError(ReasonCode.ProtocolError, `a client does not send ${packet.type} here`))
  }
}

function onFullAcknowledgement(
  connection: Peer,
  session: OnlineSession,
  incoming: IncomingPublish,
  { type, packetIdentifier, reasonCode, properties }: AcknowledgementPacket,
): void {
  if (!session.namespace.limits.userPropertiesOutsidePublish && (properties.userProperties?.length ?? 0) > 0) {
    connection.end(clientError(ReasonCode.ImplementationSpecificError, `User Properties are not allowed in ${type}`))
    return
  }
  onAcknowledgement(connection, session, incoming, acknowledgementTypes[type], packetIdentifier, reasonCode)
}
