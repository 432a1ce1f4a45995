import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from '../../bench/cases.ts'
import { commands } from '../../bench/commands.ts'
import { durableFigures } from '../../bench/durable.ts'
import { type Facts, type Kept, type KeptCase, type KeptReport, parseKept } from '../../bench/kept.ts'
import { matchFigures } from '../../bench/match-cost.ts'
import { renderResults } from '../../bench/report.ts'
import { ourselvesWithout, type Row } from '../../bench/results.ts'
import { stormFigures } from '../../bench/storm.ts'
import { judge, renderVerdicts, type Target, targets } from '../../bench/targets.ts'

const facts: Facts = { commit: 'abc1234', date: '2026-01-02 03:04', machine: 'M' }

function row(broker: string, fields: Partial<Row> = {}): Row {
  const counted = { figure: 1, spread: 0, perWallSecond: 1, brokerBusy: 1, systemShare: 0, loadBusy: 0, othersShare: 0 }
  const delays = { p50: null, p99: null, p999: null }
  return {
    ...{ broker, version: '1', setting: 'default', ...counted, ratio: null, counts: true, ...delays },
    ...{ cipher: null, failures: [], ...fields },
  }
}

function keptCase(name: string, ...rows: Row[]): KeptCase {
  return { name, title: name, kind: 'traffic', rounds: 3, isScheduled: false, facts, rows }
}

function keptReport(name: string, figures: Record<string, number>): KeptReport {
  return { name, title: name, text: `text of ${name}`, figures, facts }
}

const nothing: Kept = { cases: {}, reports: {} }
const only = (from: string, to: string): Target => {
  const found = targets.filter((target) => target.from === from && target.to === to)
  assert.equal(found.length, 1, `${from} to ${to}`)
  return found[0]!
}
const verdictOf = (kept: Kept, from: string, to: string) => judge(kept, [only(from, to)])[0]!.is

test('a figure below what is asked shows as missed, one that reaches it as reached, none as not measured', () => {
  const withRatio = (ratio: number | null): Kept => {
    const name = 'tcp-pairs-qos0'
    return { cases: { [name]: keptCase(name, row('Sealgate'), row('mosquitto', { ratio })) }, reports: {} }
  }
  assert.equal(verdictOf(withRatio(5), 'tcp-pairs-qos0', 'mosquitto'), 'reached')
  assert.equal(verdictOf(withRatio(4.99), 'tcp-pairs-qos0', 'mosquitto'), 'missed')
  assert.equal(verdictOf(withRatio(null), 'tcp-pairs-qos0', 'mosquitto'), 'not measured')
  assert.equal(verdictOf(withRatio(5), 'tcp-pairs-qos0', 'aedes'), 'not measured')
  assert.equal(verdictOf(nothing, 'tcp-pairs-qos0', 'mosquitto'), 'not measured')
})

test("the peer's setting that does not count is not what is compared with", () => {
  const name = 'tcp-pairs-qos0'
  const rows = [row('mosquitto', { ratio: 9, counts: false }), row('mosquitto', { ratio: 4 })]
  assert.equal(verdictOf({ cases: { [name]: keptCase(name, ...rows) }, reports: {} }, name, 'mosquitto'), 'missed')
})

test('what may at most be so much is missed above it, and what is to be below is missed at it', () => {
  const storm = (p99ToAllowed: number): Kept => ({
    ...nothing,
    reports: { storm: keptReport('storm', { allInSeconds: 25, p99ToAllowed }) },
  })
  assert.equal(verdictOf(storm(1), 'storm', '3 × idle or 20 ms'), 'reached')
  assert.equal(verdictOf(storm(1.01), 'storm', '3 × idle or 20 ms'), 'missed')
  const match = (newMicros: number): Kept => ({
    ...nothing,
    reports: { 'match-cost': keptReport('match-cost', { knownToNone: 1, newMicros }) },
  })
  assert.equal(verdictOf(match(19.9), 'match-cost', ''), 'reached')
  assert.equal(verdictOf(match(20), 'match-cost', ''), 'missed')
})

test('p99 at saturation is compared with that of each peer', () => {
  const name = 'tls-pairs-qos1'
  const rows = [row('Sealgate', { p99: 7 }), row('mosquitto', { p99: 6, ratio: 9 }), row('aedes', { p99: 40 })]
  const kept: Kept = { cases: { [name]: keptCase(name, ...rows) }, reports: {} }
  const p99 = judge(kept).filter(({ target }) => target.what.includes('p99 at saturation') && target.from === name)
  assert.deepEqual(
    p99.map(({ target, is }) => [target.to, is]),
    [
      ['mosquitto', 'missed'],
      ['aedes', 'reached'],
      ['FlashMQ', 'not measured'],
    ],
  )
})

test('memory is asked for by itself, beside the peers and beside the bare server', () => {
  const name = 'mtls-idle'
  const idle = (kibibytes: number) => ({ figure: kibibytes * 1_024 })
  const rows = [
    row('Sealgate', idle(45)),
    row('mosquitto', { ...idle(15), ratio: 3 }),
    row('bare Node server', { ...idle(36), ratio: 1.25 }),
  ]
  const kept: Kept = { cases: { [name]: { ...keptCase(name, ...rows), kind: 'idle' } }, reports: {} }
  assert.equal(verdictOf(kept, name, ''), 'reached')
  assert.equal(verdictOf(kept, name, 'mosquitto'), 'missed')
  assert.equal(verdictOf(kept, name, 'bare Node server'), 'missed')
})

test('a figure that is missed by less than two digits show is printed with more of them', () => {
  const name = 'tcp-pairs-qos0'
  const rows = [row('Sealgate'), row('mosquitto', { ratio: 4.9996 })]
  const kept: Kept = { cases: { [name]: keptCase(name, ...rows) }, reports: {} }
  const text = renderVerdicts(judge(kept, [only(name, 'mosquitto')]))
  assert.match(text, /^0 reached, 1 missed, 0 not measured\.$/m)
  assert.match(text, /\| ≥ 5× \| 4\.9996× \| \*\*missed\*\* \| tcp-pairs-qos0 \|/)
})

test('every target names a case that is measured with that broker, or a command that gives that figure', () => {
  const pulse = { beats: 1, p99: 1, longest: 1, longestGap: 1 }
  const storm = { allInMs: 1, attemptsFailed: 0, alone: pulse, during: pulse, brokerMsPerDevice: 1, witnessesEnded: 0 }
  const reports: Record<string, KeptReport> = {
    store: keptReport('store', durableFigures([{ store: 1, storeOfHalf: 1, endToEnd: 1 }])),
    'match-cost': keptReport('match-cost', matchFigures([{ filters: 0, known: 1, new: 1 }])),
    storm: keptReport('storm', stormFigures([storm])),
    'registry-scale': keptReport('registry-scale', { connectsToSmall: 1 }),
  }
  const kept: Kept = {
    cases: Object.fromEntries(
      cases.map(({ name, peers, without }) => {
        const others = [...peers, ...(without === undefined ? [] : [ourselvesWithout])]
        const rows = [row('Sealgate', { p99: 1 }), ...others.map((broker) => row(broker, { ratio: 1, p99: 2 }))]
        return [name, keptCase(name, ...rows)]
      }),
    ),
    reports,
  }
  for (const name of Object.keys(reports)) assert.ok(commands.some((command) => command.name === name))
  assert.deepEqual(
    judge(kept).filter(({ is }) => is === 'not measured'),
    [],
  )
})

test('results begin with the targets and say of each case when it was measured', () => {
  const name = 'tcp-pairs-qos0'
  const elsewhere = { ...facts, commit: 'def5678', machine: 'N' }
  const kept: Kept = {
    cases: {
      [name]: keptCase(name, row('Sealgate'), row('mosquitto', { ratio: 5.5 })),
      'tls-pairs-qos0': { ...keptCase('tls-pairs-qos0', row('Sealgate')), facts: elsewhere },
    },
    reports: { storm: keptReport('storm', { allInSeconds: 31, p99ToAllowed: 0.5 }) },
  }
  const text = renderResults(kept)
  assert.ok(text.indexOf('## Targets') < text.indexOf('## Summary'))
  assert.match(text, /\| storm of 10,000: all in \| {2}\| ≤ 30 s \| 31\.00 s \| \*\*missed\*\* \| storm \|/)
  assert.match(text, /3 rounds\. Commit abc1234, 2026-01-02 03:04; machine 1\./)
  assert.match(text, /3 rounds\. Commit def5678, 2026-01-02 03:04; machine 2\./)
  assert.match(text, /text of storm/)
  assert.match(renderResults(parseKept('')), /0 reached, 0 missed, \d+ not measured\./)
})
