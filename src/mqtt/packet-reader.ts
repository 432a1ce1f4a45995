import { hexByte, malformed, wrongLength } from './failure.ts'
import type { PacketFailure, ProtocolVersion } from './packet.ts'
import { asBuffer, scanUtf8, textOf, Utf8 } from './utf8.ts'

/**
 * Reads the fields of one packet in order and never a byte outside it. The first failure stays: every later read answers
 * an empty value and the caller asks for `failure` once, at the end. So a decoder reads top to bottom and is total.
 */
export class PacketReader {
  readonly bytes: Buffer
  version: ProtocolVersion
  at: number
  /** Exclusive; narrowed while properties are read. */
  end: number
  failure: PacketFailure | null = null

  constructor(bytes: Uint8Array, start: number, end: number, version: ProtocolVersion) {
    this.bytes = asBuffer(bytes)
    this.at = start
    this.end = end
    this.version = version
  }

  get remaining(): number {
    return this.end - this.at
  }

  /** Keeps the first failure and ends the reading. */
  fail(failure: PacketFailure): void {
    if (this.failure === null) this.failure = failure
    this.at = this.end
  }

  u8(what: string): number {
    if (!this.has(1, what)) return 0
    return this.bytes[this.at++]!
  }

  u16(what: string): number {
    if (!this.has(2, what)) return 0
    const value = this.bytes.readUInt16BE(this.at)
    this.at += 2
    return value
  }

  u32(what: string): number {
    if (!this.has(4, what)) return 0
    const value = this.bytes.readUInt32BE(this.at)
    this.at += 4
    return value
  }

  /** Variable Byte Integer: one to four bytes, as few as possible [MQTT-1.5.5-1]. */
  variableByteInteger(what: string): number {
    let value = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      if (!this.has(1, what)) return 0
      const byte = this.bytes[this.at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) this.fail(malformed(this.version, '1.5.5-1', `${what} is not minimal`))
        return value
      }
    }
    this.fail(malformed(this.version, '1.5.5', `${what} has more than four bytes`))
    return 0
  }

  /** UTF-8 Encoded String. `place`: the statement that makes this field one. */
  text(what: string, place: string): string {
    const length = this.u16(what)
    if (!this.has(length, what)) return ''
    const start = this.at
    this.at += length
    return this.textBetween(start, this.at, what, place)
  }

  /** The same for a range whose length was read before. */
  textBetween(start: number, end: number, what: string, place: string): string {
    const verdict = scanUtf8(this.bytes, start, end)
    if (verdict === Utf8.NullCharacter || verdict === Utf8.IllFormed) {
      this.fail(notText(this.version, verdict, what, place))
      return ''
    }
    return textOf(this.bytes, start, end, verdict)
  }

  /** Binary Data, as a copy. */
  binary(what: string): Uint8Array {
    const length = this.u16(what)
    return this.octets(length, what)
  }

  /** The next `length` bytes, as a copy. */
  octets(length: number, what: string): Uint8Array {
    if (!this.has(length, what)) return new Uint8Array(0)
    const copy = new Uint8Array(length)
    copy.set(this.bytes.subarray(this.at, this.at + length))
    this.at += length
    return copy
  }

  /** Nothing may follow the last field. */
  finish(): void {
    if (this.failure === null && this.at < this.end) {
      this.fail(wrongLength(this.version, `${this.remaining} bytes follow the last field`))
    }
  }

  has(length: number, what: string): boolean {
    if (this.failure !== null) return false
    if (this.end - this.at >= length) return true
    this.fail(wrongLength(this.version, `the packet ends inside ${what}`))
    return false
  }
}

/** Why a range is no UTF-8 Encoded String. 3.1.1 numbers the two rules one section earlier. */
export function notText(version: ProtocolVersion, verdict: Utf8, what: string, place: string): PacketFailure {
  if (verdict === Utf8.NullCharacter) {
    return malformed(version, version === 5 ? '1.5.4-2' : '1.5.3-2', `${what} holds ${hexByte(0)} (U+0000)`)
  }
  return malformed(version, place, `${what} is not well-formed UTF-8`)
}
