import { protocolError } from '../failure.ts'
import type { DisconnectPacket, ProtocolVersion } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { isEmpty, writeProperties } from '../property-writer.ts'
import { ReasonCode } from '../reason-code.ts'
import { readReasonCode } from './reason.ts'

export function decodeDisconnect(reader: PacketReader, fromServer: boolean): DisconnectPacket {
  // Both fields may be left out from behind (MQTT 5.0 3.14.2.1, 3.14.2.2.1); 3.1.1 has neither.
  const carriesMore = reader.version === 5
  const reasonCode =
    carriesMore && reader.remaining > 0
      ? readReasonCode(reader, fromServer ? 'serverDISCONNECT' : 'clientDISCONNECT')
      : ReasonCode.Success
  const properties = carriesMore && reader.remaining > 0 ? readProperties(reader, 'DISCONNECT') : {}
  if (fromServer && properties.sessionExpiryIntervalSeconds !== undefined) {
    reader.fail(protocolError(5, '3.14.2-2', 'a server sent a Session Expiry Interval in DISCONNECT'))
  }
  reader.finish()
  return { type: 'DISCONNECT', reasonCode, properties }
}

export function encodeDisconnect(writer: PacketWriter, packet: DisconnectPacket, version: ProtocolVersion): void {
  if (version === 4) return
  const bare = isEmpty(packet.properties)
  if (bare && packet.reasonCode === ReasonCode.Success) return
  writer.u8(packet.reasonCode)
  if (!bare) writeProperties(writer, 'DISCONNECT', packet.properties)
}
