import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { readCpu } from '../load/process-cpu.ts'
import type { Beats } from './heartbeat.ts'

const root = join(import.meta.dirname, '..', '..')
const subscription = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local'
const apiVersion = '2025-07-15-preview'

export interface Reply {
  readonly status: number
  readonly text: string
}

/** `sealgate serve` in a process of its own, with the heartbeat in it. */
export class Server {
  readonly mqttsPort: number
  readonly #child: ChildProcess
  readonly #agent: Agent
  readonly #port: number
  readonly #token: string

  private constructor(child: ChildProcess, ready: ReadyFile) {
    this.#child = child
    this.mqttsPort = ready.mqtts.port
    this.#port = ready.https.port
    this.#token = readFileSync(ready.tokenFile, 'utf8').trim()
    this.#agent = new Agent({ ca: readFileSync(ready.caFile), keepAlive: true, servername: 'localhost' })
  }

  /** @param namespace whose devices name no host */
  static async start(folder: string, namespace = 'large'): Promise<Server> {
    const readyFile = join(folder, 'ready.json')
    rmSync(readyFile, { force: true })
    const anyPort = '127.0.0.1:0'
    const args = ['serve', '--data-dir', join(folder, 'data'), '--ready-file', readyFile, '--log-level', 'warn']
    args.push('--mqtts', anyPort, '--wss', 'off', '--https', anyPort)
    args.push('--default-namespace', namespace)
    args.push('--handshake-rate', '0', '--handshake-rate-per-address', '0')
    const heartbeat = join(import.meta.dirname, 'heartbeat.ts')
    const log = openSync(join(folder, 'stderr.log'), 'a')
    const child = spawn(process.execPath, ['--import', heartbeat, join(root, 'bin', 'sealgate.js'), ...args], {
      stdio: ['pipe', 'pipe', log],
    })
    for (let waited = 0; !existsSync(readyFile); waited += 50) {
      if (child.exitCode !== null || waited > 120_000) throw new Error(readFileSync(join(folder, 'stderr.log'), 'utf8'))
      await sleep(50)
    }
    return new Server(child, JSON.parse(readFileSync(readyFile, 'utf8')) as ReadyFile)
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }

  /** Since the last time that was asked for it. */
  async beats(): Promise<Beats> {
    const { stdin, stdout } = this.#child
    stdin?.write('beats\n')
    const [line] = (await once(stdout!, 'data')) as [Buffer]
    return JSON.parse(line.toString())
  }

  /** Seconds of processor time since it began. */
  cpuSeconds(): number {
    return readCpu(this.#child.pid ?? -1).seconds
  }

  /** Megabytes that are the process's own: what lies in the page cache is not among them. */
  anonymousMegabytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
  }

  /** `path` begins behind `…/providers/`, unless it begins with `/`. */
  async call(method: string, path: string, body?: unknown): Promise<Reply> {
    const whole = path.startsWith('/') ? path : `${subscription}/providers/${path}`
    const content = body === undefined ? undefined : JSON.stringify(body)
    const sent = request({
      host: '127.0.0.1',
      port: this.#port,
      agent: this.#agent,
      method,
      path: whole.includes('api-version=')
        ? whole
        : `${whole}${whole.includes('?') ? '&' : '?'}api-version=${apiVersion}`,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
    })
    sent.end(content)
    const [response] = await once(sent, 'response')
    return { status: response.statusCode, text: await text(response) }
  }

  async must(method: string, path: string, body?: unknown): Promise<Reply> {
    const reply = await this.call(method, path, body)
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text.slice(0, 500)}`)
    return reply
  }
}

interface ReadyFile {
  readonly mqtts: { readonly port: number }
  readonly https: { readonly port: number }
  readonly caFile: string
  readonly tokenFile: string
}
