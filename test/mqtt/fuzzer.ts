import { isDeepStrictEqual } from 'node:util'
import { readAcknowledgement } from '../../src/mqtt/acknowledgement-view.ts'
import { annotate } from '../../src/mqtt/annotate.ts'
import { decodePacket, type Sender } from '../../src/mqtt/decode.ts'
import { describePacket } from '../../src/mqtt/describe.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type { Packet, ProtocolVersion, PublishPacket } from '../../src/mqtt/packet.ts'
import {
  encodePublishFrame,
  PublishDraft,
  packetIdentifierOffset,
  patchPacketIdentifier,
  publishLength,
} from '../../src/mqtt/publish-encoder.ts'
import { PublishView } from '../../src/mqtt/publish-view.ts'
import { decodeTopicUtf8, parseSubscriptionFilter, parseTopicName } from '../../src/mqtt/topic.ts'
import { bodyStartOf, frameOf } from './frames.ts'
import { readGoldens } from './golden.ts'

export interface FuzzResult {
  /** How many of the mutated frames were still packets: far from 0 and from all, or the mutator is no good. */
  readonly accepted: number
  readonly slowestMs: number
  readonly problem: { readonly run: number; readonly what: string; readonly hex: string } | null
}

/** xorshift32: small, fast, the same everywhere. */
function randomSource(seed: number): (below: number) => number {
  let state = (seed ^ 0x9e37_79b9) | 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Bytes at which length fields, flags, properties and UTF-8 change their meaning. */
const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0b, 0x11, 0x15, 0x16, 0x1f, 0x21, 0x23, 0x24, 0x26, 0x27, 0x2b, 0x2f,
  0x7f, 0x80, 0x82, 0xc0, 0xc2, 0xe0, 0xed, 0xf4, 0xff,
]

/**
 * Runs `runs` mutated frames through everything that a peer's bytes reach and holds them to these invariants: nothing
 * throws; the verdict does not depend on what lies around the frame; the view and the decoder agree; an accepted packet
 * survives encoding; a failure has a code and a rule; a mutated stream gives the same frames however it is cut.
 */
export function fuzzMqtt(seed: number, runs: number): FuzzResult {
  const random = randomSource(seed)
  const goldens = readGoldens()
  const corpus = goldens.map(({ bytes }) => bytes)
  const view = new PublishView()
  const draft = new PublishDraft()
  let accepted = 0
  let slowestMs = 0
  for (let run = 0; run < runs; run++) {
    const golden = goldens[random(goldens.length)]!
    const body = golden.bytes.subarray(bodyStartOf(golden.bytes))
    const first = random(12) === 0 ? random(256) : golden.bytes[0]!
    const frame = frameOf(first, mutate(body, corpus, random))
    const version = random(8) === 0 ? (random(2) === 0 ? 4 : 5) : golden.version
    const from = random(8) === 0 ? (random(2) === 0 ? 'client' : 'server') : golden.from
    const started = performance.now()
    try {
      if (checkFrame(frame, version, from, view, draft)) accepted++
      if (run % 16 === 0) checkStream(corpus, random)
      if (run % 64 === 0) annotate(frame, version)
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      return { accepted, slowestMs, problem: { run, what, hex: Buffer.from(frame).toString('hex') } }
    }
    slowestMs = Math.max(slowestMs, performance.now() - started)
  }
  return { accepted, slowestMs, problem: null }
}

function mutate(body: Uint8Array, corpus: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  let bytes = Array.from(body)
  for (let changes = random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1)
    switch (random(8)) {
      case 0:
        bytes[Math.min(at, Math.max(0, bytes.length - 1))] = random(256)
        break
      case 1:
        bytes[Math.min(at, Math.max(0, bytes.length - 1))] = telling[random(telling.length)]!
        break
      case 2:
        bytes[Math.min(at, Math.max(0, bytes.length - 1))]! ^= 1 << random(8)
        break
      case 3:
        bytes.splice(at, 1 + random(4))
        break
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(4) }, () => telling[random(telling.length)]!))
        break
      case 5:
        bytes = bytes.slice(0, at)
        break
      case 6: {
        // A piece of the same packet once more: twice the same property.
        const piece = bytes.slice(at, at + 1 + random(12))
        bytes.splice(random(bytes.length + 1), 0, ...piece)
        break
      }
      default: {
        const other = corpus[random(corpus.length)]!
        const from = random(other.length)
        bytes.splice(at, random(6), ...other.subarray(from, from + random(16)))
      }
    }
    bytes = bytes.map((byte) => byte ?? 0)
  }
  return new Uint8Array(bytes)
}

/** True when the frame is a packet. */
function checkFrame(
  frame: Uint8Array,
  version: ProtocolVersion,
  from: Sender,
  view: PublishView,
  draft: PublishDraft,
): boolean {
  const bodyStart = bodyStartOf(frame)
  const result = decodePacket(frame, 0, bodyStart, frame.length, version, from)
  const stream = new Uint8Array(frame.length + 40).fill(0x26)
  stream.set(frame, 20)
  const inside = decodePacket(stream, 20, 20 + bodyStart, 20 + frame.length, version, from)
  expect(isDeepStrictEqual(inside, result), 'the verdict depends on the neighbours')

  const type = frame[0]! >> 4
  if (type === 3 && from === 'client')
    checkView(frame, bodyStart, version, view, draft, result.ok ? result.value : null)
  if (type >= 4 && type <= 7) {
    const read = readAcknowledgement(frame, 0, bodyStart, frame.length, version)
    expect(read >= 0 === result.ok, 'readAcknowledgement and decodePacket differ')
  }
  if (!result.ok) {
    expect(/^(\[MQTT|MQTT )/.test(result.error.message), `no rule named: ${result.error.message}`)
    expect(result.error.reasonCode >= 0x80, 'a failure without an error code')
    return false
  }
  checkPacket(result.value, version, from)
  return true
}

function checkView(
  frame: Uint8Array,
  bodyStart: number,
  version: ProtocolVersion,
  view: PublishView,
  draft: PublishDraft,
  packet: Packet | null,
): void {
  const failure = view.read(frame, 0, bodyStart, frame.length, version)
  const topic = failure === null ? decodeTopicUtf8(frame, view.topicStart, view.topicEnd) : null
  expect((failure === null && topic !== null) === (packet !== null), 'PublishView and decodePacket differ')
  if (packet === null) return
  const { topicName, payload } = packet as PublishPacket
  expect(topic === topicName, 'the topic differs')
  draft.setFromView(view)
  const out = Buffer.alloc(publishLength(draft, 5, 1))
  expect(encodePublishFrame(draft, 5, 1, false, out, 0) === out.length, 'a frame of another length')
  patchPacketIdentifier(out, packetIdentifierOffset(draft, 5, 0), 1)
  // Without a topic only a frame that carries the alias again could be read.
  if (topicName === '') return
  const again = decodePacket(out, 0, bodyStartOf(out), out.length, 5, 'server')
  expect(again.ok && again.value.type === 'PUBLISH', 'what we forward cannot be read')
  expect(isDeepStrictEqual(again.value.payload, payload), 'what we forward is another payload')
}

function checkPacket(packet: Packet, version: ProtocolVersion, from: Sender): void {
  const line = describePacket(packet)
  expect(line.length < 20_000 && !/[\n\r\0]/.test(line), 'a description that is long or forged')
  if (packet.type === 'PUBLISH') parseTopicName(packet.topicName)
  if (packet.type === 'SUBSCRIBE')
    for (const { topicFilter } of packet.subscriptions) parseSubscriptionFilter(topicFilter)
  const spoken = packet.type === 'CONNECT' ? packet.protocolVersion : version
  const bytes = encodePacket(packet, spoken)
  const again = decodePacket(bytes, 0, bodyStartOf(bytes), bytes.length, spoken, from)
  expect(again.ok && isDeepStrictEqual(again.value, packet), 'encoding changes the packet')
}

/** A stream with one broken byte, whole and cut at random, gives the same frames and the same failure. */
function checkStream(corpus: readonly Uint8Array[], random: (below: number) => number): void {
  const parts = Array.from({ length: 1 + random(5) }, () => corpus[random(corpus.length)]!)
  const stream = new Uint8Array(Buffer.concat(parts))
  if (random(2) === 0) stream[random(stream.length)] = random(256)
  const maximum = random(4) === 0 ? 16 + random(200) : 1 << 20
  const whole = framesOf([stream], maximum)
  const chunks: Uint8Array[] = []
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random(random(2) === 0 ? 4 : 64)
    chunks.push(stream.subarray(at, at + size))
    at += size
  }
  expect(isDeepStrictEqual(framesOf(chunks, maximum), whole), 'the cut matters')
}

function framesOf(chunks: readonly Uint8Array[], maximum: number) {
  const framer = new Framer(maximum)
  const frames: string[] = []
  let stops = 0
  const sink = {
    onFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number) {
      frames.push(Buffer.from(bytes.subarray(start, end)).toString('hex'))
      return ++stops % 3 !== 0
    },
  }
  for (const chunk of chunks) {
    framer.push(chunk, sink)
    while (framer.stopped) framer.resume(sink)
  }
  return { frames, failure: framer.resume(sink)?.kind, buffered: framer.buffered }
}

function expect(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(why)
}
