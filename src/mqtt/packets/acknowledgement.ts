import type { AcknowledgementPacket, ProtocolVersion } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { isEmpty, writeProperties } from '../property-writer.ts'
import { ReasonCode } from '../reason-code.ts'
import { readPacketIdentifier, writePacketIdentifier } from './publish.ts'
import { readReasonCode } from './reason.ts'

/** PUBACK, PUBREC, PUBREL, PUBCOMP: one shape (MQTT 5.0 3.4 to 3.7). */
export function decodeAcknowledgement(
  reader: PacketReader,
  type: AcknowledgementPacket['type'],
): AcknowledgementPacket {
  const packetIdentifier = readPacketIdentifier(reader, '2.2.1-5', '2.3.1-6')
  // Without a Reason Code it is Success, without a Property Length that is 0 (MQTT 5.0 3.4.2.1, 3.4.2.2.1).
  const carriesMore = reader.version === 5
  const reasonCode = carriesMore && reader.remaining > 0 ? readReasonCode(reader, type) : ReasonCode.Success
  const properties = carriesMore && reader.remaining > 0 ? readProperties(reader, type) : {}
  reader.finish()
  return { type, packetIdentifier, reasonCode, properties }
}

export function encodeAcknowledgementBody(
  writer: PacketWriter,
  packet: AcknowledgementPacket,
  version: ProtocolVersion,
): void {
  writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 4) return
  const bare = isEmpty(packet.properties)
  if (bare && packet.reasonCode === ReasonCode.Success) return
  writer.u8(packet.reasonCode)
  if (!bare) writeProperties(writer, packet.type, packet.properties)
}
