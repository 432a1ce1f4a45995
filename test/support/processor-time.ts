/** The outcome and its processor time in milliseconds: what it costs, however busy the machine is with other things. */
export function timed<T>(run: () => T): { readonly value: T; readonly ms: number } {
  const before = process.cpuUsage()
  const value = run()
  const { user, system } = process.cpuUsage(before)
  return { value, ms: (user + system) / 1000 }
}

/** The same, the cheapest of some runs: the first ones also compile. */
export function timedWarm<T>(run: () => T): { readonly value: T; readonly ms: number } {
  let best = timed(run)
  for (let i = 0; i < 5; i++) {
    const again = timed(run)
    if (again.ms < best.ms) best = again
  }
  return best
}
