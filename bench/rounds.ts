import type { Driver, Setting } from './brokers/driver.ts'
import type { Case } from './cases.ts'
import type { LoadResult } from './load/job.ts'
import { quietMachine } from './machine.ts'
import { measureOnce, type RunPlan, Stage } from './measurement.ts'
import { disturbedShare } from './report.ts'
import { type CaseResult, figureOf, ourselvesWithout, type Series } from './results.ts'

/** A broker with a setting. */
export interface Contender {
  readonly driver: Driver
  readonly setting: Setting
  readonly version: string
}

/** One of those that a case is measured with. */
interface Entry {
  readonly contender: Contender
  /** The case, or what it is without what it is about. */
  readonly one: Case
  readonly series: Series
}

const mostIdleRounds = 3

/** The brokers of a case that are running. */
class Stages extends Map<Entry, Stage> {
  /** Windows that may be measured again: on a machine that is always busy a run is to end as well. */
  repetitions: number

  constructor(repetitions: number) {
    super()
    this.repetitions = repetitions
  }
}

/** A setting of a peer that gave less than this share of its better one in the first round is not measured again. */
const stillOpen = 0.85

/**
 * All brokers of the case are started and warmed up, and then measured in turns, window by window: the machine's pace drifts
 * within seconds, and what is compared is to be close together.
 */
export async function runCase(
  one: Case,
  contenders: readonly Contender[],
  plan: RunPlan,
  repeats: number,
): Promise<CaseResult> {
  const entries = entriesOf(one, contenders, plan)
  const stages = new Stages(2 * repeats)
  // Each takes a minute and more, and memory hardly differs from one start to the next.
  const rounds = one.job.kind === 'idle' ? Math.min(repeats, mostIdleRounds) : repeats
  let running = entries
  try {
    for (let round = 0; round < rounds; round++) {
      // Each round begins with another broker, so that no place in the order is anybody's.
      const order = [...running.slice(round % running.length), ...running.slice(0, round % running.length)]
      if (!isApart(one, plan)) for (const entry of order) await attempt(entry, () => stageOf(stages, plan, entry))
      for (const entry of order) {
        await attempt(entry, async () => {
          const result = await windowOf(stages, plan, entry)
          entry.series.results.push(result)
          console.error(`${labelOf(entry)} ${round + 1}/${rounds}: ${describe(one, result)}`)
        })
      }
      if (round === 0) {
        const out = losers(one, entries)
        running = entries.filter((entry) => !out.has(entry))
        for (const entry of out) await closeStage(stages, entry)
      }
    }
  } finally {
    for (const entry of entries) await closeStage(stages, entry)
  }
  const isScheduled = one.job.kind === 'traffic' && one.job.messagesPerSecond !== null
  const facts = { name: one.name, title: one.title, kind: one.job.kind, isScheduled }
  return { ...facts, rounds, series: entries.map(({ series }) => series) }

  async function attempt(entry: Entry, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      entry.series.failures.push((error as Error).message)
      console.error(`${labelOf(entry)}: failed: ${(error as Error).message}`)
      await closeStage(stages, entry)
    }
  }
}

function entriesOf(one: Case, contenders: readonly Contender[], { profileFolder }: RunPlan): Entry[] {
  const entries = contenders
    .filter((contender) => takesPart(one, contender))
    .map((contender): Entry => ({ contender, one, series: emptySeries(contender) }))
  const ours = contenders.find(({ driver }) => driver.name === 'Sealgate')
  const isAgainst = contenders.some(({ driver }) => driver.name.startsWith('Sealgate at'))
  // A profile is of one broker: the one with what the case is about.
  if (one.without === undefined || ours === undefined || isAgainst || profileFolder !== null) return entries
  const series = { ...emptySeries(ours), broker: ourselvesWithout }
  return [...entries, { contender: ours, one: { ...one, ...one.without }, series }]
}

function takesPart(one: Case, { driver, setting }: Contender): boolean {
  // The delay of small segments matters to traffic only.
  if (one.job.kind !== 'traffic' && !setting.noDelay) return false
  return driver.name.startsWith('Sealgate') || one.peers.some((peer) => peer === driver.name)
}

function emptySeries({ driver, setting, version }: Contender): Series {
  return { broker: driver.name, version, setting: setting.label, results: [], failures: [] }
}

/** Memory is measured from the start of a broker, and a profile is written at its end. */
function isApart(one: Case, { profileFolder }: RunPlan): boolean {
  return one.job.kind === 'idle' || profileFolder !== null
}

async function stageOf(stages: Stages, plan: RunPlan, entry: Entry): Promise<Stage> {
  const { one, contender } = entry
  const stage = stages.get(entry) ?? (await Stage.open(plan, one, contender.driver, contender.setting))
  stages.set(entry, stage)
  return stage
}

async function closeStage(stages: Stages, entry: Entry): Promise<void> {
  await stages.get(entry)?.close()
  stages.delete(entry)
}

/** A window that others disturbed is repeated while there are repetitions left; the least disturbed one stands. */
async function windowOf(stages: Stages, plan: RunPlan, entry: Entry): Promise<LoadResult> {
  const { one, contender } = entry
  if (isApart(one, plan)) return await measureOnce(plan, one, contender.driver, contender.setting)
  const results: LoadResult[] = []
  for (;;) {
    const result = await (await stageOf(stages, plan, entry)).measure()
    results.push(result)
    if ((result.othersShare ?? 0) <= disturbedShare || results.length === 3 || stages.repetitions === 0) break
    stages.repetitions--
    await quietMachine(5_000)
  }
  const best = results.toSorted((a, b) => (a.othersShare ?? 0) - (b.othersShare ?? 0))[0]!
  if (best.count === 0 || best.brokerCpuSeconds === 0) throw new Error('the broker was not let run by others')
  return best
}

/** Of a broker with several settings those that are clearly not its better one. */
function losers(one: Case, entries: readonly Entry[]): Set<Entry> {
  const figure = ({ series }: Entry): number => {
    const [result] = series.results
    return result === undefined ? 0 : figureOf(one.job.kind, result)
  }
  return new Set(
    entries.filter((entry) => {
      const same = entries.filter(({ series }) => series.broker === entry.series.broker)
      return same.length > 1 && figure(entry) < stillOpen * Math.max(...same.map(figure))
    }),
  )
}

function labelOf({ one, series }: Entry): string {
  return `${one.name} ${series.broker} (${series.setting})`
}

function describe(one: Case, result: LoadResult): string {
  const figure = figureOf(one.job.kind, result)
  if (one.job.kind === 'idle') return `${(figure / 1024).toFixed(1)} KiB per connection`
  const share = (seconds: number) => `${Math.round((100 * seconds) / result.seconds)} %`
  const busy =
    `broker ${share(result.brokerCpuSeconds)}, load ${share(result.loadCpuSeconds)}, ` +
    `others ${Math.round(100 * (result.othersShare ?? 0))} %`
  const { latencyMs } = result
  const delays = latencyMs === null ? '' : `, p50 ${latencyMs.p50.toFixed(2)} ms, p99 ${latencyMs.p99.toFixed(2)} ms`
  return `${Math.round(figure)} per CPU second, ${Math.round(result.count / result.seconds)} per second; ${busy}${delays}`
}
