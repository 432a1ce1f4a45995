import type { ProtocolVersion, QoS } from './packet.ts'
import { variableByteIntegerLength, writeVariableByteInteger } from './packet-writer.ts'
import type { PublishView } from './publish-view.ts'

const NOTHING = new Uint8Array(0)
/** Up to here a loop beats the call that copies memory, which costs some 45 ns whatever the length (Node 24). */
const LOOP_BYTES = 24
/** Takes any Uint8Array and makes no view of it, unlike `set(subarray())`. */
const copy = Buffer.prototype.copy

/**
 * A message on its way out, as ranges of bytes: filled once per message and then written in the forms that its
 * subscribers need. Reused, so nothing is allocated per message.
 */
export class PublishDraft {
  topic: Uint8Array = NOTHING
  topicStart = 0
  topicEnd = 0
  /** Version 5 properties without their length; `setProperties` or `setFromView` keeps the fields in step. */
  properties: Uint8Array = NOTHING
  propertiesStart = 0
  propertiesEnd = 0
  /** How many of these bytes subscribers get. */
  forwardedLength = 0
  /** The remaining time [MQTT-3.3.2-6], rewritten by the caller before each delivery; -1: never expires. */
  messageExpiryIntervalSeconds = -1
  payload: Uint8Array = NOTHING
  payloadStart = 0
  payloadEnd = 0
  /** First byte of a frame that says all this and nothing else in `frameVersion`, or -1. It ends with the payload. */
  frameStart = -1
  frameVersion: ProtocolVersion = 4
  frameHasIdentifier = false

  /** Takes everything from a PUBLISH just read; an alias is resolved by `setTopic` afterwards. */
  setFromView(view: PublishView): void {
    this.frameStart = view.forwardedLength === view.propertiesEnd - view.propertiesStart ? view.start : -1
    this.frameVersion = view.version
    this.frameHasIdentifier = view.qos !== 0
    this.topic = this.properties = this.payload = view.bytes
    this.topicStart = view.topicStart
    this.topicEnd = view.topicEnd
    this.propertiesStart = view.propertiesStart
    this.propertiesEnd = view.propertiesEnd
    this.forwardedLength = view.forwardedLength
    this.messageExpiryIntervalSeconds = view.messageExpiryIntervalSeconds
    this.payloadStart = view.payloadStart
    this.payloadEnd = view.end
  }

  setTopic(bytes: Uint8Array, start: number, end: number): void {
    this.frameStart = -1
    this.topic = bytes
    this.topicStart = start
    this.topicEnd = end
  }

  /** Valid PUBLISH properties, for example from a stored message; hop-only ones among them are not written. */
  setProperties(bytes: Uint8Array, start: number, end: number): void {
    this.frameStart = -1
    this.properties = bytes
    this.propertiesStart = start
    this.propertiesEnd = end
    this.forwardedLength = forwardedPropertiesLength(bytes, start, end)
  }

  setPayload(bytes: Uint8Array, start: number, end: number): void {
    this.frameStart = -1
    this.payload = bytes
    this.payloadStart = start
    this.payloadEnd = end
  }
}

/**
 * Size of the whole frame.
 *
 * @param extraLength bytes of further properties (Topic Alias, Subscription Identifiers) that this form carries
 */
export function publishLength(draft: PublishDraft, version: ProtocolVersion, qos: QoS, extraLength = 0): number {
  if (isFrame(draft, version, qos, extraLength)) return draft.payloadEnd - draft.frameStart
  const remaining = remainingLength(draft, version, qos, extraLength)
  return 1 + variableByteIntegerLength(remaining) + remaining
}

/**
 * Offset of the Packet Identifier within a frame that is (or will be) written at `offset` with QoS 1 or 2, so that one
 * copy can be patched for each subscriber.
 */
export function packetIdentifierOffset(
  draft: PublishDraft,
  version: ProtocolVersion,
  offset: number,
  extraLength = 0,
): number {
  const remaining = remainingLength(draft, version, 1, extraLength)
  return offset + 1 + variableByteIntegerLength(remaining) + 2 + (draft.topicEnd - draft.topicStart)
}

/**
 * Writes the frame at `offset` and answers the offset behind it; the caller has made room (`publishLength`). DUP is 0 and
 * the Packet Identifier of QoS 1 and 2 is 0 until it is patched.
 *
 * @param extra further properties of this form, already encoded: `writeTopicAlias`, `writeSubscriptionIdentifier`
 */
export function encodePublishFrame(
  draft: PublishDraft,
  version: ProtocolVersion,
  qos: QoS,
  retain: boolean,
  buffer: Buffer,
  offset: number,
  extra: Uint8Array = NOTHING,
): number {
  const first = 0x30 | (qos << 1) | (retain ? 1 : 0)
  if (isFrame(draft, version, qos, extra.length)) {
    const end = copyBytes(draft.payload, draft.frameStart, draft.payloadEnd, buffer, offset)
    buffer[offset] = first
    if (qos !== 0) patchPacketIdentifier(buffer, offset + draft.topicEnd - draft.frameStart, 0)
    return end
  }
  buffer[offset] = first
  let at = writeVariableByteInteger(buffer, offset + 1, remainingLength(draft, version, qos, extra.length))
  const topicLength = draft.topicEnd - draft.topicStart
  buffer[at++] = topicLength >> 8
  buffer[at++] = topicLength & 0xff
  at = copyBytes(draft.topic, draft.topicStart, draft.topicEnd, buffer, at)
  if (qos !== 0) {
    buffer[at++] = 0
    buffer[at++] = 0
  }
  if (version === 5) {
    const length = propertiesLength(draft, extra.length)
    at = writeVariableByteInteger(buffer, at, length)
    if (length !== 0) {
      at = copyBytes(extra, 0, extra.length, buffer, at)
      if (draft.messageExpiryIntervalSeconds >= 0) {
        buffer[at] = 0x02
        at = buffer.writeUInt32BE(draft.messageExpiryIntervalSeconds, at + 1)
      }
      at = copyForwardedProperties(draft, buffer, at)
    }
  }
  return copyBytes(draft.payload, draft.payloadStart, draft.payloadEnd, buffer, at)
}

/** Puts the identifier into a frame written before. */
export function patchPacketIdentifier(buffer: Uint8Array, at: number, packetIdentifier: number): void {
  buffer[at] = packetIdentifier >> 8
  buffer[at + 1] = packetIdentifier & 0xff
}

/** DUP of a frame at `offset` [MQTT-3.3.1-1]. */
export function setDup(buffer: Uint8Array, offset: number): void {
  buffer[offset] = buffer[offset]! | 0x08
}

/** Four bytes: PUBACK with Success, in either version. */
export function encodePuback(buffer: Uint8Array, offset: number, packetIdentifier: number): number {
  return encodeAcknowledgement(buffer, offset, 0x40, packetIdentifier)
}

/** PUBACK 0x40, PUBREC 0x50, PUBREL 0x62 or PUBCOMP 0x70 with Success, in either version. */
export function encodeAcknowledgement(
  buffer: Uint8Array,
  offset: number,
  firstByte: 0x40 | 0x50 | 0x62 | 0x70,
  packetIdentifier: number,
): number {
  buffer[offset] = firstByte
  buffer[offset + 1] = 2
  buffer[offset + 2] = packetIdentifier >> 8
  buffer[offset + 3] = packetIdentifier & 0xff
  return offset + 4
}

/** Three bytes for `extra`. */
export function writeTopicAlias(buffer: Uint8Array, offset: number, topicAlias: number): number {
  buffer[offset] = 0x23
  buffer[offset + 1] = topicAlias >> 8
  buffer[offset + 2] = topicAlias & 0xff
  return offset + 3
}

/** Two to five bytes for `extra`. */
export function writeSubscriptionIdentifier(buffer: Uint8Array, offset: number, identifier: number): number {
  buffer[offset] = 0x0b
  return writeVariableByteInteger(buffer, offset + 1, identifier)
}

/** Size of those among valid PUBLISH properties that a subscriber gets as they are. */
export function forwardedPropertiesLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0
  for (let at = start; at < end; ) {
    const next = propertyEnd(bytes, at)
    if (isForwarded(bytes[at]!)) length += next - at
    at = next
  }
  return length
}

/** Copies those that a subscriber gets as they are [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-17], in their order. */
function copyForwardedProperties(draft: PublishDraft, buffer: Uint8Array, offset: number): number {
  const { properties, propertiesStart, propertiesEnd } = draft
  if (draft.forwardedLength === 0) return offset
  if (draft.forwardedLength === propertiesEnd - propertiesStart) {
    return copyBytes(properties, propertiesStart, propertiesEnd, buffer, offset)
  }
  let to = offset
  for (let at = propertiesStart; at < propertiesEnd; ) {
    const next = propertyEnd(properties, at)
    if (isForwarded(properties[at]!)) to = copyBytes(properties, at, next, buffer, to)
    at = next
  }
  return to
}

/** Subscribers of the publisher's version and kind of QoS get the publisher's own bytes, in one copy. */
function isFrame(draft: PublishDraft, version: ProtocolVersion, qos: QoS, extraLength: number): boolean {
  return (
    draft.frameStart >= 0 &&
    draft.frameVersion === version &&
    draft.frameHasIdentifier === (qos !== 0) &&
    extraLength === 0 &&
    draft.messageExpiryIntervalSeconds < 0
  )
}

function remainingLength(draft: PublishDraft, version: ProtocolVersion, qos: QoS, extraLength: number): number {
  const fixed = 2 + (draft.topicEnd - draft.topicStart) + (qos === 0 ? 0 : 2) + (draft.payloadEnd - draft.payloadStart)
  if (version === 4) return fixed
  const length = propertiesLength(draft, extraLength)
  return fixed + variableByteIntegerLength(length) + length
}

function propertiesLength(draft: PublishDraft, extraLength: number): number {
  return draft.forwardedLength + extraLength + (draft.messageExpiryIntervalSeconds >= 0 ? 5 : 0)
}

/** Topic Alias and Subscription Identifier belong to one hop; Message Expiry Interval is written anew. */
function isForwarded(id: number): boolean {
  return id !== 0x02 && id !== 0x0b && id !== 0x23
}

/** Where the property at `at` of valid PUBLISH properties ends. */
function propertyEnd(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case 0x01:
      return at + 2
    case 0x02:
      return at + 5
    case 0x23:
      return at + 3
    case 0x0b: {
      let end = at + 1
      while (bytes[end]! >= 0x80) end++
      return end + 1
    }
    case 0x26:
      return fieldEnd(bytes, fieldEnd(bytes, at + 1))
    default:
      return fieldEnd(bytes, at + 1)
  }
}

function fieldEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
}

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, offset: number): number {
  const length = end - start
  if (length <= LOOP_BYTES) for (let i = 0; i < length; i++) to[offset + i] = from[start + i]!
  else copy.call(from as Buffer, to, offset, start, end)
  return offset + length
}
