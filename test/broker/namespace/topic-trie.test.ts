import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TopicNames, TopicTrie } from '../../../src/broker/namespace/topic-trie.ts'
import { parseTopicFilter, parseTopicName, type TopicFilter, type TopicName } from '../../../src/mqtt/topic.ts'
import { matches } from './naive-match.ts'

/** Every filter and name of one to four levels over these. */
function all(levels: readonly string[]): string[] {
  const found: string[] = []
  let last = ['']
  for (let depth = 0; depth < 4; depth++) {
    last = last.flatMap((prefix) => levels.map((level) => (depth === 0 ? level : `${prefix}/${level}`)))
    found.push(...last)
  }
  return found.filter((text) => text !== '')
}

const names = all(['a', 'b', '', '$x']).filter((text) => parseTopicName(text).ok) as TopicName[]
const filters = all(['a', 'b', '', '+', '#', '$x']).filter((text) => parseTopicFilter(text).ok) as TopicFilter[]

test('[MQTT-4.7.1-2] [MQTT-4.7.2-1] the trie agrees with a naive matcher on every filter and name of four levels', () => {
  const trie = new TopicTrie<string, string>()
  for (const filter of filters) trie.set(filter, filter, filter)
  assert.equal(trie.size, filters.length)
  for (const name of names) {
    const found: string[] = []
    trie.match(name, (value) => found.push(value))
    assert.deepEqual(found.sort(), filters.filter((filter) => matches(filter, name)).sort(), name)
  }
})

test('names are found by every filter as the naive matcher finds them', () => {
  const tree = new TopicNames<number>()
  for (const [index, name] of names.entries()) tree.set(name, index)
  for (const filter of filters) {
    const found = [...tree.matching(filter)].map(([name]) => name)
    assert.deepEqual(found.sort(), names.filter((name) => matches(filter, name)).sort(), filter)
  }
})

test('what was added and removed in any order leaves what is there', () => {
  const command = fc.tuple(fc.boolean(), fc.constantFrom(...filters), fc.integer({ min: 0, max: 3 }))
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), fc.constantFrom(...names), (commands, name) => {
      const trie = new TopicTrie<number, string>()
      const model = new Map<string, string>()
      for (const [isAdded, filter, key] of commands) {
        const value = `${filter} ${key}`
        if (isAdded) {
          assert.equal(trie.set(filter, key, value), model.get(value))
          model.set(value, value)
        } else {
          assert.equal(trie.delete(filter, key), model.get(value))
          model.delete(value)
        }
      }
      assert.equal(trie.size, model.size)
      const found: string[] = []
      trie.match(name, (value) => found.push(value))
      const expected = [...model.keys()].filter((value) => matches(value.slice(0, value.lastIndexOf(' ')), name))
      assert.deepEqual(found.sort(), expected.sort())
    }),
    { numRuns: 300 },
  )
})

test('a tree of names forgets what is deleted, and survives deletion while it is walked', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(names), fc.shuffledSubarray(names), (added, deleted) => {
      const tree = new TopicNames<true>()
      for (const name of added) tree.set(name, true)
      for (const name of deleted) assert.equal(tree.delete(name), added.includes(name))
      assert.deepEqual(
        [...tree.matching('#')].map(([name]) => name).sort(),
        added.filter((name) => !deleted.includes(name) && !name.startsWith('$')).sort(),
      )
      for (const [name] of tree.matching('#')) tree.delete(name)
      assert.equal([...tree.matching('#')].length, 0)
    }),
    { numRuns: 50 },
  )
})
