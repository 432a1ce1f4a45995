import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, longestStandstill, picture } from './curves.ts'
import { runSoak } from './soak-run.ts'

const times = Array.from({ length: 300 }, (_, i) => i * 2)
const noise = (i: number): number => ((i * 7_919) % 17) - 8
const curve = (values: readonly number[]) => ({ name: 'memory', unit: 'MiB', values, tolerated: 2 })

test('a curve that rises only while it warms up is level, one that goes on is not, whatever the noise', () => {
  const levels = times.map((time, i) => 100 + Math.min(time, 200) / 4 + noise(i))
  const grows = times.map((time, i) => 100 + time / 10 + noise(i))
  const sawtooth = times.map((_, i) => 100 + (i % 40))
  assert.equal(judge(curve(levels), times, 200).isLevel, true)
  assert.equal(judge(curve(sawtooth), times, 200).isLevel, true)
  const verdict = judge(curve(grows), times, 200)
  assert.equal(verdict.isLevel, false)
  assert.ok(Math.abs(verdict.growth - 39.8) < 3, String(verdict.growth))
})

test('nothing measured is no verdict of level', () => {
  assert.equal(judge(curve([1, 2]), [1, 2], 10).isLevel, false)
})

test('a load that stands still is seen, at the end as well', () => {
  assert.equal(longestStandstill([1, 2, 3, 4], [0, 10, 20, 30]), 0)
  assert.equal(longestStandstill([1, 2, 2, 2, 3], [0, 10, 20, 30, 40]), 20)
  assert.equal(longestStandstill([1, 2, 2, 2], [0, 10, 20, 300]), 290)
})

test('the picture is an SVG with a curve and a verdict for each panel', () => {
  const svg = picture('a title', [curve(times), curve(times.map(() => 5))], times, 200)
  assert.equal(svg.match(/<polyline /g)?.length, 2)
  assert.match(svg, /memory: median .* GROWS/)
  assert.match(svg, /: level</)
  assert.ok(!svg.includes('NaN'))
})

/** The short form of `npm run soak`: too short for a verdict, long enough to find that the load runs and the figures are read. */
test('soak: clients of several kinds come and go over TLS, and memory, heap and store are read all the while', {
  timeout: 240_000,
}, async (t) => {
  const report = await runSoak({ seconds: 10, warmUpSeconds: 3, everySeconds: 1, tell: (line) => t.diagnostic(line) })
  assert.ok(
    report.load.published > 50 && report.load.received > 50 && report.load.connects > 15,
    JSON.stringify(report.load),
  )
  for (const { name, values } of report.curves) {
    assert.equal(values.length, report.times.length)
    // A queue may be empty, and what is left of memory is a difference: V8 has taken more than it has touched.
    if (name !== 'queued messages' && name !== 'neither heap nor buffers')
      assert.ok(
        values.every((value) => value > 0),
        name,
      )
  }
  assert.doesNotMatch(report.errors, /"level":"error"/)
})
