import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeLiteral, expressionOf, literalOf } from '../../src/registry/deployment/expression.ts'
import { readTemplate } from '../../src/registry/deployment/template.ts'

function outputValue(text: string): unknown {
  const read = outputOf(text)
  assert.ok(read.ok, read.ok ? '' : JSON.stringify(read.error))
  return read.value.outputs['x']?.value
}

function messageOf(text: string): string {
  const read = outputOf(text)
  assert.ok(!read.ok, 'it has a value')
  assert.match(read.error[0]?.target ?? '', /^(outputs\.x\.value|variables\.round)$/)
  return read.error[0]?.message ?? ''
}

function outputOf(value: string) {
  return readTemplate(
    {
      parameters: {
        p: { type: 'string', defaultValue: 'value' },
        o: { type: 'object', defaultValue: { Key: [1, { deep: true }], n: null } },
        q: { type: 'string', defaultValue: "[concat(parameters('p'), '-q')]" },
      },
      variables: { v: "[toUpper(parameters('p'))]", round: "[variables('round')]", list: [1, "[parameters('p')]"] },
      resources: [],
      outputs: { x: { type: 'object', value } },
    },
    {},
    { subscriptionId: 'sub', resourceGroup: 'group', location: 'here' },
  )
}

const table: readonly (readonly [text: string, value: unknown])[] = [
  ["[parameters('p')]", 'value'],
  ["[ Parameters( 'P' ) ]", 'value'],
  ["[parameters('q')]", 'value-q'],
  ["[variables('v')]", 'VALUE'],
  ["[variables('list')]", [1, 'value']],
  ["[variables('list')[1]]", 'value'],
  ["[parameters('o').key[1].deep]", true],
  ["[parameters('o')['Key'][0]]", 1],
  ["[concat('a', 1, true(), 'b')]", 'a1trueb'],
  ["[concat(variables('list'), variables('list'))]", [1, 'value', 1, 'value']],
  ["[format('{0}/{1}/{0}', 'a', 2)]", 'a/2/a'],
  ["[format('{{0}} {0}', 'a')]", '{0} a'],
  ["['it''s']", "it's"],
  ['[-5]', -5],
  ["[resourceId('Microsoft.EventGrid/namespaces', 'n')]", idOf('sub', 'group', 'n')],
  ["[resourceId('g2', 'Microsoft.EventGrid/namespaces', 'n')]", idOf('sub', 'g2', 'n')],
  [
    "[resourceId('s2', 'g2', 'microsoft.eventgrid/namespaces/clients', 'n', 'c')]",
    `${idOf('s2', 'g2', 'n')}/clients/c`,
  ],
  ['[resourceGroup().location]', 'here'],
  ['[subscription().subscriptionId]', 'sub'],
  ["[base64('ä')]", 'w6Q='],
  ["[toLower('ABC')]", 'abc'],
  ["[if(equals(parameters('p'), 'value'), 'yes', variables('nothing'))]", 'yes'],
  ["[if(not(empty('')), 1, 2)]", 2],
  ["[empty(parameters('o'))]", false],
  ['[and(true(), or(false(), true()))]', true],
  ["[coalesce(parameters('o').n, null(), 'c')]", 'c'],
  ['[[text]', '[text]'],
  ['[[', '['],
  ['[text', '[text'],
  ['text]', 'text]'],
]
for (const [text, value] of table) {
  test(`the text ${text} has the value ${JSON.stringify(value)}`, () => assert.deepEqual(outputValue(text), value))
}

function idOf(subscription: string, group: string, name: string): string {
  return `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.EventGrid/namespaces/${name}`
}

const refused: readonly (readonly [text: string, message: RegExp])[] = [
  ["[parameters('x')]", /position 1: parameters: There is no parameter "x". Known: p, o, q/],
  ["[variables('x')]", /no variable "x"/],
  ["[variables('round')]", /needs itself/],
  ["[concat('a', uniqueString('b'))]", /position 13: There is no function uniqueString. Known: if, parameters/],
  ['[toString()]', /no function toString/],
  ['[constructor()]', /no function constructor/],
  ["[concat('a' 'b')]", /position 12: Expected "," or "\)"/],
  ["[concat('a]", /position 8: The text that begins here/],
  ["[concat('a'']", /position 8: The text that begins here/],
  ['[concat]', /position 7: Expected "\(" after the name/],
  ['[]', /position 1: Expected a function/],
  ["['a' 'b']", /the end of the expression/],
  ["[parameters('o').nope]", /no "nope"/],
  ["[parameters('o').__proto__]", /no "__proto__"/],
  ["[variables('list')[2]]", /no "2"/],
  ["[format('{0} {1}', 'a')]", /no value for "\{1\}"/],
  ["[format('{', 'a')]", /no value for "\{"/],
  ["[if('x', 1, 2)]", /neither true nor false/],
  ['[1.5]', /an integer/],
  ["[resourceId('Microsoft.EventGrid/namespaces/clients', 'n')]", /two names/],
  ["[resourceId('Microsoft.Storage/accounts', 'n')]", /no resource type/],
  [`[${'concat('.repeat(40)}'a'${')'.repeat(40)}]`, /32 deep/],
  [`['${'a'.repeat(30_000)}']`, /24576/],
]
for (const [text, message] of refused) {
  test(`the expression ${text.slice(0, 60)} is refused`, () => assert.match(messageOf(text), message))
}

test('a literal is read as it was escaped, whatever it is', () => {
  const text = fc.string({ unit: fc.constantFrom('[', ']', 'a', "'") })
  fc.assert(
    fc.property(text, (literal) => {
      const written = escapeLiteral(literal)
      assert.deepEqual(expressionOf(written), { ok: true, value: null })
      assert.equal(literalOf(written), literal)
    }),
  )
})

test('parsing an expression is total', () => {
  const piece = fc.constantFrom('concat', '(', ')', "'", ',', '.', '[', ']', '1', '-', ' ', 'if')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = `[${pieces.join('')}]`
      const parsed = expressionOf(text)
      if (!parsed.ok) assert.ok(parsed.error.at >= 0 && parsed.error.at <= text.length)
    }),
    { numRuns: 2000 },
  )
})
