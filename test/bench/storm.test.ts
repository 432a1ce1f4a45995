import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWeathered, renderStorm, stormFigures } from '../../bench/storm.ts'
import type { StormReport } from '../e2e/storm.ts'

const pulse = { beats: 1_000, p99: 2, longest: 9, longestGap: 110 }
const report = (changes: Partial<StormReport>): StormReport => ({
  ...{ allInMs: 21_755, attemptsFailed: 3, brokerMsPerDevice: 1.94, witnessesEnded: 0 },
  ...{ alone: pulse, during: { ...pulse, p99: 19.9, longest: 41 } },
  ...changes,
})

test('a storm is weathered when all are in within 30 s and nobody else noticed more than is allowed', () => {
  assert.equal(isWeathered(report({})), true)
  assert.equal(isWeathered(report({ allInMs: 30_001 })), false)
  assert.equal(isWeathered(report({ witnessesEnded: 1 })), false)
  const slower = { ...pulse, p99: 20.1 }
  assert.equal(isWeathered(report({ during: slower })), false)
  // Whoever waited for 7 ms before may wait for 21.
  assert.equal(isWeathered(report({ during: slower, alone: { ...pulse, p99: 7 } })), true)
})

test('the table of a storm shows what was allowed beside what was seen', () => {
  const lines = renderStorm([report({}), report({ allInMs: 31_000 })]).split('\n')
  assert.equal(lines.at(-2), '| 21.8 | 3 | 1.94 | 2.0 | 19.9 | 20.0 | 41.0 | 0 | yes |')
  assert.equal(lines.at(-1), '| 31.0 | 3 | 1.94 | 2.0 | 19.9 | 20.0 | 41.0 | 0 | no |')
})

test('of several storms the worst is the figure', () => {
  const slower = { ...pulse, p99: 30 }
  const figures = stormFigures([report({}), report({ allInMs: 31_000 }), report({ during: slower })])
  assert.deepEqual(figures, { allInSeconds: 31, p99ToAllowed: 1.5 })
})
