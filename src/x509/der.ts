/**
 * A strict reader of DER (X.690 section 10): definite lengths in their shortest form, no indefinite form, no high tag
 * numbers, no trailing bytes. It never throws: the first fault is remembered by the root reader and ends every read
 * after it, so a caller reads straight through and asks once at the end. Nothing recurses, nothing is copied.
 */

export interface DerFailure {
  /** One sentence, without bytes of the peer in it. */
  readonly reason: string
  /** Offset of the fault from the first byte of the outermost value. */
  readonly offset: number
}

export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  ObjectIdentifier: 0x06,
  Enumerated: 0x0a,
  Utf8String: 0x0c,
  NumericString: 0x12,
  PrintableString: 0x13,
  TeletexString: 0x14,
  Ia5String: 0x16,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  VisibleString: 0x1a,
  UniversalString: 0x1c,
  BmpString: 0x1e,
  Sequence: 0x30,
  Set: 0x31,
} as const

/** Tag of a context-specific element, constructed: `[n]` around another value. */
export function constructed(number: number): number {
  return 0xa0 | number
}

/** Tag of a context-specific element, primitive: `[n] IMPLICIT` of a primitive type. */
export function primitive(number: number): number {
  return 0x80 | number
}

const empty = new Uint8Array(0)

/** Longer object identifiers are met in no certificate; the bound keeps arcs and their text small. */
const maximumObjectIdentifierOctets = 64

export class DerReader {
  readonly bytes: Uint8Array
  #offset: number
  #end: number
  readonly #root: DerReader
  #failure: DerFailure | null = null

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, root?: DerReader) {
    this.bytes = bytes
    this.#offset = start
    this.#end = end
    this.#root = root ?? this
  }

  get failure(): DerFailure | null {
    return this.#root.#failure
  }

  /** Next unread byte; equal to the end when everything was read. */
  get offset(): number {
    return this.#offset
  }

  /** Remembers the first fault; every later read of this value, at any depth, yields nothing. */
  fail(reason: string): void {
    if (this.#root.#failure === null) this.#root.#failure = { reason, offset: this.#offset }
    this.#offset = this.#end
  }

  /** Octets that are left to read. */
  get length(): number {
    return this.#end - this.#offset
  }

  /** True while there is something left to read and nothing has failed. */
  more(): boolean {
    return this.#root.#failure === null && this.#offset < this.#end
  }

  /** Tag of the next element, -1 at the end. */
  peek(): number {
    return this.more() ? this.bytes[this.#offset]! : -1
  }

  /** Faults when something is left: DER has no trailing bytes. */
  finish(what: string): void {
    if (this.more()) this.fail(`${what}: bytes after the last element`)
  }

  /** The next element whole, tag and length included; a view. */
  raw(what: string): Uint8Array {
    const start = this.#offset
    if (this.#header(what, -1) < 0) return empty
    return this.bytes.subarray(start, this.#offset)
  }

  /** A reader on the content of the next element, which must have this tag; skips it in the outer reader. */
  enter(tag: number, what: string): DerReader {
    const start = this.#header(what, tag)
    if (start < 0) return new DerReader(this.bytes, this.#end, this.#end, this.#root)
    return new DerReader(this.bytes, start, this.#offset, this.#root)
  }

  /** A reader on a part of the bytes, e.g. the DER inside a BIT STRING, that shares this reader's fault. */
  within(start: number, end: number): DerReader {
    return new DerReader(this.bytes, start, end, this.#root)
  }

  sequence(what: string): DerReader {
    return this.enter(Tag.Sequence, what)
  }

  /** Content octets of the next element, which must have this tag; a view. */
  content(tag: number, what: string): Uint8Array {
    const start = this.#header(what, tag)
    return start < 0 ? empty : this.bytes.subarray(start, this.#offset)
  }

  /** DER: 0x00 or 0xff only (X.690 11.1). */
  boolean(what: string, tag: number = Tag.Boolean): boolean {
    const octets = this.content(tag, what)
    if (this.failure !== null) return false
    if (octets.length !== 1 || (octets[0] !== 0x00 && octets[0] !== 0xff)) this.fail(`${what}: not a DER BOOLEAN`)
    return octets[0] === 0xff
  }

  /** Content octets of an INTEGER in its shortest two's complement form (X.690 8.3.2). */
  integerOctets(what: string, tag: number = Tag.Integer): Uint8Array {
    const octets = this.content(tag, what)
    if (this.failure !== null) return empty
    const first = octets[0]
    const second = octets[1]
    if (first === undefined) this.fail(`${what}: empty INTEGER`)
    else if (second !== undefined && (first === 0x00 ? second < 0x80 : first === 0xff && second >= 0x80)) {
      this.fail(`${what}: INTEGER not in its shortest form`)
    }
    return octets
  }

  integer(what: string, tag: number = Tag.Integer): bigint {
    return integerValue(this.integerOctets(what, tag))
  }

  /** A non-negative INTEGER of at most four octets; anything else is a fault. */
  smallInteger(what: string, tag: number = Tag.Integer): number {
    const octets = this.integerOctets(what, tag)
    if (this.failure !== null) return 0
    if (octets.length > 4 || octets[0]! >= 0x80) {
      this.fail(`${what}: INTEGER out of range`)
      return 0
    }
    let value = 0
    for (const octet of octets) value = value * 256 + octet
    return value
  }

  /** Dotted decimal text. */
  objectIdentifier(what: string, tag: number = Tag.ObjectIdentifier): string {
    const octets = this.content(tag, what)
    if (this.failure !== null) return ''
    const text = objectIdentifierText(octets)
    if (text === null) this.fail(`${what}: not an OBJECT IDENTIFIER`)
    return text ?? ''
  }

  /** A BIT STRING whose bits fill whole octets, as keys and signatures do. */
  wholeBitString(what: string): Uint8Array {
    const octets = this.content(Tag.BitString, what)
    if (this.failure !== null) return empty
    if (octets[0] !== 0) this.fail(`${what}: BIT STRING does not fill whole octets`)
    return octets.subarray(1)
  }

  /**
   * The numbers of the bits that are set in a named bit list: padding bits zero, no trailing zero bits
   * (X.690 11.2.1, 11.2.2).
   */
  namedBits(what: string, tag: number = Tag.BitString): readonly number[] {
    const octets = this.content(tag, what)
    if (this.failure !== null) return []
    const unused = octets[0]
    if (unused === undefined || unused > 7 || (octets.length === 1 && unused !== 0) || octets.length > 9) {
      this.fail(`${what}: not a BIT STRING of names`)
      return []
    }
    if (octets.length === 1) return []
    const last = octets[octets.length - 1]!
    if ((last & ((1 << unused) - 1)) !== 0) this.fail(`${what}: padding bits of a BIT STRING set`)
    else if (((last >> unused) & 1) === 0) this.fail(`${what}: BIT STRING of names with trailing zero bits`)
    const bits: number[] = []
    for (let i = 1; i < octets.length; i++) {
      for (let bit = 0; bit < 8; bit++) if ((octets[i]! & (0x80 >> bit)) !== 0) bits.push((i - 1) * 8 + bit)
    }
    return bits
  }

  /** Seconds since 1970; RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on, seconds and Z always. */
  time(what: string): number {
    const tag = this.peek()
    if (tag !== Tag.UtcTime && tag !== Tag.GeneralizedTime) {
      this.fail(`${what}: neither UTCTime nor GeneralizedTime`)
      return 0
    }
    const octets = this.content(tag, what)
    if (this.failure !== null) return 0
    const seconds = timeValue(octets, tag === Tag.UtcTime ? 2 : 4)
    if (seconds === null) this.fail(`${what}: not a time in the form of RFC 5280`)
    else if (tag === Tag.GeneralizedTime && seconds < firstGeneralizedTime) {
      this.fail(`${what}: GeneralizedTime before the year 2050`)
    }
    return seconds ?? 0
  }

  /** Reads tag and length, moves behind the content; returns where the content starts, or -1 after a fault. */
  #header(what: string, expected: number): number {
    if (this.#root.#failure !== null) return -1
    const { bytes } = this
    const end = this.#end
    let at = this.#offset
    if (at >= end) return this.#fault(`${what}: missing`)
    const tag = bytes[at++]!
    if (expected >= 0 && tag !== expected) return this.#fault(`${what}: unexpected tag`)
    if ((tag & 0x1f) === 0x1f) return this.#fault(`${what}: high tag number`)
    if (at >= end) return this.#fault(`${what}: cut off`)
    let length = bytes[at++]!
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0) return this.#fault(`${what}: indefinite length`)
      if (count > 4) return this.#fault(`${what}: length out of range`)
      if (at + count > end) return this.#fault(`${what}: cut off`)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + bytes[at++]!
      if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)))) {
        return this.#fault(`${what}: length not in its shortest form`)
      }
    }
    if (length > end - at) return this.#fault(`${what}: cut off`)
    this.#offset = at + length
    return at
  }

  #fault(reason: string): -1 {
    this.fail(reason)
    return -1
  }
}

/** Value of INTEGER content octets in two's complement. */
export function integerValue(octets: Uint8Array): bigint {
  if (octets.length === 0) return 0n
  const magnitude = BigInt(`0x${Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')}`)
  return octets[0]! >= 0x80 ? magnitude - (1n << BigInt(8 * octets.length)) : magnitude
}

/** Dotted decimal text of OBJECT IDENTIFIER content octets; null when they are not well formed. */
export function objectIdentifierText(octets: Uint8Array): string | null {
  const last = octets[octets.length - 1]
  if (last === undefined || last >= 0x80 || octets.length > maximumObjectIdentifierOctets) return null
  let text = ''
  let arc = 0
  let wide = 0n
  let started = false
  for (const octet of octets) {
    if (!started && octet === 0x80) return null // an arc with a leading zero group is not in its shortest form
    started = true
    if (arc > 0x1fffffffffff) wide = wide === 0n ? BigInt(arc) : wide
    if (wide > 0n) wide = (wide << 7n) | BigInt(octet & 0x7f)
    else arc = arc * 128 + (octet & 0x7f)
    if (octet >= 0x80) continue
    if (text === '') {
      if (wide > 0n) text = `2.${wide - 80n}`
      else text = arc < 40 ? `0.${arc}` : arc < 80 ? `1.${arc - 40}` : `2.${arc - 80}`
    } else text += `.${wide > 0n ? wide : arc}`
    arc = 0
    wide = 0n
    started = false
  }
  return text
}

/** 2050-01-01T00:00:00Z. */
export const firstGeneralizedTime = Date.UTC(2050, 0, 1) / 1000

/** `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` in seconds since 1970; null for any other form or for a date that does not exist. */
function timeValue(octets: Uint8Array, yearDigits: 2 | 4): number | null {
  if (octets.length !== yearDigits + 11 || octets[octets.length - 1] !== 0x5a) return null
  for (let i = 0; i < octets.length - 1; i++) if (octets[i]! < 0x30 || octets[i]! > 0x39) return null
  const pair = (at: number) => (octets[at]! - 0x30) * 10 + (octets[at + 1]! - 0x30)
  const year = yearDigits === 4 ? pair(0) * 100 + pair(2) : pair(0) + (pair(0) >= 50 ? 1900 : 2000)
  const month = pair(yearDigits)
  const day = pair(yearDigits + 2)
  const hour = pair(yearDigits + 4)
  const minute = pair(yearDigits + 6)
  const second = pair(yearDigits + 8)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) {
    return null
  }
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day) // Date.UTC reads years below 100 as 19xx
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
