/**
 * `npm run bench -- store`: what a durable message costs the store alone, all threads of the process counted. Each of 100 senders
 * has ten messages under way to a queue of its own, which come as the broker brings them: as a run. One commit per turn
 * holds them all, the queue's follower is told, acknowledges, so that they are removed, and the next turn begins. Durable
 * QoS 1 end to end is the case `tcp-pairs-qos1-durable`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEmbedded } from '../src/adapters/embedded/engine.ts'
import { nodeClock } from '../src/adapters/node/clock.ts'
import type { NamespaceId, NodeId, SessionUid } from '../src/ports/identity.ts'
import type { Append, QueuedDelivery, QueuedRun } from '../src/ports/message-store.ts'
import type { Fence } from '../src/ports/session-store.ts'

export interface StoreJob {
  /** 1: every message has a queue of its own. More: it is for so many queues. */
  readonly fanOut: number
  readonly senders: number
  readonly window: number
  readonly bodyBytes: number
  readonly warmupMs: number
  readonly measureMs: number
  /** Where the store is made; default: the machine's place for temporary files. */
  readonly parent?: string
}

export interface StoreResult {
  /** Messages put into a queue and acknowledged, per second. */
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly cpuMicrosPerMessage: number
  readonly messagesPerCommit: number
  readonly storeBytes: number
}

const node = 'bench' as NodeId
const namespace = 'b'.repeat(32) as NamespaceId

interface Queue {
  readonly uid: SessionUid
  readonly fence: Fence
}

export async function measureStore(job: StoreJob): Promise<StoreResult> {
  const directory = mkdtempSync(join(job.parent ?? tmpdir(), 'sealgate-bench-store-'))
  const engine = openEmbedded({ directory, node, clock: nodeClock() })
  let told = 0
  let commits = 0
  let outstanding = 0
  let stopping = false
  let onIdle = (): void => {}

  const queues: Queue[] = []
  for (let i = 0; i < job.senders * job.fanOut; i++) queues.push(await openQueue(i))

  async function openQueue(i: number): Promise<Queue> {
    const owner = { authority: 'registry', uid: 'u', authenticationName: 'bench', foldedName: 'bench' } as const
    const outcome = await engine.sessions.open({
      ...{
        namespace,
        node,
        owner,
        clientId: `client-${i}`,
        cleanStart: false,
        will: null,
        expiryIntervalSeconds: 3600,
      },
      principal: { method: 'CERTIFICATE', attributes: null, validUntil: null },
      quotas: { perName: 1e6, perNamespace: 1e6 },
      queue: { maximumMessages: 1e6, maximumBytes: 1e9, overflow: 'dropOldest' },
      now: nodeClock().now(),
      newUid: i.toString(16).padStart(32, '0') as SessionUid,
    })
    if (outcome.kind !== 'opened') throw new Error(outcome.kind)
    const { fence } = outcome
    engine.queue.tail(fence, (messages) => onTold(fence, messages))
    return { uid: fence.session, fence }
  }

  function onTold(fence: Fence, runs: readonly QueuedRun[]): void {
    for (const { position, ends } of runs) {
      const count = ends?.length ?? 1
      told += count
      outstanding -= count
      engine.hot.acknowledgeSoon(fence, { entry: position.entry, index: position.index + count - 1 })
    }
    if (outstanding > 0) return
    if (stopping) onIdle()
    else setImmediate(turn)
  }

  function turn(): void {
    const { senders, window, fanOut, bodyBytes } = job
    const bodies: Uint8Array[] = []
    const appends: Append[] = []
    const alike = { qos: 1, retain: false, subscriptionIdentifiers: [], expiresAt: null } as const
    for (let sender = 0; sender < senders; sender++) {
      const first = bodies.length
      const all = Buffer.allocUnsafe(window * bodyBytes)
      all.fill(0x61)
      const ends = Array.from({ length: window }, (_, i) => (i + 1) * bodyBytes)
      let messages: QueuedDelivery[]
      if (fanOut === 1) {
        bodies.push(all)
        messages = [{ body: first, ends, ...alike }]
      } else {
        for (const end of ends) bodies.push(all.subarray(end - bodyBytes, end))
        messages = ends.map((_, i) => ({ body: first + i, ...alike }))
      }
      for (let copy = 0; copy < fanOut; copy++) {
        const { uid } = queues[sender * fanOut + copy] as Queue
        appends.push({ session: uid, messages })
      }
    }
    outstanding = senders * window * fanOut
    engine.hot
      .commit({ opId: `bench/${commits++}`, bodies, appends, retain: [], owner: [], wills: [] })
      .catch((error: unknown) => {
        throw error
      })
  }

  setImmediate(turn)
  await sleep(job.warmupMs)
  const before = { told, commits, cpu: process.cpuUsage(), at: performance.now() }
  await sleep(job.measureMs)
  const cpu = process.cpuUsage(before.cpu)
  const seconds = (performance.now() - before.at) / 1000
  const messages = told - before.told
  const cpuSeconds = (cpu.user + cpu.system) / 1e6
  const result: StoreResult = {
    perSecond: messages / seconds,
    perCpuSecond: messages / cpuSeconds,
    cpuMicrosPerMessage: (cpuSeconds * 1e6) / messages,
    messagesPerCommit: messages / (commits - before.commits),
    storeBytes: engine.sizeBytes(),
  }
  await new Promise<void>((resolve) => {
    onIdle = resolve
    stopping = true
  })
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
  return result
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** `node bench/store.ts [--fan-out 1] [--seconds 2]` */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      /** A job as JSON; the result is printed as JSON. */
      job: { type: 'string' },
      'fan-out': { type: 'string', default: '1' },
      senders: { type: 'string', default: '100' },
      window: { type: 'string', default: '10' },
      bytes: { type: 'string', default: '128' },
      seconds: { type: 'string', default: '2' },
    },
  })
  if (values.job !== undefined) {
    console.log(JSON.stringify(await measureStore(JSON.parse(values.job) as StoreJob)))
    return
  }
  const result = await measureStore({
    fanOut: Number(values['fan-out']),
    senders: Number(values.senders),
    window: Number(values.window),
    bodyBytes: Number(values.bytes),
    warmupMs: 1_000,
    measureMs: Number(values.seconds) * 1_000,
  })
  console.log(
    `${Math.round(result.perSecond)} messages/s, ${Math.round(result.perCpuSecond)} per CPU second ` +
      `(${result.cpuMicrosPerMessage.toFixed(1)} µs each, ${Math.round(result.messagesPerCommit)} per commit), ` +
      `store ${Math.round(result.storeBytes / 1e6)} MB`,
  )
}

if (import.meta.main) await main()
