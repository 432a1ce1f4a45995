import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotate } from '../../src/mqtt/annotate.ts'
import { describePacket } from '../../src/mqtt/describe.ts'
import type { ConnectPacket, Packet } from '../../src/mqtt/packet.ts'
import { bytesOf, readGoldens } from './golden.ts'

const secret = new Uint8Array(Buffer.from('hunter2'))
const connect: ConnectPacket = {
  type: 'CONNECT',
  protocolVersion: 5,
  cleanStart: true,
  keepAliveSeconds: 30,
  clientId: 'd1',
  username: 'alice',
  password: secret,
  will: { topicName: 'w', payload: secret, qos: 1, retain: true, properties: { correlationData: secret } },
  properties: { authenticationMethod: 'm', authenticationData: secret },
}

test('a packet is one line that names what matters', () => {
  assert.equal(
    describePacket(connect),
    'CONNECT MQTT 5.0 clientId="d1" cleanStart keepAlive=30s username="alice" password=(7 bytes) ' +
      'will={"w" QoS 1 RETAIN (7 bytes) correlationData=(7 bytes)} authenticationMethod="m" authenticationData=(7 bytes)',
  )
  const lines: [name: string, line: string][] = [
    ['connack-5-minimal', 'CONNACK NotAuthorized(0x87)'],
    ['publish-4-qos1', 'PUBLISH "a" QoS 1 id=10 DUP RETAIN (0 bytes)'],
    ['puback-5-full', 'PUBACK id=1 QuotaExceeded(0x97) reasonString="no" userProperties={"k"="v" "k"="w"}'],
    ['unsubscribe-4', 'UNSUBSCRIBE id=4 "a" "b/#"'],
    ['disconnect-5-reason', 'DISCONNECT SessionTakenOver(0x8e)'],
    ['pingreq-4', 'PINGREQ'],
  ]
  for (const [name, line] of lines) {
    assert.equal(describePacket(readGoldens().find((golden) => golden.name === name)!.packet), line)
  }
})

test('S60: no password, authentication data, payload or token ever shows', () => {
  const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln'
  for (const username of [token, 'SharedAccessSignature sr=x&sig=y', 'u'.repeat(129)]) {
    const line = describePacket({ ...connect, username, password: new Uint8Array(Buffer.from(token)) })
    assert.ok(!line.includes(username), line)
    assert.ok(line.includes(`username=(${username.length} characters)`))
  }
  assert.ok(!describePacket(connect).includes('hunter2'))
  const auth: Packet = { type: 'AUTH', reasonCode: 0x18, properties: { authenticationData: secret } }
  assert.equal(describePacket(auth), 'AUTH ContinueAuthentication(0x18) authenticationData=(7 bytes)')
})

test('S60: a peer cannot forge or flood a log line', () => {
  const line = describePacket({ ...connect, clientId: 'a\n"b\u202e\x7f\u2028\ufeff\\', username: 'x'.repeat(100) })
  assert.ok(line.includes('clientId="a\\u{a}\\"b\\u{202e}\\u{7f}\\u{2028}\\u{feff}\\\\"'), line)
  const many = Array.from({ length: 10_000 }, (_, index) => `t${index}/${'x'.repeat(1000)}`)
  const long = describePacket({ type: 'UNSUBSCRIBE', packetIdentifier: 1, topicFilters: many, properties: {} })
  assert.ok(long.length < 6000 && long.endsWith('and 9984 more'), `${long.length}`)
  // A cut never leaves half a character.
  const emoji = describePacket({ ...connect, clientId: `x${'\u{1f600}'.repeat(200)}` })
  assert.ok(emoji.isWellFormed())
})

test('annotate says field by field what the bytes mean', () => {
  assert.deepEqual(annotate(bytesOf('32 0a 00 01 61 00 07 03 23 00 02 21')), [
    '32  # PUBLISH, flags 0x02',
    '0a  # Remaining Length: 10',
    '00 01  # Topic Name: 1 byte',
    '61  # Topic Name: "a"',
    '00 07  # Packet Identifier: 7',
    '03  # Property Length: 3',
    '23  # Property: Topic Alias',
    '00 02  # Topic Alias: 2',
    '21  # Payload: 1 byte',
    '# PUBLISH "a" QoS 1 id=7 (1 byte) topicAlias=2',
  ])
})

test('annotate holds every byte of every golden packet once, in order', () => {
  for (const { name, bytes, version } of readGoldens()) {
    const shown = annotate(bytes, version)
      .map((line) => line.replace(/#.*/, ''))
      .join('')
    assert.deepEqual(bytesOf(shown), bytes, name)
  }
})

test('annotate reads what follows a CONNECT in its version, and finds the version when there is none', () => {
  const three = annotate(bytesOf('10 0d 0004 4d515454 04 02 003c 0001 61  30 04 0001 61 00'))
  assert.equal(three.at(-1), '# PUBLISH "a" QoS 0 (1 byte)')
  // As version 5 this byte would be a Property Length that is too long.
  assert.equal(annotate(bytesOf('30 04 0001 61 7f')).at(-1), '# PUBLISH "a" QoS 0 (1 byte)')
  assert.equal(annotate(bytesOf('20 03 00 00 00')).at(-1), '# CONNACK Success(0x00)')
  assert.equal(annotate(bytesOf('20 02 00 05')).at(-1), '# CONNACK 0x05')
})

test('annotate says where bytes stop making sense, and never throws', () => {
  const last = (hex: string, version?: 4 | 5) => annotate(bytesOf(hex), version).at(-1)
  assert.equal(last(''), '# nothing')
  assert.equal(last('10'), '# incomplete: 1 byte of a packet that goes on')
  assert.match(last('c0 00 10 7f 00')!, /^# incomplete: 3 bytes/)
  assert.match(last('c0 80 00')!, /^# refused, malformed 0x81: \[MQTT-1\.5\.5-1\]/)
  assert.deepEqual(annotate(bytesOf('10 08 0004 4d515454 06 02')), [
    '10  # CONNECT',
    '08  # Remaining Length: 8',
    '00 04 4d 51 54 54  # Protocol Name: "MQTT"',
    '06  # Protocol Version: 6',
    '02  # not read',
    '# refused, unsupportedProtocolVersion 0x84: [MQTT-3.1.2-2] Protocol Version MQTT level 6 is not supported',
  ])
  assert.match(last('00 00')!, /packet type 0 is reserved/)
  const long = annotate(new Uint8Array([0x30, 0xff, 0x7f, 0x00, 0x01, 0x61, 0x00, ...new Uint8Array(16_383 - 4)]), 5)
  assert.ok(long.length < 30 && long.includes('# … and 16123 bytes more'), long.join('\n'))
})
