import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson } from '../../src/registry/strict-json.ts'
import { timed } from '../support/processor-time.ts'
import { plain } from './support.ts'

test('JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }),
      fc.constantFrom('json' as const, 'template' as const),
      (value, dialect) => {
        const text = JSON.stringify(value, null, 1)
        fc.pre(!text.includes('__proto__') && text.isWellFormed())
        const parsed = parseJson(text, dialect)
        if (!parsed.ok) assert.match(parsed.error.message, /surrogate/)
        else assert.deepEqual(plain(parsed.value), JSON.parse(text))
      },
    ),
  )
})

test('what JSON.parse refuses is refused', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '1',
    '-',
    '01',
    '1.',
    '1e',
    'true',
    'nul',
    ' ',
    '\\',
    '/',
    '//',
    '\n',
    '\u0001',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('')
      const ours = parseJson(text)
      let theirs: unknown
      try {
        theirs = JSON.parse(text)
      } catch {
        assert.ok(!ours.ok, text)
        return
      }
      if (ours.ok) assert.deepEqual(plain(ours.value), plain(theirs))
      else assert.match(ours.error.message, /twice/)
    }),
    { numRuns: 5000 },
  )
})

const refused: readonly (readonly [text: string, line: number, column: number, message: RegExp])[] = [
  ['{"a":1,\n "a":2}', 2, 2, /"a" stands twice/],
  ['{"__proto__":{"role":"admin"}}', 1, 2, /__proto__/],
  ['{"\\u005f_proto__":1}', 1, 2, /__proto__/],
  ['"\\ud800"', 1, 1, /surrogate/],
  ['{"a":1', 1, 7, /"," or "}"/],
  ['{a:1}', 1, 2, /double quotes/],
  ['[1,]', 1, 4, /a value/],
  ['{"a":1,}', 1, 8, /a key/],
  ['// x\n1', 1, 1, /a value/],
  ['"a\nb"', 1, 3, /escapes/],
  ['"abc', 1, 1, /not closed/],
  ['"\\x"', 1, 2, /no escape/],
  ['"\\u12g4"', 1, 2, /hexadecimal/],
  ['1 2', 1, 3, /end of the document/],
  ['', 1, 1, /a value, found the end/],
  ['['.repeat(100_000), 1, 33, /32 deep/],
]
for (const [text, line, column, message] of refused) {
  test(`S47 ${JSON.stringify(text.slice(0, 40))} is refused at ${line}:${column}`, () => {
    const parsed = parseJson(text)
    assert.ok(!parsed.ok)
    assert.match(parsed.error.message, message)
    assert.deepEqual([parsed.error.line, parsed.error.column], [line, column])
  })
}

test('S47 objects have no prototype', () => {
  const parsed = parseJson('{"a":{"constructor":1}}')
  assert.ok(parsed.ok)
  const value = parsed.value as Record<string, Record<string, unknown>>
  assert.equal(Object.getPrototypeOf(value), null)
  assert.equal(value['toString'], undefined)
  assert.equal(value['a']?.['constructor'], 1)
})

test('templates may have comments, trailing commas, bare keys and line breaks in texts', () => {
  const text = '\ufeff{ // a\n template: /* b */ {"a": [1, 2,], "b": "x\ny",}, }'
  const parsed = parseJson(text, 'template')
  assert.ok(parsed.ok)
  assert.deepEqual(plain(parsed.value), { template: { a: [1, 2], b: 'x\ny' } })
  assert.ok(!parseJson('{} /* x', 'template').ok)
  assert.ok(!parseJson('{,}', 'template').ok)
})

test('a long document is read in linear time', () => {
  const text = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => ({ name: `client-${index}`, n: index })))
  const { value, ms } = timed(() => parseJson(text))
  assert.ok(value.ok)
  assert.ok(ms < 2_000, `${ms} ms of processor time`)
})
