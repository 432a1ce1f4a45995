import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FixedFrames } from '../../bench/load/fixed-frames.ts'
import { publishHeader, publishPacket } from '../../bench/load/wire.ts'

function frames(count: number): Buffer {
  const payload = Buffer.alloc(64, 0x61)
  const one = (packetIdentifier: number) =>
    publishPacket({ version: 4, topicName: 'bench/1/data', qos: 1, packetIdentifier, payload })
  return Buffer.concat(Array.from({ length: count }, (_, index) => one(1000 + index)))
}

const size = frames(1).length
const identifierAt = size - 64 - 2

test('however a stream of equal frames is cut, every frame is counted once and its field read', () => {
  const stream = frames(12)
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
      const field = { offset: identifierAt, values: new Uint16Array(64) }
      const counter = new FixedFrames(publishHeader(1), size, [field])
      const found: number[] = []
      const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      for (let i = 1; i < edges.length; i++) {
        const chunk = stream.subarray(edges[i - 1], edges[i])
        const count = counter.push(chunk, chunk.length)
        found.push(...field.values.subarray(0, count))
      }
      assert.deepEqual(
        found,
        Array.from({ length: 12 }, (_, index) => 1000 + index),
      )
    }),
  )
})

test('bytes after the given length are not looked at', () => {
  const counter = new FixedFrames(publishHeader(1), size)
  assert.equal(counter.push(frames(3), size), 1)
})

test('anything but the expected packet is an error', () => {
  const counter = new FixedFrames(publishHeader(0), size)
  assert.throws(() => counter.push(frames(1), size), /sent 0x32 where 0x30/)
})
