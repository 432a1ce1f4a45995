import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as wire from '../../bench/load/wire.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('CONNECT of MQTT 3.1.1 and 5 in the bytes of the standard', () => {
  const fields = { clientId: 'a', username: 'u', cleanStart: true, keepAliveSeconds: 600 }
  assert.equal(hex(wire.connectPacket({ ...fields, version: 4 })), '101000044d51545404820258000161000175')
  assert.equal(hex(wire.connectPacket({ ...fields, version: 5 })), '101100044d5154540582025800000161000175')
  const durable = { ...fields, username: null, cleanStart: false }
  assert.equal(hex(wire.connectPacket({ ...durable, version: 5 })), '101300044d5154540500025805110000' + '0e10000161')
})

test('SUBSCRIBE with two filters, PUBLISH of both QoS', () => {
  assert.equal(hex(wire.subscribePacket(4, 7, ['a', 'b/#'], 1)), '820c000700016101000362' + '2f2301')
  const fields = { topicName: 'a', packetIdentifier: 258, payload: Buffer.from('hi') }
  assert.equal(hex(wire.publishPacket({ ...fields, version: 4, qos: 0 })), '30050001616869')
  assert.equal(hex(wire.publishPacket({ ...fields, version: 4, qos: 1 })), '320700016101026869')
  assert.equal(hex(wire.publishPacket({ ...fields, version: 5, qos: 1 })), '32080001610102006869')
})

test('the length of a packet is known once its header is complete', () => {
  const long = wire.publishPacket({
    version: 4,
    topicName: 'a',
    qos: 0,
    packetIdentifier: 0,
    payload: Buffer.alloc(300),
  })
  assert.equal(wire.packetLength(long, 0, 2), 0)
  assert.equal(wire.packetLength(long, 0, 3), long.length)
  assert.throws(() => wire.packetLength(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]), 0, 5), /malformed/)
})
