import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { ProtocolVersion, PublishPacket } from '../../src/mqtt/packet.ts'
import { publish } from './arbitrary.ts'
import { bodyStartOf, decodeFrame, PublishView, viewVerdict } from './frames.ts'
import { bytesOf, readGoldens } from './golden.ts'

const view = new PublishView()

/** The view must say of these bytes what the decoder says, and hold the same values. */
function compare(frame: Uint8Array, version: ProtocolVersion): void {
  const decoded = decodeFrame(frame, version)
  const verdict = viewVerdict(view, frame, version)
  if (!decoded.ok) {
    if (verdict === 'topicNotUtf8') assert.match(decoded.error.message, /Topic Name/)
    else assert.deepEqual(verdict, decoded.error)
    return
  }
  assert.equal(verdict, null)
  assert.equal(decoded.value.type, 'PUBLISH')
  assert.deepEqual(contents(frame), expected(decoded.value as PublishPacket))
}

function contents(frame: Uint8Array) {
  const between = (start: number, end: number): Uint8Array | undefined =>
    start < 0 ? undefined : new Uint8Array(frame.subarray(start, end))
  return {
    dup: view.dup,
    qos: view.qos,
    retain: view.retain,
    topic: between(view.topicStart, view.topicEnd),
    packetIdentifier: view.packetIdentifier,
    topicAlias: view.topicAlias,
    messageExpiry: view.messageExpiryIntervalSeconds,
    payloadFormat: view.payloadFormatIndicator,
    contentType: between(view.contentTypeStart, view.contentTypeEnd),
    responseTopic: between(view.responseTopicStart, view.responseTopicEnd),
    correlationData: between(view.correlationDataStart, view.correlationDataEnd),
    userPropertyCount: view.userPropertyCount,
    userPropertyBytes: view.userPropertyBytes,
    payload: between(view.payloadStart, view.end),
  }
}

function expected(packet: PublishPacket): ReturnType<typeof contents> {
  const { properties } = packet
  const users = properties.userProperties ?? []
  const encoded = (text: string | undefined) => (text === undefined ? undefined : new Uint8Array(Buffer.from(text)))
  return {
    dup: packet.dup,
    qos: packet.qos,
    retain: packet.retain,
    topic: encoded(packet.topicName),
    packetIdentifier: packet.packetIdentifier ?? 0,
    topicAlias: properties.topicAlias ?? 0,
    messageExpiry: properties.messageExpiryIntervalSeconds ?? -1,
    payloadFormat: properties.payloadFormatIndicator ?? -1,
    contentType: encoded(properties.contentType),
    responseTopic: encoded(properties.responseTopic),
    correlationData: properties.correlationData,
    userPropertyCount: users.length,
    userPropertyBytes: users.flat().reduce((sum, text) => sum + Buffer.byteLength(text), 0),
    payload: packet.payload,
  }
}

for (const version of [4, 5] as const) {
  test(`PublishView holds what decodePacket finds in every PUBLISH of version ${version}`, () => {
    fc.assert(
      fc.property(publish(version, 'client'), (packet) => compare(encodePacket(packet, version), version)),
      { numRuns: 1000 },
    )
  })

  test(`PublishView gives decodePacket's verdict on mutated PUBLISH of version ${version}`, () => {
    const change = fc.tuple(fc.nat(200), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 0x26, 0x80, 0xff)))
    fc.assert(
      fc.property(
        fc.constantFrom<ProtocolVersion>(4, 5),
        publish(version, 'client'),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.nat(200),
        (readAs, packet, changes, cut) => {
          const bytes = new Uint8Array(encodePacket(packet, version))
          const bodyStart = bodyStartOf(bytes)
          for (const [at, value] of changes) {
            if (at === 0) bytes[0] = 0x30 | (value & 0x0f)
            else if (bodyStart + at - 1 < bytes.length) bytes[bodyStart + at - 1] = value
          }
          compare(bytes, readAs)
          if (bodyStart + cut < bytes.length) compare(bytes.subarray(0, bodyStart + cut), readAs)
        },
      ),
      { numRuns: 4000 },
    )
  })
}

test('PublishView gives the verdict of decodePacket on every golden PUBLISH, cut at every length', () => {
  for (const golden of readGoldens().filter(({ packet }) => packet.type === 'PUBLISH')) {
    const start = bodyStartOf(golden.bytes)
    for (const version of [4, 5] as const) {
      for (let end = start; end <= golden.bytes.length; end++) compare(golden.bytes.subarray(0, end), version)
    }
  }
})

test('PublishView forgets the packet before', () => {
  const full = readGoldens().find(({ name }) => name === 'publish-5-client-full')!
  assert.equal(viewVerdict(view, full.bytes, 5), null)
  compare(bytesOf('30 04 00 01 61 00'), 5)
  assert.equal(view.topicAlias, 0)
  assert.equal(view.forwardedLength, 0)
  assert.equal(view.propertiesStart, view.propertiesEnd)
})

test('PublishView reads in place: offsets count from the start of the chunk', () => {
  const chunk = bytesOf('c0 00 30 04 00 01 61 62')
  assert.equal(view.read(chunk, 2, 4, 8, 4), null)
  assert.deepEqual([view.start, view.topicStart, view.topicEnd, view.payloadStart, view.end], [2, 6, 7, 7, 8])
})
