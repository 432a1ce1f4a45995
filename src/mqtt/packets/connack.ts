import { hexByte, malformed, protocolError } from '../failure.ts'
import type { ConnackPacket, ProtocolVersion } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'
import { isReturnCode } from '../reason-code.ts'
import { readReasonCode } from './reason.ts'

export function decodeConnack(reader: PacketReader): ConnackPacket {
  const version = reader.version
  const flags = reader.u8('Connect Acknowledge Flags')
  if (flags > 1)
    reader.fail(malformed(version, '3.2.2-1', `reserved Connect Acknowledge Flags are set (${hexByte(flags)})`))
  const reasonCode = version === 5 ? readReasonCode(reader, 'CONNACK') : readReturnCode(reader)
  const properties = version === 5 ? readProperties(reader, 'CONNACK') : {}
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    reader.fail(protocolError(5, '3.1.2.11.10', 'Authentication Data without Authentication Method'))
  }
  reader.finish()
  const sessionPresent = flags === 1
  if (sessionPresent && reasonCode !== 0) {
    reader.fail(protocolError(version, version === 5 ? '3.2.2-6' : '3.2.2-4', 'Session Present in a refusal'))
  }
  return { type: 'CONNACK', sessionPresent, reasonCode, properties }
}

function readReturnCode(reader: PacketReader): ConnackPacket['reasonCode'] {
  const code = reader.u8('Connect Return code')
  if (isReturnCode(code)) return code
  reader.fail(protocolError(4, '3.2.2.3', `return code ${hexByte(code)} is reserved`))
  return 0
}

export function encodeConnack(writer: PacketWriter, packet: ConnackPacket, version: ProtocolVersion): void {
  writer.u8(packet.sessionPresent ? 1 : 0)
  writer.u8(packet.reasonCode)
  if (version === 5) writeProperties(writer, 'CONNACK', packet.properties)
}
