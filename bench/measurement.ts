import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Driver, RunningBroker, Setting } from './brokers/driver.ts'
import type { Case } from './cases.ts'
import type { Material } from './certificates.ts'
import type { LoadJob, LoadReport, LoadResult, Target } from './load/job.ts'
import type { Pinning } from './machine.ts'

export interface RunPlan {
  readonly folder: string
  readonly material: Material
  readonly pinning: Pinning
  readonly warmupMs: number
  readonly measureMs: number
  /** Idle connections to open; null: what the case says. */
  readonly connections: number | null
  /** Folder for a CPU profile of our own broker; null: none. */
  readonly profileFolder: string | null
}

/** Starts one broker, runs one case against it, stops it. */
export async function measureOnce(plan: RunPlan, one: Case, driver: Driver, setting: Setting): Promise<LoadResult> {
  const folder = join(plan.folder, 'broker')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const { material, pinning, profileFolder } = plan
  const profiled = profileFolder !== null && driver.name === 'Sealgate'
  const nodeOptions = profiled ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, '--cpu-prof-interval=500'] : []
  const broker = await driver.start({
    folder,
    material,
    deviceCa: one.deviceCa,
    rights: one.rights,
    setting,
    pin: pinning.broker,
    nodeOptions,
  })
  try {
    const report = await runLoad(pinning.load, jobFor(plan, one, broker))
    if (!report.ok) {
      console.error(broker.errors())
      throw new Error(report.reason)
    }
    return report.result
  } finally {
    await broker.stop()
  }
}

function jobFor(plan: RunPlan, one: Case, broker: RunningBroker): LoadJob {
  const { material, pinning, warmupMs, measureMs } = plan
  const identities = one.deviceCa === 'rsa' ? material.rsaDevices : material.devices
  const tls = { serverName: material.serverName, identities }
  const target: Target =
    one.transport === 'tcp'
      ? { host: '127.0.0.1', port: broker.tcpPort, tls: null }
      : { host: '127.0.0.1', port: broker.tlsPort, tls }
  const common = { target, brokerPid: broker.pid, brokerCore: pinning.brokerCore, warmupMs, measureMs }
  const { job } = one
  if (job.kind === 'idle') return { ...job, ...common, connections: plan.connections ?? job.connections }
  // The way of a CONNECT is long and seldom gone: a runtime that compiles what is hot needs ten thousand of them, and is at
  // that for seconds. What is measured is a broker that has been up for a while.
  if (job.kind === 'connects') return { ...job, ...common, warmupMs: Math.max(warmupMs, 10_000) }
  return { ...job, ...common, api: broker.api ?? null }
}

async function runLoad(pin: readonly string[], job: LoadJob): Promise<LoadReport> {
  const [program, ...args] = [...pin, process.execPath, join(import.meta.dirname, 'load.ts')]
  const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  // A broker that hangs must not hang the bench; ten thousand connections take a busy machine minutes.
  const cut = setTimeout(() => child.kill('SIGKILL'), job.kind === 'idle' ? 600_000 : 120_000)
  child.stdin.end(JSON.stringify(job))
  const output = await text(child.stdout)
  clearTimeout(cut)
  if (output === '') return { ok: false, reason: 'the load generator ended without a result' }
  return JSON.parse(output) as LoadReport
}
