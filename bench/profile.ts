import { basename } from 'node:path'

/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Monotonic microseconds. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  readonly name: string
  readonly share: number
}

/**
 * Functions by the time spent in themselves between two instants. `(program)` is native code, mostly the kernel's side
 * of socket calls; `(idle)` is left out, so shares are of the time the process worked.
 */
export function topSelfTimes(profile: CpuProfile, fromMicros: number, toMicros: number, most = 20): SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const spent = new Map<string, number>()
  let total = 0
  let at = profile.startTime
  for (const [index, sample] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0
    const duration = profile.timeDeltas[index + 1] ?? 0
    const name = names.get(sample) ?? '(unknown)'
    if (at < fromMicros || at > toMicros || name === '(idle)') continue
    spent.set(name, (spent.get(name) ?? 0) + duration)
    total += duration
  }
  return [...spent]
    .map(([name, duration]) => ({ name, share: duration / total }))
    .toSorted((a, b) => b.share - a.share)
    .slice(0, most)
}

function nameOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
  if (frame.url === '') return name
  return `${name} ${frame.url.startsWith('node:') ? frame.url : basename(frame.url)}:${frame.lineNumber + 1}`
}

export function renderSelfTimes(times: readonly SelfTime[]): string {
  return times.map(({ name, share }) => `${(share * 100).toFixed(1).padStart(6)} %  ${name}`).join('\n')
}
