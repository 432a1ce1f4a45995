import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { assigned, readFlagValue } from '../../src/cli/resources/flag-value.ts'
import { boolean, choice, integer, list, object, type Schema, text } from '../../src/cli/resources/schema.ts'
import { parseShorthand, type Shorthand } from '../../src/cli/resources/shorthand.ts'

const directory = mkdtempSync(join(tmpdir(), 'sealgate-flags-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const configuration = object({
  state: choice('Disabled', 'Enabled'),
  maximumSessionExpiryInHours: integer,
  clientAuthentication: object({
    alternativeAuthenticationNameSources: list(choice('ClientCertificateDns', 'ClientCertificateUri')),
  }),
  flag: boolean,
})
const json: Schema = { kind: 'json' }

function value(schema: Schema, ...words: readonly string[]): unknown {
  return assigned(undefined, readFlagValue('--flag', words, schema, directory), schema, '--flag')
}

test('objects, lists and nesting are read as Azure writes them', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['{state:Enabled}', { state: 'Enabled' }],
    ['{ a : b , c : [ d , e ] }', { a: 'b', c: ['d', 'e'] }],
    ['[a,b/+,c/#]', ['a', 'b/+', 'c/#']],
    ["{a:'b,c',d:'it'/s'}", { a: 'b,c', d: "it's" }],
    ['{}', {}],
    ['[]', []],
    ['{a:null,b:{}}', { a: null, b: {} }],
    ["['']", ['']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the topic template
    ['[a/${client.authenticationName}/x,b]', ['a/${client.authenticationName}/x', 'b']],
    ['{url:https://host/path}', { url: 'https://host/path' }],
  ]
  for (const [written, expected] of cases) {
    const read = parseShorthand(written)
    assert.ok(read.ok, written)
    assert.deepEqual(JSON.parse(JSON.stringify(read.value)), expected, written)
  }
})

test('what is no short form says where', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['{a:b', 4, /, or } expected/],
    ['{a}', 2, /: expected behind the key a/],
    ["{a:'b}", 3, /never closed/],
    ['[a]b', 3, /behind the end/],
    ['{a:b,a:c}', 5, /stands twice/],
    ['{__proto__:a}', 1, /not allowed/],
    ['{"a":1}', 1, /a key in double quotes/],
  ]
  for (const [written, at, message] of cases) {
    const read = parseShorthand(written)
    assert.ok(!read.ok, written)
    assert.equal(read.error.at, at, written)
    assert.match(read.error.message, message)
  }
})

const shorthand: fc.Arbitrary<Shorthand> = fc.letrec<{ value: Shorthand }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ maxLength: 6 }),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.string({ minLength: 1, maxLength: 4 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 3, noNullPrototype: false },
    ),
  ),
})).value

function written(given: Shorthand): string {
  if (given === null) return 'null'
  if (typeof given === 'string') return `'${given.replaceAll("'", "'/")}'`
  if (Array.isArray(given)) return `[${given.map(written).join(',')}]`
  return `{${Object.entries(given)
    .map(([key, one]) => `${written(key)}:${written(one as Shorthand)}`)
    .join(',')}}`
}

test('what is written with quotes is read back, and nothing throws', () => {
  fc.assert(
    fc.property(shorthand, (given) => {
      // A slash behind a closing quote would be a quote inside.
      const text = written(given)
      const read = parseShorthand(text)
      assert.ok(read.ok, text)
      assert.deepEqual(JSON.parse(JSON.stringify(read.value)), JSON.parse(JSON.stringify(given)))
    }),
  )
  fc.assert(fc.property(fc.string(), (given) => typeof parseShorthand(given).ok === 'boolean'))
})

test('enumerations ignore case, keys are camel or kebab, numbers are cast', () => {
  assert.deepEqual(
    value(
      configuration,
      '{State:enabled,maximum-session-expiry-in-hours:4,client-authentication:{alternativeAuthenticationNameSources:[clientcertificatedns]}}',
    ),
    {
      state: 'Enabled',
      maximumSessionExpiryInHours: 4,
      clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateDns'] },
    },
  )
  assert.deepEqual(value(configuration, '{"state":"Enabled","flag":true}'), { state: 'Enabled', flag: true })
})

test('key.sub=value, several at a time, go to their places', () => {
  assert.deepEqual(
    value(
      configuration,
      'state=enabled',
      'client-authentication.alternative-authentication-name-sources[0]=clientcertificateuri',
    ),
    {
      state: 'Enabled',
      clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateUri'] },
    },
  )
  const there = { state: 'Enabled', maximumSessionExpiryInHours: 2 }
  const change = readFlagValue('--flag', ['maximum-session-expiry-in-hours=8'], configuration, directory)
  assert.deepEqual(assigned(there, change, configuration, '--flag'), {
    state: 'Enabled',
    maximumSessionExpiryInHours: 8,
  })
})

test('a whole object changes the members it names', () => {
  const there = {
    state: 'Enabled',
    clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateDns'] },
  }
  const change = readFlagValue('--flag', ['{maximum-session-expiry-in-hours:3,state:null}'], configuration, directory)
  assert.deepEqual(assigned(there, change, configuration, '--flag'), {
    ...there,
    maximumSessionExpiryInHours: 3,
    state: null,
  })
})

test('lists take words, the short form, JSON, a file, and single elements', () => {
  const words = list(text)
  writeFileSync(join(directory, 'list.json'), '["a/#", "b/+"]')
  writeFileSync(join(directory, 'list.yaml'), '- a/#\n- b/+\n')
  for (const form of [
    ['a/#', 'b/+'],
    ['[a/#,b/+]'],
    ["['a/#','b/+']"],
    ['["a/#","b/+"]'],
    ['@list.json'],
    ['@list.yaml'],
  ]) {
    assert.deepEqual(value(words, ...form), ['a/#', 'b/+'], form.join(' '))
  }
  const at = (word: string) => assigned(['a', 'b'], readFlagValue('--flag', [word], words, directory), words, '--flag')
  assert.deepEqual(at('[-1]=c'), ['a', 'c'])
  assert.deepEqual(at('[2]=c'), ['a', 'b', 'c'])
  assert.deepEqual(at('[0]=null'), ['b'])
  assert.throws(() => at('[5]=c'), /there is no element 5: the list has 2/)
  // Digits stay text, however long.
  assert.deepEqual(value(words, `[${'1'.repeat(40)}]`), ['1'.repeat(40)])
})

test('attributes are JSON, with single quotes too, or key=value', () => {
  const expected = { room: '345', floor: 5, sensors: ['motion', "it's"] }
  writeFileSync(join(directory, 'attributes.json'), JSON.stringify(expected))
  for (const form of [
    [`{"room":"345","floor":5,"sensors":["motion","it's"]}`],
    [`{'room':'345','floor':5,'sensors':['motion',"it's"]}`],
    [`{room:"345",floor:5,sensors:['motion','it\\'s']}`],
    ['@attributes.json'],
    ['attributes.json'],
    [`room='345'`, 'floor=5', `sensors=["motion","it's"]`],
  ]) {
    assert.deepEqual(JSON.parse(JSON.stringify(value(json, ...form))), expected, form.join(' '))
  }
  assert.deepEqual(JSON.parse(JSON.stringify(value(json, 'role=machine'))), { role: 'machine' })
  assert.throws(() => value(json, '{room:345x}'), /not JSON, at character/)
  assert.throws(() => value(json, `{"a":1,"a":2}`), /stands twice/)
})

test('a mistake names flag, place and what there is', () => {
  assert.throws(() => value(configuration, '{state:on}'), /^Misfit|--flag\.state: on is none of Disabled, Enabled/)
  assert.throws(() => value(configuration, '{stat:Enabled}'), /--flag: there is no stat; did you mean state\?/)
  assert.throws(() => value(configuration, '{state:Enabled'), /, or } expected, at the end/)
  assert.throws(
    () => value(configuration, 'maximum-session-expiry-in-hours=four'),
    /expected a whole number, found four/,
  )
  assert.throws(() => value(configuration, '@missing.json'), /--flag: missing\.json: no such file/)
  assert.throws(() => value(text, 'a', 'b'), /expected one value, found 2/)
})
