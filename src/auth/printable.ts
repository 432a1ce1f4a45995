/**
 * Text of a peer or of a certificate made fit for a record: what moves a cursor, hides or reverses text is written as
 * `\u{202e}`, and the whole is cut at a fixed number of bytes.
 */

/** A record keeps no more of one presented value than this many bytes of UTF-8. */
export const printableBytes = 256

// Controls (C0, DEL, C1), format characters (bidi, zero-width, BOM, tags), lone surrogates, line and paragraph
// separators, noncharacters.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u
// What nearly every name consists of; shown as it is, one byte each (bench: mtls-connect).
const plain = /^[\x20-\x7e]*$/
const ellipsis = '…'
const ellipsisBytes = 3

/** Escaped and cut so that the result, its ellipsis included, is at most `limit` bytes of UTF-8. */
export function printable(text: string, limit = printableBytes): string {
  if (text.length <= limit && plain.test(text)) return text
  let shown = ''
  let bytes = 0
  // Length of `shown` up to which an ellipsis still fits behind it.
  let room = 0
  for (const character of text) {
    const piece = unprintable.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character
    bytes += Buffer.byteLength(piece)
    if (bytes > limit) return `${shown.slice(0, room)}${ellipsis}`
    shown += piece
    if (bytes <= limit - ellipsisBytes) room = shown.length
  }
  return shown
}

/** Several values as one printable text, in their order; values beyond the limit are not even looked at. */
export function printableList(values: Iterable<string>, limit = printableBytes): string {
  let joined = ''
  for (const value of values) {
    joined = joined === '' ? value.slice(0, limit + 1) : `${joined}, ${value.slice(0, limit + 1)}`
    if (joined.length > limit) break
  }
  return printable(joined, limit)
}
