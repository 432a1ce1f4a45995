import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, encodePacketWithin } from '../../src/mqtt/encode.ts'
import type { Packet } from '../../src/mqtt/packet.ts'
import { refusalVersion } from '../../src/mqtt/packets/connect.ts'
import { isReasonCodeOf, ReasonCode, ReturnCode, returnCodeFor } from '../../src/mqtt/reason-code.ts'
import { bodyStartOf, decodeFrame, frameOf } from './frames.ts'
import { bytesOf } from './golden.ts'

function hexOf(packet: Packet, version: 4 | 5): string {
  return Buffer.from(encodePacket(packet, version)).toString('hex')
}

test('3.1.1 leaves out what it cannot say', () => {
  const properties = { reasonString: 'why', userProperties: [['a', 'b']] } as const
  assert.equal(hexOf({ type: 'PUBACK', packetIdentifier: 1, reasonCode: 0x87, properties }, 4), '40020001')
  assert.equal(hexOf({ type: 'UNSUBACK', packetIdentifier: 1, reasonCodes: [0x11], properties }, 4), 'b0020001')
  assert.equal(hexOf({ type: 'DISCONNECT', reasonCode: 0x8e, properties }, 4), 'e000')
  assert.equal(hexOf({ type: 'CONNACK', sessionPresent: false, reasonCode: 5, properties }, 4), '20020005')
  const request = { topicFilter: 'a', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const
  assert.equal(
    hexOf({ type: 'SUBSCRIBE', packetIdentifier: 1, subscriptions: [request], properties }, 4),
    '820600010001' + '6101',
  )
})

test('[MQTT311-3.9.3-2] every refusal of a subscription is 0x80 in 3.1.1', () => {
  const reasonCodes = [0x00, 0x02, 0x80, 0x87, 0x9e] as const
  assert.equal(
    hexOf({ type: 'SUBACK', packetIdentifier: 1, reasonCodes, properties: {} }, 4),
    '9007000100028080' + '80',
  )
})

test('[MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3] explanations are left out of an answer that would be too large', () => {
  const properties = { reasonString: 'why', userProperties: [['a', 'b']] } as const
  const packet: Packet = { type: 'PUBACK', packetIdentifier: 1, reasonCode: 0x87, properties }
  const within = (maximum: number, of: Packet = packet) => {
    const bytes = encodePacketWithin(of, 5, maximum)
    return bytes === null ? null : Buffer.from(bytes).toString('hex')
  }
  const full = '4011' + '000187' + '0d' + '1f0003776879' + '26000161000162'
  assert.equal(within(19), full)
  assert.equal(within(18), '400a' + '000187' + '06' + '1f0003776879')
  assert.equal(within(12), '400a' + '000187' + '06' + '1f0003776879')
  assert.equal(within(11), '4003000187')
  assert.equal(within(5), '4003000187')
  assert.equal(within(4), null)
  assert.equal(within(1, { type: 'PINGRESP' }), null)
  const unexplained: Packet = { ...packet, properties: { userProperties: properties.userProperties } }
  assert.equal(within(5, unexplained), '4003000187')
  assert.equal(within(4, unexplained), null)
})

test('[MQTT-3.1.2-24] [MQTT-3.3.2-17] a PUBLISH that is too large is not cut', () => {
  const packet: Packet = {
    type: 'PUBLISH',
    dup: false,
    qos: 0,
    retain: false,
    topicName: 'a',
    packetIdentifier: null,
    properties: { userProperties: [['a', 'b']] },
    payload: new Uint8Array(0),
  }
  assert.equal(encodePacketWithin(packet, 5, 13)?.length, 13)
  assert.equal(encodePacketWithin(packet, 5, 12), null)
})

test('what no wire can carry is a bug of ours', () => {
  const publish = { type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName: 'a', properties: {} } as const
  const payload = new Uint8Array(0)
  const bugs: Packet[] = [
    { ...publish, packetIdentifier: 1, payload },
    { ...publish, qos: 1, packetIdentifier: null, payload },
    { ...publish, qos: 1, packetIdentifier: 0, payload },
    { ...publish, qos: 1, packetIdentifier: 65_536, payload },
    { ...publish, dup: true, packetIdentifier: null, payload },
    { ...publish, topicName: '\ud800', packetIdentifier: null, payload },
    { ...publish, topicName: 'a\0', packetIdentifier: null, payload },
    { ...publish, topicName: 'x'.repeat(65_536), packetIdentifier: null, payload },
    { ...publish, packetIdentifier: null, payload, properties: { messageExpiryIntervalSeconds: 2 ** 32 } },
    { ...publish, packetIdentifier: null, payload, properties: { subscriptionIdentifiers: [268_435_456] } },
    { ...publish, packetIdentifier: null, payload, properties: { correlationData: new Uint8Array(65_536) } },
    { type: 'SUBSCRIBE', packetIdentifier: 1, subscriptions: [], properties: {} },
    { type: 'UNSUBSCRIBE', packetIdentifier: 1, topicFilters: [], properties: {} },
  ]
  for (const packet of bugs) assert.throws(() => encodePacket(packet, 5), { code: 'assertionFailed' }, packet.type)
  const auth: Packet = { type: 'AUTH', reasonCode: 0x18, properties: { authenticationMethod: 'm' } }
  assert.throws(() => encodePacket(auth, 4), { code: 'assertionFailed' })
})

test('a large packet has a Remaining Length of as many bytes as it needs [MQTT-1.5.5-1]', () => {
  const publish = { type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName: 'a', properties: {} } as const
  for (const [length, header] of [
    [124, 2],
    [125, 3],
    [16_380, 3],
    [16_381, 4],
    [2_097_148, 4],
    [2_097_149, 5],
  ] as const) {
    const bytes = encodePacket({ ...publish, packetIdentifier: null, payload: new Uint8Array(length) }, 4)
    assert.equal(bodyStartOf(bytes), header)
    assert.equal(bytes.length, header + 3 + length)
  }
})

test('byte fields of a decoded packet are copies', () => {
  const frame = frameOf(0x30, bytesOf('0001 61 06 09 0003 010203 ffff'))
  const decoded = decodeFrame(frame, 5)
  frame.fill(0)
  assert.ok(decoded.ok && decoded.value.type === 'PUBLISH')
  assert.deepEqual(decoded.value.payload, new Uint8Array([0xff, 0xff]))
  assert.deepEqual(decoded.value.properties.correlationData, new Uint8Array([1, 2, 3]))
})

test('each cause of a refusal has a return code of 3.1.1', () => {
  const rows: [ReasonCode, ReturnCode][] = [
    [ReasonCode.Success, ReturnCode.Accepted],
    [ReasonCode.UnsupportedProtocolVersion, ReturnCode.UnacceptableProtocolVersion],
    [ReasonCode.ClientIdentifierNotValid, ReturnCode.IdentifierRejected],
    [ReasonCode.BadUserNameOrPassword, ReturnCode.BadUserNameOrPassword],
    [ReasonCode.NotAuthorized, ReturnCode.NotAuthorized],
    [ReasonCode.Banned, ReturnCode.NotAuthorized],
    [ReasonCode.BadAuthenticationMethod, ReturnCode.NotAuthorized],
    [ReasonCode.ServerUnavailable, ReturnCode.ServerUnavailable],
    [ReasonCode.QuotaExceeded, ReturnCode.ServerUnavailable],
    [ReasonCode.ConnectionRateExceeded, ReturnCode.ServerUnavailable],
    [ReasonCode.ServerBusy, ReturnCode.ServerUnavailable],
  ]
  for (const [reasonCode, returnCode] of rows) assert.equal(returnCodeFor(reasonCode), returnCode)
  const accepted = Object.values(ReasonCode).filter((code) => returnCodeFor(code) === ReturnCode.Accepted)
  assert.deepEqual(accepted, [ReasonCode.Success], 'nothing but success is accepted')
})

test('MQTT 5.0 2.4: every reason code belongs to a packet, and 0x8c ends a connection too', () => {
  const carriers = [
    'CONNACK',
    'PUBACK',
    'PUBREC',
    'PUBREL',
    'PUBCOMP',
    'SUBACK',
    'UNSUBACK',
    'clientDISCONNECT',
    'serverDISCONNECT',
    'clientAUTH',
    'serverAUTH',
  ] as const
  for (const code of Object.values(ReasonCode)) {
    assert.ok(
      carriers.some((carrier) => isReasonCodeOf(carrier, code)),
      `${code}`,
    )
  }
  assert.ok(isReasonCodeOf('serverDISCONNECT', 0x8c))
  assert.ok(!isReasonCodeOf('clientDISCONNECT', 0x8c))
})

test('[MQTT-3.1.2-2] [MQTT311-3.1.2-2] a refused CONNECT is answered in a format that its sender reads', () => {
  const versionOf = (hex: string) => refusalVersion(bytesOf(hex), 0, bytesOf(hex).length)
  assert.equal(versionOf('0006 4d5149736470 03 02 003c'), 4)
  assert.equal(versionOf('0004 4d515454 03'), 4)
  assert.equal(versionOf('0004 4d515454 04'), 4)
  assert.equal(versionOf('0004 4d515454 84'), 4, 'a bridge of mosquitto')
  assert.equal(versionOf('0004 4d515454 05'), 5)
  assert.equal(versionOf('0004 4d515454 06'), 5)
  assert.equal(versionOf('0004 41515051 05'), null, 'another protocol gets no answer')
  assert.equal(versionOf('0004 4d515454'), null)
  assert.equal(versionOf('0006 4d5149736470'), null)
  assert.equal(versionOf('00'), null)
  assert.equal(versionOf('ffff 4d515454 05'), null)
})
