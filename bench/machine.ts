import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, release, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a reader needs to judge a figure, on one line; no host name, no path. */
export function describeMachine(): string {
  const { node, openssl } = process.versions
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const hardware = [cpus()[0]?.model.trim() ?? 'unknown', `${cpus().length} cores`, memory].join(', ')
  const { note } = planPinning()
  return `${hardware}; Linux ${release()}; Node ${node} (OpenSSL ${openssl}); ${note ?? 'broker on one core, load on another'}`
}

export interface Pinning {
  readonly broker: readonly string[]
  readonly load: readonly string[]
  readonly brokerCore: number | null
  readonly loadCore: number | null
  /** Why nothing is pinned; null when it is. */
  readonly note: string | null
}

/** The broker gets the first core this process may use, the load the last. */
export function planPinning(): Pinning {
  const nothing = (note: string): Pinning => ({ broker: [], load: [], brokerCore: null, loadCore: null, note })
  if (process.platform !== 'linux') return nothing('not pinned: only done on Linux')
  if (spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0) return nothing('not pinned: no taskset')
  const cores = parseCpuList(allowedCores())
  if (cores.length < 2) return nothing('not pinned: one core only')
  const pin = (core: number) => ['taskset', '-c', String(core)]
  const [brokerCore, loadCore] = [cores[0]!, cores.at(-1)!]
  return { broker: pin(brokerCore), load: pin(loadCore), brokerCore, loadCore, note: null }
}

/** As the kernel writes it; empty where it does not. */
export function allowedCores(): string {
  if (process.platform !== 'linux') return ''
  return /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
}

/** One bench at a time on a machine: two would measure each other. Waits for the other one; held until we end. */
export async function takeTurn(): Promise<void> {
  if (process.platform !== 'linux') return
  for (let said = false; ; said = true) {
    // An abstract socket is a lock that dies with its owner and leaves no file behind.
    const lock = createServer().listen('\0sealgate-bench')
    try {
      await once(lock, 'listening')
      lock.unref()
      return
    } catch {
      if (!said) console.error('waiting for another bench on this machine')
      await sleep(500)
    }
  }
}

/** Waits until the machine has been nearly idle for a second, at most for the given time. */
export async function quietMachine(mostMs: number): Promise<void> {
  const deadline = performance.now() + mostMs
  while (performance.now() < deadline) {
    const before = busyMs()
    await sleep(1_000)
    if ((busyMs() - before) / (1_000 * cpus().length) < 0.1) return
  }
}

function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
}

/** `0-2,5` is 0, 1, 2 and 5. */
export function parseCpuList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number)
    if (part === '' || first === undefined || Number.isNaN(first)) return []
    return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i)
  })
}
