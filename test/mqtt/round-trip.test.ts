import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packetIdentifierOf, readAcknowledgement, reasonCodeOf } from '../../src/mqtt/acknowledgement-view.ts'
import { describePacket } from '../../src/mqtt/describe.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { packets } from './arbitrary.ts'
import { bodyStartOf, decodeFrame, framesOf } from './frames.ts'

for (const version of [4, 5] as const) {
  for (const from of ['client', 'server'] as const) {
    test(`decode(encode(p)) is p for every packet of a ${from} in version ${version}`, () => {
      fc.assert(
        fc.property(packets(version, from), (packet) => {
          const bytes = new Uint8Array(encodePacket(packet, version))
          assert.deepEqual(decodeFrame(bytes, version, from), { ok: true, value: packet })
          assert.ok(!describePacket(packet).includes('\n'))
        }),
        { numRuns: 1000 },
      )
    })

    test(`how a stream of version ${version} from a ${from} is cut into chunks does not matter`, () => {
      const stream = fc.array(packets(version, from), { minLength: 1, maxLength: 6 })
      fc.assert(
        fc.property(stream, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sent, sizes) => {
          const frames = sent.map((packet) => new Uint8Array(encodePacket(packet, version)))
          const whole = new Uint8Array(Buffer.concat(frames))
          const chunks: Uint8Array[] = []
          for (let at = 0; at < whole.length; ) {
            const size = sizes.next().value ?? 1
            chunks.push(whole.subarray(at, at + size))
            at += size
          }
          assert.deepEqual(framesOf(chunks), { frames, failure: null, buffered: 0 })
        }),
        { numRuns: 300 },
      )
    })
  }

  test(`readAcknowledgement says what decodePacket says in version ${version}`, () => {
    fc.assert(
      fc.property(
        packets(version, 'client').filter((packet) => /^PUB(ACK|REC|REL|COMP)$/.test(packet.type)),
        fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 2 }),
        (packet, changes) => {
          const bytes = new Uint8Array(encodePacket(packet, version))
          for (const [at, value] of changes) {
            // The type stays (the caller has looked at it), and so does the length (the framer has).
            if (at === 0) bytes[0] = (bytes[0]! & 0xf0) | (value & 0x0f)
            else if (at >= bodyStartOf(bytes) && at < bytes.length) bytes[at] = value
          }
          const decoded = decodeFrame(bytes, version)
          const read = readAcknowledgement(bytes, 0, bodyStartOf(bytes), bytes.length, version)
          const { value } = decoded.ok ? decoded : { value: null }
          if (value === null) assert.equal(read, -1)
          else {
            assert.ok('reasonCode' in value && 'packetIdentifier' in value)
            assert.equal(packetIdentifierOf(read), value.packetIdentifier)
            assert.equal(reasonCodeOf(read), value.reasonCode)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
}
