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
  /** Messages per second of CPU time, all threads counted. */
  readonly store: number
  readonly endToEnd: number
}

/** The store alone and the broker around it in the same rounds, on the same core, so that what disturbs one disturbs both. */
export async function measureDurable(plan: RunPlan, driver: Driver, repeats: number): Promise<DurableRound[]> {
  const one = cases.find(({ name }) => name === durableCase)
  const [setting] = driver.settings
  if (one === undefined || setting === undefined) throw new Error(`there is no case ${durableCase}`)
  const rounds: DurableRound[] = []
  for (let round = 0; round < repeats; round++) {
    const { perCpuSecond } = await measureStoreApart(plan)
    const { count, brokerCpuSeconds } = await measureOnce(plan, one, driver, setting)
    rounds.push({ store: perCpuSecond, endToEnd: count / brokerCpuSeconds })
    console.error(`${round + 1}/${repeats} ${describeRound(rounds[round] as DurableRound)}`)
  }
  return rounds
}

export function renderDurable(rounds: readonly DurableRound[]): string {
  const store = median(rounds.map((round) => round.store))
  const endToEnd = median(rounds.map((round) => round.endToEnd))
  const { toStore } = durableFigures(rounds)
  return [
    '| durable QoS 1, per CPU second | messages |',
    '| --- | --- |',
    `| store alone: body and reference, one queue each | ${Math.round(store)} |`,
    `| end to end (${durableCase}) | ${Math.round(endToEnd)} |`,
    `| end to end to store, median of ${rounds.length} rounds | ${toStore.toFixed(2)} |`,
  ].join('\n')
}

export function durableFigures(rounds: readonly DurableRound[]): { readonly toStore: number } {
  return { toStore: median(rounds.map((round) => round.endToEnd / round.store)) }
}

function describeRound({ store, endToEnd }: DurableRound): string {
  return `store ${Math.round(store)} per CPU second, end to end ${Math.round(endToEnd)}: ${(endToEnd / store).toFixed(2)}`
}

/** In a process of its own: its CPU time is the store's. */
async function measureStoreApart({ pinning, warmupMs, measureMs }: RunPlan): Promise<StoreResult> {
  const job = { fanOut: 1, senders: 100, window: 10, bodyBytes: 128, warmupMs, measureMs }
  const script = join(import.meta.dirname, 'store.ts')
  const [program, ...args] = [...pinning.broker, process.execPath, script, '--job', JSON.stringify(job)]
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await text(child.stdout)) as StoreResult
}
