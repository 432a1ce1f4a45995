import type { Facts, Kept, KeptCase } from './kept.ts'
import { type CaseTable, differences, type Row } from './results.ts'
import { judge, renderVerdicts } from './targets.ts'

/** Share of its core above which the generator, not the broker, may be what limits the wall-clock figure. */
const generatorBound = 0.95
const brokerBound = 0.9
/** Above this share of others on the broker's core its caches are not its own, and figures are too low. */
export const disturbedShare = 0.1

export function renderCase({ name, title, kind, isScheduled, rows }: CaseTable): string {
  const latency = rows.some(({ p99 }) => p99 !== null)
  const unit = { traffic: 'delivered / CPU s', connects: 'connects / CPU s', idle: 'KiB / connection' }[kind]
  const header = ['broker', 'setting', unit, '±', 'per second', 'broker busy', 'in kernel', 'ours is']
  if (latency) header.push('p50 ms', 'p99 ms', 'p99.9 ms')
  const lines = rows.map((row) => cells(kind, row, latency))
  const notes = [...notesOf(kind === 'idle' || isScheduled, rows), ...differences(rows)]
  return [`### ${name}: ${title}`, '', ...table(header, lines), ...notes.flatMap((note) => ['', note])].join('\n')
}

function cells(kind: CaseTable['kind'], row: Row, latency: boolean): string[] {
  const idle = kind === 'idle'
  const line = [
    `${row.broker} ${row.version}`,
    row.counts ? row.setting : `(${row.setting})`,
    row.figure === null ? 'failed' : figure(kind, row.figure),
    percent(row.spread),
    idle ? '' : count(row.perWallSecond),
    idle ? '' : percent(row.brokerBusy),
    idle ? '' : percent(row.systemShare),
    times(row.ratio),
  ]
  if (latency) line.push(...[row.p50, row.p99, row.p999].map((value) => (value === null ? '' : value.toFixed(2))))
  return line
}

function notesOf(isPaceGiven: boolean, rows: readonly Row[]): string[] {
  const notes: string[] = []
  const bound = rows.filter(
    ({ loadBusy, brokerBusy }) => (loadBusy ?? 0) > generatorBound && (brokerBusy ?? 1) < brokerBound,
  )
  if (!isPaceGiven && bound.length > 0) {
    const names = [...new Set(bound.map(({ broker }) => broker))].join(', ')
    notes.push(`Generator-bound with ${names}: "per second" says what the generator can do; the CPU figure holds.`)
  }
  const disturbed = Math.max(...rows.map(({ othersShare }) => othersShare ?? 0))
  if (disturbed > disturbedShare) {
    notes.push(
      `Disturbed: other processes took up to ${percent(disturbed)} of the broker's core (median of the rounds).`,
    )
  }
  for (const row of rows) {
    for (const failure of new Set(row.failures)) notes.push(`${row.broker} (${row.setting}) failed: ${failure}`)
  }
  return notes
}

/** One line per case: our figure and the ratio to the better setting of each peer. */
export function renderSummary(cases: readonly CaseTable[]): string {
  const brokers = new Set(cases.flatMap(({ rows }) => rows.map(({ broker }) => broker)))
  const others = [...brokers].filter((broker) => broker !== 'Sealgate')
  const lines = cases.map(({ name, kind, rows }) => {
    const ours = rows.find(({ broker }) => broker === 'Sealgate')?.figure ?? null
    const ratios = others.map((other) =>
      times(rows.find(({ broker, counts }) => broker === other && counts)?.ratio ?? null),
    )
    return [name, ours === null ? '' : figure(kind, ours), ...ratios]
  })
  return table(['case', 'Sealgate', ...others.map((other) => `to ${other}`)], lines).join('\n')
}

/** RESULTS.md. */
export function renderResults(kept: Kept): string {
  const cases = Object.values(kept.cases)
  const reports = Object.values(kept.reports)
  const machines = [...new Set([...cases, ...reports].map(({ facts }) => facts.machine))]
  // What was measured elsewhere says so.
  const where = ({ machine }: Facts) => (machines.length > 1 ? `; machine ${machines.indexOf(machine) + 1}` : '')
  const when = (facts: Facts) => `Commit ${facts.commit}, ${facts.date}${where(facts)}.`
  const ofCase = (one: KeptCase) => `${renderCase(one)}\n\n${one.rounds} rounds. ${when(one.facts)}`
  return `${[
    '# Bench results',
    '',
    'Written by `npm run bench -- … --write` from results.jsonl; see [README.md](README.md) for what is measured and how. A run',
    'replaces what it measured: each case names its commit and time (UTC).',
    '',
    ...machines.map((machine, i) => `- ${machines.length > 1 ? `Machine ${i + 1}` : 'Machine'}: ${machine}`),
    '- Ten messages under way per publisher and 64 B unless the case says otherwise; loopback',
    '',
    'Main figure: messages delivered (or connects) per second of broker CPU, median of the rounds. A ratio is the median',
    "of the rounds' ratios, ours to the peer's better setting. For memory, less is better.",
    '',
    '## Targets',
    '',
    renderVerdicts(judge(kept)),
    '',
    '## Summary',
    '',
    renderSummary(cases),
    '',
    '## Cases',
    '',
    cases.map(ofCase).join('\n\n'),
    '',
    '## Other measurements',
    '',
    reports.map(({ title, text, facts }) => `### ${title}\n\n${text}\n\n${when(facts)}`).join('\n\n'),
  ].join('\n')}\n`
}

function table(header: readonly string[], lines: readonly (readonly string[])[]): string[] {
  return [header, header.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`)
}

function figure(kind: CaseTable['kind'], value: number): string {
  return kind === 'idle' ? (value / 1024).toFixed(1) : count(value)
}

function count(value: number | null): string {
  if (value === null) return ''
  return value >= 10_000
    ? `${Math.round(value / 1000)}k`
    : value >= 1000
      ? `${(value / 1000).toFixed(2)}k`
      : value.toFixed(0)
}

function percent(share: number | null): string {
  return share === null ? '' : `${Math.round(share * 100)} %`
}

function times(ratio: number | null): string {
  return ratio === null ? '' : `${ratio.toFixed(2)}×`
}
