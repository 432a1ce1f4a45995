import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { Packet, ProtocolVersion, QoS } from '../../src/mqtt/packet.ts'
import { house, type TestClient } from './support.ts'

interface Step {
  readonly kind: 'publish' | 'ping' | 'unsubscribeOther'
  readonly topic: number
  readonly qos: QoS
  readonly retain: boolean
  readonly size: number
  readonly contentType: boolean
}

const topics = ['open/a', 'open/b/c', 'open/only-one']

function packetsOf(steps: readonly Step[], version: ProtocolVersion): Packet[] {
  return steps.map((step, index): Packet => {
    if (step.kind === 'ping') return { type: 'PINGREQ' }
    if (step.kind === 'unsubscribeOther') {
      return { type: 'UNSUBSCRIBE', packetIdentifier: 60_000 + index, topicFilters: ['open/none'], properties: {} }
    }
    return {
      type: 'PUBLISH',
      dup: false,
      qos: step.qos,
      retain: step.retain,
      topicName: topics[step.topic] as string,
      packetIdentifier: step.qos === 0 ? null : index + 1,
      properties: step.contentType && version === 5 ? { contentType: 'x' } : {},
      payload: Buffer.from(`${index}`.padEnd(step.size + 3, '.')),
    }
  })
}

/** Everything that each of several unlike subscribers and the publisher received, in order. */
async function outcome(
  steps: readonly Step[],
  version: ProtocolVersion,
  cuts: readonly number[],
  queues: 'memory' | 'store' = 'memory',
): Promise<unknown> {
  const home = house()
  const kept = queues === 'store'
  const lasting = kept ? { sessionExpiryIntervalSeconds: 600 } : {}
  const held = { cleanStart: !kept, properties: lasting }
  const publisher = await home.connect({ name: 'alpha', version })
  const subscribers: TestClient[] = [
    await home.connect({ name: 'beta', clientId: 'old 0', version: 4, cleanStart: !kept }),
    await home.connect({ name: 'beta', clientId: 'old 1', version: 4, cleanStart: !kept }),
    await home.connect({ name: 'beta', clientId: 'young 0', version: 5, ...held }),
    await home.connect({ name: 'beta', clientId: 'young 1', version: 5, ...held }),
    await home.connect({ name: 'gamma', clientId: 'narrow', ...held, properties: { ...lasting, receiveMaximum: 2 } }),
    await home.connect({
      ...{ name: 'gamma', clientId: 'small', ...held },
      properties: { ...lasting, maximumPacketSizeBytes: 40 },
    }),
  ]
  for (const [index, subscriber] of subscribers.entries()) {
    await subscriber.subscribe(index === 3 ? 'open/#' : 'open/a', { qos: index === 0 || index === 2 ? 0 : 1 })
    await subscriber.subscribe('open/b/+', { qos: 1 })
  }
  await (subscribers[1] as TestClient).subscribe('open/only-one', { qos: 1 })
  const bytes = Buffer.concat(packetsOf(steps, version).map((packet) => encodePacket(packet, version)))
  let from = 0
  for (const cut of [...new Set(cuts.map((part) => Math.floor(part * bytes.length)))].sort((a, b) => a - b)) {
    publisher.peer.send(bytes.subarray(from, cut))
    from = cut
  }
  publisher.peer.send(bytes.subarray(from))
  await home.settle()
  // The turn gathers; acknowledgements of QoS 2 and window moves are not part of this test.
  return [publisher, ...subscribers].map((client) => client.packets())
}

const step = fc.record({
  kind: fc.constantFrom('publish', 'publish', 'publish', 'publish', 'ping', 'unsubscribeOther') as fc.Arbitrary<
    Step['kind']
  >,
  topic: fc.nat(2),
  qos: fc.constantFrom(0, 0, 1, 1, 2) as fc.Arbitrary<QoS>,
  retain: fc.constantFrom(false, false, false, false, true),
  size: fc.constantFrom(0, 1, 30, 200),
  contentType: fc.constantFrom(false, false, true),
})

for (const [version, queues] of [
  [4, 'memory'],
  [5, 'memory'],
  [4, 'store'],
  [5, 'store'],
] as const) {
  test(`how the bytes of a publisher are cut into chunks makes no difference, version ${version}, queues in the ${queues}`, async () => {
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), cuts, async (steps, where) => {
        const whole = await outcome(steps, version, [], queues)
        assert.deepEqual(await outcome(steps, version, where, queues), whole)
        const each = steps.map((_, index) => index / steps.length)
        assert.deepEqual(await outcome(steps, version, each, queues), whole)
      }),
      { numRuns: 40 },
    )
  })
}

test('a run of messages in one chunk reaches every kind of subscriber whole and in order', async () => {
  const steps: Step[] = Array.from({ length: 12 }, (_, index) => ({
    kind: 'publish',
    topic: 0,
    qos: index < 6 ? 0 : 1,
    retain: false,
    size: 10,
    contentType: false,
  }))
  const received = (await outcome(steps, 4, [])) as Packet[][]
  const numbers = received.map((packets) =>
    packets.flatMap((packet) =>
      packet.type === 'PUBLISH' ? [Number.parseInt(Buffer.from(packet.payload).toString(), 10)] : [],
    ),
  )
  const all = steps.map((_, index) => index)
  // The narrow one has two QoS 1 messages under way and the others in its queue.
  assert.deepEqual(numbers.slice(1), [all, all, all, all, all.slice(0, 8), all])
  assert.deepEqual(
    received[0]?.map((packet) => (packet.type === 'PUBACK' ? packet.packetIdentifier : 0)),
    [7, 8, 9, 10, 11, 12],
  )
})
