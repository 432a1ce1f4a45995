import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  fillIn,
  instantiate,
  parseTopicTemplate,
  type TemplateClient,
  templateCoversFilter,
  templateCoversTopic,
} from '../../src/registry/topic-template.ts'
import { timedWarm } from '../support/processor-time.ts'
import { eventGridLimits, templateOf } from './support.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: topic templates

function client(authenticationName: string, attributes: TemplateClient['attributes'] = {}): TemplateClient {
  return { authenticationName, attributes }
}

function covers(template: string, topicName: string, who = client('press-1')): boolean {
  const concrete = instantiate(templateOf(template), who)
  return concrete !== null && templateCoversTopic(concrete, topicName)
}

function contains(template: string, topicFilter: string, who = client('press-1')): boolean {
  const concrete = instantiate(templateOf(template), who)
  return concrete !== null && templateCoversFilter(concrete, topicFilter)
}

/** A filter against a topic, the slow and obvious way. */
function naiveMatch(filter: readonly string[], topic: readonly string[]): boolean {
  if (topic[0]?.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false
  const walk = (f: number, t: number): boolean => {
    if (filter[f] === '#') return true
    if (f === filter.length || t === topic.length) return f === filter.length && t === topic.length
    return (filter[f] === '+' || filter[f] === topic[t]) && walk(f + 1, t + 1)
  }
  // `a/#` also matches `a`.
  return walk(0, 0) || (filter.at(-1) === '#' && filter.length > 1 && naiveMatch(filter.slice(0, -1), topic))
}

test('EG 5.3 a template is a filter: + is one segment, # is the rest and also nothing', () => {
  assert.ok(covers('a/+/c', 'a/b/c'))
  assert.ok(covers('a/+', 'a/'))
  assert.ok(!covers('a/+', 'a'))
  assert.ok(!covers('a/+', 'a/b/c'))
  assert.ok(covers('a/#', 'a'))
  assert.ok(covers('a/#', 'a/b/c'))
  assert.ok(!covers('a/#', 'ab'))
  assert.ok(covers('#', 'anything/at/all'))
  assert.ok(covers('/', '/'))
  assert.ok(!covers('/', 'a/b'))
  assert.ok(!covers('a/b', 'a/B'))
})

test('EG 5.3 a variable is a whole segment or a part of one, with literal text before, after and inside the braces', () => {
  assert.ok(covers('m/${client.authenticationName}/t', 'm/press-1/t'))
  assert.ok(!covers('m/${client.authenticationName}/t', 'm/PRESS-1/t'))
  assert.ok(covers('m/${client.authenticationName|.east}/t', 'm/press-1.east/t'))
  assert.ok(covers('m/x-${client.authenticationName}-y/t', 'm/x-press-1-y/t'))
  assert.ok(
    covers('${client.attributes.floor}/${client.attributes.room}', '-3/hall', client('a', { floor: -3, room: 'hall' })),
  )
  assert.ok(covers('f/${client.attributes.n}', 'f/9007199254740991', client('a', { n: 9007199254740991 })))
})

test('S42 an array attribute is a set of alternatives in each segment, never a product of segments', () => {
  const who = client('a', { caps: ['temp', 'noise'] })
  const template = '${client.attributes.caps}/x/${client.attributes.caps}'
  for (const first of ['temp', 'noise']) {
    for (const second of ['temp', 'noise']) assert.ok(covers(template, `${first}/x/${second}`, who))
  }
  assert.ok(!covers(template, 'temp/x/light', who))
})

test('S42 more than 64 alternatives in a segment match nothing, and the reason says so', () => {
  const letters = (count: number) => Array.from({ length: count }, (_, index) => `v${index}`)
  assert.ok(covers('a/${client.attributes.x}', 'a/v63', client('a', { x: letters(64) })))
  const many = client('a', { x: letters(65) })
  assert.ok(!covers('a/${client.attributes.x}', 'a/v0', many))
  assert.deepEqual(fillIn(templateOf('a/${client.attributes.x}'), many), {
    ok: false,
    error: { kind: 'tooManyAlternatives', segment: 1, alternatives: 65 },
  })
  const both = client('a', { x: letters(9), y: letters(8) })
  assert.equal(instantiate(templateOf('${client.attributes.x}-${client.attributes.y}'), both), null)
})

test('S42 15 segments of arrays with 1,000 elements are judged in under a millisecond', () => {
  const who = client('a', { x: Array.from({ length: 1000 }, (_, index) => String(index)) })
  const template = templateOf(Array.from({ length: 15 }, () => '${client.attributes.x}').join('/'))
  const { value, ms } = timedWarm(() => instantiate(template, who))
  assert.equal(value, null)
  assert.ok(ms < 1, `${ms} ms of processor time`)
})

test('S41 a substituted value that is empty, holds / + # or NUL, or begins the topic with $ matches nothing', () => {
  for (const value of ['', 'a/b', '+', 'a+', '#', 'a#', 'a\0b']) {
    assert.equal(instantiate(templateOf('m/${client.attributes.x}'), client('a', { x: value })), null, value)
    assert.equal(instantiate(templateOf('m/${client.authenticationName}'), client(value)), null, value)
  }
  assert.equal(instantiate(templateOf('${client.authenticationName}/t'), client('$SYS')), null)
  assert.ok(covers('m/${client.authenticationName}', 'm/$SYS', client('$SYS')))
  assert.ok(covers('a${client.authenticationName}/t', 'a$SYS/t', client('$SYS')))
  assert.ok(covers('m/${client.attributes.x}', 'm/b', client('a', { x: ['', '+', 'b'] })))
  assert.equal(instantiate(templateOf('m/${client.attributes.x}'), client('a', {})), null)
  assert.equal(instantiate(templateOf('m/${client.attributes.toString}'), client('a', {})), null)
})

test('S43 a leading wildcard never covers topics or filters that begin with $', () => {
  for (const template of ['#', '+/#', '+/x', '+']) {
    for (const topic of ['$SYS', '$SYS/x', '$share/g/x', '$x']) {
      assert.ok(!covers(template, topic), `${template} ${topic}`)
      assert.ok(!contains(template, topic), `${template} ${topic}`)
    }
  }
  assert.ok(!contains('#', '$share/g/#'))
  assert.ok(covers('$x/#', '$x/y'))
  assert.ok(contains('$x/#', '$x/+'))
})

const refused: readonly (readonly [template: string, at: number, expected: RegExp])[] = [
  ['', 0, /at least one/],
  ['a/b+', 3, /whole segment/],
  ['a/+b', 2, /whole segment/],
  ['a/#/b', 3, /end of the template/],
  ['a/b#', 3, /whole segment/],
  ['##', 0, /whole segment/],
  ['a/${client.name}', 4, /authenticationName/],
  ['${principal.name}', 2, /authenticationName/],
  ['${client.attributes.}', 20, /attribute key/],
  ['${client.attributes.a-b}', 20, /attribute key/],
  ['${client.attributes.a', 21, /}/],
  ['a/${client.authenticationName|/x}', 30, /suffix/],
  ['a/${client.authenticationName|+}', 30, /suffix/],
  ['a/${client.authenticationName|#}', 30, /suffix/],
  ['a/${client.authenticationName|$x}', 30, /suffix/],
  ['${client.authenticationName}${client.attributes.x}', 28, /between two variables/],
  ['$share/g/a', 0, /share/],
  ['$a${client.authenticationName}', 0, /literal first/],
  ['a\0', 1, /text/],
  ['\ud800', 0, /Unicode/],
]
for (const [template, at, expected] of refused) {
  test(`S41 the template ${JSON.stringify(template)} is refused at ${at}`, () => {
    const parsed = parseTopicTemplate(template)
    assert.ok(!parsed.ok)
    assert.equal(parsed.error.at, at)
    assert.match(parsed.error.expected, expected)
    assert.ok(parsed.error.message.length > 0)
  })
}

test('S41 two variables with a literal between them are fine', () => {
  assert.ok(parseTopicTemplate('${client.authenticationName|-}${client.attributes.x}').ok)
  assert.ok(parseTopicTemplate('${client.authenticationName}-${client.attributes.x}').ok)
})

test('EG 5.3 length, segments and $ obey the limits of the namespace', () => {
  const limits = eventGridLimits
  assert.ok(parseTopicTemplate('a'.repeat(256), limits).ok)
  assert.ok(!parseTopicTemplate('a'.repeat(257), limits).ok)
  assert.ok(!parseTopicTemplate('ä'.repeat(129), limits).ok)
  assert.ok(parseTopicTemplate(Array(15).fill('a').join('/'), limits).ok)
  assert.ok(!parseTopicTemplate(Array(16).fill('a').join('/'), limits).ok)
  assert.ok(!parseTopicTemplate('$x/y', limits).ok)
  assert.ok(parseTopicTemplate('$x/y').ok)
  assert.ok(parseTopicTemplate('${client.authenticationName}/y', limits).ok)
})

test('EG 5.4 a filter is covered when each of its segments is', () => {
  assert.ok(contains('sample/#', 'sample/+'))
  assert.ok(contains('sample/#', 'sample/#'))
  assert.ok(contains('sample/#', 'sample'))
  assert.ok(contains('devices/+/reported', 'devices/d1/reported'))
  assert.ok(contains('devices/+/reported', 'devices/+/reported'))
  assert.ok(!contains('devices/+/reported', 'devices/#'))
  assert.ok(!contains('devices/+', 'devices/#'))
  assert.ok(!contains('devices/d1', 'devices/+'))
  assert.ok(!contains('sample/+', 'sample/+/x'))
  assert.ok(!contains('sample/+/#', 'sample/#'))
  assert.ok(contains('sample/+/#', 'sample/+'))
  assert.ok(contains('#', '#'))
  assert.ok(contains('d/${client.authenticationName}/#', 'd/press-1/+'))
  assert.ok(!contains('d/${client.authenticationName}/#', 'd/+/x'))
})

const segment = fc.constantFrom('a', 'b', '', '$x')
const filterSegment = fc.constantFrom('a', 'b', '', '$x', '+')
const filterArbitrary = fc
  .tuple(fc.array(filterSegment, { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([segments, hash]) => (hash ? [...segments, '#'] : segments))
  .filter((segments) => segments.length > 0 && segments.join('/') !== '')
const topicArbitrary = fc.array(segment, { minLength: 1, maxLength: 5 }).filter((segments) => segments.join('/') !== '')

test('a template without variables agrees with a naive matcher on every topic', () => {
  fc.assert(
    fc.property(filterArbitrary, topicArbitrary, (template, topic) => {
      assert.equal(covers(template.join('/'), topic.join('/')), naiveMatch(template, topic))
    }),
    { numRuns: 3000 },
  )
})

test('EG 5.4 a covered filter matches only covered topics', () => {
  let covered = 0
  fc.assert(
    fc.property(filterArbitrary, filterArbitrary, topicArbitrary, (template, filter, topic) => {
      if (!contains(template.join('/'), filter.join('/')) || !naiveMatch(filter, topic)) return
      covered++
      assert.ok(covers(template.join('/'), topic.join('/')))
    }),
    { numRuns: 20_000 },
  )
  assert.ok(covered > 300, `only ${covered} covered pairs`)
})

test('EG 5.4 a filter whose topics are all covered is covered, except # under +/#', () => {
  const universe: string[][] = []
  const grow = (prefix: string[]) => {
    if (prefix.length > 0) universe.push(prefix)
    if (prefix.length < 4) for (const next of ['a', 'b', 'z']) grow([...prefix, next])
  }
  grow([])
  const plain = fc.constantFrom('a', 'b', '+')
  const plainFilter = fc
    .tuple(fc.array(plain, { maxLength: 3 }), fc.boolean())
    .map(([segments, hash]) => (hash ? [...segments, '#'] : segments))
    .filter((segments) => segments.length > 0)
  fc.assert(
    fc.property(plainFilter, plainFilter, (template, filter) => {
      // Each topic has a first segment, so +/# covers what # does; the rule asks for # in the same place.
      fc.pre(!(template.join('/') === '+/#' && filter[0] === '#'))
      const all = universe.every((topic) => !naiveMatch(filter, topic) || naiveMatch(template, topic))
      assert.equal(contains(template.join('/'), filter.join('/')), all)
    }),
    { numRuns: 2000 },
  )
})

test('S41 two clients never share a topic of a template that holds the authentication name between separators', () => {
  const name = fc.string({ minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(name, name, topicArbitrary, (first, second, tail) => {
      fc.pre(first !== second)
      const template = templateOf('m/${client.authenticationName}/#')
      const one = instantiate(template, client(first))
      const two = instantiate(template, client(second))
      if (one === null || two === null) return
      for (const owner of [first, second]) {
        const topic = `m/${owner}/${tail.join('/')}`
        assert.ok(!(templateCoversTopic(one, topic) && templateCoversTopic(two, topic)))
      }
    }),
  )
})

test('parsing is total and a parsed template never covers what no client of it could have', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'a/+#$${}|.'.split(''), 'client', 'attributes') }), (text) => {
      const parsed = parseTopicTemplate(text)
      if (!parsed.ok) assert.ok(parsed.error.at <= text.length)
    }),
    { numRuns: 3000 },
  )
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: topic templates
