import { assert } from '../../base/assert.ts'
import { type UnixMillis, unixMillis } from '../../base/time.ts'
import type { QoS } from '../../mqtt/packet.ts'
import { variableByteIntegerLength, writeVariableByteInteger } from '../../mqtt/packet-writer.ts'
import { encodePublishFrame, PublishDraft, publishLength } from '../../mqtt/publish-encoder.ts'
import type { PublishView } from '../../mqtt/publish-view.ts'
import { asBuffer } from '../../mqtt/utf8.ts'
import type { SessionOwner } from '../../ports/session-store.ts'

/**
 * A message as the store keeps it: independent of the protocol version it came in, with who published it and when
 * (design 3.7, S38). Layout, all integers big-endian:
 *
 *   1  format (1)
 *   1  QoS it was published with; + 4 when RETAIN was set
 *   8  time of publication, milliseconds since 1970
 *   1  authority that named the publisher
 *   1  length of the publisher's uid, then the uid (UTF-8)
 *   2  length of the publisher's authentication name, then the name (UTF-8)
 *   …  one MQTT 5.0 PUBLISH control packet with QoS 0, RETAIN 0, no Topic Alias
 */
const format = 1
const retainFlag = 4
const fixedBytes = 1 + 1 + 8 + 1

const authorities: readonly SessionOwner['authority'][] = ['registry', 'token', 'webhook', 'entra']

export interface Publisher {
  readonly authority: SessionOwner['authority']
  readonly uid: string
  readonly authenticationName: string
}

const draft = new PublishDraft()

/** Where a message is written to. @returns so many bytes that nobody else uses */
export type TakeBytes = (size: number) => Buffer

const ownBuffer: TakeBytes = (size) => Buffer.allocUnsafeSlow(size)

/**
 * @param topic bytes of the topic when the peer sent only an alias; null: they stand in the view
 * @param take default: a buffer of its own, for what is kept longer than its commit takes
 */
export function encodeStoredMessage(
  view: PublishView,
  topic: Uint8Array | null,
  qos: QoS,
  retain: boolean,
  publisher: Publisher,
  now: UnixMillis,
  take: TakeBytes = ownBuffer,
): Buffer {
  const head = headOf(publisher)
  draft.setFromView(view)
  if (topic !== null) draft.setTopic(topic, 0, topic.length)
  const body = take(head.length + publishLength(draft, 5, 0))
  head.copy(body, 0)
  body[1] = qos | (retain ? retainFlag : 0)
  writeTime(body, now)
  encodePublishFrame(draft, 5, 0, false, body, head.length)
  return body
}

/** Frames of one topic that lie one behind the other, with neither properties nor RETAIN: published with QoS 1. */
export interface PlainFrames {
  readonly bytes: Uint8Array
  readonly count: number
  readonly topic: Buffer
  /** Where the payload of each begins, and where it ends; the lists may be longer. */
  readonly payloadStarts: readonly number[]
  readonly payloadEnds: readonly number[]
}

/**
 * The same as `encodeStoredMessage` makes of each of them, one behind the other in one piece of memory
 * (bench: tcp-pairs-qos1-durable).
 *
 * @param ends gets where each of them ends
 */
export function encodeStoredFrames(
  { bytes, count, topic, payloadStarts, payloadEnds }: PlainFrames,
  publisher: Publisher,
  now: UnixMillis,
  take: TakeBytes,
  ends: number[],
): Buffer {
  const head = headOf(publisher)
  head[1] = 1
  writeTime(head, now)
  const fixed = 2 + topic.length + 1
  let total = 0
  for (let i = 0; i < count; i++) {
    const remaining = fixed + (payloadEnds[i] as number) - (payloadStarts[i] as number)
    total += head.length + 1 + variableByteIntegerLength(remaining) + remaining
  }
  const block = take(total)
  // What holds the payloads is copied to the end of the block in one go, and each is moved to its place from there, which
  // costs half of what it takes to copy it alone. Since each frame is shorter than its stored form, what is written of a
  // message ends before the payloads behind its own begin.
  const first = payloadStarts[0] as number
  const last = payloadEnds[count - 1] as number
  const shift = total - last
  block.set(bytes.subarray(first, last), first + shift)
  let at = 0
  let before = -1
  for (let i = 0; i < count; i++) {
    const payloadStart = payloadStarts[i] as number
    const payloadEnd = payloadEnds[i] as number
    const size = payloadEnd - payloadStart
    const start = at
    if (size === before) {
      // Up to the payload it is the same as the one before it, which lies right in front of it.
      const step = (ends[i - 1] as number) - (i > 1 ? (ends[i - 2] as number) : 0)
      at += step - size
      block.copyWithin(start, start - step, at - step)
    } else {
      at += copy.call(head, block, at, 0, head.length)
      block[at++] = 0x30
      at = writeVariableByteInteger(block, at, fixed + size)
      block[at++] = topic.length >> 8
      block[at++] = topic.length & 0xff
      at += copy.call(topic, block, at, 0, topic.length)
      block[at++] = 0
      before = size
    }
    block.copyWithin(at, payloadStart + shift, payloadEnd + shift)
    at += size
    ends.push(at)
  }
  return block
}

/** Takes any Uint8Array and makes no view of it. */
const copy = Buffer.prototype.copy

/** Everything in front of the packet; QoS and time are written for each message. */
const heads = new WeakMap<Publisher, Buffer>()

function headOf(publisher: Publisher): Buffer {
  const known = heads.get(publisher)
  if (known !== undefined) return known
  const uid = Buffer.from(publisher.uid)
  const name = Buffer.from(publisher.authenticationName)
  assert(uid.length < 256 && name.length < 65_536, 'uid and name of a publisher are bounded')
  const head = Buffer.alloc(fixedBytes + 1 + uid.length + 2 + name.length)
  head[0] = format
  head[10] = authorities.indexOf(publisher.authority)
  let at = fixedBytes
  head[at++] = uid.length
  at += uid.copy(head, at)
  at = head.writeUInt16BE(name.length, at)
  name.copy(head, at)
  heads.set(publisher, head)
  return head
}

function writeTime(body: Buffer, now: UnixMillis): void {
  body.writeUInt32BE(Math.floor(now / 0x1_0000_0000), 2)
  body.writeUInt32BE(now % 0x1_0000_0000, 6)
}

export interface StoredMessage {
  readonly qos: QoS
  readonly retain: boolean
  readonly publishedAt: UnixMillis
  readonly publisher: Publisher
}

/** Reads the head. The packet behind it is read with `readStoredPublish`. */
export function readStoredMessage(body: Uint8Array): StoredMessage {
  const bytes = asBuffer(body)
  assert(bytes[0] === format, 'a stored message of a format that this version does not know')
  const uidLength = bytes[fixedBytes] as number
  const nameAt = fixedBytes + 1 + uidLength
  const nameLength = bytes.readUInt16BE(nameAt)
  return {
    qos: ((bytes[1] as number) & 3) as QoS,
    retain: ((bytes[1] as number) & retainFlag) !== 0,
    publishedAt: unixMillis(Number(bytes.readBigUInt64BE(2))),
    publisher: {
      authority: authorities[bytes[10] as number] ?? 'registry',
      uid: bytes.toString('utf8', fixedBytes + 1, nameAt),
      authenticationName: bytes.toString('utf8', nameAt + 2, nameAt + 2 + nameLength),
    },
  }
}

/** Where the packet inside begins. @param start of the message */
export function packetStart(bytes: Uint8Array, start = 0): number {
  assert(bytes[start] === format, 'a stored message of a format that this version does not know')
  const nameAt = start + fixedBytes + 1 + (bytes[start + fixedBytes] as number)
  return nameAt + 2 + (((bytes[nameAt] as number) << 8) | (bytes[nameAt + 1] as number))
}

/** Places the view on the MQTT 5.0 packet inside. */
export function readStoredPublish(body: Uint8Array, view: PublishView): void {
  const bytes = asBuffer(body)
  const start = packetStart(bytes)
  let bodyStart = start + 1
  while ((bytes[bodyStart] as number) >= 0x80) bodyStart++
  const failure = view.read(bytes, start, bodyStart + 1, bytes.length, 5)
  assert(failure === null, `a stored message is valid: ${failure?.message ?? ''}`)
}
