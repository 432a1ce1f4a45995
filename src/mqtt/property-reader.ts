import { hexByte, malformed, protocolError } from './failure.ts'
import type { PacketReader } from './packet-reader.ts'
import { type AnyProperties, type PropertyCarrier, type PropertyRow, propertyFor, propertyOf } from './property.ts'
import { ReasonCode } from './reason-code.ts'

/**
 * Reads Property Length and the properties behind it (MQTT 5.0 2.2.2). An identifier that this packet may not hold is
 * malformed (2.2.2.2); a second one of a kind, or a value out of its range, is a Protocol Error.
 *
 * @param fromServer only a server repeats the Subscription Identifier, and only in PUBLISH
 */
export function readProperties(reader: PacketReader, carrier: PropertyCarrier, fromServer = false): AnyProperties {
  const found: AnyProperties = {}
  const length = reader.variableByteInteger('Property Length')
  if (!reader.has(length, 'the properties')) return found
  const packetEnd = reader.end
  reader.end = reader.at + length
  const users: (readonly [string, string])[] = []
  const subscriptionIdentifiers: number[] = []
  const seen = new Set<PropertyRow>()
  while (reader.at < reader.end) {
    const id = reader.u8('Property')
    const row = propertyFor(id, carrier)
    if (row === undefined) {
      const name = propertyOf(id)?.name ?? hexByte(id)
      reader.fail(malformed(5, '2.2.2.2', `property ${name} is not one of ${carrier}`))
    } else if (row.key === 'userProperties') {
      users.push([readText(reader, row), readText(reader, row)])
    } else if (row.key === 'subscriptionIdentifiers' && carrier === 'PUBLISH') {
      if (!fromServer) reader.fail(protocolError(5, '3.3.4-6', 'a client sent a Subscription Identifier in PUBLISH'))
      subscriptionIdentifiers.push(readNumber(reader, row))
    } else if (seen.has(row)) {
      reader.fail(protocolError(5, row.section, `${row.name} appears twice`))
    } else {
      seen.add(row)
      const key = row.key === 'subscriptionIdentifiers' ? 'subscriptionIdentifier' : row.key
      // The table ties each key to the type of its value; the round-trip tests hold the two together.
      ;(found as Record<string, unknown>)[key] = readValue(reader, row)
    }
  }
  if (users.length > 0) found.userProperties = users
  if (subscriptionIdentifiers.length > 0) found.subscriptionIdentifiers = subscriptionIdentifiers
  reader.end = packetEnd
  if (reader.failure !== null) reader.at = packetEnd
  return found
}

function readValue(reader: PacketReader, row: PropertyRow): string | number | Uint8Array {
  if (row.type === 'text') return readText(reader, row)
  return row.type === 'binary' ? reader.binary(row.name) : readNumber(reader, row)
}

function readText(reader: PacketReader, row: PropertyRow): string {
  const text = reader.text(row.name, row.statement ?? '1.5.4-1')
  if (row.key === 'responseTopic' && reader.failure === null) {
    // It is a topic name that another client will publish to.
    if (text === '') reader.fail(protocolError(5, '4.7.3-1', 'Response Topic is empty'))
    else if (text.includes('+') || text.includes('#'))
      reader.fail(protocolError(5, '3.3.2-14', 'Response Topic holds a wildcard'))
  }
  return text
}

function readNumber(reader: PacketReader, row: PropertyRow): number {
  const value =
    row.type === 'byte'
      ? reader.u8(row.name)
      : row.type === 'twoByteInteger'
        ? reader.u16(row.name)
        : row.type === 'fourByteInteger'
          ? reader.u32(row.name)
          : reader.variableByteInteger(row.name)
  if (row.range !== undefined && reader.failure === null && (value < row.range[0] || value > row.range[1])) {
    // Topic Alias has a code of its own (MQTT 5.0 3.3.4).
    const code = row.key === 'topicAlias' ? ReasonCode.TopicAliasInvalid : ReasonCode.ProtocolError
    reader.fail(protocolError(5, row.statement ?? row.section, `${row.name} is ${value}`, code))
  }
  return value
}
