import { assert } from '../../base/assert.ts'
import { protocolError } from '../failure.ts'
import type { ProtocolVersion, UnsubscribePacket } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'
import { readPacketIdentifier, writePacketIdentifier } from './publish.ts'

export function decodeUnsubscribe(reader: PacketReader): UnsubscribePacket {
  const packetIdentifier = readPacketIdentifier(reader)
  const properties = reader.version === 5 ? readProperties(reader, 'UNSUBSCRIBE') : {}
  const topicFilters: string[] = []
  while (reader.remaining > 0) topicFilters.push(reader.text('Topic Filter', '3.10.3-1'))
  if (topicFilters.length === 0) {
    reader.fail(protocolError(reader.version, '3.10.3-2', 'UNSUBSCRIBE has no filter'))
  }
  return { type: 'UNSUBSCRIBE', packetIdentifier, topicFilters, properties }
}

export function encodeUnsubscribe(writer: PacketWriter, packet: UnsubscribePacket, version: ProtocolVersion): void {
  assert(packet.topicFilters.length > 0, 'UNSUBSCRIBE has a filter')
  writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 5) writeProperties(writer, 'UNSUBSCRIBE', packet.properties)
  for (const topicFilter of packet.topicFilters) writer.text(topicFilter)
}
