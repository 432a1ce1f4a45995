import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixMillis } from '../../src/base/time.ts'
import { MessageForms } from '../../src/broker/message/message-forms.ts'
import { PlainDelivery } from '../../src/broker/message/plain-delivery.ts'
import { encodeStoredFrames, encodeStoredMessage, readStoredPublish } from '../../src/broker/message/stored-message.ts'
import { ArenaPool } from '../../src/broker/turn/arena.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { Packet, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { patchPacketIdentifier } from '../../src/mqtt/publish-encoder.ts'
import { PublishView } from '../../src/mqtt/publish-view.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { type ClientOptions, house } from './support.ts'

const publisher = { authority: 'registry', uid: 'c'.repeat(32), authenticationName: 'Gerät 7' } as const
const now = unixMillis(1_700_000_000_123)
const topicName = 'open/größe'
/** Around every length at which the Remaining Length takes one byte more. */
const sizes = [0, 1, 95, 96, 97, 107, 108, 109, 110, 111, 112, 300, 16_300, 16_365, 16_370, 16_384, 40_000]

function frames(version: ProtocolVersion, size: number, count: number): Buffer {
  const packets = Array.from({ length: count }, (_, i): Packet => {
    const payload = Buffer.alloc(size, 97 + i)
    return {
      type: 'PUBLISH',
      dup: false,
      qos: 1,
      retain: false,
      topicName,
      packetIdentifier: i + 1,
      properties: {},
      payload,
    }
  })
  return Buffer.concat(packets.map((packet) => encodePacket(packet, version)))
}

function viewsOf(bytes: Buffer, version: ProtocolVersion, count: number): PublishView[] {
  const length = bytes.length / count
  return Array.from({ length: count }, (_, i) => {
    const view = new PublishView()
    let bodyStart = i * length + 1
    while ((bytes[bodyStart] as number) >= 0x80) bodyStart++
    assert.equal(view.read(bytes, i * length, bodyStart + 1, (i + 1) * length, version), null)
    return view
  })
}

for (const version of [4, 5] as const) {
  test(`a run is stored as its messages one by one are, version ${version}`, () => {
    for (const size of sizes) {
      const bytes = frames(version, size, 3)
      const views = viewsOf(bytes, version, 3)
      const plain = {
        bytes,
        count: 3,
        topic: Buffer.from(topicName),
        payloadStarts: views.map((view) => view.payloadStart),
        payloadEnds: views.map((view) => view.end),
      }
      const together = encodeStoredFrames(plain, publisher, now, (length) => Buffer.alloc(length, 0xee))
      const singly = views.map((view) => encodeStoredMessage(view, null, 1, false, publisher, now))
      assert.deepEqual(together, singly)
    }
  })

  test(`a stored message without properties is delivered as any other, version ${version}`, () => {
    const pool = new ArenaPool()
    const delivery = new PlainDelivery(pool)
    const forms = new MessageForms(pool)
    for (const size of sizes) {
      const [view] = viewsOf(frames(5, size, 1), 5, 1)
      const body = encodeStoredMessage(view as PublishView, null, 1, false, publisher, now)
      assert.ok(delivery.write(body, version))
      const stored = new PublishView()
      readStoredPublish(body, stored)
      forms.begin(stored, topicName)
      forms.select(version, 1, false)
      patchPacketIdentifier(forms.arena.bytes, forms.identifierAt, 0x1234)
      patchPacketIdentifier(delivery.arena.bytes, delivery.identifierAt, 0x1234)
      assert.deepEqual(
        delivery.arena.bytes.subarray(delivery.start, delivery.end),
        forms.arena.bytes.subarray(forms.start, forms.end),
      )
    }
  })
}

test('a stored message with properties goes the long way', () => {
  const packet: Packet = {
    ...{ type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName, packetIdentifier: 1 },
    ...{ properties: { contentType: 'x' }, payload: Buffer.from('p') },
  }
  const bytes = encodePacket(packet, 5)
  const view = new PublishView()
  assert.equal(view.read(bytes, 0, 2, bytes.length, 5), null)
  const body = encodeStoredMessage(view, null, 1, false, publisher, now)
  assert.equal(new PlainDelivery(new ArenaPool()).write(body, 5), false)
})

const lasting: ClientOptions = {
  name: 'beta',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600 },
}

test('[MQTT-4.3.2-4] a run is acknowledged when the store has it, whole and in order, and delivered then', async () => {
  const home = house()
  const node = 'n1' as NodeId
  const subscriber = await home.connect(lasting)
  await subscriber.subscribe('open/#', { qos: 1 })
  const alpha = await home.connect({ name: 'alpha' })
  const send = (from: number, count: number): void => {
    const packets = Array.from({ length: count }, (_, i): Packet => {
      const payload = Buffer.from(String(from + i))
      return {
        ...{ type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: 'open/a' },
        ...{ packetIdentifier: from + i, properties: {}, payload },
      }
    })
    alpha.peer.send(Buffer.concat(packets.map((packet) => encodePacket(packet, 5))))
  }
  home.world.fault(node, 'refuse')
  send(1, 5)
  await home.pass(1_000)
  send(6, 3)
  await home.pass(1_000)
  assert.deepEqual([alpha.packets(), subscriber.packets()], [[], []])
  home.world.fault(node, null)
  await home.pass(3_000)
  assert.deepEqual(
    alpha.packets().map((packet) => (packet.type === 'PUBACK' ? packet.packetIdentifier : 0)),
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.deepEqual(
    subscriber.messages(),
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `open/a ${n}`),
  )
})

test('[MQTT-4.3.2-4] a run that the store never takes is not acknowledged: its publisher is cut', async () => {
  const home = house()
  const node = 'n1' as NodeId
  const subscriber = await home.connect(lasting)
  await subscriber.subscribe('open/#', { qos: 1 })
  const alpha = await home.connect({ name: 'alpha', version: 4 })
  home.world.fault(node, 'refuse')
  const packets = [1, 2, 3].map((n): Packet => {
    return {
      ...{ type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: 'open/a' },
      ...{ packetIdentifier: n, properties: {}, payload: Buffer.from(String(n)) },
    }
  })
  alpha.peer.send(Buffer.concat(packets.map((packet) => encodePacket(packet, 4))))
  await home.pass(15_000)
  assert.notEqual(alpha.peer.ended, null)
  assert.deepEqual(alpha.packets(), [])
})
