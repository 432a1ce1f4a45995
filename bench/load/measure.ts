import { setTimeout as sleep } from 'node:timers/promises'
import type { TrafficJob } from './job.ts'
import { type CpuReading, readCoreBusySeconds, readCpu } from './process-cpu.ts'

/** From an idle connection to the pace of the whole: round trips of a few milliseconds. */
const strideMs = 250

interface Snapshot {
  readonly count: number
  readonly micros: number
  readonly broker: CpuReading
  readonly coreBusySeconds: number | null
  readonly loadMicros: number
}

export interface Measured {
  readonly count: number
  readonly seconds: number
  readonly brokerCpuSeconds: number
  readonly brokerSystemShare: number
  readonly loadCpuSeconds: number
  readonly othersShare: number | null
  readonly fromMicros: number
  readonly toMicros: number
}

export type MeasuredJob = Pick<TrafficJob, 'brokerPid' | 'brokerCore' | 'warmupMs' | 'measureMs'>

/** Lets the load get into its stride, then measures for `measureMs`; counter and CPU time are read at the same instants. */
export async function measure(
  job: MeasuredJob,
  count: () => number,
  onStart: () => void = () => {},
): Promise<Measured> {
  await sleep(strideMs)
  onStart()
  const from = snapshot(job, count())
  await sleep(job.measureMs)
  const to = snapshot(job, count())
  const seconds = (to.micros - from.micros) / 1e6
  const brokerCpuSeconds = to.broker.seconds - from.broker.seconds
  const ticks = to.broker.totalTicks - from.broker.totalTicks
  return {
    count: to.count - from.count,
    seconds,
    brokerCpuSeconds,
    brokerSystemShare: ticks === 0 ? 0 : (to.broker.systemTicks - from.broker.systemTicks) / ticks,
    loadCpuSeconds: (to.loadMicros - from.loadMicros) / 1e6,
    othersShare: othersShare(from, to, brokerCpuSeconds / seconds),
    fromMicros: from.micros,
    toMicros: to.micros,
  }
}

/** Warm is a broker that has worked for that long: on a busy machine waiting alone would measure its compiler. */
export async function warmUp({ brokerPid, warmupMs }: MeasuredJob): Promise<void> {
  const enough = readCpu(brokerPid).seconds + (0.8 * warmupMs) / 1000
  await sleep(warmupMs)
  const deadline = performance.now() + 4 * warmupMs
  while (readCpu(brokerPid).seconds < enough && performance.now() < deadline) await sleep(50)
}

function othersShare(from: Snapshot, to: Snapshot, brokerShare: number): number | null {
  if (from.coreBusySeconds === null || to.coreBusySeconds === null) return null
  const busy = ((to.coreBusySeconds - from.coreBusySeconds) * 1e6) / (to.micros - from.micros)
  return Math.max(0, busy - brokerShare)
}

function snapshot({ brokerPid, brokerCore }: MeasuredJob, count: number): Snapshot {
  const own = process.cpuUsage()
  const micros = Number(process.hrtime.bigint() / 1000n)
  const coreBusySeconds = brokerCore === null ? null : readCoreBusySeconds(brokerCore)
  return { count, micros, broker: readCpu(brokerPid), coreBusySeconds, loadMicros: own.user + own.system }
}
