import { setTimeout as sleep } from 'node:timers/promises'
import { type CpuReading, readCpu } from './process-cpu.ts'

interface Snapshot {
  readonly count: number
  readonly micros: number
  readonly broker: CpuReading
  readonly loadMicros: number
}

export interface Measured {
  readonly count: number
  readonly seconds: number
  readonly brokerCpuSeconds: number
  readonly brokerSystemShare: number
  readonly loadCpuSeconds: number
  readonly fromMicros: number
  readonly toMicros: number
}

/** Lets the load run for `warmupMs`, then measures for `measureMs`; counter and CPU time are read at the same instants. */
export async function measure(
  brokerPid: number,
  warmupMs: number,
  measureMs: number,
  count: () => number,
  onStart: () => void = () => {},
): Promise<Measured> {
  await sleep(warmupMs)
  onStart()
  const from = snapshot(brokerPid, count())
  await sleep(measureMs)
  const to = snapshot(brokerPid, count())
  const ticks = to.broker.totalTicks - from.broker.totalTicks
  return {
    count: to.count - from.count,
    seconds: (to.micros - from.micros) / 1e6,
    brokerCpuSeconds: to.broker.seconds - from.broker.seconds,
    brokerSystemShare: ticks === 0 ? 0 : (to.broker.systemTicks - from.broker.systemTicks) / ticks,
    loadCpuSeconds: (to.loadMicros - from.loadMicros) / 1e6,
    fromMicros: from.micros,
    toMicros: to.micros,
  }
}

function snapshot(pid: number, count: number): Snapshot {
  const own = process.cpuUsage()
  const micros = Number(process.hrtime.bigint() / 1000n)
  return { count, micros, broker: readCpu(pid), loadMicros: own.user + own.system }
}
