import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fold } from '../../src/base/fold.ts'

const codePoints: string[] = []
for (let code = 0; code <= 0x10ffff; code++) {
  if (code < 0xd800 || code > 0xdfff) codePoints.push(String.fromCodePoint(code))
}
const marks = codePoints.filter((text) => /\p{M}/u.test(text))
/** Code points that case or composition touch; no mark composes with a Hangul syllable. */
const touched = codePoints.filter((text) => {
  const changes = text.normalize('NFD') !== text || text.toLowerCase() !== text || text.toUpperCase() !== text
  return changes && !(text >= '\uac00' && text <= '\ud7a3')
})
/** Marks that compose with something. */
const composing = [...new Set(touched.flatMap((text) => [...text.normalize('NFD')].slice(1)))].filter((text) =>
  /\p{M}/u.test(text),
)

function check(text: string): void {
  const folded = fold(text)
  if (fold(folded) !== folded) assert.fail(`not idempotent: ${spelled(text)}`)
  if (fold(text.normalize('NFD')) !== folded) assert.fail(`NFD folds otherwise: ${spelled(text)}`)
  if (fold(text.normalize('NFC')) !== folded) assert.fail(`NFC folds otherwise: ${spelled(text)}`)
}

function spelled(text: string): string {
  return [...text].map((character) => `U+${character.codePointAt(0)?.toString(16)}`).join(' ')
}

test('S1 fold is idempotent and the same for NFC and NFD, for every code point', () => {
  for (const text of codePoints) check(text)
})

test('S1 fold is idempotent and the same for NFC and NFD, for every cased or composed character with every mark that composes', () => {
  assert.ok(touched.length > 3_000 && composing.length > 30)
  for (const base of touched) for (const mark of composing) check(base + mark)
})

test('S1 fold is idempotent and the same for NFC and NFD, for letters with every mark there is', () => {
  for (const base of ['H', 'h', 'I', 'ı', 'ſ', 'Σ', 'ẞ', 'K', 'Å', 'ά', 'ϓ']) {
    for (const mark of marks) check(base + mark)
  }
})

test('S1 fold is idempotent and the same for NFC and NFD, for characters with two marks', () => {
  const text = fc.tuple(fc.constantFrom(...touched), fc.constantFrom(...composing), fc.constantFrom(...marks))
  fc.assert(
    fc.property(text, (parts) => check(parts.join(''))),
    { numRuns: 20_000 },
  )
})

test('S1 names that are one, and names that are not', () => {
  assert.equal(fold('\u212a'), 'k') // Kelvin sign
  assert.equal(fold('\u212b'), 'å') // Ångström sign
  assert.equal(fold('H\u0331'), fold('\u1e96'))
  assert.equal(fold('ΟΔΟΣ'), fold('οδοσ'))
  assert.notEqual(fold('ΟΔΟΣ'), fold('οδος'))
  assert.notEqual(fold('ı'), fold('i'))
  assert.notEqual(fold('ß'), fold('ss'))
  assert.notEqual(fold('ﬁ'), fold('fi'))
  assert.notEqual(fold('ａ'), fold('a'))
  assert.equal(fold('Press-01.Example'), 'press-01.example')
})

/** S1 word by word, without a short way for anybody. */
function folded(text: string): string {
  return [...text.normalize('NFC')]
    .map((codePoint) => codePoint.toLowerCase())
    .join('')
    .normalize('NFC')
}

test('S1 a name of ASCII is folded as any other is, each code point alone', () => {
  const ascii = fc.string({ unit: fc.nat(0x7f).map((code) => String.fromCharCode(code)) })
  const nearly = fc.tuple(ascii, fc.constantFrom('\u0080', 'É', 'İ', '\u212a', '\u0301', 'Σ'), ascii)
  fc.assert(
    fc.property(
      fc.oneof(
        ascii,
        nearly.map((parts) => parts.join('')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        assert.equal(fold(text), folded(text))
      },
    ),
  )
  assert.equal(fold('Device-7 A\tZ'), 'device-7 a\tz')
  // The Kelvin sign is a letter of its own until it is folded, and the last sigma of a word is like every other.
  assert.equal(fold('\u212aΣ'), 'kσ')
})
