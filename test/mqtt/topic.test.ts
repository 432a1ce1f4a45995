import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeTopicUtf8,
  parseSubscriptionFilter,
  parseTopicFilter,
  parseTopicName,
  type TopicFilter,
  type TopicName,
  topicMatches,
} from '../../src/mqtt/topic.ts'
import { bytesOf } from './golden.ts'

/** The standard read word by word: level by level, no shortcut. */
function naiveMatch(filter: readonly string[], name: readonly string[]): boolean {
  if (name[0]?.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false
  for (let level = 0; level < filter.length; level++) {
    if (filter[level] === '#') return true
    if (level === name.length) return false
    if (filter[level] !== '+' && filter[level] !== name[level]) return false
  }
  return filter.length === name.length
}

function upToFourLevels(levels: readonly string[]): string[][] {
  let paths: string[][] = levels.map((level) => [level])
  const all = [...paths]
  for (let depth = 2; depth <= 4; depth++) {
    paths = paths.flatMap((path) => levels.map((level) => [...path, level]))
    all.push(...paths)
  }
  return all
}

test('[MQTT-4.7.2-1] every filter and topic of up to four levels over a, b, empty, +, #, $x match as the standard says', () => {
  const filters = upToFourLevels(['a', 'b', '', '+', '#', '$x']).filter((levels) => levels.join('/') !== '')
  const names = upToFourLevels(['a', 'b', '', '$x'])
    .filter((levels) => levels.join('/') !== '')
    .map((levels) => ({ levels, text: levels.join('/') as TopicName }))
  let compared = 0
  for (const levels of filters) {
    const parsed = parseTopicFilter(levels.join('/'))
    const hash = levels.indexOf('#')
    assert.equal(parsed.ok, hash < 0 || hash === levels.length - 1, levels.join('/'))
    if (!parsed.ok) continue
    for (const name of names) {
      const expected = naiveMatch(levels, name.levels)
      if (topicMatches(parsed.value, name.text) !== expected) assert.fail(`${parsed.value} against ${name.text}`)
      compared++
    }
  }
  assert.ok(compared > 200_000, `${compared} pairs`)
})

test('the examples of MQTT 5.0 4.7.1 to 4.7.3', () => {
  const rows: [filter: string, name: string, matches: boolean][] = [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/monitor/Clients', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/monitor/Clients', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['ACCOUNTS', 'Accounts', false],
    ['/finance', 'finance', false],
    ['a/$b/#', 'a/$b/c', true],
    ['a/+', 'a/$b', true],
    ['sport/#', 'sports', false],
    ['a/b', 'a/bc', false],
    ['a/bc', 'a/b', false],
  ]
  for (const [filter, name, matches] of rows) {
    assert.equal(topicMatches(filter as TopicFilter, name as TopicName), matches, `${filter} ${name}`)
  }
})

test('[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] filters that are none', () => {
  const rows: [text: string, failure: object | null][] = [
    ['a', null],
    ['/', null],
    ['#', null],
    ['+', null],
    ['+/tennis/#', null],
    ['sport/+/player1', null],
    ['a b', null],
    ['', { kind: 'empty' }],
    ['sport/tennis#', { kind: 'wildcard', at: 12 }],
    ['sport/tennis/#/ranking', { kind: 'wildcard', at: 13 }],
    ['#/', { kind: 'wildcard', at: 0 }],
    ['##', { kind: 'wildcard', at: 0 }],
    ['sport+', { kind: 'wildcard', at: 5 }],
    ['+a', { kind: 'wildcard', at: 0 }],
    ['a/++', { kind: 'wildcard', at: 2 }],
    ['a\0b', { kind: 'nullCharacter', at: 1 }],
    ['\ud800', { kind: 'illFormed' }],
    ['x'.repeat(65_535), null],
    ['x'.repeat(65_536), { kind: 'tooLong', lengthBytes: 65_536 }],
    ['é'.repeat(32_768), { kind: 'tooLong', lengthBytes: 65_536 }],
    ['é'.repeat(32_767), null],
    ['$share/g/a', { kind: 'share', problem: 'nested' }],
    ['$share', { kind: 'share', problem: 'nested' }],
    ['$shared/a', null],
  ]
  for (const [text, failure] of rows) {
    const parsed = parseTopicFilter(text)
    assert.deepEqual(parsed, failure === null ? { ok: true, value: text } : { ok: false, error: failure })
  }
})

test('[MQTT-3.3.2-2] a topic name holds no wildcard; every other filter without one is a topic name', () => {
  assert.deepEqual(parseTopicName('a/+/b'), { ok: false, error: { kind: 'wildcard', at: 2 } })
  assert.deepEqual(parseTopicName('a#'), { ok: false, error: { kind: 'wildcard', at: 1 } })
  assert.deepEqual(parseTopicName(''), { ok: false, error: { kind: 'empty' } })
  assert.deepEqual(parseTopicName('a\0'), { ok: false, error: { kind: 'nullCharacter', at: 1 } })
  for (const text of ['a', '/', '//', '$SYS/x', ' ', 'ü/\u{10ffff}', '\ufeffx']) {
    assert.deepEqual(parseTopicName(text), { ok: true, value: text })
  }
})

test('[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared subscription has a share name and a filter', () => {
  const good: [text: string, shareName: string | null, topicFilter: string][] = [
    ['a/b', null, 'a/b'],
    ['$share/g/a/+/#', 'g', 'a/+/#'],
    ['$share/g//', 'g', '/'],
    ['$share/g//a', 'g', '/a'],
    ['$share/g/$SYS/#', 'g', '$SYS/#'],
    ['$shares/g/a', null, '$shares/g/a'],
    ['a/$share/g/b', null, 'a/$share/g/b'],
  ]
  for (const [text, shareName, topicFilter] of good) {
    assert.deepEqual(parseSubscriptionFilter(text), { ok: true, value: { shareName, topicFilter } })
  }
  const bad: [text: string, failure: object][] = [
    ['$share', { kind: 'share', problem: 'nameEmpty' }],
    ['$share/', { kind: 'share', problem: 'nameEmpty' }],
    ['$share//a', { kind: 'share', problem: 'nameEmpty' }],
    ['$share/g', { kind: 'share', problem: 'filterMissing' }],
    ['$share/g/', { kind: 'share', problem: 'filterMissing' }],
    ['$share/+/a', { kind: 'share', problem: 'nameHasWildcard' }],
    ['$share/a#/a', { kind: 'share', problem: 'nameHasWildcard' }],
    ['$share/#', { kind: 'share', problem: 'nameHasWildcard' }],
    ['$share/g/a#', { kind: 'wildcard', at: 1 }],
    ['$share/g/\0', { kind: 'nullCharacter', at: 9 }],
    ['', { kind: 'empty' }],
  ]
  for (const [text, failure] of bad) assert.deepEqual(parseSubscriptionFilter(text), { ok: false, error: failure })
})

test('S43: one share inside another is refused', () => {
  assert.deepEqual(parseSubscriptionFilter('$share/g/$share/h/a'), {
    ok: false,
    error: { kind: 'share', problem: 'nested' },
  })
})

test('what parses as a name or filter is well-formed and fits the wire, whatever the text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '/', '+', '#', '$share/', '\ud800', '\0'),
      (a, b) => {
        const text = `${b}${a}${b}`
        for (const parsed of [parseTopicName(text), parseTopicFilter(text)]) {
          if (!parsed.ok) continue
          const bytes = Buffer.from(text)
          assert.equal(decodeTopicUtf8(bytes, 0, bytes.length), text)
          assert.ok(bytes.length >= 1)
        }
        const shared = parseSubscriptionFilter(text)
        if (shared.ok) assert.ok(parseTopicFilter(shared.value.topicFilter).ok)
      },
    ),
  )
})

test('[MQTT-3.3.2-1] topic bytes are text or nothing', () => {
  const bytes = bytesOf('61 c3 bc 62')
  assert.equal(decodeTopicUtf8(bytes, 0, 4), 'aüb')
  assert.equal(decodeTopicUtf8(bytes, 0, 2), null)
  assert.equal(decodeTopicUtf8(bytes, 3, 3), '')
})
