import { hexByte, protocolError } from '../failure.ts'
import type { ProtocolVersion, SubackPacket, UnsubackPacket } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'
import { ReasonCode } from '../reason-code.ts'
import { readPacketIdentifier, writePacketIdentifier } from './publish.ts'
import { readReasonCode } from './reason.ts'

export function decodeSuback(reader: PacketReader): SubackPacket {
  const packetIdentifier = readPacketIdentifier(reader, '2.2.1-6', '2.3.1-7')
  const properties = reader.version === 5 ? readProperties(reader, 'SUBACK') : {}
  const reasonCodes: ReasonCode[] = []
  while (reader.remaining > 0) {
    reasonCodes.push(reader.version === 5 ? readReasonCode(reader, 'SUBACK') : readSubackReturnCode(reader))
  }
  if (reasonCodes.length === 0) {
    reader.fail(protocolError(reader.version, '3.9.3-1', 'SUBACK has no code'))
  }
  return { type: 'SUBACK', packetIdentifier, reasonCodes, properties }
}

function readSubackReturnCode(reader: PacketReader): ReasonCode {
  const code = reader.u8('return code')
  if (code === 0 || code === 1 || code === 2 || code === 0x80) return code
  reader.fail(protocolError(4, '3.9.3-2', `return code ${hexByte(code)} is reserved`))
  return ReasonCode.Success
}

export function encodeSuback(writer: PacketWriter, packet: SubackPacket, version: ProtocolVersion): void {
  writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 5) writeProperties(writer, 'SUBACK', packet.properties)
  for (const code of packet.reasonCodes) {
    // 3.1.1 knows one failure only.
    writer.u8(version === 4 && code >= 0x80 ? ReasonCode.UnspecifiedError : code)
  }
}

/** Nothing but the Packet Identifier in 3.1.1 (3.11). */
export function decodeUnsuback(reader: PacketReader): UnsubackPacket {
  const packetIdentifier = readPacketIdentifier(reader, '2.2.1-6', '2.3.1-7')
  if (reader.version === 4) {
    reader.finish()
    return { type: 'UNSUBACK', packetIdentifier, reasonCodes: [], properties: {} }
  }
  const properties = readProperties(reader, 'UNSUBACK')
  const reasonCodes: ReasonCode[] = []
  while (reader.remaining > 0) reasonCodes.push(readReasonCode(reader, 'UNSUBACK'))
  if (reasonCodes.length === 0) reader.fail(protocolError(5, '3.11.3-1', 'UNSUBACK has no code'))
  return { type: 'UNSUBACK', packetIdentifier, reasonCodes, properties }
}

export function encodeUnsuback(writer: PacketWriter, packet: UnsubackPacket, version: ProtocolVersion): void {
  writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 4) return
  writeProperties(writer, 'UNSUBACK', packet.properties)
  for (const code of packet.reasonCodes) writer.u8(code)
}
