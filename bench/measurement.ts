import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Driver, RunningBroker, Setting } from './brokers/driver.ts'
import type { Case } from './cases.ts'
import type { Material } from './certificates.ts'
import type { LoadJob, LoadReport, LoadResult, Target } from './load/job.ts'
import type { Pinning } from './machine.ts'

export interface RunPlan {
  readonly folder: string
  readonly material: Material
  readonly pinning: Pinning
  /** Of a broker whose code is compiled while it runs. */
  readonly warmupMs: number
  readonly measureMs: number
  /** Idle connections to open; null: what the case says. */
  readonly connections: number | null
  /** Folder for a CPU profile of our own broker; null: none. */
  readonly profileFolder: string | null
}

/**
 * The way of a CONNECT is long and seldom gone: a runtime that compiles what is hot needs ten thousand of them, and is at
 * that for seconds. What is measured is a broker that has been up for a while.
 */
const connectsWarmupMs = 10_000
/** For code that was compiled before it runs; bench/README.md has the figures. */
const compiledWarmupMs = 500

/** One broker and the load of one case on it: both stay, so that windows of several brokers can follow each other closely. */
export class Stage {
  readonly #broker: RunningBroker
  readonly #load: Load

  private constructor(broker: RunningBroker, load: Load) {
    this.#broker = broker
    this.#load = load
  }

  /** The broker is warm then, and idle. */
  static async open(plan: RunPlan, one: Case, driver: Driver, setting: Setting): Promise<Stage> {
    const folder = mkdtempSync(join(plan.folder, 'broker-'))
    const { material, pinning, profileFolder } = plan
    const profiled = profileFolder !== null && driver.name === 'Sealgate'
    const nodeOptions = profiled ? ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, '--cpu-prof-interval=500'] : []
    const { devices, rights } = one
    const pin = pinning.broker
    const broker = await driver.start({ folder, material, devices, rights, setting, pin, nodeOptions })
    const stage = new Stage(broker, new Load(pinning.load))
    try {
      await stage.#ask(jobFor(plan, one, driver, broker))
      return stage
    } catch (error) {
      await stage.close()
      throw error
    }
  }

  async measure(): Promise<LoadResult> {
    const result = await this.#ask('measure')
    if (result === null) throw new Error('the load generator gave no figure')
    return result
  }

  async close(): Promise<void> {
    await this.#load.end()
    await this.#broker.stop()
  }

  async #ask(what: LoadJob | 'measure'): Promise<LoadResult | null> {
    const report = await this.#load.ask(what)
    if (report.ok) return report.result
    console.error(this.#broker.errors())
    throw new Error(report.reason)
  }
}

/** Starts one broker, measures one window of one case, stops it. */
export async function measureOnce(plan: RunPlan, one: Case, driver: Driver, setting: Setting): Promise<LoadResult> {
  const stage = await Stage.open(plan, one, driver, setting)
  try {
    return await stage.measure()
  } finally {
    await stage.close()
  }
}

function jobFor(plan: RunPlan, one: Case, driver: Driver, broker: RunningBroker): LoadJob {
  const { material, pinning, measureMs } = plan
  const { identities } = material.devices[one.devices]
  const tls = { serverName: material.serverName, identities }
  const target: Target =
    one.transport === 'tcp'
      ? { host: '127.0.0.1', port: broker.tcpPort, tls: null }
      : { host: '127.0.0.1', port: broker.tlsPort, tls }
  const { job } = one
  const compiling = job.kind === 'connects' ? Math.max(plan.warmupMs, connectsWarmupMs) : plan.warmupMs
  const warmupMs = driver.isCompiled ? compiledWarmupMs : compiling
  const common = { target, brokerPid: broker.pid, brokerCore: pinning.brokerCore, warmupMs, measureMs }
  if (job.kind === 'idle') return { ...job, ...common, connections: plan.connections ?? job.connections }
  if (job.kind === 'connects') return { ...job, ...common }
  return { ...job, ...common, api: broker.api ?? null }
}

/** A broker that hangs must not hang the bench; ten thousand connections take a busy machine minutes. */
const mostAnswerMs = { traffic: 120_000, connects: 120_000, idle: 600_000 }

/** The generator's process. */
class Load {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #mostMs = 0

  constructor(pin: readonly string[]) {
    const [program, ...args] = [...pin, process.execPath, join(import.meta.dirname, 'load.ts')]
    this.#child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin!.on('error', () => {})
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async ask(what: LoadJob | 'measure'): Promise<LoadReport> {
    if (what !== 'measure') this.#mostMs = mostAnswerMs[what.kind]
    const cut = setTimeout(() => this.#child.kill('SIGKILL'), this.#mostMs)
    this.#child.stdin!.write(`${what === 'measure' ? what : JSON.stringify(what)}\n`)
    const { value, done } = await this.#lines.next()
    clearTimeout(cut)
    if (done === true) return { ok: false, reason: 'the load generator ended without a result' }
    return JSON.parse(value) as LoadReport
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    this.#child.stdin!.end()
    await gone
  }
}
