import { hexByte, malformed, protocolError, wrongLength } from './failure.ts'
import type { PacketFailure, ProtocolVersion, QoS } from './packet.ts'
import { notText } from './packet-reader.ts'
import { propertyOf } from './property.ts'
import { ReasonCode } from './reason-code.ts'
import { scanUtf8, Utf8 } from './utf8.ts'

const EMPTY = new Uint8Array(0)

/**
 * A client's PUBLISH as offsets into its frame: one object per connection, read again for each packet, no allocation
 * (bench: TCP pairs QoS 0). It gives the verdict of `decodePacket` but for the UTF-8 of the topic name, which the caller
 * checks when it sees these topic bytes for the first time (`decodeTopicUtf8`, then `parseTopicName`).
 *
 * The fields hold until the next `read` and point into memory that the framer lends for one call; after a failure they
 * mean nothing.
 */
export class PublishView {
  bytes: Uint8Array = EMPTY
  version: ProtocolVersion = 4
  /** The first byte of the frame. */
  start = 0
  dup = false
  qos: QoS = 0
  retain = false
  topicStart = 0
  /** Equal to `topicStart` when only an alias was sent. */
  topicEnd = 0
  /** 0: none (QoS 0). */
  packetIdentifier = 0
  /** The properties without their length; empty in 3.1.1. */
  propertiesStart = 0
  propertiesEnd = 0
  /** How many of these bytes go on to subscribers: all but Topic Alias and Message Expiry Interval. */
  forwardedLength = 0
  /** 0: none. */
  topicAlias = 0
  /** -1: absent. */
  messageExpiryIntervalSeconds = -1
  /** -1: absent. */
  payloadFormatIndicator = -1
  /** Each range is -1, -1 when the property is absent. */
  contentTypeStart = -1
  contentTypeEnd = -1
  responseTopicStart = -1
  responseTopicEnd = -1
  correlationDataStart = -1
  correlationDataEnd = -1
  userPropertyCount = 0
  /** Names and values without their lengths. */
  userPropertyBytes = 0
  payloadStart = 0
  /** End of the payload and of the frame. */
  end = 0

  /** Reads one PUBLISH frame of a client; never outside `[start, end)`. */
  read(
    bytes: Uint8Array,
    start: number,
    bodyStart: number,
    end: number,
    version: ProtocolVersion,
  ): PacketFailure | null {
    const first = bytes[start]!
    const qos = (first >> 1) & 3
    const dup = (first & 0x08) !== 0
    if (qos === 3) return malformed(version, '3.3.1-4', 'QoS is 3')
    if (dup && qos === 0) return malformed(version, '3.3.1-2', 'DUP is set with QoS 0')
    if (end - bodyStart < 2) return endsInside(version, 'Topic Name')
    const topicStart = bodyStart + 2
    const topicEnd = topicStart + ((bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!)
    if (topicEnd > end) return endsInside(version, 'Topic Name')
    let at = topicEnd
    let packetIdentifier = 0
    if (qos !== 0) {
      if (end - at < 2) return endsInside(version, 'Packet Identifier')
      packetIdentifier = (bytes[at]! << 8) | bytes[at + 1]!
      if (packetIdentifier === 0) {
        return protocolError(version, version === 5 ? '2.2.1-3' : '2.3.1-1', 'Packet Identifier is 0')
      }
      at += 2
    }
    this.bytes = bytes
    this.version = version
    this.start = start
    this.dup = dup
    this.qos = qos as QoS
    this.retain = (first & 0x01) !== 0
    this.topicStart = topicStart
    this.topicEnd = topicEnd
    this.packetIdentifier = packetIdentifier
    this.end = end
    this.topicAlias = 0
    this.messageExpiryIntervalSeconds = -1
    this.payloadFormatIndicator = -1
    this.contentTypeStart = this.contentTypeEnd = -1
    this.responseTopicStart = this.responseTopicEnd = -1
    this.correlationDataStart = this.correlationDataEnd = -1
    this.userPropertyCount = this.userPropertyBytes = 0
    this.propertiesStart = this.propertiesEnd = this.payloadStart = at
    this.forwardedLength = 0
    if (version === 5) {
      // Most packets have no property, which is one zero byte.
      if (at < end && bytes[at] === 0) this.propertiesStart = this.propertiesEnd = this.payloadStart = at + 1
      else {
        const failure = this.#readProperties(bytes, at, end)
        if (failure !== null) return failure
      }
    }
    if (topicStart === topicEnd && this.topicAlias === 0) {
      return protocolError(version, version === 5 ? '3.3.2.1' : '4.7.3-1', 'Topic Name is empty and there is no alias')
    }
    return null
  }

  #readProperties(bytes: Uint8Array, lengthStart: number, end: number): PacketFailure | null {
    let at = lengthStart
    let length = 0
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) return malformed(5, '1.5.5', 'Property Length has more than four bytes')
      if (at === end) return endsInside(5, 'Property Length')
      const byte = bytes[at++]!
      length |= (byte & 0x7f) << shift
      if (byte >= 0x80) continue
      if (byte === 0 && shift > 0) return malformed(5, '1.5.5-1', 'Property Length is not minimal')
      break
    }
    if (end - at < length) return endsInside(5, 'the properties')
    const stop = at + length
    this.propertiesStart = at
    this.propertiesEnd = this.payloadStart = stop
    this.forwardedLength = length
    while (at < stop) {
      const id = bytes[at++]!
      // The smallest property has one byte behind its identifier; nothing below reads past `stop`.
      switch (id) {
        case 0x01: {
          if (this.payloadFormatIndicator >= 0) return twice(id)
          if (at === stop) return endsInside(5, 'Payload Format Indicator')
          const value = bytes[at++]!
          if (value > 1) return protocolError(5, '3.3.2.3.2', `Payload Format Indicator is ${value}`)
          this.payloadFormatIndicator = value
          break
        }
        case 0x02: {
          if (this.messageExpiryIntervalSeconds >= 0) return twice(id)
          if (stop - at < 4) return endsInside(5, 'Message Expiry Interval')
          this.messageExpiryIntervalSeconds =
            bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
          this.forwardedLength -= 5
          at += 4
          break
        }
        case 0x23: {
          if (this.topicAlias !== 0) return twice(id)
          if (stop - at < 2) return endsInside(5, 'Topic Alias')
          this.topicAlias = (bytes[at]! << 8) | bytes[at + 1]!
          if (this.topicAlias === 0) {
            return protocolError(5, '3.3.2-8', 'Topic Alias is 0', ReasonCode.TopicAliasInvalid)
          }
          this.forwardedLength -= 3
          at += 2
          break
        }
        case 0x26: {
          const nameEnd = fieldEnd(bytes, at, stop)
          if (nameEnd < 0) return endsInside(5, 'User Property')
          let failure = textFailure(bytes, at + 2, nameEnd, 'User Property', '1.5.7-1')
          if (failure !== null) return failure
          const valueEnd = fieldEnd(bytes, nameEnd, stop)
          if (valueEnd < 0) return endsInside(5, 'User Property')
          failure = textFailure(bytes, nameEnd + 2, valueEnd, 'User Property', '1.5.7-1')
          if (failure !== null) return failure
          this.userPropertyCount++
          this.userPropertyBytes += valueEnd - at - 4
          at = valueEnd
          break
        }
        case 0x03:
        case 0x08:
        case 0x09: {
          const failure = this.#readField(id, bytes, at, stop)
          if (failure !== null) return failure
          at += 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
          break
        }
        case 0x0b:
          return protocolError(5, '3.3.4-6', 'a client sent a Subscription Identifier in PUBLISH')
        default:
          return malformed(5, '2.2.2.2', `property ${propertyOf(id)?.name ?? hexByte(id)} is not one of PUBLISH`)
      }
    }
    return null
  }

  /** Content Type, Response Topic or Correlation Data. */
  #readField(id: 0x03 | 0x08 | 0x09, bytes: Uint8Array, lengthStart: number, stop: number): PacketFailure | null {
    const start = lengthStart + 2
    const seen = id === 0x03 ? this.contentTypeStart : id === 0x08 ? this.responseTopicStart : this.correlationDataStart
    if (seen >= 0) return twice(id)
    const end = fieldEnd(bytes, lengthStart, stop)
    if (end < 0) return endsInside(5, propertyOf(id)!.name)
    if (id === 0x03) {
      this.contentTypeStart = start
      this.contentTypeEnd = end
      return textFailure(bytes, start, end, 'Content Type', '3.3.2-19')
    }
    if (id === 0x09) {
      this.correlationDataStart = start
      this.correlationDataEnd = end
      return null
    }
    this.responseTopicStart = start
    this.responseTopicEnd = end
    const failure = textFailure(bytes, start, end, 'Response Topic', '3.3.2-13')
    if (failure !== null) return failure
    if (start === end) return protocolError(5, '4.7.3-1', 'Response Topic is empty')
    for (let at = start; at < end; at++) {
      if (bytes[at] === 0x2b || bytes[at] === 0x23) {
        return protocolError(5, '3.3.2-14', 'Response Topic holds a wildcard')
      }
    }
    return null
  }
}

function endsInside(version: ProtocolVersion, what: string): PacketFailure {
  return wrongLength(version, `the packet ends inside ${what}`)
}

function twice(id: number): PacketFailure {
  const row = propertyOf(id)!
  return protocolError(5, row.section, `${row.name} appears twice`)
}

/** End of a field with a two-byte length, or -1 when it does not fit. */
function fieldEnd(bytes: Uint8Array, at: number, stop: number): number {
  if (stop - at < 2) return -1
  const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
  return end > stop ? -1 : end
}

function textFailure(bytes: Uint8Array, start: number, end: number, what: string, place: string): PacketFailure | null {
  const verdict = scanUtf8(bytes, start, end)
  return verdict === Utf8.Ascii || verdict === Utf8.WellFormed ? null : notText(5, verdict, what, place)
}
