/**
 * The only comparison of authentication names (S1): NFC, each code point lower-cased alone, NFC again. No locale, no
 * neighbourhood rule (final sigma), never NFKC. Idempotent.
 */
export function fold(text: string): string {
  // Of ASCII nothing is composed, and no neighbour changes the case of another: the same in one step (bench: mtls-connect).
  if (isAscii.test(text)) return text.toLowerCase()
  let lower = ''
  for (const codePoint of text.normalize('NFC')) lower += codePoint.toLowerCase()
  return lower.normalize('NFC')
}

const isAscii = /^[\x00-\x7f]*$/
