import { fold } from '../base/fold.ts'
import { err, ok, type Result } from '../base/result.ts'
import { DerReader, objectIdentifierText, Tag } from './der.ts'
import { element, objectIdentifier, sequence, setOf } from './der-writer.ts'
import { decodeString, decodeUtf8, isMatchable } from './text.ts'

/** One attribute of a name: type and value as encoded. */
export interface AttributeTypeAndValue {
  /** Dotted decimal, e.g. `2.5.4.3`. */
  readonly oid: string
  /** ASN.1 tag of the value, e.g. 0x0c for UTF8String. */
  readonly tag: number
  /** Content octets of the value. */
  readonly content: Uint8Array
  /** The decoded text; null when the string type or its bytes are not well formed (S5): such a value never matches. */
  readonly text: string | null
}

/** An X.501 name (RFC 5280 4.1.2.4): RDNs in encoding order, each a set of one or more attributes. */
export interface DistinguishedName {
  /** The whole Name SEQUENCE as encoded. */
  readonly der: Uint8Array
  readonly relativeDistinguishedNames: readonly (readonly AttributeTypeAndValue[])[]
}

const commonName = '2.5.4.3'
export const emailAddress = '1.2.840.113549.1.9.1'

/** Attribute types that a name written as text may use: those of RFC 4514 section 3, and two that devices often carry. */
const shortNames: ReadonlyMap<string, string> = new Map([
  [commonName, 'CN'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.6', 'C'],
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['2.5.4.5', 'serialNumber'],
  [emailAddress, 'emailAddress'],
])
const types: ReadonlyMap<string, string> = new Map([...shortNames].map(([oid, name]) => [name.toLowerCase(), oid]))

/** String types that RFC 5280 appendix A prescribes; everything else is written as UTF8String. */
const stringTypes: ReadonlyMap<string, number> = new Map([
  ['2.5.4.6', Tag.PrintableString],
  ['2.5.4.5', Tag.PrintableString],
  ['0.9.2342.19200300.100.1.25', Tag.Ia5String],
  [emailAddress, Tag.Ia5String],
])

/** Reads a Name from DER; faults are left in the reader. */
export function readDistinguishedName(reader: DerReader, what: string): DistinguishedName {
  const start = reader.offset
  const sequenceReader = reader.sequence(what)
  const der = reader.bytes.subarray(start, reader.offset)
  const relativeDistinguishedNames: AttributeTypeAndValue[][] = []
  while (sequenceReader.more()) {
    const members = sequenceReader.enter(Tag.Set, what)
    const attributes: AttributeTypeAndValue[] = []
    while (members.more()) {
      const member = members.sequence(what)
      const oid = member.objectIdentifier(what)
      const tag = member.peek()
      const content = member.content(tag, what)
      member.finish(what)
      if (reader.failure !== null) break
      attributes.push({ oid, tag, content, text: decodeString(tag, content) })
    }
    if (attributes.length === 0) reader.fail(`${what}: empty relative distinguished name`)
    relativeDistinguishedNames.push(attributes)
  }
  return { der, relativeDistinguishedNames }
}

/** Values of every CN, in encoding order, multi-valued RDNs included; null: a value that matches nothing (S5). */
export function commonNames(name: DistinguishedName): readonly (string | null)[] {
  const values: (string | null)[] = []
  for (const attributes of name.relativeDistinguishedNames) {
    for (const { oid, text } of attributes) {
      if (oid === commonName) values.push(text !== null && isMatchable(text) ? text : null)
    }
  }
  return values
}

/**
 * The key under which two names are one: types by OID, a multi-valued RDN as a set, values without regard to string
 * type, case (S1) and width of white space. Not made for names of more than a certificate's size. A value that has no
 * text, or text that S5 never matches, stands as its octets, which no key made from text can hold.
 */
export function canonicalKey(name: DistinguishedName): string {
  return JSON.stringify(name.relativeDistinguishedNames.map(canonicalRelativeName))
}

/** Key of one RDN, for the prefix comparison of name constraints (RFC 5280 7.1). */
export function canonicalRelativeName(attributes: readonly AttributeTypeAndValue[]): readonly string[] {
  return attributes.map(canonicalAttribute).sort()
}

function canonicalAttribute({ oid, tag, content, text }: AttributeTypeAndValue): string {
  if (text === null || !isMatchable(text)) return `${oid}#${tag.toString(16)}:${Buffer.from(content).toString('hex')}`
  return `${oid}=${fold(text)
    .replace(/\p{Zs}+/gu, ' ')
    .replace(/^ | $/g, '')}`
}

/** The canonical key of a name in RFC 4514 form; null when the text is none, is empty, or holds a value that never matches. */
export function canonicalKeyOfText(text: string): string | null {
  const name = parseDistinguishedName(text)
  if (!name.ok || name.value.relativeDistinguishedNames.length === 0) return null
  for (const attributes of name.value.relativeDistinguishedNames) {
    for (const attribute of attributes) if (attribute.text === null || !isMatchable(attribute.text)) return null
  }
  return canonicalKey(name.value)
}

/**
 * RFC 4514: RDNs in reverse of their encoding order; within an RDN the order is free, and openssl reverses it too. Types without a short name, and values without text, are printed as
 * `#` and the hexadecimal encoding; control and other invisible characters as `\xx` of their UTF-8 octets, so the result
 * is one safe line. `parseDistinguishedName` reads it back.
 */
export function formatDistinguishedName(name: DistinguishedName): string {
  return [...name.relativeDistinguishedNames]
    .reverse()
    .map((attributes) => [...attributes].reverse().map(formatAttribute).join('+'))
    .join(',')
}

function formatAttribute({ oid, tag, content, text }: AttributeTypeAndValue): string {
  const shortName = shortNames.get(oid)
  if (shortName === undefined || text === null) {
    return `${shortName ?? oid}=#${Buffer.from(element(tag, content)).toString('hex').toUpperCase()}`
  }
  return `${shortName}=${escapeValue(text)}`
}

function escapeValue(text: string): string {
  let escaped = ''
  let at = 0
  for (const character of text) {
    const atEdge = at === 0 || at + character.length === text.length
    if (/["+,;<>\\]/.test(character) || (character === ' ' && atEdge) || (character === '#' && at === 0)) {
      escaped += `\\${character}`
    } else if (isMatchable(character)) escaped += character
    else
      for (const octet of Buffer.from(character, 'utf8'))
        escaped += `\\${octet.toString(16).padStart(2, '0').toUpperCase()}`
    at += character.length
  }
  return escaped
}

export interface DistinguishedNameTextFailure {
  readonly kind: 'notADistinguishedName'
  readonly reason: string
  /** Index of the first character that does not fit. */
  readonly at: number
}

const maximumTextLength = 4096

/**
 * Reads RFC 4514 text with known attribute types (S3). Spaces around `,`, `+` and `=` are allowed, as RFC 4514 lets
 * implementations do; no quoted values, no `;`, no `/CN=` form. The empty text is the empty name.
 */
export function parseDistinguishedName(text: string): Result<DistinguishedName, DistinguishedNameTextFailure> {
  const failure = (reason: string, at: number) => err({ kind: 'notADistinguishedName', reason, at } as const)
  if (text.length > maximumTextLength) return failure(`longer than ${maximumTextLength} characters`, maximumTextLength)
  const names: AttributeTypeAndValue[][] = []
  let current: AttributeTypeAndValue[] = []
  let at = 0
  while (at < text.length || names.length > 0 || current.length > 0) {
    at = skipSpaces(text, at)
    const equals = text.indexOf('=', at)
    if (equals < 0) return failure('an attribute type and = expected', at)
    const type = text.slice(at, equals).trimEnd()
    const oid = attributeType(type)
    if (oid === null) return failure('unknown attribute type', at)
    const value = readValue(text, skipSpaces(text, equals + 1), oid)
    if (typeof value === 'string') return failure(value, equals + 1)
    current.push(value.attribute)
    at = value.end
    if (text[at] === '+') at++
    else {
      names.push(current)
      current = []
      if (at >= text.length) break
      at++ // the comma
    }
  }
  const relativeDistinguishedNames = names.reverse()
  return ok({ der: encodeName(relativeDistinguishedNames), relativeDistinguishedNames })
}

function skipSpaces(text: string, from: number): number {
  let at = from
  while (text[at] === ' ') at++
  return at
}

function attributeType(type: string): string | null {
  const known = types.get(type.toLowerCase())
  if (known !== undefined) return known
  if (!/^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]{0,38}))(?:\.(?:0|[1-9][0-9]{0,38})){1,16}$/.test(type))
    return null
  const octets = objectIdentifier(type).subarray(2)
  return objectIdentifierText(octets) === type ? type : null
}

/** Reads one value up to an unescaped `,` or `+` or the end; a string is the reason why it is none. */
function readValue(
  text: string,
  start: number,
  oid: string,
): { attribute: AttributeTypeAndValue; end: number } | string {
  if (text[start] === '#') return readHexValue(text, start, oid)
  const octets: number[] = []
  let at = start
  let lastSolid = 0
  while (at < text.length && text[at] !== ',' && text[at] !== '+') {
    const codePoint = text.codePointAt(at)!
    const character = String.fromCodePoint(codePoint)
    if (character === '\\') {
      const pair = /^[0-9a-fA-F]{2}/.exec(text.slice(at + 1, at + 3))
      const next = text[at + 1]
      if (pair !== null) {
        octets.push(Number.parseInt(pair[0], 16))
        at += 3
      } else if (next !== undefined && ' "#+,;<=>\\'.includes(next)) {
        octets.push(next.charCodeAt(0))
        at += 2
      } else return 'a backslash must be followed by a special character or two hexadecimal digits'
      lastSolid = octets.length
      continue
    }
    if ('";<>\0'.includes(character)) return 'a special character must be escaped with a backslash'
    octets.push(...Buffer.from(character, 'utf8'))
    if (character !== ' ') lastSolid = octets.length
    at += character.length
  }
  const value = decodeUtf8(Uint8Array.from(octets.slice(0, lastSolid))) // unescaped spaces at the end are no part of it
  if (value === null || !text.isWellFormed()) return 'the value is not UTF-8'
  return { attribute: attributeOfText(oid, value), end: at }
}

function readHexValue(
  text: string,
  start: number,
  oid: string,
): { attribute: AttributeTypeAndValue; end: number } | string {
  const digits = /^(?:[0-9a-fA-F]{2})+/.exec(text.slice(start + 1))?.[0] ?? ''
  const reader = new DerReader(Buffer.from(digits, 'hex'))
  const tag = reader.peek()
  const content = reader.content(tag, 'value')
  reader.finish('value')
  if (reader.failure !== null) return 'not # and the hexadecimal digits of one DER value'
  const end = skipSpaces(text, start + 1 + digits.length)
  if (end < text.length && text[end] !== ',' && text[end] !== '+') return 'not # and hexadecimal digits'
  return { attribute: { oid, tag, content: Uint8Array.from(content), text: decodeString(tag, content) }, end }
}

/** An attribute as we write it: in the string type that RFC 5280 prescribes where the text allows it, else UTF8String. */
function attributeOfText(oid: string, value: string): AttributeTypeAndValue {
  const wanted = stringTypes.get(oid)
  const fits =
    wanted === Tag.PrintableString ? /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) : /^[\u0020-\u007e]*$/.test(value)
  const tag = wanted !== undefined && fits ? wanted : Tag.Utf8String
  return { oid, tag, content: Uint8Array.from(Buffer.from(value, 'utf8')), text: value }
}

function encodeName(names: readonly (readonly AttributeTypeAndValue[])[]): Uint8Array {
  const encoded = names.map((attributes) =>
    setOf(...attributes.map(({ oid, tag, content }) => sequence(objectIdentifier(oid), element(tag, content)))),
  )
  return sequence(...encoded)
}

/** The name with one CN, which is what most devices carry. */
export function nameOfCommonName(value: string): DistinguishedName {
  const attributes = [[attributeOfText(commonName, value)]]
  return { der: encodeName(attributes), relativeDistinguishedNames: attributes }
}
