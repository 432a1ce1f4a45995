import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFilter } from '../../src/api/arm/filter.ts'

const names = ['press-1', 'Press-2', "o'brien", 'lamp', '']

function matching(text: string): readonly string[] {
  const filter = parseFilter(text, ['name'])
  assert.ok(filter.ok, filter.ok ? '' : `${text}: ${filter.error.message}`)
  return names.filter((name) => filter.value(() => name))
}

test('$filter: functions, comparisons and their precedence', () => {
  assert.deepEqual(matching("contains(name,'PRESS')"), ['press-1', 'Press-2'])
  assert.deepEqual(matching("startswith(name, 'l')"), ['lamp'])
  assert.deepEqual(matching("substringof('rien',name)"), ["o'brien"])
  assert.deepEqual(matching("namE eq 'press-2'"), ['Press-2'])
  assert.deepEqual(matching("name eq 'o''brien'"), ["o'brien"])
  assert.deepEqual(matching("name ne ''"), names.slice(0, 4))
  assert.deepEqual(matching("name eq 'lamp' or name eq 'press-1' and name eq 'x'"), ['lamp'])
  assert.deepEqual(matching("(name eq 'lamp' or name eq 'press-1') and not contains(name,'-')"), ['lamp'])
  assert.deepEqual(matching("not not NAME EQ 'lamp'"), ['lamp'])
})

test('$filter: a mistake is named with its position', () => {
  const rows: readonly (readonly [text: string, at: number])[] = [
    ['', 0],
    ['name', 4],
    ["name eq 'x", 7],
    ["state eq 'x'", 0],
    ["name gt 'x'", 4],
    ["name eq 'x' and", 15],
    ["contains(name 'x')", 13],
    ["name eq 'x')", 11],
    ['name eq 5', 8],
    [`${'('.repeat(33)}name eq 'x'`, 32],
  ]
  for (const [text, at] of rows) {
    const filter = parseFilter(text, ['name'])
    assert.ok(!filter.ok, text)
    assert.ok(Math.abs(filter.error.at - at) <= 1, `${text}: ${filter.error.at}`)
    assert.match(filter.error.message, /\.$/)
  }
})

type Term = { readonly text: string; readonly holds: (name: string) => boolean }

const leaf: fc.Arbitrary<Term> = fc
  .tuple(fc.constantFrom('eq', 'ne', 'contains'), fc.constantFrom('a', 'b', "'", 'ab', ''))
  .map(([operator, text]) => {
    const quoted = `'${text.replaceAll("'", "''")}'`
    return operator === 'contains'
      ? { text: `contains(name,${quoted})`, holds: (name) => name.includes(text) }
      : { text: `name ${operator} ${quoted}`, holds: (name) => (name === text) === (operator === 'eq') }
  })

const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 4 },
    leaf,
    tie('term').map(({ text, holds }) => ({ text: `not (${text})`, holds: (name: string) => !holds(name) })),
    fc.tuple(tie('term'), fc.constantFrom('and', 'or'), tie('term')).map(([a, word, b]) => ({
      text: `(${a.text}) ${word} (${b.text})`,
      holds: (name: string) => (word === 'and' ? a.holds(name) && b.holds(name) : a.holds(name) || b.holds(name)),
    })),
  ),
}))

test('$filter agrees with a naive evaluator', () => {
  fc.assert(
    fc.property(term, fc.constantFrom('', 'a', 'b', 'ab', 'ba', "'"), ({ text, holds }, name) => {
      const filter = parseFilter(text, ['name'])
      assert.ok(filter.ok, text)
      assert.equal(
        filter.value(() => name),
        holds(name),
        `${text} on ${name}`,
      )
    }),
  )
})

test('$filter is total: any text is a filter or a failure', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."name eqcontis()',x ") }),
      (text) => void parseFilter(text, ['name']),
    ),
  )
})
