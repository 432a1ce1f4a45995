import { assert } from '../base/assert.ts'
import { type UnixMillis, unixMillis } from '../base/time.ts'
import type { QoS } from '../mqtt/packet.ts'
import { encodePublishFrame, PublishDraft, publishLength } from '../mqtt/publish-encoder.ts'
import type { PublishView } from '../mqtt/publish-view.ts'
import { asBuffer } from '../mqtt/utf8.ts'
import type { SessionOwner } from '../ports/engine.ts'

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

/** @param topic bytes of the topic when the peer sent only an alias; null: they stand in the view */
export function encodeStoredMessage(
  view: PublishView,
  topic: Uint8Array | null,
  qos: QoS,
  retain: boolean,
  publisher: Publisher,
  now: UnixMillis,
): Buffer {
  const uid = Buffer.from(publisher.uid)
  const name = Buffer.from(publisher.authenticationName)
  assert(uid.length < 256 && name.length < 65_536, 'uid and name of a publisher are bounded')
  draft.setFromView(view)
  if (topic !== null) draft.setTopic(topic, 0, topic.length)
  const head = fixedBytes + 1 + uid.length + 2 + name.length
  const body = Buffer.allocUnsafeSlow(head + publishLength(draft, 5, 0))
  body[0] = format
  body[1] = qos | (retain ? retainFlag : 0)
  body.writeBigUInt64BE(BigInt(now), 2)
  body[10] = authorities.indexOf(publisher.authority)
  let at = fixedBytes
  body[at++] = uid.length
  at += uid.copy(body, at)
  at = body.writeUInt16BE(name.length, at)
  at += name.copy(body, at)
  encodePublishFrame(draft, 5, 0, false, body, at)
  return body
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

/** Places the view on the MQTT 5.0 packet inside. */
export function readStoredPublish(body: Uint8Array, view: PublishView): void {
  const bytes = asBuffer(body)
  assert(bytes[0] === format, 'a stored message of a format that this version does not know')
  const nameAt = fixedBytes + 1 + (bytes[fixedBytes] as number)
  const start = nameAt + 2 + bytes.readUInt16BE(nameAt)
  let bodyStart = start + 1
  while ((bytes[bodyStart] as number) >= 0x80) bodyStart++
  const failure = view.read(bytes, start, bodyStart + 1, bytes.length, 5)
  assert(failure === null, `a stored message is valid: ${failure?.message ?? ''}`)
}
