/**
 * Text of a peer, a certificate or a server made fit for a terminal (S63): what moves a cursor, hides or reverses text is
 * shown as `\u{202e}`, and so are line ends.
 */

// Controls (C0, DEL, C1), format characters (bidi, zero-width, BOM, tags), lone surrogates, line and paragraph
// separators, noncharacters.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu

export function escapeText(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same for text in double quotes of JSON and YAML, whose own line ends stay. */
export function escapeQuoted(text: string): string {
  return text.replace(unprintable, (character) => {
    if (character === '\n') return character
    let escaped = ''
    for (let at = 0; at < character.length; at++) {
      escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
    }
    return escaped
  })
}

export function isPrintable(text: string): boolean {
  return text.search(unprintable) < 0
}
