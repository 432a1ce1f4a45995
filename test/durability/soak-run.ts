import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeMaterial } from '../../bench/certificates.ts'
import { type Curve, judge, longestStandstill, picture, type Verdict } from './curves.ts'
import { fleetTemplate } from './fleet-template.ts'
import { PeerProcess } from './peer-process.ts'
import { Server } from './server.ts'
import type { SoakJob } from './soak-peer.ts'

export interface SoakOptions {
  readonly seconds: number
  /** Not judged: caches, pools, queues and the store fill up to what the load needs. */
  readonly warmUpSeconds: number
  readonly everySeconds: number
  readonly tell: (line: string) => void
}

export interface SoakReport {
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly times: readonly number[]
  readonly curves: readonly Curve[]
  readonly verdicts: readonly Verdict[]
  readonly load: Counts
  /** What of the load stood still, and for how many seconds: nothing is level because nothing happens. */
  readonly standstills: readonly { readonly of: string; readonly seconds: number }[]
  readonly errors: string
  readonly svg: string
}

interface Counts {
  readonly published: number
  readonly received: number
  readonly connects: number
  /** Visits that were done: of those that come once, and of those with a session that lasts. */
  readonly short: number
  readonly lasting: number
  readonly failures: number
  readonly lastFailure: string
  readonly open: number
}

const mebibyte = 2 ** 20
/** Longer than a busy machine makes a client wait. */
const longestPauseSeconds = 90
/** What is measured is what is left after a collection, not when the last one happened to be. */
const collecting = ['--expose-gc', '--import', 'data:text/javascript,setInterval(() => globalThis.gc(), 4000).unref()']
const limits = { maximumQueuedMessages: 500, maximumQueuedBytes: mebibyte }

/** Mixed load with churn over TLS and WebSocket; memory and store are looked at all the while. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { seconds, warmUpSeconds, everySeconds, tell } = options
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-soak-'))
  const material = makeMaterial(join(folder, 'certificates'), 16)
  const template = join(folder, 'template.json')
  const readyFile = join(folder, 'ready.json')
  const dataDirectory = join(folder, 'data')
  writeFileSync(template, JSON.stringify(fleetTemplate(material, 'bench', limits)))
  const flags = ['--apply', template, '--mqtts', '127.0.0.1:0', '--wss', '127.0.0.1:0', '--mqtt-tcp', 'off']
  flags.push('--tls-cert', material.serverCertificate, '--tls-key', material.serverKey)
  flags.push('--handshake-rate-per-address', '0', '--handshake-rate', '0')
  const server = Server.spawn({ dataDirectory, readyFile, flags, nodeOptions: collecting })
  let peers: PeerProcess | null = null
  try {
    if (!(await server.isReady(readyFile))) throw new Error(`the broker does not start: ${server.errors}`)
    const { mqtts, wss, https } = server.ready ?? {}
    const job: SoakJob = {
      mqttsPort: mqtts?.port ?? 0,
      wssPort: wss?.port ?? 0,
      devices: material.devices.p256.identities,
    }
    peers = new PeerProcess(join(import.meta.dirname, 'soak-peer.ts'), job)
    await peers.next()
    const curves: (Curve & { readonly values: number[] })[] = [
      { name: 'resident memory without file cache', unit: 'MiB', values: [], tolerated: 8 },
      { name: 'JavaScript heap, collected every 4 s', unit: 'MiB', values: [], tolerated: 6 },
      { name: 'JavaScript heap, free pages included', unit: 'MiB', values: [], tolerated: 16 },
      { name: 'buffers', unit: 'MiB', values: [], tolerated: 8 },
      { name: 'neither heap nor buffers', unit: 'MiB', values: [], tolerated: 8 },
      { name: 'store file', unit: 'MiB', values: [], tolerated: 2 },
      { name: 'sessions, offline ones included', unit: '', values: [], tolerated: 30 },
      { name: 'queued messages', unit: '', values: [], tolerated: 2_000 },
    ]
    const times: number[] = []
    const loads: Counts[] = []
    const begun = performance.now()
    let load = JSON.parse(await peers.ask('tell')) as Counts
    for (let time = 0; time < seconds; ) {
      await sleep(everySeconds * 1_000)
      time = (performance.now() - begun) / 1_000
      const metrics = await readMetrics(https?.port ?? 0)
      load = JSON.parse(await peers.ask('tell')) as Counts
      times.push(time)
      loads.push(load)
      const anonymous = anonymousBytes(server.pid) / mebibyte
      const heap = metrics('nodejs_heap_size_total_bytes') / mebibyte
      const buffers = metrics('nodejs_external_memory_bytes') / mebibyte
      const sample = [
        anonymous,
        metrics('nodejs_heap_size_used_bytes') / mebibyte,
        heap,
        buffers,
        anonymous - heap - buffers,
        statSync(join(dataDirectory, 'store.mdb')).size / mebibyte,
        metrics('sealgate_sessions'),
        metrics('sealgate_queued_messages'),
      ]
      for (const [i, value] of sample.entries()) curves[i]?.values.push(value)
      const shown = sample.map((value, i) => `${curves[i]?.name} ${Math.round(value * 10) / 10}`).join(', ')
      if (times.length % Math.max(1, Math.round(60 / everySeconds)) === 0) {
        tell(
          `${Math.round(time)} s: ${shown}; ${load.published} published, ${load.received} received, ${load.connects} connects, ${load.failures} failures`,
        )
      }
    }
    const verdicts = curves.map((curve) => judge(curve, times, warmUpSeconds))
    const standstills = (['published', 'received', 'short', 'lasting'] as const)
      .map((of) => ({
        of,
        seconds: longestStandstill(
          loads.map((one) => one[of]),
          times,
        ),
      }))
      .filter((one) => one.seconds > longestPauseSeconds)
    const title = `Sealgate, ${Math.round(seconds / 60)} minutes of mixed load: ${load.published} published, ${load.received} received, ${load.connects} connects`
    const svg = picture(title, curves, times, warmUpSeconds)
    return { seconds, warmUpSeconds, times, curves, verdicts, load, standstills, errors: server.errors, svg }
  } finally {
    peers?.end()
    await server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Answers with the sum of a metric over its labels. */
async function readMetrics(port: number): Promise<(name: string) => number> {
  let body: string | null = null
  // On a busy machine a handshake may take longer than the server waits for it.
  for (let tries = 0; body === null; tries++) {
    body = await askForMetrics(port).catch((error: unknown) => {
      if (tries === 20) throw error
      return sleep(1_000, null)
    })
  }
  const found = body
  return (name) => {
    let sum = 0
    for (const [, value] of found.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))) sum += Number(value)
    return sum
  }
}

function askForMetrics(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false }, (response) => {
      text(response).then(resolve, reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

function anonymousBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
