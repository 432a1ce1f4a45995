import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { ProtocolVersion, PublishPacket, QoS } from '../../src/mqtt/packet.ts'
import {
  encodeAcknowledgement,
  encodePuback,
  encodePublishFrame,
  forwardedPropertiesLength,
  PublishDraft,
  packetIdentifierOffset,
  patchPacketIdentifier,
  publishLength,
  setDup,
  writeSubscriptionIdentifier,
  writeTopicAlias,
} from '../../src/mqtt/publish-encoder.ts'
import { publish } from './arbitrary.ts'
import { bodyStartOf, decodeFrame, PublishView } from './frames.ts'
import { bytesOf, readGoldens } from './golden.ts'

const FILL = 0xa5
const OFFSET = 7

/** Writes the frame in the middle of a buffer and proves that nothing around it was touched. */
function written(draft: PublishDraft, version: ProtocolVersion, qos: QoS, retain: boolean, extra?: Uint8Array): Buffer {
  const length = publishLength(draft, version, qos, extra?.length)
  const buffer = Buffer.alloc(OFFSET + length + 9, FILL)
  assert.equal(encodePublishFrame(draft, version, qos, retain, buffer, OFFSET, extra), OFFSET + length)
  assert.ok(buffer.subarray(0, OFFSET).every((byte) => byte === FILL))
  assert.ok(buffer.subarray(OFFSET + length).every((byte) => byte === FILL))
  const frame = buffer.subarray(OFFSET, OFFSET + length)
  if (qos > 0) {
    const at = packetIdentifierOffset(draft, version, OFFSET, extra?.length) - OFFSET
    assert.equal(frame.readUInt16BE(at), 0, 'a placeholder')
    patchPacketIdentifier(frame, at, 0xbeef)
  }
  return frame
}

function draftOf(packet: PublishPacket, version: ProtocolVersion): PublishDraft {
  const frame = encodePacket(packet, version)
  const view = new PublishView()
  // Somewhere inside a chunk, as the framer hands it over.
  const chunk = Buffer.concat([Buffer.alloc(3, FILL), frame])
  assert.equal(view.read(chunk, 3, 3 + bodyStartOf(frame), chunk.length, version), null)
  const draft = new PublishDraft()
  draft.setFromView(view)
  if (packet.topicName === '') draft.setTopic(Buffer.from('·alias·'), 2, 7)
  return draft
}

for (const version of [4, 5] as const) {
  test(`[MQTT-3.3.2-4] [MQTT-3.3.2-17] [MQTT-3.3.2-18] a PUBLISH of version ${version} is forwarded unaltered in every form, hop by hop properties dropped`, () => {
    fc.assert(
      fc.property(
        publish(version, 'client'),
        fc.constantFrom<ProtocolVersion>(4, 5),
        fc.constantFrom<QoS>(0, 1, 2),
        fc.boolean(),
        fc.option(fc.integer({ min: 0, max: 4_294_967_295 })),
        (sent, to, qos, retain, remaining) => {
          assert.equal(sent.type, 'PUBLISH')
          const packet = sent as PublishPacket
          const draft = draftOf(packet, version)
          const { topicAlias: _, messageExpiryIntervalSeconds, ...forwarded } = packet.properties
          let expiry = messageExpiryIntervalSeconds
          if (expiry !== undefined && remaining !== null) draft.messageExpiryIntervalSeconds = expiry = remaining
          const frame = written(draft, to, qos, retain)
          const expected: PublishPacket = {
            type: 'PUBLISH',
            dup: false,
            qos,
            retain,
            topicName: packet.topicName === '' ? 'alias' : packet.topicName,
            packetIdentifier: qos === 0 ? null : 0xbeef,
            properties:
              to === 4
                ? {}
                : { ...forwarded, ...(expiry === undefined ? {} : { messageExpiryIntervalSeconds: expiry }) },
            payload: packet.payload,
          }
          assert.deepEqual(decodeFrame(frame, to, 'server'), { ok: true, value: expected })
        },
      ),
      { numRuns: 2000 },
    )
  })
}

test('[MQTT-3.3.4-3] Subscription Identifiers and an alias are added for one subscriber', () => {
  const golden = readGoldens().find(({ name }) => name === 'publish-5-client-full')!
  const draft = draftOf(golden.packet as PublishPacket, 5)
  const extra = Buffer.alloc(20)
  let at = writeTopicAlias(extra, 0, 0x0102)
  at = writeSubscriptionIdentifier(extra, at, 1)
  at = writeSubscriptionIdentifier(extra, at, 268_435_455)
  draft.setTopic(Buffer.alloc(0), 0, 0)
  const decoded = decodeFrame(written(draft, 5, 1, false, extra.subarray(0, at)), 5, 'server')
  assert.ok(decoded.ok && decoded.value.type === 'PUBLISH')
  assert.equal(decoded.value.topicName, '')
  assert.equal(decoded.value.properties.topicAlias, 0x0102)
  assert.deepEqual(decoded.value.properties.subscriptionIdentifiers, [1, 268_435_455])
  assert.equal(decoded.value.properties.contentType, 'text/plain')
})

test('a draft made of parts writes what it is given', () => {
  const properties = bytesOf('0101 0b8001 2300 07 02 00000009 26 0001 61 0001 62')
  assert.equal(forwardedPropertiesLength(properties, 0, properties.length), 9)
  const draft = new PublishDraft()
  draft.setTopic(Buffer.from('xa/by'), 1, 4)
  draft.setProperties(properties, 0, properties.length)
  draft.setPayload(Buffer.from('payload'), 3, 7)
  draft.messageExpiryIntervalSeconds = 5
  assert.deepEqual(decodeFrame(written(draft, 5, 0, true), 5), {
    ok: true,
    value: {
      type: 'PUBLISH',
      dup: false,
      qos: 0,
      retain: true,
      topicName: 'a/b',
      packetIdentifier: null,
      properties: { payloadFormatIndicator: 1, messageExpiryIntervalSeconds: 5, userProperties: [['a', 'b']] },
      payload: new Uint8Array(Buffer.from('load')),
    },
  })
})

test('a payload of every length up to the third byte of Remaining Length is written whole', () => {
  const payload = Buffer.alloc(17_000, 0x41)
  const draft = new PublishDraft()
  draft.setTopic(Buffer.from('t'), 0, 1)
  for (const length of [0, 1, 23, 24, 25, 123, 124, 125, 127, 128, 16_379, 16_380, 16_381, 17_000]) {
    draft.setPayload(payload, 0, length)
    const decoded = decodeFrame(written(draft, 4, 0, false), 4)
    assert.ok(decoded.ok && decoded.value.type === 'PUBLISH')
    assert.equal(decoded.value.payload.length, length)
  }
})

test('acknowledgements are four bytes', () => {
  const buffer = Buffer.alloc(10, FILL)
  assert.equal(encodePuback(buffer, 1, 0x1234), 5)
  assert.equal(buffer.toString('hex'), 'a540021234a5a5a5a5a5')
  for (const [first, type] of [
    [0x40, 'PUBACK'],
    [0x50, 'PUBREC'],
    [0x62, 'PUBREL'],
    [0x70, 'PUBCOMP'],
  ] as const) {
    const frame = buffer.subarray(0, encodeAcknowledgement(buffer, 0, first, 0xfffe))
    for (const version of [4, 5] as const) {
      assert.deepEqual(decodeFrame(frame, version), {
        ok: true,
        value: { type, packetIdentifier: 0xfffe, reasonCode: 0, properties: {} },
      })
    }
  }
})

test('[MQTT-3.3.1-1] DUP is set in place', () => {
  const frame = Buffer.from('3204000161000a', 'hex')
  setDup(frame, 0)
  setDup(frame, 0)
  assert.equal(frame[0], 0x3a)
})
