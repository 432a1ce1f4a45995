import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Facts, formatKept, type KeptCase, type KeptReport, mergeKept, parseKept } from '../../bench/kept.ts'

const facts = (commit: string): Facts => ({ commit, date: '2026-01-02 03:04', machine: 'M' })
const named = (name: string, commit: string): KeptCase => ({
  ...{ name, title: name, kind: 'traffic', rounds: 3, isScheduled: false, rows: [], facts: facts(commit) },
})
const report = (name: string, figure: number): KeptReport => ({
  ...{ name, title: name, text: 'one\ntwo', figures: { figure }, facts: facts('c1') },
})
const names = ['a', 'b', 'storm']
const start = [named('b', 'c1'), named('a', 'c1'), named('gone', 'c1')].reduce(
  (kept, one) => mergeKept(kept, one, [...names, 'gone']),
  parseKept(''),
)

test('a run replaces what it measured; the rest stays with its commit, in the order of the lists', () => {
  const kept = mergeKept(mergeKept(start, named('b', 'c2'), names), report('storm', 1), names)
  assert.deepEqual(
    Object.values(kept.cases).map(({ name, facts: { commit } }) => [name, commit]),
    [
      ['a', 'c1'],
      ['b', 'c2'],
    ],
  )
  assert.deepEqual(Object.keys(kept.reports), ['storm'])
})

test('what is kept is read again as it was written, one case or command a line', () => {
  const kept = mergeKept(mergeKept(start, report('storm', 1.5), names), named('b', 'c2'), names)
  const text = formatKept(kept)
  assert.equal(text.split('\n').length, 4)
  assert.deepEqual(parseKept(text), kept)
})

test('figures are kept with five digits', () => {
  const kept = mergeKept(parseKept(''), report('storm', 1.234567), names)
  assert.equal(parseKept(formatKept(kept)).reports['storm']?.figures['figure'], 1.2346)
})
