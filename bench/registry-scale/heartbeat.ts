/**
 * Loaded into the measured process (`--import`), asked by anything on its standard input: how long its event loop was kept from everything else. A beat is due each
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

// Not over a channel of Node's: with one the process would not start over with the settings of V8 that it is meant to have.
process.stdin.on('data', () => {
  process.stdout.write(`${JSON.stringify({ longestCpuMs, longestWallMs, over20 } satisfies Beats)}\n`)
  longestCpuMs = 0
  longestWallMs = 0
  over20 = 0
})
process.stdin.unref()
