import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeMaterial } from '../../bench/certificates.ts'
import type { Target } from '../../bench/load/job.ts'
import { fleetTemplate } from './fleet-template.ts'
import { PeerProcess } from './peer-process.ts'
import { Server } from './server.ts'
import type { StallJob } from './stall-peer.ts'

export interface StallOptions {
  readonly idleConnections: number
  readonly stalledSubscribers: number
  readonly measuringConnections: number
  readonly roundTripsPerSecond: number
  readonly quietSeconds: number
  readonly stallSeconds: number
  readonly tell: (line: string) => void
}

export interface RoundTrips {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface StallReport {
  readonly quiet: RoundTrips
  readonly stalled: RoundTrips
  /** Memory that is no file cache: before the flood, and the most during it. */
  readonly quietBytes: number
  readonly mostBytes: number
  /** What the limits allow the stalled subscribers to hold together. */
  readonly boundBytes: number
  readonly published: number
  readonly acknowledged: number
  readonly idleGone: number
}

const mebibyte = 2 ** 20

/** Per session, as the template says. */
const limits = {
  maximumOutboxBytes: mebibyte,
  maximumOutboundInflightBytes: mebibyte / 4,
  maximumQueuedMessages: 1_000,
  maximumQueuedBytes: mebibyte,
}
/** Garbage that was not collected yet, buffers of a turn, the log of decisions: nothing of it grows with time. */
const slackBytes = 128 * mebibyte

/**
 * Idle connections with certificates, then a publisher at full speed with subscribers that do not read, while others
 * exchange messages on a schedule. Broker and peers are processes of their own.
 */
export async function runStall(options: StallOptions): Promise<StallReport> {
  const { tell } = options
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-stall-'))
  const peers: PeerProcess[] = []
  const material = makeMaterial(join(folder, 'certificates'), 16)
  const template = join(folder, 'template.json')
  const readyFile = join(folder, 'ready.json')
  writeFileSync(template, JSON.stringify(fleetTemplate(material, 'bench', limits)))
  const flags = ['--apply', template, '--mqtts', '127.0.0.1:0', '--mqtt-tcp', 'off']
  flags.push('--tls-cert', material.serverCertificate, '--tls-key', material.serverKey)
  flags.push('--handshake-rate-per-address', '0', '--handshake-rate', '0')
  const server = Server.spawn({ dataDirectory: join(folder, 'data'), readyFile, flags })
  const peer = async (job: StallJob): Promise<PeerProcess> => {
    const made = new PeerProcess(join(import.meta.dirname, 'stall-peer.ts'), job)
    peers.push(made)
    await made.next()
    return made
  }
  try {
    if (!(await server.isReady(readyFile))) throw new Error(`the broker does not start: ${server.errors}`)
    const port = server.ready?.mqtts?.port ?? 0
    const target: Target = {
      host: '127.0.0.1',
      port,
      tls: { serverName: 'localhost', identities: material.devices.p256.identities },
    }
    const idle = await peer({ target, role: 'idle', connections: options.idleConnections })
    tell(`${options.idleConnections} idle connections: ${mebibytes(anonymousBytes(server.pid))} MiB`)
    const { measuringConnections: connections, roundTripsPerSecond: perSecond } = options
    const roundTrips = await peer({ target, role: 'roundTrips', connections, perSecond })
    const stalling = await peer({ target, role: 'stall', subscribers: options.stalledSubscribers, payloadBytes: 1_000 })
    const measure = async (seconds: number, look: () => void): Promise<RoundTrips> => {
      await roundTrips.ask('begin')
      for (const end = performance.now() + seconds * 1_000; performance.now() < end; await sleep(100)) look()
      return JSON.parse(await roundTrips.ask('end')) as RoundTrips
    }
    // Compiled and warm before anything is compared.
    await measure(Math.min(5, options.quietSeconds), () => {})
    const quiet = await measure(options.quietSeconds, () => {})
    const quietBytes = anonymousBytes(server.pid)
    tell(`quiet: ${shown(quiet)}, ${mebibytes(quietBytes)} MiB`)
    await stalling.ask('go')
    let mostBytes = 0
    const stalled = await measure(options.stallSeconds, () => {
      mostBytes = Math.max(mostBytes, anonymousBytes(server.pid))
    })
    const { sent, acknowledged } = JSON.parse(await stalling.ask('tell')) as { sent: number; acknowledged: number }
    tell(
      `stalled: ${shown(stalled)}, at most ${mebibytes(mostBytes)} MiB; ${sent} published with QoS 0, ${acknowledged} with QoS 1`,
    )
    const idleGone = Number(await idle.ask('tell'))
    const perSubscriber = limits.maximumOutboxBytes + limits.maximumOutboundInflightBytes + limits.maximumQueuedBytes
    const boundBytes = options.stalledSubscribers * perSubscriber + slackBytes
    return { quiet, stalled, quietBytes, mostBytes, boundBytes, published: sent, acknowledged, idleGone }
  } finally {
    for (const one of peers) one.end()
    await server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What is wrong with it; empty: nothing. */
export function stallFaults({ quiet, stalled, quietBytes, mostBytes, boundBytes, ...report }: StallReport): string[] {
  const faults: string[] = []
  const allowed = Math.max(3 * quiet.p99, 20)
  if (!(stalled.p99 <= allowed)) faults.push(`p99 ${stalled.p99.toFixed(1)} ms, allowed ${allowed.toFixed(1)} ms`)
  const grown = mostBytes - quietBytes
  if (grown > boundBytes) faults.push(`memory grew by ${mebibytes(grown)} MiB, allowed ${mebibytes(boundBytes)} MiB`)
  if (report.idleGone > 0) faults.push(`${report.idleGone} idle connections were lost`)
  if (report.published === 0 || report.acknowledged === 0) faults.push('nothing was published')
  return faults
}

function shown({ count, p50, p99, max }: RoundTrips): string {
  return `${count} round trips, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(1)} ms`
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / mebibyte)
}

function anonymousBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
