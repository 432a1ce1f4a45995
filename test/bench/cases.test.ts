import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases, headline, selectCases } from '../../bench/cases.ts'

const names = (patterns: readonly string[]) => selectCases(patterns).map(({ name }) => name)

test('case names are unique and selected by name, by pattern or all', () => {
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  assert.deepEqual(names([]), headline)
  assert.deepEqual(names(['all']).length, cases.length)
  assert.deepEqual(names(['t*-one-qos1']), ['tcp-one-qos1', 'tls-one-qos1'])
  assert.throws(() => names(['nothing']), /no case is called nothing/)
})
