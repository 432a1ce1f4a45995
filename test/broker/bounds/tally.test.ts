import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecisionTally, LatencyTally, MessageTally } from '../../../src/broker/bounds/tally.ts'

test('messages are counted by version and QoS, each for itself', () => {
  const tally = new MessageTally()
  let number = 0
  for (const version of [4, 5] as const) for (const qos of [0, 1, 2] as const) tally.add(version, qos, ++number)
  tally.add(4, 0)
  const read = [4, 5].flatMap((version) => [0, 1, 2].map((qos) => tally.of(version as 4 | 5, qos as 0 | 1 | 2)))
  assert.deepEqual(read, [2, 2, 3, 4, 5, 6])
})

test('decisions are counted by action and code', () => {
  const tally = new DecisionTally()
  tally.add({ action: 'connect', outcome: 'accepted', code: null })
  for (const action of ['connect', 'publish', 'publish'] as const)
    tally.add({ action, outcome: 'refused', code: 'publishNotAuthorized' })
  assert.deepEqual(
    tally.all().map(({ action, outcome, code, count }) => [action, outcome, code, count]),
    [
      ['connect', 'accepted', '', 1],
      ['connect', 'refused', 'publishNotAuthorized', 1],
      ['publish', 'refused', 'publishNotAuthorized', 2],
    ],
  )
})

test('a latency counts in every bucket from its own up, and beyond the last only in the whole', () => {
  const tally = new LatencyTally()
  for (const ms of [0.5, 1, 20_000]) tally.add(ms)
  const { buckets, count, sumSeconds } = tally.read()
  assert.deepEqual(buckets.slice(0, 3), [
    [0.0005, 1],
    [0.001, 2],
    [0.0025, 2],
  ])
  assert.deepEqual(buckets.at(-1), [10, 2])
  assert.equal(count, 3)
  assert.equal(sumSeconds, 20.0015)
})
