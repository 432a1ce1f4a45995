/**
 * The only comparison of authentication names (S1): NFC, each code point lower-cased alone, NFC again. No locale, no
 * neighbourhood rule (final sigma), never NFKC. Idempotent.
 */
export function fold(text: string): string {
  let lower = ''
  for (const codePoint of text.normalize('NFC')) lower += codePoint.toLowerCase()
  return lower.normalize('NFC')
}
