import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../src/registry/canonical-json.ts'
import { sameJson } from '../../src/registry/same-json.ts'

/** Few keys and values, so that two of them are often alike but for one thing. */
const { value } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'toString'), tie('value'), { maxKeys: 3 }),
  ),
  leaf: fc.constantFrom(null, true, 0, 1, '', 'a', undefined),
}))

test('two values are the same JSON exactly when their canonical texts are equal', () => {
  let same = 0
  fc.assert(
    fc.property(value, value, (a, b) => {
      const [x, y] = [withoutHoles({ a }), withoutHoles({ a: b })]
      const expected = canonicalJson(x) === canonicalJson(y)
      if (expected) same++
      assert.equal(sameJson(x, y), expected)
      assert.equal(sameJson(y, x), expected)
      assert.ok(sameJson(x, shuffled(x)))
    }),
    { numRuns: 2_000 },
  )
  assert.ok(same > 20, 'both answers were asked for')
})

test('an own member is not taken for an inherited one', () => {
  assert.equal(sameJson({ toString: undefined }, {}), true)
  assert.equal(sameJson({ toString: 'a' }, {}), false)
  assert.equal(sameJson({}, { toString: 'a' }), false)
  assert.equal(sameJson([], {}), false)
})

/** In a list an undefined element would be read as null: records have none. */
function withoutHoles(from: unknown): unknown {
  if (Array.isArray(from)) return from.map((element) => withoutHoles(element ?? null))
  if (typeof from !== 'object' || from === null) return from
  return Object.fromEntries(Object.entries(from).map(([key, member]) => [key, withoutHoles(member)]))
}

function shuffled(from: unknown): unknown {
  if (Array.isArray(from)) return from.map(shuffled)
  if (typeof from !== 'object' || from === null) return from
  return Object.fromEntries(
    Object.entries(from)
      .reverse()
      .map(([key, member]) => [key, shuffled(member)]),
  )
}
