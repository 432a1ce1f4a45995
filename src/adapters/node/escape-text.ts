// Controls (C0, DEL, C1), format characters (bidi, zero-width, BOM, tags), lone surrogates, line and paragraph separators.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu

/** Makes text from outside harmless on a terminal (S63): what moves a cursor, hides or reverses text becomes `\u{…}`. */
export function escapeText(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
