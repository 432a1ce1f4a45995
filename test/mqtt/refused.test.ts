import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sender } from '../../src/mqtt/decode.ts'
import type { PacketFailure, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { decodeFrame, frameOf } from './frames.ts'
import { bytesOf } from './golden.ts'

interface Case {
  readonly version?: ProtocolVersion
  readonly from?: Sender
  /** First byte of the frame. */
  readonly first: number
  /** All bytes behind Remaining Length. */
  readonly body: string
  readonly kind?: PacketFailure['kind']
  readonly code?: number
}

/** Each packet breaks exactly the rule that its name states; the failure's message names the same rule. */
function refused(rule: string, what: string, { version = 5, from = 'client', first, body, kind, code }: Case): void {
  test(`${rule} ${what}`, () => {
    const result = decodeFrame(frameOf(first, bytesOf(body)), version, from)
    assert.ok(!result.ok, 'accepted')
    const codes = {
      malformed: 0x81,
      protocolError: 0x82,
      unsupportedProtocolVersion: 0x84,
      clientIdentifierNotValid: 0x85,
    }
    const expected = kind ?? 'malformed'
    assert.equal(result.error.kind, expected, result.error.message)
    assert.equal(result.error.reasonCode, code ?? codes[expected as keyof typeof codes])
    assert.ok(result.error.message.startsWith(rule), result.error.message)
  })
}

const protocolError = 'protocolError' as const
/** Protocol Name, level, flags, Keep Alive. */
const start5 = (flags: string) => `0004 4d515454 05 ${flags} 0000`
const start4 = (flags: string) => `0004 4d515454 04 ${flags} 0000`
/** CONNECT of version 5 with these properties and client id `a`. */
const with5 = (properties: string) => `${start5('02')} ${lengthOf(properties)} ${properties} 0001 61`
/** CONNECT of version 5 with these will properties. */
const will5 = (properties: string) => `${start5('06')} 00 0001 61 ${lengthOf(properties)} ${properties} 0001 74 0000`
/** QoS 0 PUBLISH of version 5 to `a` with these properties. */
const publish5 = (properties: string) => `0001 61 ${lengthOf(properties)} ${properties}`
function lengthOf(hex: string): string {
  return bytesOf(hex).length.toString(16).padStart(2, '0')
}

// ---------------------------------------------------------------------------------------------- fixed header

refused('MQTT 5.0 2.1.2:', 'packet type 0 is forbidden', { first: 0x00, body: '' })
refused('MQTT 3.1.1 2.2.1:', 'packet type 0 is forbidden', { version: 4, first: 0x00, body: '' })
refused('MQTT 3.1.1 2.2.1:', 'packet type 15 is reserved', { version: 4, first: 0xf0, body: '' })
refused('[MQTT-2.1.3-1]', 'flags of CONNECT', { first: 0x11, body: with5('') })
refused('[MQTT-2.1.3-1]', 'flags of CONNACK', { from: 'server', first: 0x21, body: '0000 00' })
refused('[MQTT-2.1.3-1]', 'flags of PUBACK', { first: 0x42, body: '0001' })
refused('[MQTT-2.1.3-1]', 'flags of PUBREC', { first: 0x51, body: '0001' })
refused('[MQTT-3.6.1-1]', 'flags of PUBREL', { first: 0x60, body: '0001' })
refused('[MQTT-2.1.3-1]', 'flags of PUBCOMP', { first: 0x78, body: '0001' })
refused('[MQTT-3.8.1-1]', 'flags of SUBSCRIBE', { first: 0x80, body: '0001 00 0001 61 00' })
refused('[MQTT-2.1.3-1]', 'flags of SUBACK', { from: 'server', first: 0x92, body: '0001 00 00' })
refused('[MQTT-3.10.1-1]', 'flags of UNSUBSCRIBE', { first: 0xa3, body: '0001 00 0001 61' })
refused('[MQTT-2.1.3-1]', 'flags of UNSUBACK', { from: 'server', first: 0xb2, body: '0001 00 00' })
refused('[MQTT-2.1.3-1]', 'flags of PINGREQ', { first: 0xc1, body: '' })
refused('[MQTT-2.1.3-1]', 'flags of PINGRESP', { from: 'server', first: 0xd8, body: '' })
refused('[MQTT-3.14.1-1]', 'flags of DISCONNECT', { first: 0xe1, body: '' })
refused('[MQTT-3.15.1-1]', 'flags of AUTH', { first: 0xf1, body: '' })
refused('[MQTT311-2.2.2-1]', 'flags of PUBACK', { version: 4, first: 0x41, body: '0001' })
refused('[MQTT311-3.6.1-1]', 'flags of PUBREL', { version: 4, first: 0x61, body: '0001' })
refused('[MQTT311-3.8.1-1]', 'flags of SUBSCRIBE', { version: 4, first: 0x81, body: '0001 0001 61 00' })
refused('[MQTT311-3.10.1-1]', 'flags of UNSUBSCRIBE', { version: 4, first: 0xa0, body: '0001 0001 61' })
refused('[MQTT311-3.14.1-1]', 'flags of DISCONNECT', { version: 4, first: 0xe2, body: '' })

for (const [first, name] of [
  [0x20, 'CONNACK'],
  [0x90, 'SUBACK'],
  [0xb0, 'UNSUBACK'],
  [0xd0, 'PINGRESP'],
] as const) {
  refused('MQTT 5.0 2.1.2:', `a client sends no ${name}`, { first, body: '0000', kind: protocolError })
}
for (const [first, name] of [
  [0x10, 'CONNECT'],
  [0x82, 'SUBSCRIBE'],
  [0xa2, 'UNSUBSCRIBE'],
  [0xc0, 'PINGREQ'],
] as const) {
  refused('MQTT 5.0 2.1.2:', `a server sends no ${name}`, { from: 'server', first, body: '', kind: protocolError })
}
refused('MQTT 3.1.1 2.2.1:', 'a server sends no DISCONNECT', {
  version: 4,
  from: 'server',
  first: 0xe0,
  body: '',
  kind: protocolError,
})
refused('[MQTT-4.13.1-1]', 'PINGREQ with a body', { first: 0xc0, body: '00' })
refused('[MQTT311-4.8.0-1]', 'PINGREQ with a body', { version: 4, first: 0xc0, body: '00' })

// ---------------------------------------------------------------------------------------------- CONNECT

const unsupportedProtocolVersion = 'unsupportedProtocolVersion' as const
refused('[MQTT-3.1.2-1]', 'a protocol name that is not MQTT', { first: 0x10, body: '0004 41515051 05 02 0000 00 0000' })
refused('[MQTT-3.1.2-1]', 'the protocol name is compared exactly', {
  first: 0x10,
  body: '0004 6d717474 05 02 0000 00 0000',
})
refused('[MQTT-3.1.2-1]', 'an empty protocol name', { first: 0x10, body: '0000 05 02 0000 00 0000' })
refused('[MQTT-3.1.2-2]', 'MQTT 3.1 (MQIsdp, level 3)', {
  first: 0x10,
  body: '0006 4d5149736470 03 02 003c 0001 61',
  kind: unsupportedProtocolVersion,
})
for (const level of ['00', '03', '06', '84', 'ff']) {
  refused('[MQTT-3.1.2-2]', `level 0x${level}, whatever follows`, {
    first: 0x10,
    body: `0004 4d515454 ${level} ff`,
    kind: unsupportedProtocolVersion,
  })
}
refused('[MQTT-3.1.2-3]', 'the reserved connect flag', { first: 0x10, body: `${start5('03')} 00 0001 61` })
refused('[MQTT311-3.1.2-3]', 'the reserved connect flag', { first: 0x10, body: `${start4('03')} 0001 61` })
refused('[MQTT-3.1.2-11]', 'Will QoS without a will', { first: 0x10, body: `${start5('0a')} 00 0001 61` })
refused('[MQTT311-3.1.2-13]', 'Will QoS without a will', { first: 0x10, body: `${start4('12')} 0001 61` })
refused('[MQTT-3.1.2-12]', 'Will QoS 3', { first: 0x10, body: `${start5('1e')} 00 0001 61 00 0001 74 0000` })
refused('[MQTT311-3.1.2-14]', 'Will QoS 3', { first: 0x10, body: `${start4('1e')} 0001 61 0001 74 0000` })
refused('[MQTT-3.1.2-13]', 'Will Retain without a will', { first: 0x10, body: `${start5('22')} 00 0001 61` })
refused('[MQTT311-3.1.2-15]', 'Will Retain without a will', { first: 0x10, body: `${start4('22')} 0001 61` })
refused('[MQTT311-3.1.2-22]', 'Password without User Name', { first: 0x10, body: `${start4('42')} 0001 61 0001 70` })
refused('[MQTT311-3.1.3-8]', 'an empty client identifier without Clean Session', {
  first: 0x10,
  body: `${start4('00')} 0000`,
  kind: 'clientIdentifierNotValid',
})
refused('[MQTT-3.1.3-4]', 'a client identifier that is no UTF-8', { first: 0x10, body: `${start5('02')} 00 0001 ff` })
refused('[MQTT-1.5.4-2]', 'U+0000 in a client identifier', { first: 0x10, body: `${start5('02')} 00 0002 6100` })
refused('[MQTT311-1.5.3-2]', 'U+0000 in a client identifier', { first: 0x10, body: `${start4('02')} 0002 6100` })
refused('[MQTT-3.1.3-11]', 'a Will Topic that is no UTF-8', {
  first: 0x10,
  body: `${start5('06')} 00 0001 61 00 0002 c328 0000`,
})
refused('[MQTT311-3.1.3-10]', 'a Will Topic that is no UTF-8', {
  first: 0x10,
  body: `${start4('06')} 0001 61 0003 eda080 0000`,
})
refused('[MQTT-3.1.3-12]', 'a User Name that is no UTF-8', {
  first: 0x10,
  body: `${start5('82')} 00 0001 61 0002 c080`,
})
refused('[MQTT311-3.1.3-11]', 'a User Name that is no UTF-8', { first: 0x10, body: `${start4('82')} 0001 61 0001 80` })
refused('[MQTT-4.13.1-1]', 'CONNECT with bytes behind its last field', { first: 0x10, body: `${with5('')} 00` })
refused('[MQTT-4.13.1-1]', 'CONNECT without its client identifier', { first: 0x10, body: `${start5('02')} 00` })
refused('[MQTT311-4.8.0-1]', 'a will flag without a will', { first: 0x10, body: `${start4('06')} 0001 61` })

// ---------------------------------------------------------------------------------------------- properties

refused('MQTT 5.0 3.1.2.11.2:', 'Session Expiry Interval twice', {
  first: 0x10,
  body: with5('1100000001 1100000001'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.3:', 'Receive Maximum 0', { first: 0x10, body: with5('210000'), kind: protocolError })
refused('MQTT 5.0 3.1.2.11.3:', 'Receive Maximum twice', {
  first: 0x10,
  body: with5('210001 210001'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.4:', 'Maximum Packet Size 0', {
  first: 0x10,
  body: with5('2700000000'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.5:', 'Topic Alias Maximum twice', {
  first: 0x10,
  body: with5('220001 220001'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.6:', 'Request Response Information 2', {
  first: 0x10,
  body: with5('1902'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.7:', 'Request Problem Information 2', {
  first: 0x10,
  body: with5('1702'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.9:', 'Authentication Method twice', {
  first: 0x10,
  body: with5('1500016d 1500016d'),
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.10:', 'Authentication Data without Method', {
  first: 0x10,
  body: with5('160000'),
  kind: protocolError,
})
refused('[MQTT-1.5.7-1]', 'a User Property that is no UTF-8', { first: 0x10, body: with5('26 0001ff 0000') })
refused('[MQTT-1.5.4-1]', 'an Authentication Method that is no UTF-8', { first: 0x10, body: with5('15 0001ff') })
refused('[MQTT-4.13.1-1]', 'a property that ends behind the properties', {
  first: 0x10,
  body: `${start5('02')} 02 2100 0001 61`,
})
refused('[MQTT-4.13.1-1]', 'a Content Type whose length ends behind the properties', {
  first: 0x30,
  body: '000161 02 0300',
})
refused('[MQTT-4.13.1-1]', 'properties that end behind the packet', { first: 0x10, body: `${start5('02')} 7f 210001` })
refused('[MQTT-1.5.5-1]', 'a Property Length that is not minimal', {
  first: 0x10,
  body: `${start5('02')} 8000 0001 61`,
})
refused('MQTT 5.0 1.5.5:', 'a Property Length of five bytes', {
  first: 0x10,
  body: `${start5('02')} 8080808001 0001 61`,
})

for (const id of ['00', '04', '07', '0a', '0c', '10', '14', '1b', '1d', '20', '2b', '7f', '80', 'ff']) {
  refused('MQTT 5.0 2.2.2.2:', `property 0x${id} does not exist`, { first: 0x10, body: with5(`${id} 0000 0000`) })
}
refused('MQTT 5.0 2.2.2.2:', 'Topic Alias in CONNECT', { first: 0x10, body: with5('230001') })
refused('MQTT 5.0 2.2.2.2:', 'Will Delay Interval outside the will', { first: 0x10, body: with5('1800000001') })
refused('MQTT 5.0 2.2.2.2:', 'Receive Maximum in the will', { first: 0x10, body: will5('210001') })
refused('MQTT 5.0 2.2.2.2:', 'Topic Alias in the will', { first: 0x10, body: will5('230001') })
refused('MQTT 5.0 2.2.2.2:', 'Session Expiry Interval in PUBLISH', { first: 0x30, body: publish5('1100000001') })
refused('MQTT 5.0 2.2.2.2:', 'Topic Alias in PUBACK', { first: 0x40, body: '0001 00 03 230001' })
refused('MQTT 5.0 2.2.2.2:', 'Reason String in SUBSCRIBE', { first: 0x82, body: '0001 04 1f000161 0001 61 00' })
refused('MQTT 5.0 2.2.2.2:', 'Subscription Identifier in UNSUBSCRIBE', { first: 0xa2, body: '0001 02 0b01 0001 61' })
refused('MQTT 5.0 2.2.2.2:', 'Authentication Method in DISCONNECT', { first: 0xe0, body: '00 04 1500016d' })
refused('MQTT 5.0 3.1.3.2.2:', 'Will Delay Interval twice', {
  first: 0x10,
  body: will5('1800000001 1800000001'),
  kind: protocolError,
})
refused('MQTT 5.0 3.3.2.3.2:', 'Payload Format Indicator 2 in the will', {
  first: 0x10,
  body: will5('0102'),
  kind: protocolError,
})
refused('[MQTT-3.3.2-14]', 'a Response Topic with a wildcard in the will', {
  first: 0x10,
  body: will5('08 0001 23'),
  kind: protocolError,
})

// ---------------------------------------------------------------------------------------------- CONNACK

refused('[MQTT-3.2.2-1]', 'reserved acknowledge flags', { from: 'server', first: 0x20, body: '02 00 00' })
refused('[MQTT-3.2.2-6]', 'Session Present in a refusal', {
  from: 'server',
  first: 0x20,
  body: '01 87 00',
  kind: protocolError,
})
refused('[MQTT311-3.2.2-4]', 'Session Present in a refusal', {
  version: 4,
  from: 'server',
  first: 0x20,
  body: '01 05',
  kind: protocolError,
})
refused('[MQTT-3.2.2-8]', 'a reason code of another packet', {
  from: 'server',
  first: 0x20,
  body: '00 8e 00',
  kind: protocolError,
})
refused('MQTT 3.1.1 3.2.2.3:', 'a reserved return code', {
  version: 4,
  from: 'server',
  first: 0x20,
  body: '00 06',
  kind: protocolError,
})
refused('MQTT 5.0 3.2.2.3.4:', 'Maximum QoS 2', {
  from: 'server',
  first: 0x20,
  body: '00 00 02 2402',
  kind: protocolError,
})
refused('MQTT 5.0 3.2.2.3.5:', 'Retain Available 2', {
  from: 'server',
  first: 0x20,
  body: '00 00 02 2502',
  kind: protocolError,
})
refused('MQTT 5.0 3.2.2.3.11:', 'Wildcard Subscription Available 2', {
  from: 'server',
  first: 0x20,
  body: '00 00 02 2802',
  kind: protocolError,
})
refused('MQTT 5.0 3.1.2.11.10:', 'Authentication Data without Method in CONNACK', {
  from: 'server',
  first: 0x20,
  body: '00 00 03 160000',
  kind: protocolError,
})

// ---------------------------------------------------------------------------------------------- PUBLISH

refused('[MQTT-3.3.1-4]', 'QoS 3', { first: 0x36, body: '0001 61 0001 00' })
refused('[MQTT311-3.3.1-4]', 'QoS 3', { version: 4, first: 0x36, body: '0001 61 0001' })
refused('[MQTT-3.3.1-2]', 'DUP with QoS 0', { first: 0x38, body: '0001 61 00' })
refused('[MQTT311-3.3.1-2]', 'DUP with QoS 0', { version: 4, first: 0x38, body: '0001 61' })
refused('[MQTT-2.2.1-3]', 'PUBLISH with Packet Identifier 0', {
  first: 0x32,
  body: '0001 61 0000 00',
  kind: protocolError,
})
refused('[MQTT311-2.3.1-1]', 'PUBLISH with Packet Identifier 0', {
  version: 4,
  first: 0x34,
  body: '0001 61 0000',
  kind: protocolError,
})
refused('[MQTT-4.13.1-1]', 'PUBLISH that ends before its Packet Identifier', { first: 0x32, body: '0001 61' })
refused('[MQTT-4.13.1-1]', 'PUBLISH without Property Length', { first: 0x30, body: '0001 61' })
refused('MQTT 5.0 3.3.2.1:', 'PUBLISH without topic and alias', { first: 0x30, body: '0000 00', kind: protocolError })
refused('[MQTT311-4.7.3-1]', 'PUBLISH without topic', { version: 4, first: 0x30, body: '0000', kind: protocolError })
refused('[MQTT-3.3.2-1]', 'a topic name that is no UTF-8', { first: 0x30, body: '0002 c3c3 00' })
refused('[MQTT311-3.3.2-1]', 'a topic name that is no UTF-8', { version: 4, first: 0x30, body: '0001 ff' })
refused('[MQTT-1.5.4-2]', 'U+0000 in a topic name', { first: 0x30, body: '0001 00 00' })
refused('[MQTT-3.3.2-8]', 'Topic Alias 0', { first: 0x30, body: publish5('230000'), kind: protocolError, code: 0x94 })
refused('MQTT 5.0 3.3.2.3.4:', 'Topic Alias twice', {
  first: 0x30,
  body: publish5('230001 230001'),
  kind: protocolError,
})
refused('[MQTT-3.3.4-6]', 'a Subscription Identifier from a client', {
  first: 0x30,
  body: publish5('0b01'),
  kind: protocolError,
})
refused('MQTT 5.0 3.8.2.1.2:', 'Subscription Identifier 0 from a server', {
  from: 'server',
  first: 0x30,
  body: publish5('0b00'),
  kind: protocolError,
})
refused('MQTT 5.0 3.3.2.3.2:', 'Payload Format Indicator 2', {
  first: 0x30,
  body: publish5('0102'),
  kind: protocolError,
})
refused('MQTT 5.0 3.3.2.3.2:', 'Payload Format Indicator twice', {
  first: 0x30,
  body: publish5('0101 0101'),
  kind: protocolError,
})
refused('MQTT 5.0 3.3.2.3.3:', 'Message Expiry Interval twice', {
  first: 0x30,
  body: publish5('0200000001 0200000001'),
  kind: protocolError,
})
refused('MQTT 5.0 3.3.2.3.9:', 'Content Type twice', {
  first: 0x30,
  body: publish5('030000 030000'),
  kind: protocolError,
})
refused('[MQTT-3.3.2-19]', 'a Content Type that is no UTF-8', { first: 0x30, body: publish5('030001ff') })
refused('[MQTT-3.3.2-13]', 'a Response Topic that is no UTF-8', { first: 0x30, body: publish5('080001ff') })
refused('MQTT 5.0 3.3.2.3.5:', 'Response Topic twice', {
  first: 0x30,
  body: publish5('08000161 08000161'),
  kind: protocolError,
})
refused('[MQTT-3.3.2-14]', 'a Response Topic with a wildcard', {
  first: 0x30,
  body: publish5('080003612f2b'),
  kind: protocolError,
})
refused('[MQTT-4.7.3-1]', 'an empty Response Topic', { first: 0x30, body: publish5('080000'), kind: protocolError })
refused('MQTT 5.0 3.3.2.3.6:', 'Correlation Data twice', {
  first: 0x30,
  body: publish5('090000 090000'),
  kind: protocolError,
})

// ---------------------------------------------------------------------------------------------- acknowledgements

for (const [first, name, statement] of [
  [0x40, 'PUBACK', '3.4.2-1'],
  [0x50, 'PUBREC', '3.5.2-1'],
  [0x62, 'PUBREL', '3.6.2-1'],
  [0x70, 'PUBCOMP', '3.7.2-1'],
] as const) {
  refused('[MQTT-2.2.1-5]', `${name} with Packet Identifier 0`, { first, body: '0000', kind: protocolError })
  refused('[MQTT311-2.3.1-6]', `${name} with Packet Identifier 0`, {
    version: 4,
    first,
    body: '0000',
    kind: protocolError,
  })
  refused(`[MQTT-${statement}]`, `a reason code that ${name} does not have`, {
    first,
    body: '0001 8b',
    kind: protocolError,
  })
  refused('[MQTT-4.13.1-1]', `${name} that ends inside its Packet Identifier`, { first, body: '00' })
  refused('[MQTT-4.13.1-1]', `${name} with bytes behind its properties`, { first, body: '0001 00 00 00' })
  refused('[MQTT311-4.8.0-1]', `${name} with a reason code in 3.1.1`, { version: 4, first, body: '0001 00' })
  refused('MQTT 5.0 3.2.2.3.9:', `Reason String twice in ${name}`, {
    first,
    body: '0001 00 06 1f0000 1f0000',
    kind: protocolError,
  })
}

// ---------------------------------------------------------------------------------------------- SUBSCRIBE and UNSUBSCRIBE

refused('[MQTT-3.8.3-2]', 'SUBSCRIBE without a filter', { first: 0x82, body: '0001 00', kind: protocolError })
refused('[MQTT311-3.8.3-3]', 'SUBSCRIBE without a filter', {
  version: 4,
  first: 0x82,
  body: '0001',
  kind: protocolError,
})
refused('[MQTT-2.2.1-3]', 'SUBSCRIBE with Packet Identifier 0', {
  first: 0x82,
  body: '0000 00 0001 61 00',
  kind: protocolError,
})
refused('[MQTT-3.8.3-1]', 'a filter that is no UTF-8', { first: 0x82, body: '0001 00 0001 ff 00' })
refused('[MQTT-3.8.3-5]', 'reserved bit 6 of the options', { first: 0x82, body: '0001 00 0001 61 40' })
refused('[MQTT-3.8.3-5]', 'reserved bit 7 of the options', { first: 0x82, body: '0001 00 0001 61 80' })
refused('MQTT 5.0 3.8.3.1:', 'Maximum QoS 3', { first: 0x82, body: '0001 00 0001 61 03', kind: protocolError })
refused('MQTT 5.0 3.8.3.1:', 'Retain Handling 3', { first: 0x82, body: '0001 00 0001 61 30', kind: protocolError })
refused('[MQTT-3.8.3-4]', 'No Local with a Shared Subscription', {
  first: 0x82,
  body: '0001 00 000a 2473686172652f672f61 04',
  kind: protocolError,
})
for (const options of ['03', '04', '80', 'ff']) {
  refused('[MQTT311-3-8.3-4]', `Requested QoS 0x${options}`, {
    version: 4,
    first: 0x82,
    body: `0001 0001 61 ${options}`,
  })
}
refused('[MQTT-4.13.1-1]', 'a filter without its options', { first: 0x82, body: '0001 00 0001 61 00 0001 62' })
refused('MQTT 5.0 3.8.2.1.2:', 'Subscription Identifier 0', {
  first: 0x82,
  body: '0001 02 0b00 0001 61 00',
  kind: protocolError,
})
refused('MQTT 5.0 3.8.2.1.2:', 'Subscription Identifier twice in SUBSCRIBE', {
  first: 0x82,
  body: '0001 04 0b01 0b02 0001 61 00',
  kind: protocolError,
})
refused('[MQTT-1.5.5-1]', 'a Subscription Identifier that is not minimal', {
  first: 0x82,
  body: '0001 03 0b8100 0001 61 00',
})
refused('[MQTT-3.10.3-2]', 'UNSUBSCRIBE without a filter', { first: 0xa2, body: '0001 00', kind: protocolError })
refused('[MQTT311-3.10.3-2]', 'UNSUBSCRIBE without a filter', {
  version: 4,
  first: 0xa2,
  body: '0001',
  kind: protocolError,
})
refused('[MQTT-3.10.3-1]', 'a filter that is no UTF-8 in UNSUBSCRIBE', { first: 0xa2, body: '0001 00 0001 80' })
refused('[MQTT-2.2.1-3]', 'UNSUBSCRIBE with Packet Identifier 0', {
  first: 0xa2,
  body: '0000 00 0001 61',
  kind: protocolError,
})

const fromServer = { from: 'server', kind: protocolError } as const
refused('[MQTT-3.9.3-2]', 'a SUBACK code that does not exist', { ...fromServer, first: 0x90, body: '0001 00 03' })
refused('[MQTT311-3.9.3-2]', 'a SUBACK code of version 5 in 3.1.1', {
  ...fromServer,
  version: 4,
  first: 0x90,
  body: '0001 87',
})
refused('[MQTT-3.9.3-1]', 'SUBACK without a code', { ...fromServer, first: 0x90, body: '0001 00' })
refused('[MQTT-2.2.1-6]', 'SUBACK with Packet Identifier 0', { ...fromServer, first: 0x90, body: '0000 00 00' })
refused('[MQTT-3.11.3-2]', 'an UNSUBACK code that does not exist', { ...fromServer, first: 0xb0, body: '0001 00 01' })
refused('[MQTT-3.11.3-1]', 'UNSUBACK without a code', { ...fromServer, first: 0xb0, body: '0001 00' })
refused('[MQTT311-2.3.1-7]', 'UNSUBACK with Packet Identifier 0', {
  ...fromServer,
  version: 4,
  first: 0xb0,
  body: '0000',
})

// ---------------------------------------------------------------------------------------------- DISCONNECT and AUTH

for (const code of ['01', '7f', '87', '8b', '8e', 'a2', 'ff']) {
  refused('[MQTT-3.14.2-1]', `a client sends no DISCONNECT 0x${code}`, { first: 0xe0, body: code, kind: protocolError })
}
refused('[MQTT-3.14.2-1]', 'a server sends no DISCONNECT with will', { ...fromServer, first: 0xe0, body: '04' })
refused('[MQTT-3.14.2-2]', 'Session Expiry Interval in a server DISCONNECT', {
  ...fromServer,
  first: 0xe0,
  body: '8b 05 1100000001',
})
refused('[MQTT311-4.8.0-1]', 'DISCONNECT with a reason code in 3.1.1', { version: 4, first: 0xe0, body: '00' })
refused('[MQTT-3.15.2-1]', 'a client sends no AUTH Success', { first: 0xf0, body: '', kind: protocolError })
refused('[MQTT-3.15.2-1]', 'a client sends no AUTH Success with properties', {
  first: 0xf0,
  body: '00 04 1500016d',
  kind: protocolError,
})
refused('[MQTT-3.15.2-1]', 'a server sends no AUTH 0x19', { ...fromServer, first: 0xf0, body: '19 04 1500016d' })
refused('MQTT 5.0 3.15.2.2.2:', 'AUTH without Authentication Method', {
  first: 0xf0,
  body: '18 00',
  kind: protocolError,
})
refused('[MQTT-4.13.1-1]', 'AUTH without Property Length', { first: 0xf0, body: '18' })
