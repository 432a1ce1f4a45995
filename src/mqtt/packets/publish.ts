import { assert } from '../../base/assert.ts'
import { malformed, protocolError } from '../failure.ts'
import type { ProtocolVersion, PublishPacket, QoS } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'

/** The same verdicts in the same order as `PublishView`, which reads what clients send; a property test compares the two. */
export function decodePublish(reader: PacketReader, flags: number, fromServer: boolean): PublishPacket {
  const version = reader.version
  const qos = ((flags >> 1) & 3) as QoS | 3
  const dup = (flags & 0x08) !== 0
  if (qos === 3) reader.fail(malformed(version, '3.3.1-4', 'QoS is 3'))
  else if (dup && qos === 0) reader.fail(malformed(version, '3.3.1-2', 'DUP is set with QoS 0'))
  const topicLength = reader.u16('Topic Name')
  const topicStart = reader.at
  if (reader.has(topicLength, 'Topic Name')) reader.at += topicLength
  const topicEnd = reader.at
  const packetIdentifier = qos === 0 ? null : readPacketIdentifier(reader)
  const properties = version === 5 ? readProperties(reader, 'PUBLISH', fromServer) : {}
  if (topicLength === 0 && properties.topicAlias === undefined) {
    reader.fail(
      protocolError(version, version === 5 ? '3.3.2.1' : '4.7.3-1', 'Topic Name is empty and there is no alias'),
    )
  }
  const payload = reader.octets(reader.remaining, 'Payload')
  const topicName = reader.failure === null ? reader.textBetween(topicStart, topicEnd, 'Topic Name', '3.3.2-1') : ''
  return {
    type: 'PUBLISH',
    dup,
    qos: qos === 3 ? 0 : qos,
    retain: (flags & 0x01) !== 0,
    topicName,
    packetIdentifier,
    properties,
    payload,
  }
}

/** Of a new exchange: never 0 [MQTT-2.2.1-3] [MQTT-2.2.1-4] [MQTT311-2.3.1-1]. The places are those for version 5 and 4. */
export function readPacketIdentifier(reader: PacketReader, place5 = '2.2.1-3', place4 = '2.3.1-1'): number {
  const identifier = reader.u16('Packet Identifier')
  if (identifier === 0 && reader.failure === null) {
    reader.fail(protocolError(reader.version, reader.version === 5 ? place5 : place4, 'Packet Identifier is 0'))
  }
  return identifier
}

export function writePacketIdentifier(writer: PacketWriter, identifier: number): void {
  assert(identifier !== 0, 'a Packet Identifier is never 0')
  writer.u16(identifier)
}

export function encodePublish(writer: PacketWriter, packet: PublishPacket, version: ProtocolVersion): void {
  assert((packet.qos === 0) === (packet.packetIdentifier === null), 'a Packet Identifier exactly with QoS 1 and 2')
  assert(!packet.dup || packet.qos !== 0, 'DUP only with QoS 1 and 2')
  writer.text(packet.topicName)
  if (packet.packetIdentifier !== null) writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 5) writeProperties(writer, 'PUBLISH', packet.properties)
  writer.octets(packet.payload)
}

export function publishFlags(packet: PublishPacket): number {
  return (packet.dup ? 0x08 : 0) | (packet.qos << 1) | (packet.retain ? 0x01 : 0)
}
