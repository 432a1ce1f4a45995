import { Tag } from './der.ts'

/**
 * Characters that no name compared for a decision may hold (S2): C0, DEL and C1 controls, bidirectional controls, zero
 * width characters, line and paragraph separators, noncharacters. They make two names look like one, or one log line
 * look like two.
 */
const banned =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufdd0-\ufdef]|[\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/

/** True when the text is well-formed Unicode without a banned character. */
export function isMatchable(text: string): boolean {
  return text.isWellFormed() && !banned.test(text)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 as Unicode defines it: no surrogates, no overlong forms, nothing above U+10FFFF; null otherwise. */
export function decodeUtf8(octets: Uint8Array): string | null {
  const ascii = decodeAscii(octets)
  if (ascii !== null) return ascii
  try {
    return utf8.decode(octets)
  } catch {
    return null
  }
}

/** Octets below 0x80 only; null otherwise. */
export function decodeAscii(octets: Uint8Array): string | null {
  for (let i = 0; i < octets.length; i++) if (octets[i]! >= 0x80) return null
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
}

/**
 * Text of a string type that a name may use (S5). A TeletexString with an octet above 0x7f has no agreed reading (T.61
 * or Latin-1), and other types are no text at all: null, and null matches nothing. PrintableString is read as ASCII also
 * where it uses characters outside its repertoire ('@', '_', '*'): everybody writes them, and there is one reading.
 */
export function decodeString(tag: number, octets: Uint8Array): string | null {
  switch (tag) {
    case Tag.Utf8String:
      return decodeUtf8(octets)
    case Tag.PrintableString:
    case Tag.Ia5String:
    case Tag.TeletexString:
      return decodeAscii(octets)
    case Tag.BmpString:
      return decodeBmp(octets)
    case Tag.UniversalString:
      return decodeUniversal(octets)
    default:
      return null
  }
}

function decodeBmp(octets: Uint8Array): string | null {
  if (octets.length % 2 !== 0) return null
  let text = ''
  for (let i = 0; i < octets.length; i += 2) text += String.fromCharCode(octets[i]! * 256 + octets[i + 1]!)
  return text.isWellFormed() ? text : null
}

function decodeUniversal(octets: Uint8Array): string | null {
  if (octets.length % 4 !== 0) return null
  let text = ''
  for (let i = 0; i < octets.length; i += 4) {
    const codePoint = octets[i]! * 0x1000000 + octets[i + 1]! * 0x10000 + octets[i + 2]! * 0x100 + octets[i + 3]!
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return null
    text += String.fromCodePoint(codePoint)
  }
  return text
}
