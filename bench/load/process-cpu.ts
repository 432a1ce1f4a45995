import { readdirSync, readFileSync } from 'node:fs'

export interface CpuReading {
  /** CPU time of all threads since the process began. */
  readonly seconds: number
  readonly systemTicks: number
  readonly totalTicks: number
}

/**
 * CPU time of a process from the scheduler's accounting: nanoseconds of every thread where the kernel has schedstat,
 * else utime + stime in ticks of 10 ms. The shares of user and system time are known in ticks only.
 */
export function readCpu(pid: number): CpuReading {
  const { user, system } = ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const ticks = { systemTicks: system, totalTicks: user + system }
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    }
    if (nanoseconds > 0) return { seconds: nanoseconds / 1e9, ...ticks }
  } catch {
    // No schedstat in this kernel, or a thread ended between the two reads.
  }
  return { seconds: (user + system) / 100, ...ticks }
}

/** Fields 14 and 15 of /proc/PID/stat; the name in field 2 may hold blanks and brackets. */
function ticksOf(stat: string): { user: number; system: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]), system: Number(fields[12]) }
}

/** Seconds that a core was not idle since the machine started; 0 where that is not known. */
export function readCoreBusySeconds(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1]
  if (line === undefined) return 0
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number)
  return (user + nice + system + irq + softirq + steal) / 100
}

export function readResidentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kilobytes === undefined) throw new Error(`no resident size for process ${pid}`)
  return Number(kilobytes) * 1024
}
