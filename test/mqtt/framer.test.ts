import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Framer, type FrameSink } from '../../src/mqtt/framer.ts'
import { framesOf } from './frames.ts'
import { bytesOf } from './golden.ts'

/** Writes down what it is given; stops after the frames it is told to. */
function recorder(stopAfter: readonly number[] = []) {
  const seen: { bytes: Uint8Array; start: number; bodyStart: number; end: number }[] = []
  const sink: FrameSink = {
    onFrame(bytes, start, bodyStart, end) {
      seen.push({ bytes, start, bodyStart, end })
      frames.push(Buffer.from(bytes.subarray(start, end)).toString('hex'))
      return !stopAfter.includes(seen.length)
    },
  }
  const frames: string[] = []
  return { sink, seen, frames }
}

test('frames wholly inside a chunk are handed over in place', () => {
  const { sink, seen } = recorder()
  const framer = new Framer(100)
  const chunk = bytesOf('c0 00 40 02 00 01 d0 00')
  assert.equal(framer.push(chunk, sink), null)
  assert.deepEqual(
    seen.map(({ start, bodyStart, end }) => [start, bodyStart, end]),
    [
      [0, 2, 2],
      [2, 4, 6],
      [6, 8, 8],
    ],
  )
  assert.ok(seen.every(({ bytes }) => bytes === chunk))
  assert.equal(framer.buffered, 0)
})

test('only the packet that was cut is kept; those behind it stay in place', () => {
  const { sink, seen, frames } = recorder()
  const framer = new Framer(100)
  framer.push(bytesOf('c0 00 40'), sink)
  assert.equal(framer.buffered, 1)
  const second = bytesOf('02 00 01 d0 00')
  framer.push(second, sink)
  assert.deepEqual(frames, ['c000', '40020001', 'd000'])
  assert.notEqual(seen[1]!.bytes, second)
  assert.equal(seen[2]!.bytes, second)
  assert.equal(framer.buffered, 0)
})

test('a false answer stops: the rest waits for resume, however it is stopped again', () => {
  const { sink, frames } = recorder([1, 2, 4])
  const framer = new Framer(100)
  framer.push(bytesOf('c0 00 40 02 00 01 d0 00 e0'), sink)
  assert.deepEqual(frames, ['c000'])
  assert.equal(framer.stopped, true)
  framer.push(bytesOf('00 c0'), sink)
  assert.equal(framer.buffered, 9)
  framer.resume(sink)
  assert.deepEqual(frames, ['c000', '40020001'])
  framer.resume(sink)
  assert.deepEqual(frames, ['c000', '40020001', 'd000', 'e000'])
  assert.equal(framer.resume(sink), null)
  assert.equal(framer.stopped, false)
  assert.equal(framer.buffered, 1)
  framer.push(bytesOf('00'), sink)
  assert.deepEqual(frames.at(-1), 'c000')
  assert.equal(framer.resume(sink), null, 'nothing to resume')
})

test('a packet completed from the kept tail may stop, and the rest of the chunk waits', () => {
  const { sink, frames } = recorder([1])
  const framer = new Framer(100)
  framer.push(bytesOf('40 02 00'), sink)
  framer.push(bytesOf('01 c0 00 d0'), sink)
  assert.deepEqual([frames.length, framer.buffered], [1, 3])
  framer.resume(sink)
  framer.push(bytesOf('00'), sink)
  assert.deepEqual(frames, ['40020001', 'c000', 'd000'])
})

test('MQTT 5.0 3.1.2.11.4: an oversized packet is refused from its header, before its body arrives', () => {
  const header = bytesOf('30 80 08')
  assert.equal(framesOf([header], 1024 + 3).failure, null)
  for (const chunks of [[header], Array.from(header, (byte) => new Uint8Array([byte]))]) {
    const { frames, failure, buffered } = framesOf(chunks, 1024 + 2)
    assert.deepEqual([frames, failure?.kind, failure?.reasonCode, buffered], [[], 'packetTooLarge', 0x95, 0])
  }
})

test('the packets before an oversized one are delivered', () => {
  const { frames, failure } = framesOf([bytesOf('c0 00 30 7f')], 20)
  assert.equal(frames.length, 1)
  assert.equal(failure?.kind, 'packetTooLarge')
})

test('[MQTT-1.5.5-1] a Remaining Length longer than needed is malformed, and so are five bytes of it', () => {
  for (const hex of ['c0 80 00', 'c0 80 80 00', 'c0 ff 80 80 00', 'c0 ff ff ff ff', 'c0 80 80 80 80 01']) {
    const bytes = bytesOf(hex)
    for (const chunks of [[bytes], Array.from(bytes, (byte) => new Uint8Array([byte]))]) {
      const { frames, failure } = framesOf(chunks, 1 << 28)
      assert.deepEqual([frames, failure?.kind, failure?.reasonCode], [[], 'malformed', 0x81], hex)
    }
  }
  assert.equal(framesOf([bytesOf('30 ff ff ff 7f')], 1 << 29).failure, null, '268,435,455 is legal')
})

test('the first failure is final', () => {
  const { sink, frames } = recorder()
  const framer = new Framer(10)
  const failure = framer.push(bytesOf('c0 80 00'), sink)
  assert.equal(framer.push(bytesOf('c0 00'), sink), failure)
  assert.equal(framer.resume(sink), failure)
  assert.deepEqual(frames, [])
})

test('a failure behind a stop shows at resume', () => {
  const { sink } = recorder([1])
  const framer = new Framer(10)
  assert.equal(framer.push(bytesOf('c0 00 30 7f'), sink), null)
  assert.equal(framer.resume(sink)?.kind, 'packetTooLarge')
  assert.equal(framer.buffered, 0)
})

test('a new maximum also holds for a packet that has begun', () => {
  const { sink, frames } = recorder()
  const framer = new Framer(6)
  framer.push(bytesOf('40 02'), sink)
  framer.setMaximum(3)
  assert.equal(framer.push(bytesOf('00 01'), sink)?.kind, 'packetTooLarge')
  assert.deepEqual(frames, [])
})

test('S55: a large claim costs no memory before its bytes come', () => {
  const framer = new Framer(1 << 29)
  const { sink } = recorder()
  const before = process.memoryUsage().arrayBuffers
  framer.push(bytesOf('30 ff ff ff 7f 00'), sink)
  framer.push(new Uint8Array(1000), sink)
  assert.equal(framer.buffered, 1006)
  assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20)
})

test('a packet of many chunks is whole, and its memory is given back', () => {
  const { sink, seen } = recorder()
  const framer = new Framer(1 << 20)
  const body = new Uint8Array(200_000).map((_, index) => index % 251)
  const frame = Buffer.concat([bytesOf('30 c0 9a 0c'), body])
  for (let at = 0; at < frame.length; at += 777) framer.push(frame.subarray(at, at + 777), sink)
  assert.equal(seen.length, 1)
  const { bytes, start, end } = seen[0]!
  assert.deepEqual(Buffer.from(bytes.subarray(start, end)), frame)
  assert.equal(framer.buffered, 0)
})

test('an empty chunk changes nothing', () => {
  const { sink, frames } = recorder()
  const framer = new Framer(100)
  framer.push(new Uint8Array(0), sink)
  framer.push(bytesOf('40 02 00'), sink)
  framer.push(new Uint8Array(0), sink)
  framer.push(bytesOf('07'), sink)
  assert.deepEqual(frames, ['40020007'])
})

test('push from inside onFrame is a bug of ours', () => {
  const framer = new Framer(100)
  const sink: FrameSink = {
    onFrame: () => {
      framer.push(bytesOf('c0 00'), sink)
      return true
    },
  }
  assert.throws(() => framer.push(bytesOf('c0 00'), sink), { code: 'assertionFailed' })
})
