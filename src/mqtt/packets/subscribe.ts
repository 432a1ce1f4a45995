import { assert } from '../../base/assert.ts'
import { hexByte, malformed, protocolError } from '../failure.ts'
import type { ProtocolVersion, QoS, SubscribePacket, SubscriptionRequest } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'
import { readPacketIdentifier, writePacketIdentifier } from './publish.ts'

/** Filters are text here; whether each is a valid filter is answered per filter, in SUBACK. */
export function decodeSubscribe(reader: PacketReader): SubscribePacket {
  const packetIdentifier = readPacketIdentifier(reader)
  const properties = reader.version === 5 ? readProperties(reader, 'SUBSCRIBE') : {}
  const subscriptions: SubscriptionRequest[] = []
  while (reader.remaining > 0) {
    const topicFilter = reader.text('Topic Filter', '3.8.3-1')
    const options = reader.u8('Subscription Options')
    checkOptions(reader, topicFilter, options)
    subscriptions.push({
      topicFilter,
      qos: (options & 3) as QoS,
      noLocal: (options & 0x04) !== 0,
      retainAsPublished: (options & 0x08) !== 0,
      retainHandling: ((options >> 4) & 3) as 0 | 1 | 2,
    })
  }
  if (subscriptions.length === 0) {
    reader.fail(protocolError(reader.version, reader.version === 5 ? '3.8.3-2' : '3.8.3-3', 'SUBSCRIBE has no filter'))
  }
  return { type: 'SUBSCRIBE', packetIdentifier, subscriptions, properties }
}

function checkOptions(reader: PacketReader, topicFilter: string, options: number): void {
  if (reader.version === 4) {
    if (options > 2) reader.fail(malformed(4, '3-8.3-4', `Requested QoS is ${hexByte(options)}`))
    return
  }
  if ((options & 0xc0) !== 0) {
    reader.fail(malformed(5, '3.8.3-5', `reserved Subscription Options are set (${hexByte(options)})`))
  } else if ((options & 3) === 3) {
    reader.fail(protocolError(5, '3.8.3.1', 'Maximum QoS is 3'))
  } else if ((options & 0x30) === 0x30) {
    reader.fail(protocolError(5, '3.8.3.1', 'Retain Handling is 3'))
  } else if ((options & 0x04) !== 0 && topicFilter.startsWith('$share/')) {
    // Decided here because it ends the connection whatever the rights and limits of the session.
    reader.fail(protocolError(5, '3.8.3-4', 'No Local with a Shared Subscription'))
  }
}

export function encodeSubscribe(writer: PacketWriter, packet: SubscribePacket, version: ProtocolVersion): void {
  assert(packet.subscriptions.length > 0, 'SUBSCRIBE has a filter')
  writePacketIdentifier(writer, packet.packetIdentifier)
  if (version === 5) writeProperties(writer, 'SUBSCRIBE', packet.properties)
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    writer.text(topicFilter)
    writer.u8(version === 4 ? qos : qos | (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4))
  }
}
