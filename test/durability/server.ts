import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')
/** Only a broker that hangs: on a busy machine a start takes as long as it takes. */
const startBoundMs = 600_000

export interface Ready {
  readonly pid: number
  readonly mqttTcp: { readonly port: number } | null
  readonly mqtts: { readonly port: number } | null
  readonly wss: { readonly port: number } | null
  readonly https: { readonly port: number } | null
  readonly tokenFile: string
}

export interface ServerOptions {
  readonly dataDirectory: string
  readonly readyFile: string
  /** Beyond data directory, ready file and addresses. */
  readonly flags: readonly string[]
  readonly nodeOptions?: readonly string[]
}

/** `sealgate serve` as a process of its own. */
export class Server {
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #errors = ''
  #hasExited = false
  ready: Ready | null = null
  /** From the start of the process to its ready file. */
  startedInMs = 0

  private constructor(options: ServerOptions) {
    const { dataDirectory, readyFile, flags, nodeOptions = [] } = options
    const addresses = ['--mqtts', 'off', '--wss', 'off', '--https', '127.0.0.1:0', '--mqtt-tcp', '127.0.0.1:0']
    const args = [launcher, 'serve', '--data-dir', dataDirectory, '--ready-file', readyFile, '--log-level', 'warn']
    this.#child = spawn(process.execPath, [...nodeOptions, ...args, ...addresses, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-100_000)
    })
    this.#exited = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        this.#hasExited = true
        resolve(code)
      })
    })
  }

  /** Begins to start; await `isReady`. */
  static spawn(options: ServerOptions): Server {
    rmSync(options.readyFile, { force: true })
    return new Server(options)
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Log lines of level `warn` and above, and whatever else came on stderr. */
  get errors(): string {
    return this.#errors
  }

  get hasExited(): boolean {
    return this.#hasExited
  }

  /** False: it ended, or took too long. */
  async isReady(readyFile: string): Promise<boolean> {
    const began = performance.now()
    while (!this.#hasExited && performance.now() - began < startBoundMs) {
      if (existsSync(readyFile)) {
        this.ready = JSON.parse(readFileSync(readyFile, 'utf8')) as Ready
        this.startedInMs = performance.now() - began
        return true
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return false
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#hasExited) this.#child.kill(signal)
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.signal(signal)
    return this.#exited
  }
}
