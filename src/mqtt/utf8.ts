/** What a range of bytes is as an MQTT string. */
export const Utf8 = { Ascii: 0, WellFormed: 1, IllFormed: 2, NullCharacter: 3 } as const
export type Utf8 = (typeof Utf8)[keyof typeof Utf8]

/**
 * Judges `bytes[start..end)` as a UTF-8 Encoded String: well-formed without surrogates and overlong forms
 * [MQTT-1.5.4-1], no U+0000 [MQTT-1.5.4-2]. Control characters and noncharacters pass, as the standard allows.
 * Allocates nothing: it runs per PUBLISH (bench: PUBLISH parse).
 */
export function scanUtf8(bytes: Uint8Array, start: number, end: number): Utf8 {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte >= 0x80) return scanMultiByte(bytes, at, end)
    if (byte === 0) return Utf8.NullCharacter
  }
  return Utf8.Ascii
}

/** The same from the first byte above 0x7f on (Unicode 17, table 3-7: well-formed byte sequences). */
function scanMultiByte(bytes: Uint8Array, start: number, end: number): Utf8 {
  let at = start
  while (at < end) {
    const lead = bytes[at]!
    if (lead < 0x80) {
      if (lead === 0) return Utf8.NullCharacter
      at++
      continue
    }
    if (lead < 0xc2 || lead > 0xf4) return Utf8.IllFormed
    const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (end - at < length) return Utf8.IllFormed
    // The second byte alone decides over overlong forms, surrogates and code points above U+10FFFF.
    const second = bytes[at + 1]!
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < lowest || second > highest) return Utf8.IllFormed
    for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return Utf8.IllFormed
    at += length
  }
  return Utf8.WellFormed
}

/** True when a payload that claims to be UTF-8 is (MQTT 5.0 3.3.2.3.2); U+0000 is allowed there. */
export function isUtf8Payload(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  for (;;) {
    while (at < end && bytes[at] === 0) at++
    let next = at
    while (next < end && bytes[next] !== 0) next++
    if (scanUtf8(bytes, at, next) === Utf8.IllFormed) return false
    if (next === end) return true
    at = next
  }
}

/** The same memory as a Buffer, for its string conversions. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The text of a scanned range. A leading U+FEFF stays [MQTT-1.5.4-3]. */
export function textOf(bytes: Buffer, start: number, end: number, verdict: Utf8): string {
  return bytes.toString(verdict === Utf8.Ascii ? 'latin1' : 'utf8', start, end)
}

/** The text of a UTF-8 Encoded String, or null when it is none. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | null {
  const verdict = scanUtf8(bytes, start, end)
  if (verdict === Utf8.IllFormed || verdict === Utf8.NullCharacter) return null
  return textOf(asBuffer(bytes), start, end, verdict)
}
