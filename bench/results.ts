import type { LoadResult } from './load/job.ts'
import { median, medianRatio, spread } from './statistics.ts'

/** All rounds of one broker with one setting in one case. */
export interface Series {
  readonly broker: string
  readonly version: string
  readonly setting: string
  readonly results: LoadResult[]
  readonly failures: string[]
}

interface CaseFacts {
  readonly name: string
  readonly title: string
  readonly kind: 'traffic' | 'connects' | 'idle'
  readonly rounds: number
  /** Sent on schedule: what a broker could do is not seen, and the generator looks at the clock all the time. */
  readonly isScheduled: boolean
}

export interface CaseResult extends CaseFacts {
  readonly series: readonly Series[]
}

/** A case as it is printed and kept. */
export interface CaseTable extends CaseFacts {
  readonly rows: readonly Row[]
}

/** Name of the series of our own broker without what a case is about. */
export const ourselvesWithout = 'Sealgate without it'

/** The main figure: more is better, except for memory. */
export function figureOf(kind: CaseFacts['kind'], result: LoadResult): number {
  return kind === 'idle' ? (result.bytesPerConnection ?? Number.NaN) : result.count / result.brokerCpuSeconds
}

export interface Row {
  readonly broker: string
  readonly version: string
  readonly setting: string
  /** null here and below: it gave no figure. */
  readonly figure: number | null
  readonly spread: number | null
  readonly perWallSecond: number | null
  readonly brokerBusy: number | null
  readonly systemShare: number | null
  readonly loadBusy: number | null
  readonly othersShare: number | null
  /** Ours to this one in the same rounds; for memory too, where less is better. null for ourselves. */
  readonly ratio: number | null
  /** Whether this is the setting of its broker that counts. */
  readonly counts: boolean
  readonly p50: number | null
  readonly p99: number | null
  readonly p999: number | null
  readonly cipher: string | null
  readonly failures: readonly string[]
}

export function tableOf({ series, ...facts }: CaseResult): CaseTable {
  const figures = (one: Series) => one.results.map((result) => figureOf(facts.kind, result))
  const ours = series.find(({ broker }) => broker === 'Sealgate')
  const rows = series.map((one): Row => {
    const of = (pick: (result: LoadResult) => number) => known(median(one.results.map(pick)))
    const latency = (pick: 'p50' | 'p99' | 'p999') => of(({ latencyMs }) => latencyMs?.[pick] ?? Number.NaN)
    const same = series.filter(({ broker, results }) => broker === one.broker && results.length > 0)
    const sign = facts.kind === 'idle' ? -1 : 1
    const best = same.toSorted((a, b) => sign * (median(figures(b)) - median(figures(a))))[0]
    return {
      broker: one.broker,
      version: one.version,
      setting: one.setting,
      figure: known(median(figures(one))),
      spread: known(spread(figures(one))),
      perWallSecond: of(({ count, seconds }) => count / seconds),
      brokerBusy: of(({ brokerCpuSeconds, seconds }) => brokerCpuSeconds / seconds),
      systemShare: of(({ brokerSystemShare }) => brokerSystemShare),
      loadBusy: of(({ loadCpuSeconds, seconds }) => loadCpuSeconds / seconds),
      othersShare: of(({ othersShare }) => othersShare ?? 0),
      ratio: ours === undefined || ours === one ? null : known(medianRatio(figures(ours), figures(one))),
      counts: one === best,
      p50: latency('p50'),
      p99: latency('p99'),
      p999: latency('p999'),
      cipher: one.results[0]?.cipher ?? null,
      failures: one.failures,
    }
  })
  return { ...facts, rows }
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

/** Settings that should be equal and are not: the figures must not be compared then. */
export function differences(rows: readonly Row[]): string[] {
  const ciphers = new Set(rows.flatMap(({ cipher }) => (cipher === null ? [] : [cipher])))
  return ciphers.size > 1 ? [`cipher suites differ: ${[...ciphers].join(', ')}`] : []
}

/** Cases in which ours is worse than the other commit by more than the floor allows, or gave no figure; one line each. */
export function regressions(results: readonly CaseResult[], floor: number): string[] {
  return results.flatMap((result) =>
    tableOf(result)
      .rows.filter(({ broker }) => broker !== 'Sealgate')
      .flatMap(({ broker, ratio }) => {
        // Of memory less is better.
        const gain = ratio === null ? Number.NaN : result.kind === 'idle' ? 1 / ratio : ratio
        if (gain >= floor) return []
        return [`${result.name}: ${gain.toFixed(2)} of ${broker}, the floor is ${floor}`]
      }),
  )
}
