import type { Result } from '../../src/base/result.ts'
import { decodePacket, type Sender } from '../../src/mqtt/decode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type { Packet, PacketFailure, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { PublishView } from '../../src/mqtt/publish-view.ts'
import { decodeTopicUtf8 } from '../../src/mqtt/topic.ts'

/** Offset behind the fixed header of a frame with a correct Remaining Length. */
export function bodyStartOf(frame: Uint8Array, start = 0): number {
  let at = start + 1
  while (frame[at]! >= 0x80) at++
  return at + 1
}

/** One whole frame, decoded. */
export function decodeFrame(
  frame: Uint8Array,
  version: ProtocolVersion,
  from: Sender = 'client',
): Result<Packet, PacketFailure> {
  return decodePacket(frame, 0, bodyStartOf(frame), frame.length, version, from)
}

/** A frame of any body: first byte, minimal Remaining Length, body. */
export function frameOf(first: number, body: Uint8Array): Uint8Array {
  const length: number[] = []
  let rest = body.length
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return new Uint8Array([first, ...length, ...body])
}

/** Everything a stream of chunks gives: copies of the frames, then the failure. */
export function framesOf(
  chunks: readonly Uint8Array[],
  maximum = 1 << 20,
): { frames: Uint8Array[]; failure: PacketFailure | null; buffered: number } {
  const framer = new Framer(maximum)
  const frames: Uint8Array[] = []
  const sink = {
    onFrame(bytes: Uint8Array, start: number, _bodyStart: number, end: number) {
      frames.push(new Uint8Array(bytes.subarray(start, end)))
      return true
    },
  }
  let failure: PacketFailure | null = null
  for (const chunk of chunks) failure = framer.push(chunk, sink)
  return { frames, failure, buffered: framer.buffered }
}

/** What the broker learns of a client's PUBLISH through the view, the topic's UTF-8 included; null when all is well. */
export function viewVerdict(
  view: PublishView,
  frame: Uint8Array,
  version: ProtocolVersion,
): PacketFailure | 'topicNotUtf8' | null {
  const failure = view.read(frame, 0, bodyStartOf(frame), frame.length, version)
  if (failure !== null) return failure
  return decodeTopicUtf8(frame, view.topicStart, view.topicEnd) === null ? 'topicNotUtf8' : null
}

export { PublishView }
