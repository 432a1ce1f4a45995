import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { evaluateAttributeQuery, parseAttributeQuery, type QueryClient } from '../../src/registry/attribute-query.ts'

const press: QueryClient = {
  authenticationName: 'press-1',
  attributes: { floor: 5, kind: 'home', caps: ['temp', 'noise'], zero: 0 },
}

function holds(text: string, client = press): boolean {
  const query = parseAttributeQuery(text)
  assert.ok(query.ok, `${text}: ${query.ok ? '' : query.error.message}`)
  return evaluateAttributeQuery(query.value, client)
}

const table: readonly (readonly [query: string, expected: boolean])[] = [
  ['attributes.floor = 5', true],
  ['attributes.floor=5', true],
  ['attributes.floor = -5', false],
  ['attributes.floor != 5', false],
  ['attributes.floor <> 6', true],
  ['attributes.floor < 6', true],
  ['attributes.floor > 5', false],
  ['attributes.floor <= 5', true],
  ['attributes.floor >= 6', false],
  ['attributes.zero = 0', true],
  ["attributes.kind = 'home'", true],
  ['attributes.kind = "Home"', false],
  ["attributes.Kind = 'home'", false],
  ['attributes.caps = "temp"', true],
  ['attributes.caps = "light"', false],
  ['attributes.caps != "temp"', false],
  ['attributes.caps != "light"', true],
  ['attributes.caps IN ["light","noise"]', true],
  ['attributes.caps in ["light"]', false],
  ['attributes.kind iN [ 7 , "home" ]', true],
  ['attributes.floor IN [4, 5]', true],
  // A missing attribute fails every comparison.
  ['attributes.none = 5', false],
  ['attributes.none != 5', false],
  ['attributes.none < 5', false],
  ['attributes.none IN [5]', false],
  ['attributes.toString != "x"', false],
  ['attributes.__proto__ != "x"', false],
  // Values of different types are unequal and have no order.
  ['attributes.floor = "5"', false],
  ['attributes.floor != "5"', true],
  ['attributes.kind != 5', true],
  ['attributes.kind < 5', false],
  ['attributes.caps != 5', true],
  ['attributes.caps < 5', false],
  ['authenticationName = "press-1"', true],
  ['authenticationName = "PRESS-1"', false],
  ['authenticationName != "x"', true],
  ["authenticationName IN ['a','press-1']", true],
  // and binds tighter than or
  ['attributes.floor = 5 or attributes.floor = 6 and attributes.kind = "x"', true],
  ['(attributes.floor = 5 or attributes.floor = 6) and attributes.kind = "x"', false],
  ['(attributes.caps = "temp" or attributes.caps = "noise") OR attributes.kind = "home"', true],
  ['attributes.caps IN ["temp","noise"] And attributes.floor <= 5', true],
  ['attributes.floor <= 9223372036854775807', true],
  ['attributes.floor = 9223372036854775807', false],
]
for (const [query, expected] of table) {
  test(`EG 5.2 ${query} is ${expected}`, () => assert.equal(holds(query), expected))
}

const refused: readonly (readonly [query: string, at: number, expected: RegExp])[] = [
  ['', 0, /attributes/],
  ['attributes.floor', 16, /one of =/],
  ['attributes.floor = ', 19, /integer/],
  ['attributes.floor == 5', 18, /integer/],
  ['attributes.floor = 5 5', 21, /"and"/],
  ['attributes.floor = 5 and', 24, /attributes/],
  ['attributes.floor = 5x', 19, /integer/],
  ['attributes.floor = 5.0', 19, /integer/],
  ['attributes.floor = 9223372036854775808', 19, /64 bits/],
  ['attributes.kind = "home', 23, /closing "/],
  ['attributes.kind < "home"', 18, /only integers/],
  ['authenticationName < 5', 19, /no order/],
  ['attributes.kind IN []', 20, /integer/],
  ['attributes.kind IN ["a" "b"]', 24, /","/],
  ['attributes.kind IN "a"', 19, /"\["/],
  ['(attributes.floor = 5', 21, /"\)"/],
  ['attributes.floor = 5)', 20, /"and"/],
  ['attributes. floor = 5', 0, /attributes/],
  ['Attributes.floor = 5', 0, /attributes/],
  ['not attributes.floor = 5', 0, /attributes/],
  ["attributes.kind like 'a'", 16, /one of =/],
  ["attributes.kind = 'a'andattributes.floor = 5", 21, /"and"/],
  ['true', 0, /attributes/],
]
for (const [query, at, expected] of refused) {
  test(`EG 5.2 ${JSON.stringify(query)} is refused at ${at}`, () => {
    const parsed = parseAttributeQuery(query)
    assert.ok(!parsed.ok)
    assert.equal(parsed.error.at, at)
    assert.match(parsed.error.expected, expected)
  })
}

test('S46 a query has at most 4 KB, 100 comparisons and 32 nested parentheses', () => {
  const terms = (count: number) => Array(count).fill('attributes.a = 1').join(' or ')
  assert.ok(parseAttributeQuery(terms(100)).ok)
  assert.match(refusal(terms(101)), /100 comparisons/)
  const nested = (depth: number) => `${'('.repeat(depth)}attributes.a = 1${')'.repeat(depth)}`
  assert.ok(parseAttributeQuery(nested(32)).ok)
  assert.match(refusal(nested(33)), /32 deep/)
  assert.match(refusal('('.repeat(4096)), /32 deep/)
  assert.match(refusal('('.repeat(1_000_000)), /too long/)
  assert.match(refusal(`attributes.a = '${'ä'.repeat(2048)}'`), /too long/)
})

function refusal(text: string): string {
  const parsed = parseAttributeQuery(text)
  assert.ok(!parsed.ok)
  return parsed.error.message
}

type Node =
  | { readonly kind: 'leaf'; readonly key: string; readonly operator: string; readonly literal: number | string }
  | { readonly kind: 'set'; readonly key: string; readonly literals: readonly (number | string)[] }
  | { readonly kind: 'both'; readonly word: 'and' | 'or'; readonly left: Node; readonly right: Node }

const literal = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom('a', 'b', ''))
const key = fc.constantFrom('n', 's', 'l', 'none')
const tree = fc.letrec<{ node: Node; leaf: Node; set: Node; both: Node }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('set'), tie('both')),
  leaf: fc
    .record({ key, operator: fc.constantFrom('=', '!=', '<>', '<', '>', '<=', '>='), literal })
    .filter(({ operator, literal }) => typeof literal === 'number' || ['=', '!=', '<>'].includes(operator))
    .map((leaf) => ({ kind: 'leaf' as const, ...leaf })),
  set: fc
    .record({ key, literals: fc.array(literal, { minLength: 1, maxLength: 3 }) })
    .map((set) => ({ kind: 'set' as const, ...set })),
  both: fc
    .record({ word: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') })
    .map((both) => ({ kind: 'both' as const, ...both })),
}))

function print(node: Node): string {
  const text = (value: number | string) => (typeof value === 'number' ? String(value) : `'${value}'`)
  if (node.kind === 'leaf') return `attributes.${node.key} ${node.operator} ${text(node.literal)}`
  if (node.kind === 'set') return `attributes.${node.key} IN [${node.literals.map(text).join(', ')}]`
  return `(${print(node.left)} ${node.word} ${print(node.right)})`
}

function naive(node: Node, attributes: QueryClient['attributes']): boolean {
  if (node.kind === 'both') {
    const left = naive(node.left, attributes)
    const right = naive(node.right, attributes)
    return node.word === 'and' ? left && right : left || right
  }
  const value = attributes[node.key]
  if (value === undefined) return false
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (node.kind === 'set') return node.literals.some((literal) => values.includes(literal))
  if (node.operator === '=') return values.includes(node.literal)
  if (node.operator === '!=' || node.operator === '<>') return !values.includes(node.literal)
  if (typeof value !== 'number' || typeof node.literal !== 'number') return false
  if (node.operator === '<') return value < node.literal
  if (node.operator === '>') return value > node.literal
  return node.operator === '<=' ? value <= node.literal : value >= node.literal
}

test('a query agrees with a naive evaluator', () => {
  const attributes = fc.record(
    {
      n: fc.integer({ min: -2, max: 2 }),
      s: fc.constantFrom('a', 'b', ''),
      l: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(tree.node, attributes, (node, some) => {
      const given = some as QueryClient['attributes']
      assert.equal(holds(print(node), { authenticationName: 'x', attributes: given }), naive(node, given))
    }),
    { numRuns: 2000 },
  )
})

test('parsing is total and tells a position inside the text', () => {
  const piece = fc.constantFrom(
    'attributes.',
    'a',
    '=',
    '<>',
    "'",
    '"',
    '(',
    ')',
    '[',
    ']',
    ',',
    ' and ',
    ' or ',
    ' in ',
    '1',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('')
      const parsed = parseAttributeQuery(text)
      if (!parsed.ok) assert.ok(parsed.error.at >= 0 && parsed.error.at <= text.length)
    }),
    { numRuns: 3000 },
  )
})
