import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotate } from '../../src/mqtt/annotate.ts'
import { decodePacket, packetTypes } from '../../src/mqtt/decode.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { PacketType } from '../../src/mqtt/packet.ts'
import { properties } from '../../src/mqtt/property.ts'
import { bodyStartOf, decodeFrame, frameOf, framesOf } from './frames.ts'
import { type Golden, readGoldens } from './golden.ts'

const goldens = readGoldens()
/** Lists and payloads end anywhere, and version 5 leaves out fields from behind. */
const mayBeShorter: ReadonlySet<string> = new Set<PacketType>([
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'DISCONNECT',
  'AUTH',
])

for (const golden of goldens) {
  test(`golden ${golden.name}: ${golden.title}`, () => {
    const { bytes, version, from, packet } = golden
    const decoded = decodeFrame(bytes, version, from)
    assert.deepEqual(decoded, { ok: true, value: packet })
    assert.deepEqual(new Uint8Array(encodePacket(packet, version)), bytes, 're-encoded byte for byte')
    assert.equal(annotate(bytes, version).at(-1)?.startsWith(`# ${packet.type}`), true)
  })

  test(`golden ${golden.name} fed one byte at a time is the same packet`, () => {
    const chunks = Array.from(golden.bytes, (byte) => new Uint8Array([byte]))
    assert.deepEqual(framesOf(chunks), { frames: [golden.bytes], failure: null, buffered: 0 })
  })

  test(`golden ${golden.name} is never complete before its last byte`, () => {
    for (let length = 0; length < golden.bytes.length; length++) {
      const cut = framesOf([golden.bytes.subarray(0, length)])
      assert.deepEqual(cut, { frames: [], failure: null, buffered: length })
    }
  })

  test(`golden ${golden.name} cut at every length never reads the packet behind it`, () => {
    const bodyStart = bodyStartOf(golden.bytes)
    for (let end = bodyStart; end <= golden.bytes.length; end++) {
      const alone = decodeCut(golden, golden.bytes.slice(0, end), 0, end)
      if (end < golden.bytes.length && !mayBeShorter.has(golden.packet.type)) {
        assert.equal(alone.ok ? 'accepted' : alone.error.kind, 'malformed', `cut to ${end} bytes`)
      }
      // The same cut inside a stream that goes on with bytes of every kind.
      for (const filler of [0x00, 0x01, 0x7f, 0xff]) {
        const stream = new Uint8Array(8 + 2 * golden.bytes.length + 8).fill(filler)
        stream.set(golden.bytes.subarray(0, end), 8)
        assert.deepEqual(decodeCut(golden, stream, 8, 8 + end), alone, `${end} bytes before ${filler}`)
        stream.set(golden.bytes, 8 + end)
        assert.deepEqual(decodeCut(golden, stream, 8, 8 + end), alone, `${end} bytes before itself`)
      }
    }
  })

  test(`golden ${golden.name} with a byte too many is refused, unless it is payload`, () => {
    const body = golden.bytes.subarray(bodyStartOf(golden.bytes))
    const longer = decodeFrame(frameOf(golden.bytes[0]!, new Uint8Array([...body, 0xff])), golden.version, golden.from)
    assert.equal(longer.ok, golden.packet.type === 'PUBLISH')
  })
}

function decodeCut(golden: Golden, bytes: Uint8Array, start: number, end: number) {
  return decodePacket(bytes, start, start + bodyStartOf(golden.bytes), end, golden.version, golden.from)
}

test('the golden packets hold every packet type of both versions and every property of every packet', () => {
  const types = packetTypes.slice(1)
  assert.deepEqual(
    types.filter((type) => !goldens.some((golden) => golden.packet.type === type && golden.version === 5)),
    [],
  )
  assert.deepEqual(
    types.filter((type) => !goldens.some((golden) => golden.packet.type === type && golden.version === 4)),
    ['AUTH'],
  )
  const missing = properties.flatMap((row) =>
    row.carriers
      .filter((carrier) => !goldens.some((golden) => hasProperty(golden, carrier, row.key)))
      .map((carrier) => `${row.name} in ${carrier}`),
  )
  assert.deepEqual(missing, [])
})

function hasProperty(golden: Golden, carrier: string, key: string): boolean {
  const { packet } = golden
  const name = packet.type === 'SUBSCRIBE' && key === 'subscriptionIdentifiers' ? 'subscriptionIdentifier' : key
  if (carrier === 'will') return packet.type === 'CONNECT' && packet.will !== null && name in packet.will.properties
  return packet.type === carrier && 'properties' in packet && name in packet.properties
}
