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

function frame(version: ProtocolVersion, size: number, i: number): Buffer {
  const payload = Buffer.alloc(size, 97 + i)
  const packet: Packet = {
    ...{ type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName },
    ...{ packetIdentifier: i + 1, properties: {}, payload },
  }
  return Buffer.from(encodePacket(packet, version))
}

function viewOf(bytes: Buffer, start: number, end: number, version: ProtocolVersion): PublishView {
  const view = new PublishView()
  let bodyStart = start + 1
  while ((bytes[bodyStart] as number) >= 0x80) bodyStart++
  assert.equal(view.read(bytes, start, bodyStart + 1, end, version), null)
  return view
}

for (const version of [4, 5] as const) {
  /** Every size three times, so that there are messages like the one before them and messages that differ. */
  const runs = [...sizes.map((size) => [size, size, size]), sizes.flatMap((size) => [size, size, size])]

  function framesOf(run: readonly number[]): { readonly bytes: Buffer; readonly views: readonly PublishView[] } {
    const bytes = Buffer.concat([
      Buffer.from('before'),
      ...run.map((size, i) => frame(version, size, i)),
      Buffer.alloc(9),
    ])
    let start = 6
    const views = run.map((size, i) => {
      const end = start + frame(version, size, i).length
      const view = viewOf(bytes, start, end, version)
      start = end
      return view
    })
    return { bytes, views }
  }

  function storedRun(run: readonly number[]): { readonly together: Buffer; readonly ends: number[] } {
    const { bytes, views } = framesOf(run)
    const ends: number[] = []
    const plain = {
      bytes,
      count: run.length,
      topic: Buffer.from(topicName),
      payloadStarts: views.map((view) => view.payloadStart),
      payloadEnds: views.map((view) => view.end),
    }
    const together = encodeStoredFrames(plain, publisher, now, (length) => Buffer.alloc(length, 0xee), ends)
    return { together, ends }
  }

  const pieces = (bytes: Buffer, ends: readonly number[]): Buffer[] =>
    ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))

  test(`a run is stored as its messages one by one are, version ${version}`, () => {
    for (const run of runs) {
      const { together, ends } = storedRun(run)
      const singly = framesOf(run).views.map((view) => encodeStoredMessage(view, null, 1, false, publisher, now))
      assert.deepEqual(pieces(together, ends), singly)
      assert.equal(ends.at(-1), together.length)
    }
  })

  test(`a stored run is delivered as its messages one by one are, version ${version}`, () => {
    const pool = new ArenaPool()
    const [whole, single] = [new PlainDelivery(pool), new PlainDelivery(pool)]
    for (const run of runs) {
      const { together, ends } = storedRun(run)
      pool.reserve(0).used += 5
      assert.ok(whole.writeRun(together, ends, version))
      const written = whole.arena.bytes.subarray(whole.start, whole.end)
      for (const [i, body] of pieces(together, ends).entries()) {
        assert.ok(single.write(body, version))
        const [start, identifierAt] = [whole.starts[i] as number, whole.identifiersAt[i] as number]
        assert.equal(identifierAt - start, single.identifierAt - single.start)
        patchPacketIdentifier(whole.arena.bytes, identifierAt, 0x1234)
        patchPacketIdentifier(single.arena.bytes, single.identifierAt, 0x1234)
        const at = start - whole.start
        const frame = single.arena.bytes.subarray(single.start, single.end)
        assert.deepEqual(written.subarray(at, at + frame.length), frame)
        if (i === ends.length - 1) assert.equal(at + frame.length, written.length)
      }
    }
  })

  test(`a stored message without properties is delivered as any other, version ${version}`, () => {
    const pool = new ArenaPool()
    const delivery = new PlainDelivery(pool)
    const forms = new MessageForms(pool)
    for (const size of sizes) {
      const bytes = frame(5, size, 0)
      const view = viewOf(bytes, 0, bytes.length, 5)
      const body = encodeStoredMessage(view, null, 1, false, publisher, now)
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
