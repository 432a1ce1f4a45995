import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import { assert } from '../../base/assert.ts'

/** LMDB's limit for a key, as the library builds it. */
export const longestKey = 1978

/** Above this a name of any length is replaced by its hash; fixed parts and a kind byte still fit in front. */
const longestName = 1800

const uidForm = /^[0-9a-f]{32}$/

/** A uid of 32 hexadecimal digits as its 16 bytes. */
export function uidBytes(uid: string): Buffer {
  if (!uidForm.test(uid)) assert(false, `not a uid of 32 hexadecimal digits: ${JSON.stringify(uid)}`)
  return Buffer.from(uid, 'hex')
}

/**
 * Text as bytes whose order is the order of its UTF-16 code units, lone surrogates included: each code unit is written
 * as UTF-8 writes a code point of that number. Plain text of ASCII is itself.
 */
export function codeUnitBytes(text: string): Buffer {
  if (Buffer.byteLength(text) === text.length) return Buffer.from(text, 'latin1')
  const bytes = Buffer.allocUnsafe(text.length * 3)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      bytes[at++] = unit
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6)
      bytes[at++] = 0x80 | (unit & 0x3f)
    } else {
      bytes[at++] = 0xe0 | (unit >> 12)
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f)
      bytes[at++] = 0x80 | (unit & 0x3f)
    }
  }
  return bytes.subarray(0, at)
}

export function textOfCodeUnitBytes(bytes: Uint8Array): string {
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const units: string[] = []
  const byte = (at: number): number => bytes[at] ?? 0
  for (let at = 0; at < bytes.length; ) {
    const first = byte(at)
    if (first < 0x80) {
      units.push(String.fromCharCode(first))
      at += 1
    } else if (first < 0xe0) {
      units.push(String.fromCharCode(((first & 0x1f) << 6) | (byte(at + 1) & 0x3f)))
      at += 2
    } else {
      units.push(String.fromCharCode(((first & 0x0f) << 12) | ((byte(at + 1) & 0x3f) << 6) | (byte(at + 2) & 0x3f)))
      at += 3
    }
  }
  return units.join('')
}

const plain = Buffer.from([0])
const hashed = Buffer.from([1])

/**
 * A name of any length behind parts of fixed size. The kind byte keeps a hash apart from a name that looks like one;
 * `name` must be kept in the value when it is hashed and has to be read back.
 */
export function nameKey(prefix: Uint8Array, name: Uint8Array): Buffer {
  if (name.length <= longestName) return Buffer.concat([prefix, plain, name])
  return Buffer.concat([prefix, hashed, createHash('sha256').update(name).digest()])
}

export function isHashed(key: Uint8Array, prefixLength: number): boolean {
  return key[prefixLength] === 1
}

/** A part of variable size that another one follows, so that ("a", "bc") and ("ab", "c") differ (S28). */
export function lengthPrefixed(bytes: Uint8Array): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A whole number from 0 to 2^53 - 1, ordered. */
export function numberBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  writeNumber(bytes, value, 0)
  return bytes
}

export function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4)
}

export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** `[uid][entry][index]`: the order of a session's queue. */
export function queueKey(uid: Uint8Array, entry: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(28)
  key.set(uid, 0)
  writeNumber(key, entry, 16)
  key.writeUInt32BE(index, 24)
  return key
}

/** `[uid][packet identifier]` */
export function packetKey(uid: Uint8Array, packetIdentifier: number): Buffer {
  const key = Buffer.allocUnsafe(18)
  key.set(uid, 0)
  key.writeUInt16BE(packetIdentifier, 16)
  return key
}

/** The first key behind all that start with these bytes; fixed-size prefixes of ours never are all ones. */
export function behind(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix)
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0
    end[at] = (byte + 1) & 0xff
    if (byte !== 0xff) return end.subarray(0, at + 1)
  }
  return Buffer.alloc(longestKey, 0xff)
}
