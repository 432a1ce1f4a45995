import { basename } from 'node:path'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: readonly number[]
  }[]
  /** Monotonic microseconds. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Spent {
  readonly name: string
  readonly share: number
}

/**
 * Native code that runs without JavaScript above it, such as a TLS handshake, is counted as idle by the profiler. The
 * broker's measured share of its core tells the two apart.
 */
const nativeOrIdle = '(native code of I/O, or idle)'

/** Functions by the time spent in themselves between two instants. */
export function selfTimes(profile: CpuProfile, fromMicros: number, toMicros: number, most = 20): Spent[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  return charge(profile, fromMicros, toMicros, most, (sample) => names.get(sample) ?? '(unknown)')
}

/**
 * Our own functions, each with what Node's own code and native code spent on its behalf: a socket write is charged to
 * whoever wrote.
 */
export function ownTimes(profile: CpuProfile, fromMicros: number, toMicros: number, most = 20): Spent[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const payers = new Map<number, string>()
  const payerOf = (sample: number): string => {
    for (let at: number | undefined = sample; at !== undefined; at = parents.get(at)) {
      const frame = nodes.get(at)?.callFrame
      if (frame?.url.startsWith('file:') === true) return nameOf(frame)
    }
    const frame = nodes.get(sample)?.callFrame
    return frame === undefined || frame.url.startsWith('node:') ? "(Node's own code)" : nameOf(frame)
  }
  return charge(profile, fromMicros, toMicros, most, (sample) => {
    const known = payers.get(sample)
    if (known !== undefined) return known
    const payer = payerOf(sample)
    payers.set(sample, payer)
    return payer
  })
}

function charge(
  profile: CpuProfile,
  fromMicros: number,
  toMicros: number,
  most: number,
  nameOfSample: (sample: number) => string,
): Spent[] {
  const spent = new Map<string, number>()
  let total = 0
  let at = profile.startTime
  for (const [index, sample] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0
    if (at < fromMicros || at > toMicros) continue
    const duration = profile.timeDeltas[index + 1] ?? 0
    const name = nameOfSample(sample)
    spent.set(name, (spent.get(name) ?? 0) + duration)
    total += duration
  }
  return [...spent]
    .map(([name, duration]) => ({ name, share: duration / total }))
    .toSorted((a, b) => b.share - a.share)
    .slice(0, most)
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  if (functionName === '(idle)') return nativeOrIdle
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  return `${name} ${url.startsWith('node:') ? url : basename(url)}:${lineNumber + 1}`
}

export function renderTimes(times: readonly Spent[]): string {
  return times.map(({ name, share }) => `${(share * 100).toFixed(1).padStart(6)} %  ${name}`).join('\n')
}
