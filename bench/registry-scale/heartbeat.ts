/**
 * Loaded into the measured process (`--import`): how long its event loop was kept from everything else. A beat is due each
 * millisecond; the processor time that this thread spent between two of them is what one turn took, whatever else the
 * machine does meanwhile. Wall-clock gaps stand beside it.
 */
export interface Beats {
  /** Milliseconds of processor time of this thread between two beats, the longest. */
  readonly longestCpuMs: number
  readonly longestWallMs: number
  /** Beats that came after more than 20 ms of processor time. */
  readonly over20: number
}

interface WithThreadCpu {
  threadCpuUsage(): { readonly user: number; readonly system: number }
}

function cpuMs(): number {
  const { user, system } = (process as unknown as WithThreadCpu).threadCpuUsage()
  return (user + system) / 1_000
}

let longestCpuMs = 0
let longestWallMs = 0
let over20 = 0
let lastCpu = cpuMs()
let lastWall = performance.now()

setInterval(() => {
  const cpu = cpuMs()
  const wall = performance.now()
  longestCpuMs = Math.max(longestCpuMs, cpu - lastCpu)
  longestWallMs = Math.max(longestWallMs, wall - lastWall)
  if (cpu - lastCpu > 20) over20++
  lastCpu = cpu
  lastWall = wall
}, 1).unref()

process.on('message', (message) => {
  if (message === 'beats') process.send?.({ longestCpuMs, longestWallMs, over20 } satisfies Beats)
  longestCpuMs = 0
  longestWallMs = 0
  over20 = 0
})
process.channel?.unref()
