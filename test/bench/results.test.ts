import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadResult } from '../../bench/load/job.ts'
import { parseCpuList } from '../../bench/machine.ts'
import { ownTimes, selfTimes } from '../../bench/profile.ts'
import { renderCase, renderSummary } from '../../bench/report.ts'
import { type CaseResult, differences, regressions, type Series, tableOf } from '../../bench/results.ts'
import { median, medianRatio, spread } from '../../bench/statistics.ts'

const base: LoadResult = {
  count: 1000,
  seconds: 1,
  brokerCpuSeconds: 0.5,
  brokerSystemShare: 0.5,
  loadCpuSeconds: 0.5,
  othersShare: null,
  latencyMs: null,
  bytesPerConnection: null,
  cipher: null,
  fromMicros: 0,
  toMicros: 1,
}

function series(
  broker: string,
  setting: string,
  cpuSeconds: readonly number[],
  more: Partial<LoadResult> = {},
): Series {
  const results = cpuSeconds.map((brokerCpuSeconds) => ({ ...base, ...more, brokerCpuSeconds }))
  return { broker, version: '1', setting, results, failures: [] }
}

const facts = { name: 'x', title: 'X', kind: 'traffic', rounds: 3, isScheduled: false } as const
const traffic = (...all: Series[]): CaseResult => ({ ...facts, series: all })
const rowsOf = (result: CaseResult) => tableOf(result).rows
const printed = (result: CaseResult): string => renderCase(tableOf(result))

test('median, spread and the median of the ratios of each round', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(spread([8, 10, 12]), 0.2)
  // A machine that was slow in the second round for both changes no ratio.
  assert.equal(medianRatio([10, 5, 10], [2, 1, 2]), 5)
})

test("the peer's better setting counts", () => {
  const rows = rowsOf(
    traffic(series('Sealgate', 'default', [0.1]), series('m', 'on', [0.5]), series('m', 'off', [0.25])),
  )
  assert.deepEqual(
    rows.map(({ setting, counts, ratio }) => [setting, counts, ratio]),
    [
      ['default', true, null],
      ['on', false, 5],
      ['off', true, 2.5],
    ],
  )
})

test('for memory the setting that takes less counts', () => {
  const idle = (broker: string, setting: string, bytesPerConnection: number) =>
    series(broker, setting, [1], { bytesPerConnection })
  const result: CaseResult = {
    ...facts,
    kind: 'idle',
    series: [idle('Sealgate', 'default', 4096), idle('m', 'on', 2048), idle('m', 'off', 1024)],
  }
  assert.deepEqual(
    rowsOf(result).map(({ counts, ratio }) => [counts, ratio]),
    [
      [true, null],
      [false, 2],
      [true, 4],
    ],
  )
})

test('a setting that failed never counts and is named in the notes', () => {
  const failed = { ...series('m', 'on', []), failures: ['stalled'] }
  const result = traffic(series('Sealgate', 'default', [0.1]), failed, series('m', 'off', [0.2]))
  assert.deepEqual(
    rowsOf(result).map(({ counts }) => counts),
    [true, false, true],
  )
  assert.match(printed(result), /m \(on\) failed: stalled/)
  assert.match(renderSummary([tableOf(result)]), /\| x \| 10k \| 2\.00× \|/)
})

test('a generator that is busier than the broker is said to be the limit', () => {
  const bound = series('Sealgate', 'default', [0.4], { loadCpuSeconds: 0.99 })
  assert.match(printed(traffic(bound)), /Generator-bound with Sealgate/)
  assert.doesNotMatch(printed(traffic(series('Sealgate', 'default', [0.95]))), /Generator-bound/)
  // On schedule the generator looks at the clock all the time.
  assert.doesNotMatch(printed({ ...traffic(bound), isScheduled: true }), /Generator-bound/)
})

test('a machine that was busy with other work is named', () => {
  assert.match(printed(traffic(series('a', '', [1], { othersShare: 0.4 }))), /other processes took up to 40 %/)
  assert.doesNotMatch(printed(traffic(series('a', '', [1], { othersShare: 0.05 }))), /Disturbed/)
})

test('different cipher suites are reported', () => {
  const rows = rowsOf(
    traffic(series('a', '', [1], { cipher: 'TLSv1.3 A' }), series('b', '', [1], { cipher: 'TLSv1.3 B' })),
  )
  assert.deepEqual(differences(rows), ['cipher suites differ: TLSv1.3 A, TLSv1.3 B'])
})

const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 0 })
const profile = {
  nodes: [
    { id: 1, callFrame: frame('start', 'file:///x/start.ts'), children: [2, 4] },
    { id: 2, callFrame: frame('work', 'file:///x/work.ts') },
    { id: 3, callFrame: frame('(idle)', '') },
    { id: 4, callFrame: frame('write', 'node:net'), children: [5] },
    { id: 5, callFrame: frame('writeBuffer', '') },
  ],
  startTime: 1000,
  samples: [1, 2, 3, 5, 4, 1],
  timeDeltas: [0, 100, 200, 100, 50, 50],
}

test('self times are those of the measured window', () => {
  assert.deepEqual(selfTimes(profile, 1100, 1499), [
    { name: 'work work.ts:1', share: 0.5 },
    { name: '(native code of I/O, or idle)', share: 0.25 },
    { name: 'writeBuffer', share: 0.125 },
    { name: 'write node:net:1', share: 0.125 },
  ])
})

test('what Node does for one of our functions is charged to it', () => {
  assert.deepEqual(ownTimes(profile, 1100, 1499), [
    { name: 'work work.ts:1', share: 0.5 },
    { name: '(native code of I/O, or idle)', share: 0.25 },
    { name: 'start start.ts:1', share: 0.25 },
  ])
})

test('a list of cores as the kernel writes it', () => {
  assert.deepEqual(parseCpuList('0-2,5'), [0, 1, 2, 5])
  assert.deepEqual(parseCpuList('3'), [3])
  assert.deepEqual(parseCpuList(''), [])
})

test('a regression is a case below the floor, or one without a figure; of memory less is better', () => {
  const compared = (kind: CaseResult['kind'], ours: Series, other: Series): CaseResult => ({
    ...facts,
    kind,
    series: [other, ours],
  })
  const before = series('Sealgate at main', 'default', [0.5])
  assert.deepEqual(regressions([compared('traffic', series('Sealgate', 'default', [0.51]), before)], 0.95), [])
  assert.deepEqual(regressions([compared('traffic', series('Sealgate', 'default', [0.6]), before)], 0.95), [
    'x: 0.83 of Sealgate at main, the floor is 0.95',
  ])
  assert.equal(regressions([compared('traffic', series('Sealgate', 'default', []), before)], 0.95).length, 1)
  const held = (broker: string, bytesPerConnection: number) => series(broker, 'default', [1], { bytesPerConnection })
  assert.deepEqual(
    regressions([compared('idle', held('Sealgate', 50_000), held('Sealgate at main', 60_000))], 0.95),
    [],
  )
  assert.equal(
    regressions([compared('idle', held('Sealgate', 60_000), held('Sealgate at main', 50_000))], 0.95).length,
    1,
  )
})
