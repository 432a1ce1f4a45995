import { assert, unreachable } from '../base/assert.ts'
import { packetTypes, requiredFlags } from './decode.ts'
import type { Packet, ProtocolVersion } from './packet.ts'
import { PacketWriter } from './packet-writer.ts'
import { encodeAcknowledgementBody } from './packets/acknowledgement.ts'
import { encodeAuth } from './packets/auth.ts'
import { encodeConnack } from './packets/connack.ts'
import { encodeConnect } from './packets/connect.ts'
import { encodeDisconnect } from './packets/disconnect.ts'
import { encodePublish, publishFlags } from './packets/publish.ts'
import { encodeSuback, encodeUnsuback } from './packets/suback.ts'
import { encodeSubscribe } from './packets/subscribe.ts'
import { encodeUnsubscribe } from './packets/unsubscribe.ts'

/**
 * The packet's bytes. What the version cannot say is left out: 3.1.1 has no properties and no reason codes. A packet that
 * no wire can carry is a bug of ours and throws an assertion.
 *
 * @param version of the connection; CONNECT is written in its own
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  const body = new PacketWriter()
  encodeBody(body, packet, version)
  const bytes = body.done()
  const flags = packet.type === 'PUBLISH' ? publishFlags(packet) : requiredFlags(packet.type)
  const frame = new PacketWriter()
  frame.u8((packetTypes.indexOf(packet.type) << 4) | flags)
  frame.variableByteInteger(bytes.length)
  frame.octets(bytes)
  return frame.done()
}

/**
 * The packet's bytes within what the receiver accepts: what only explains is left out where it does not fit, first the
 * User Properties, then the Reason String ([MQTT-3.2.2-19] [MQTT-3.2.2-20] and the same of every answer). The properties
 * of a PUBLISH belong to its message and stay.
 *
 * @returns null when it is too large even so [MQTT-3.1.2-24]
 */
export function encodePacketWithin(
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSizeBytes: number,
): Uint8Array | null {
  let bytes = encodePacket(packet, version)
  if (bytes.length <= maximumPacketSizeBytes) return bytes
  if (packet.type === 'PUBLISH' || packet.type === 'CONNECT' || !('properties' in packet)) return null
  const { userProperties: _, ...explained } = packet.properties
  bytes = encodePacket({ ...packet, properties: explained } as Packet, version)
  if (bytes.length <= maximumPacketSizeBytes || !('reasonString' in explained))
    return fitting(bytes, maximumPacketSizeBytes)
  const { reasonString: __, ...bare } = explained
  return fitting(encodePacket({ ...packet, properties: bare } as Packet, version), maximumPacketSizeBytes)
}

function fitting(bytes: Uint8Array, maximum: number): Uint8Array | null {
  return bytes.length <= maximum ? bytes : null
}

function encodeBody(writer: PacketWriter, packet: Packet, version: ProtocolVersion): void {
  switch (packet.type) {
    case 'CONNECT':
      encodeConnect(writer, packet)
      break
    case 'CONNACK':
      encodeConnack(writer, packet, version)
      break
    case 'PUBLISH':
      encodePublish(writer, packet, version)
      break
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
      encodeAcknowledgementBody(writer, packet, version)
      break
    case 'SUBSCRIBE':
      encodeSubscribe(writer, packet, version)
      break
    case 'SUBACK':
      encodeSuback(writer, packet, version)
      break
    case 'UNSUBSCRIBE':
      encodeUnsubscribe(writer, packet, version)
      break
    case 'UNSUBACK':
      encodeUnsuback(writer, packet, version)
      break
    case 'PINGREQ':
    case 'PINGRESP':
      break
    case 'DISCONNECT':
      encodeDisconnect(writer, packet, version)
      break
    case 'AUTH':
      assert(version === 5, 'AUTH exists in MQTT 5.0 only')
      encodeAuth(writer, packet)
      break
    default:
      unreachable(packet)
  }
}
