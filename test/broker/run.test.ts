import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { ProtocolVersion, PublishPacket, QoS } from '../../src/mqtt/packet.ts'
import { house } from './support.ts'

/** Of what stands between two ordinary messages to one topic; `bytes` may change what was encoded. */
interface Odd {
  readonly what: string
  readonly more?: Partial<PublishPacket>
  readonly bytes?: (frame: Uint8Array, version: ProtocolVersion, qos: QoS) => Uint8Array
  readonly only?: { readonly version?: ProtocolVersion; readonly qos?: QoS }
}

const topicName = 'open/a'
const afterTopic = 2 + 2 + topicName.length

/** The frame with so much of its body and no more. */
function cutTo(frame: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from([frame[0]!, length - 2, ...frame.subarray(2, length)])
}

const oddities: readonly Odd[] = [
  { what: 'nothing' },
  { what: 'an empty payload', more: { payload: new Uint8Array(0) } },
  { what: 'a long payload', more: { payload: Buffer.alloc(300, 'z') } },
  { what: 'another topic of the same length', more: { topicName: 'open/b' } },
  { what: 'a longer topic', more: { topicName: 'open/ab' } },
  { what: 'a shorter topic', more: { topicName: 'open/' } },
  { what: 'no right to the topic', more: { topicName: 'shut/a' } },
  { what: 'a wildcard in the topic', bytes: (frame) => frame.with(4, 0x2b) },
  { what: 'RETAIN', more: { retain: true } },
  { what: 'QoS 0', more: { qos: 0, packetIdentifier: null } },
  { what: 'QoS 1', more: { qos: 1, packetIdentifier: 9 } },
  { what: 'DUP', bytes: (frame) => frame.with(0, frame[0]! | 0x08) },
  { what: 'QoS 3', bytes: (frame) => frame.with(0, 0x36) },
  {
    what: 'Packet Identifier 0',
    only: { qos: 1 },
    bytes: (frame) => frame.with(afterTopic, 0).with(afterTopic + 1, 0),
  },
  { what: 'the end behind the topic', bytes: (frame) => cutTo(frame, afterTopic) },
  { what: 'the end inside the topic', bytes: (frame) => cutTo(frame, afterTopic - 1) },
  { what: 'the end inside the Packet Identifier', only: { qos: 1 }, bytes: (frame) => cutTo(frame, afterTopic + 1) },
  {
    what: 'the end behind the Packet Identifier',
    only: { qos: 1 },
    bytes: (frame) => cutTo(frame, afterTopic + 2),
  },
  { what: 'a property', only: { version: 5 }, more: { properties: { contentType: 'x' } } },
  {
    what: 'a Property Length that goes too far',
    only: { version: 5 },
    bytes: (frame, _version, qos) => frame.with(qos === 0 ? afterTopic : afterTopic + 2, 0x7f),
  },
]

/** What the publisher and the one subscriber received, and what is counted. */
async function outcome(frames: readonly Uint8Array[], version: ProtocolVersion, isOneChunk: boolean): Promise<unknown> {
  const home = house()
  const publisher = await home.connect({ name: 'alpha', version })
  const subscriber = await home.connect({ name: 'beta', version })
  await subscriber.subscribe('open/#', { qos: 1 })
  for (const chunk of isOneChunk ? [Buffer.concat(frames)] : frames) publisher.peer.send(chunk)
  await home.settle()
  const { published, publishedBytes, delivered } = home.broker.operations.stats().namespaces[0]!.counters
  const counted = [publishedBytes, published.of(version, 0), published.of(version, 1), delivered.of(version, 0)]
  return { to: [publisher, subscriber].map((client) => client.packets()), ended: publisher.peer.ended, counted }
}

for (const version of [4, 5] as const) {
  for (const qos of [0, 1] as const) {
    for (const { what, more, bytes, only } of oddities) {
      if ((only?.version ?? version) !== version || (only?.qos ?? qos) !== qos) continue
      test(`version ${version}, QoS ${qos}: among messages of one chunk, ${what} makes the difference that it makes alone`, async () => {
        const frames = Array.from({ length: 5 }, (_, i) => {
          const packet: PublishPacket = {
            type: 'PUBLISH',
            dup: false,
            qos,
            retain: false,
            topicName,
            packetIdentifier: qos === 0 ? null : i + 1,
            properties: {},
            payload: Buffer.from(`message ${i}`),
            ...(i === 2 ? more : {}),
          }
          const frame = encodePacket(packet, version)
          return i === 2 && bytes !== undefined ? bytes(Uint8Array.from(frame), version, qos) : frame
        })
        assert.deepEqual(await outcome(frames, version, true), await outcome(frames, version, false))
      })
    }
  }
}
