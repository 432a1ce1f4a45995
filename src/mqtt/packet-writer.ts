import { assert } from '../base/assert.ts'

/** Grows as needed; our own packets only, so what does not fit the wire is a bug of ours. */
export class PacketWriter {
  #bytes: Buffer = Buffer.allocUnsafe(128)
  #at = 0

  u8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'a byte')
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  u16(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'a Two Byte Integer')
    this.#reserve(2)
    this.#at = this.#bytes.writeUInt16BE(value, this.#at)
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, 'a Four Byte Integer')
    this.#reserve(4)
    this.#at = this.#bytes.writeUInt32BE(value, this.#at)
  }

  variableByteInteger(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 268_435_455, 'a Variable Byte Integer')
    this.#reserve(4)
    this.#at = writeVariableByteInteger(this.#bytes, this.#at, value)
  }

  text(value: string): void {
    assert(value.isWellFormed() && !value.includes('\0'), 'a UTF-8 Encoded String')
    const length = Buffer.byteLength(value, 'utf8')
    this.u16(length)
    this.#reserve(length)
    this.#bytes.write(value, this.#at, 'utf8')
    this.#at += length
  }

  binary(value: Uint8Array): void {
    this.u16(value.length)
    this.octets(value)
  }

  octets(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** What was written. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #reserve(length: number): void {
    if (this.#bytes.length - this.#at >= length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + length))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}

/** As few bytes as possible [MQTT-1.5.5-1]; answers the offset behind them. The value is at most 268,435,455. */
export function writeVariableByteInteger(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset
  let rest = value
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/** How many bytes the value takes as a Variable Byte Integer. */
export function variableByteIntegerLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4
}
