import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Driver } from './brokers/driver.ts'
import { cases } from './cases.ts'
import { measureOnce, type RunPlan } from './measurement.ts'
import { median } from './statistics.ts'
import type { StoreResult } from './store.ts'

export const durableCase = 'tcp-pairs-qos1-durable'

export interface DurableRound {
  /** Messages per second of CPU time, all threads counted; the store takes a thousand in one commit. */
  readonly store: number
  /** Five hundred, as they come end to end: half of what is under way gathers while the other half is written. */
  readonly storeOfHalf: number
  readonly endToEnd: number
}

/** The store alone and the broker around it in the same rounds, on the same core, so that what disturbs one disturbs both. */
export async function measureDurable(plan: RunPlan, driver: Driver, repeats: number): Promise<DurableRound[]> {
  const one = cases.find(({ name }) => name === durableCase)
  const [setting] = driver.settings
  if (one === undefined || setting === undefined) throw new Error(`there is no case ${durableCase}`)
  const rounds: DurableRound[] = []
  for (let round = 0; round < repeats; round++) {
    const { perCpuSecond } = await measureStoreApart(plan, 100)
    const half = await measureStoreApart(plan, 50)
    const { count, brokerCpuSeconds } = await measureOnce(plan, one, driver, setting)
    rounds.push({ store: perCpuSecond, storeOfHalf: half.perCpuSecond, endToEnd: count / brokerCpuSeconds })
    console.error(`${round + 1}/${repeats} ${describeRound(rounds[round] as DurableRound)}`)
  }
  return rounds
}

export function renderDurable(rounds: readonly DurableRound[]): string {
  const of = (figure: (round: DurableRound) => number): number => median(rounds.map(figure))
  const { toStore } = durableFigures(rounds)
  return [
    '| durable QoS 1, per CPU second | messages |',
    '| --- | --- |',
    `| store alone, 1,000 per commit | ${Math.round(of(({ store }) => store))} |`,
    `| store alone, 500 per commit | ${Math.round(of(({ storeOfHalf }) => storeOfHalf))} |`,
    `| end to end (${durableCase}) | ${Math.round(of(({ endToEnd }) => endToEnd))} |`,
    `| end to end to store, median of ${rounds.length} rounds | ${toStore.toFixed(2)} |`,
    `| the same to 500 per commit | ${of((round) => round.endToEnd / round.storeOfHalf).toFixed(2)} |`,
  ].join('\n')
}

export function durableFigures(rounds: readonly DurableRound[]): { readonly toStore: number } {
  return { toStore: median(rounds.map((round) => round.endToEnd / round.store)) }
}

function describeRound({ store, storeOfHalf, endToEnd }: DurableRound): string {
  return `store ${Math.round(store)} and ${Math.round(storeOfHalf)} per CPU second, end to end ${Math.round(endToEnd)}: ${(endToEnd / store).toFixed(2)}`
}

/** What `bin/sealgate.js` starts the broker with. */
const settings = ['--max-semi-space-size=4', '--v8-pool-size=1']

/** In a process of its own, set up as the broker's is: its CPU time is the store's. */
async function measureStoreApart({ pinning, warmupMs, measureMs }: RunPlan, senders: number): Promise<StoreResult> {
  const job = { fanOut: 1, senders, window: 10, bodyBytes: 128, warmupMs, measureMs }
  const script = join(import.meta.dirname, 'store.ts')
  const [program, ...args] = [...pinning.broker, process.execPath, ...settings, script, '--job', JSON.stringify(job)]
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await text(child.stdout)) as StoreResult
}
