import { Tag } from './der.ts'

/**
 * DER values as byte arrays, written from the inside out. Used to issue certificates, and to give a name read from text
 * its encoding. Callers pass well-formed values: nothing here comes from a peer.
 */

/** Joins pieces into one array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const piece of pieces) length += piece.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** Tag, shortest definite length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const piece of content) length += piece.length
  const header = [tag]
  if (length < 0x80) header.push(length)
  else {
    const octets: number[] = []
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
    header.push(0x80 | octets.length, ...octets)
  }
  return concat([Uint8Array.from(header), ...content])
}

export function sequence(...content: readonly Uint8Array[]): Uint8Array {
  return element(Tag.Sequence, ...content)
}

/** SET OF: members in ascending order of their encodings (X.690 11.6). */
export function setOf(...members: readonly Uint8Array[]): Uint8Array {
  return element(Tag.Set, ...[...members].sort(Buffer.compare))
}

export function boolean(value: boolean): Uint8Array {
  return Uint8Array.of(Tag.Boolean, 1, value ? 0xff : 0x00)
}

export function integer(value: bigint | number, tag: number = Tag.Integer): Uint8Array {
  return element(tag, integerContent(BigInt(value)))
}

/** Shortest two's complement. */
export function integerContent(value: bigint): Uint8Array {
  const octets: number[] = []
  let rest = value
  for (;;) {
    const octet = Number(rest & 0xffn)
    octets.unshift(octet)
    rest >>= 8n
    if ((rest === 0n && octet < 0x80) || (rest === -1n && octet >= 0x80)) return Uint8Array.from(octets)
  }
}

export function objectIdentifier(dotted: string, tag: number = Tag.ObjectIdentifier): Uint8Array {
  const arcs = dotted.split('.').map(BigInt)
  const [first = 0n, second = 0n, ...rest] = arcs
  const octets: number[] = []
  for (const arc of [first * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)]
    for (let high = arc >> 7n; high > 0n; high >>= 7n) groups.unshift(0x80 | Number(high & 0x7fn))
    octets.push(...groups)
  }
  return element(tag, Uint8Array.from(octets))
}

export function octetString(content: Uint8Array): Uint8Array {
  return element(Tag.OctetString, content)
}

/** A BIT STRING that fills whole octets. */
export function bitString(content: Uint8Array): Uint8Array {
  return element(Tag.BitString, Uint8Array.of(0), content)
}

/** A named bit list: no trailing zero bits (X.690 11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return element(Tag.BitString, Uint8Array.of(0))
  const highest = Math.max(...bits)
  const octets = new Uint8Array((highest >> 3) + 1)
  for (const bit of bits) octets[bit >> 3] = octets[bit >> 3]! | (0x80 >> (bit & 7))
  return element(Tag.BitString, Uint8Array.of(7 - (highest & 7)), octets)
}

export function nullValue(): Uint8Array {
  return Uint8Array.of(Tag.Null, 0)
}

export function text(tag: number, value: string): Uint8Array {
  return element(tag, Buffer.from(value, 'utf8'))
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 4.1.2.5). */
export function time(unixSeconds: number): Uint8Array {
  const iso = new Date(unixSeconds * 1000).toISOString()
  const digits = `${iso.slice(0, 19).replace(/[-:T]/g, '')}Z`
  const year = Number(iso.slice(0, 4))
  const short = year >= 1950 && year < 2050
  return text(short ? Tag.UtcTime : Tag.GeneralizedTime, short ? digits.slice(2) : digits)
}
