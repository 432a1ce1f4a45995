import { protocolError } from '../failure.ts'
import type { AuthPacket } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { isEmpty, writeProperties } from '../property-writer.ts'
import { ReasonCode } from '../reason-code.ts'
import { readReasonCode } from './reason.ts'

export function decodeAuth(reader: PacketReader, fromServer: boolean): AuthPacket {
  // Only both fields together may be left out (MQTT 5.0 3.15.2.1). Success is a server's word.
  if (reader.remaining === 0) {
    if (!fromServer) reader.fail(protocolError(5, '3.15.2-1', 'a client sent AUTH with Success'))
    return { type: 'AUTH', reasonCode: ReasonCode.Success, properties: {} }
  }
  const reasonCode = readReasonCode(reader, fromServer ? 'serverAUTH' : 'clientAUTH')
  const properties = readProperties(reader, 'AUTH')
  reader.finish()
  if (properties.authenticationMethod === undefined) {
    reader.fail(protocolError(5, '3.15.2.2.2', 'AUTH without Authentication Method'))
  }
  return { type: 'AUTH', reasonCode, properties }
}

export function encodeAuth(writer: PacketWriter, packet: AuthPacket): void {
  if (packet.reasonCode === ReasonCode.Success && isEmpty(packet.properties)) return
  writer.u8(packet.reasonCode)
  writeProperties(writer, 'AUTH', packet.properties)
}
