import { writeSync } from 'node:fs'
import { openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import type { NodeId, SessionUid } from '../../src/ports/identity.ts'
import { bytes, commit, delivery, open, text } from '../ports/contract/world.ts'

/**
 * The process that `crash.test.ts` kills. Writers append numbered messages to two queues each; consumers read and
 * acknowledge; everything that is promised is told on stdout after the promise, everything that is read before it is
 * acknowledged.
 */
const [directory = '', round = '0'] = process.argv.slice(2)
const queues = 8
const writers = 40

const engine = openEmbedded({ directory, node: `child-${round}` as NodeId, clock: nodeClock(), reserveBytes: 0 })

/** Told before anything else happens, so that a kill cannot come between; a reader that is slow is waited for. */
function say(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

const node = `child-${round}` as NodeId
const sessions = await Promise.all(
  Array.from({ length: queues }, (_, queue) => {
    const newUid = `${round}c${queue}`.padStart(32, '0') as SessionUid
    return open(engine, `client-${queue}`, { newUid, expiryIntervalSeconds: null, node })
  }),
)

function uidOf(queue: number): SessionUid {
  return sessions[queue]?.record.uid as SessionUid
}

async function write(writer: number): Promise<void> {
  for (let i = 0; ; i++) {
    const body = `${round}:${writer}:${i}`
    await engine.hot.commit({
      ...commit({
        bodies: [bytes(body)],
        appends: [writer, writer + 1].map((queue) => ({ session: uidOf(queue % queues), messages: [delivery(0)] })),
      }),
      opId: `write ${body}`,
    })
    say(`written ${writer} ${i}`)
  }
}

async function consume(queue: number): Promise<void> {
  const fence = sessions[queue]?.fence
  for (let turn = 0; fence !== undefined; turn++) {
    const messages = await engine.queue.read(uidOf(queue), null, { messages: 20, bytes: 10_000 })
    const upTo = messages.at(-1)?.position
    if (upTo === undefined) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      continue
    }
    for (const message of messages) say(`read ${queue} ${text(message.body)}`)
    await engine.hot.commit({
      ...commit({ owner: [{ fence, operations: [{ kind: 'acknowledge', upTo }] }] }),
      opId: `acknowledge ${round} ${queue} ${turn}`,
    })
  }
}

async function register(): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `crash/${round}`
    await engine.registry.write({ put: [{ key, value: bytes(`${i}`) }], remove: [], claim: [], release: [] })
    say(`registered ${i}`)
  }
}

/** Writes that take many transactions; each is one. */
async function registerFleet(): Promise<void> {
  for (let i = 0; ; i++) {
    const keys = Array.from({ length: 4_200 }, (_, n) => `fleet ${n}`)
    const put = keys.map((key) => ({ key, value: bytes(`${round}:${i}`.padEnd(100)) }))
    await engine.registry.write({ put, remove: [], claim: [], release: [] })
    say(`fleet ${i}`)
  }
}

// Half of the queues have a consumer, the others only grow.
const work = [register(), registerFleet()]
for (let writer = 0; writer < writers; writer++) work.push(write(writer))
for (let queue = 0; queue < queues; queue += 2) work.push(consume(queue))
await Promise.all(work)
