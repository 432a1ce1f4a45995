import fc from 'fast-check'
import type { Sender } from '../../src/mqtt/decode.ts'
import type { Packet, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { type AnyProperties, type PropertyCarrier, type PropertyRow, properties } from '../../src/mqtt/property.ts'
import { isReasonCodeOf, type ReasonCode, type ReasonCodeCarrier } from '../../src/mqtt/reason-code.ts'

/** Any UTF-8 Encoded String: every code point but U+0000 and the surrogates. */
const text = fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replaceAll('\0', '·'))
const topic = text.map((value) => `t${value.replaceAll(/[+#]/g, '·')}`)
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => new Uint8Array(value))
const pair = fc.tuple(text, text)
const identifier = fc.integer({ min: 1, max: 65_535 })
const qos = fc.constantFrom(0, 1, 2)

function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

function codes(carrier: ReasonCodeCarrier) {
  const all = Array.from({ length: 256 }, (_, code) => code).filter((code) => isReasonCodeOf(carrier, code))
  return fc.constantFrom(...(all as ReasonCode[]))
}

function anyValue(row: PropertyRow): fc.Arbitrary<unknown> {
  const [lowest, highest] = row.range ?? [0, row.type === 'twoByteInteger' ? 65_535 : 4_294_967_295]
  if (row.key === 'responseTopic') return topic
  if (row.type === 'text') return text
  if (row.type === 'binary') return bytes
  if (row.type === 'pair') return fc.array(pair, { minLength: 1, maxLength: 4 })
  return fc.integer({ min: lowest, max: highest })
}

/** Any set of properties that the packet may carry, drawn from the table. */
export function propertiesOf(carrier: PropertyCarrier, from: Sender): fc.Arbitrary<AnyProperties> {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const row of properties) {
    if (!row.carriers.includes(carrier)) continue
    if (row.key !== 'subscriptionIdentifiers') model[row.key] = anyValue(row)
    else if (carrier === 'SUBSCRIBE') model['subscriptionIdentifier'] = anyValue(row)
    else if (from === 'server') model[row.key] = fc.array(anyValue(row), { minLength: 1, maxLength: 3 })
  }
  if (carrier === 'DISCONNECT' && from === 'server') delete model['sessionExpiryIntervalSeconds']
  return fc.record(model, { requiredKeys: [], noNullPrototype: true }).map((values) => {
    const found = values as AnyProperties
    if (carrier === 'AUTH') found.authenticationMethod ??= 'm'
    if (found.authenticationMethod === undefined) delete found.authenticationData
    return found
  })
}

function inVersion(version: ProtocolVersion, carrier: PropertyCarrier, from: Sender): fc.Arbitrary<AnyProperties> {
  return version === 5 ? propertiesOf(carrier, from) : fc.constant({})
}

function connect(version: ProtocolVersion) {
  const will = record({
    topicName: text,
    payload: bytes,
    qos,
    retain: fc.boolean(),
    properties: inVersion(version, 'will', 'client'),
  })
  return record({
    type: fc.constant('CONNECT'),
    protocolVersion: fc.constant(version),
    cleanStart: fc.boolean(),
    keepAliveSeconds: fc.nat(65_535),
    clientId: text,
    username: fc.option(text),
    password: fc.option(bytes),
    will: fc.option(will),
    properties: inVersion(version, 'CONNECT', 'client'),
  }).map((packet) => {
    if (version === 5) return packet
    const password = packet.username === null ? null : packet.password
    return { ...packet, password, cleanStart: packet.cleanStart || packet.clientId === '' }
  })
}

export function publish(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  return record({
    type: fc.constant('PUBLISH'),
    dup: fc.boolean(),
    qos,
    retain: fc.boolean(),
    topicName: text,
    packetIdentifier: identifier,
    properties: inVersion(version, 'PUBLISH', from),
    payload: fc.oneof(
      bytes,
      fc.uint8Array({ minLength: 100, maxLength: 300 }).map((value) => new Uint8Array(value)),
    ),
  }).map((packet) => ({
    ...packet,
    dup: packet.dup && packet.qos > 0,
    topicName: packet.topicName === '' && packet.properties.topicAlias === undefined ? 't' : packet.topicName,
    packetIdentifier: packet.qos === 0 ? null : packet.packetIdentifier,
  })) as fc.Arbitrary<Packet>
}

/** Any packet that this side may send in this version. */
export function packets(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  const five = version === 5
  const acknowledgement = (type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP') =>
    record({
      type: fc.constant(type),
      packetIdentifier: identifier,
      reasonCode: five ? codes(type) : fc.constant(0),
      properties: inVersion(version, type, from),
    })
  const both: fc.Arbitrary<unknown>[] = [
    publish(version, from),
    acknowledgement('PUBACK'),
    acknowledgement('PUBREC'),
    acknowledgement('PUBREL'),
    acknowledgement('PUBCOMP'),
  ]
  if (five) {
    both.push(
      record({
        type: fc.constant('DISCONNECT'),
        reasonCode: codes(from === 'client' ? 'clientDISCONNECT' : 'serverDISCONNECT'),
        properties: propertiesOf('DISCONNECT', from),
      }),
      record({
        type: fc.constant('AUTH'),
        reasonCode: codes(from === 'client' ? 'clientAUTH' : 'serverAUTH'),
        properties: propertiesOf('AUTH', from),
      }),
    )
  }
  const request = record({
    topicFilter: text,
    qos,
    noLocal: five ? fc.boolean() : fc.constant(false),
    retainAsPublished: five ? fc.boolean() : fc.constant(false),
    retainHandling: five ? fc.constantFrom(0, 1, 2) : fc.constant(0),
  })
  const fromClient: fc.Arbitrary<unknown>[] = [
    connect(version),
    record({
      type: fc.constant('SUBSCRIBE'),
      packetIdentifier: identifier,
      subscriptions: fc.array(request, { minLength: 1, maxLength: 4 }),
      properties: inVersion(version, 'SUBSCRIBE', from),
    }),
    record({
      type: fc.constant('UNSUBSCRIBE'),
      packetIdentifier: identifier,
      topicFilters: fc.array(text, { minLength: 1, maxLength: 4 }),
      properties: inVersion(version, 'UNSUBSCRIBE', from),
    }),
    fc.constant({ type: 'PINGREQ' }),
  ]
  if (!five) fromClient.push(fc.constant({ type: 'DISCONNECT', reasonCode: 0, properties: {} }))
  const fromServer: fc.Arbitrary<unknown>[] = [
    record({
      type: fc.constant('CONNACK'),
      sessionPresent: fc.boolean(),
      reasonCode: five ? codes('CONNACK') : fc.nat(5),
      properties: inVersion(version, 'CONNACK', from),
    }).map((packet) => ({ ...packet, sessionPresent: packet.sessionPresent && packet.reasonCode === 0 })),
    record({
      type: fc.constant('SUBACK'),
      packetIdentifier: identifier,
      reasonCodes: fc.array(five ? codes('SUBACK') : fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 5 }),
      properties: inVersion(version, 'SUBACK', from),
    }),
    record({
      type: fc.constant('UNSUBACK'),
      packetIdentifier: identifier,
      reasonCodes: five ? fc.array(codes('UNSUBACK'), { minLength: 1, maxLength: 5 }) : fc.constant([]),
      properties: inVersion(version, 'UNSUBACK', from),
    }),
    fc.constant({ type: 'PINGRESP' }),
  ]
  return fc.oneof(...both, ...(from === 'client' ? fromClient : fromServer)) as fc.Arbitrary<Packet>
}
