import type { Machine } from './machine.ts'
import { type CaseResult, differences, type Row, rowsOf } from './results.ts'

export interface RunFacts {
  readonly machine: Machine
  readonly commit: string
  readonly repeats: number
  readonly measureMs: number
  readonly warmupMs: number
  readonly pinningNote: string | null
}

/** Share of its core above which the generator, not the broker, may be what limits the wall-clock figure. */
const generatorBound = 0.95
const brokerBound = 0.9
/** Above this share of others on the broker's core its caches are not its own, and figures are too low. */
export const disturbedShare = 0.1

export function renderCase(result: CaseResult): string {
  const rows = rowsOf(result)
  const latency = rows.some(({ p99 }) => p99 !== null)
  const unit = { traffic: 'delivered / CPU s', connects: 'connects / CPU s', idle: 'KiB / connection' }[result.kind]
  const header = ['broker', 'setting', unit, '±', 'per second', 'broker busy', 'in kernel', 'ours is']
  if (latency) header.push('p50 ms', 'p99 ms', 'p99.9 ms')
  const lines = rows.map((row) => cells(result.kind, row, latency))
  const notes = [...notesOf(result.kind, rows), ...differences(rows)]
  const table = [header, header.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`)
  return [`### ${result.name}: ${result.title}`, '', ...table, ...notes.flatMap((note) => ['', note])].join('\n')
}

function cells(kind: CaseResult['kind'], row: Row, latency: boolean): string[] {
  const figure = kind === 'idle' ? (row.figure / 1024).toFixed(1) : count(row.figure)
  const idle = kind === 'idle'
  const line = [
    `${row.broker} ${row.version}`,
    row.counts ? row.setting : `(${row.setting})`,
    Number.isNaN(row.figure) ? 'failed' : figure,
    percent(row.spread),
    idle ? '' : count(row.perWallSecond),
    idle ? '' : percent(row.brokerBusy),
    idle ? '' : percent(row.systemShare),
    row.ratio === null || Number.isNaN(row.ratio) ? '' : `${row.ratio.toFixed(2)}×`,
  ]
  if (latency) line.push(...[row.p50, row.p99, row.p999].map((value) => (value === null ? '' : value.toFixed(2))))
  return line
}

function notesOf(kind: CaseResult['kind'], rows: readonly Row[]): string[] {
  const notes: string[] = []
  const bound = rows.filter(({ loadBusy, brokerBusy }) => loadBusy > generatorBound && brokerBusy < brokerBound)
  if (kind !== 'idle' && bound.length > 0) {
    const names = [...new Set(bound.map(({ broker }) => broker))].join(', ')
    notes.push(`Generator-bound with ${names}: "per second" says what the generator can do; the CPU figure holds.`)
  }
  const disturbed = Math.max(...rows.map(({ othersShare }) => othersShare || 0))
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
export function renderSummary(results: readonly CaseResult[]): string {
  const peers = [...new Set(results.flatMap(({ series }) => series.map(({ broker }) => broker)))].filter(
    (broker) => broker !== 'Sealgate',
  )
  const header = ['case', 'Sealgate', ...peers.map((peer) => `to ${peer}`)]
  const lines = results.map((result) => {
    const rows = rowsOf(result)
    const ours = rows.find(({ broker }) => broker === 'Sealgate')
    const figure = ours === undefined || Number.isNaN(ours.figure) ? '' : cells(result.kind, ours, false)[2]!
    const ratios = peers.map((peer) => {
      const ratio = rows.find(({ broker, counts }) => broker === peer && counts)?.ratio ?? null
      return ratio === null || Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)}×`
    })
    return [result.name, figure, ...ratios]
  })
  return [header, header.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}

export function renderResults(facts: RunFacts, results: readonly CaseResult[]): string {
  const { machine } = facts
  const pinning = facts.pinningNote ?? 'broker on one core, load on another'
  const window = `${facts.repeats} interleaved rounds, ${facts.measureMs / 1000} s each after ${facts.warmupMs / 1000} s of warm-up`
  return `${[
    '# Bench results',
    '',
    'Written by `npm run bench`; see [README.md](README.md) for what is measured and how.',
    '',
    `- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}`,
    `- Node ${machine.node} (OpenSSL ${machine.openssl}), commit ${facts.commit}`,
    `- ${window}; ${pinning}`,
    '- Ten messages under way per publisher and 64 B unless the case says otherwise; loopback',
    '',
    'Main figure: messages delivered (or connects) per second of broker CPU, median of the rounds. A ratio is the median',
    "of the rounds' ratios, ours to the peer's better setting. For memory, less is better.",
    '',
    '## Summary',
    '',
    renderSummary(results),
    '',
    '## Cases',
    '',
    results.map(renderCase).join('\n\n'),
  ].join('\n')}\n`
}

function count(value: number): string {
  if (Number.isNaN(value)) return ''
  return value >= 10_000
    ? `${Math.round(value / 1000)}k`
    : value >= 1000
      ? `${(value / 1000).toFixed(2)}k`
      : value.toFixed(0)
}

function percent(share: number): string {
  return Number.isNaN(share) ? '' : `${Math.round(share * 100)} %`
}
