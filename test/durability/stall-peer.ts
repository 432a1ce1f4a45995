import { createInterface } from 'node:readline'
import type { Target } from '../../bench/load/job.ts'
import { type Link, openAll, openClient, subscribe } from '../../bench/load/link.ts'
import { packetLength, publishPacket } from '../../bench/load/wire.ts'

/** The peers of `stall-run.ts`: one role per process. */
export type StallJob = { readonly target: Target } & (
  | { readonly role: 'idle'; readonly connections: number }
  | { readonly role: 'stall'; readonly subscribers: number; readonly payloadBytes: number }
  | { readonly role: 'roundTrips'; readonly connections: number; readonly perSecond: number }
)

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const job = JSON.parse((await lines.next()).value as string) as StallJob
const { target } = job
const open = (clientId: string, index: number): Promise<Link> =>
  openClient({ target, version: 5, index, clientId, cleanStart: true })

if (job.role === 'idle') await beIdle(job.connections)
else if (job.role === 'stall') await stall(job.subscribers, job.payloadBytes)
else await measureRoundTrips(job.connections, job.perSecond)

async function beIdle(connections: number): Promise<void> {
  let gone = 0
  const links = await openAll(connections, 24, (i) => open(`idle-${i}`, i))
  for (const link of links) {
    link.onEnd = () => {
      gone++
    }
  }
  console.log('ready')
  for await (const _ of { [Symbol.asyncIterator]: () => lines }) console.log(String(gone))
}

/** Half of the subscribers asked for QoS 0, half for QoS 1; none of them reads a byte after its SUBACK. */
async function stall(subscribers: number, payloadBytes: number): Promise<void> {
  await openAll(subscribers, 16, async (i) => {
    const link = await open(`stalled-${i}`, i)
    await subscribe(link, 5, ['bench/stall/#'], i % 2 === 0 ? 0 : 1)
    link.onBytes = () => {}
    link.onEnd = () => {}
    link.socket.pause()
  })
  const publisher = await open('flood', 0)
  const payload = Buffer.alloc(payloadBytes, 0x61)
  const atMostOnce = publishPacket({ version: 5, topicName: 'bench/stall/0', qos: 0, packetIdentifier: 0, payload })
  const window = 64
  let underWay = 0
  let sent = 0
  let acknowledged = 0
  let identifier = 0
  let isOver = false
  publisher.onBytes = (_, length) => {
    // PUBACKs of a success are four bytes each.
    const count = length / 4
    acknowledged += count
    underWay -= count
    fill()
  }
  publisher.onEnd = (reason) => {
    isOver = true
    console.error(`the publisher was cut: ${reason}`)
  }
  function fill(): void {
    while (!isOver && publisher.socket.writableLength < 256 * 1024) {
      if (underWay < window) {
        identifier = (identifier % 60_000) + 1
        underWay++
        publisher.write(
          publishPacket({ version: 5, topicName: 'bench/stall/1', qos: 1, packetIdentifier: identifier, payload }),
        )
      }
      for (let i = 0; i < 8; i++) publisher.write(atMostOnce)
      sent += 8
    }
  }
  publisher.socket.on('drain', fill)
  console.log('ready')
  await lines.next()
  fill()
  console.log('begun')
  for await (const _ of { [Symbol.asyncIterator]: () => lines }) console.log(JSON.stringify({ sent, acknowledged }))
}

/**
 * Each connection publishes with QoS 1 to a topic that it has subscribed to with QoS 1, on a schedule that does not wait for
 * answers: what is late is counted as late. A round trip ends when the message is back.
 */
async function measureRoundTrips(connections: number, perSecond: number): Promise<void> {
  let waits: number[] = []
  let missing = 0
  const links = await openAll(connections, 16, async (i) => {
    const link = await open(`round-${i}`, i)
    await subscribe(link, 5, [`bench/round/${i}`], 1)
    const sentAt: number[] = []
    let kept: Buffer = Buffer.alloc(0)
    link.onBytes = (bytes, length) => {
      kept = Buffer.concat([kept, bytes.subarray(0, length)])
      for (let size = packetLength(kept, 0, kept.length); size > 0 && size <= kept.length; ) {
        const packet = kept.subarray(0, size)
        kept = kept.subarray(size)
        if (packet[0] === 0x32) arrived(packet)
        size = kept.length === 0 ? 0 : packetLength(kept, 0, kept.length)
      }
    }
    link.onEnd = (reason) => {
      throw new Error(`a measuring connection ended: ${reason}`)
    }
    function arrived(packet: Uint8Array): void {
      const topicBytes = (packet[2]! << 8) | packet[3]!
      const at = 4 + topicBytes
      link.write(Buffer.from([0x40, 2, packet[at]!, packet[at + 1]!]))
      waits.push(performance.now() - (sentAt.shift() ?? Number.NaN))
      missing--
    }
    let identifier = 0
    return {
      send(due: number): void {
        identifier = (identifier % 60_000) + 1
        sentAt.push(due)
        missing++
        link.write(
          publishPacket({
            version: 5,
            topicName: `bench/round/${i}`,
            qos: 1,
            packetIdentifier: identifier,
            payload: Buffer.alloc(64),
          }),
        )
      },
    }
  })
  const everyMs = 1_000 / perSecond
  let due = performance.now()
  let next = 0
  setInterval(() => {
    for (const now = performance.now(); due <= now; due += everyMs) links[next++ % links.length]?.send(due)
  }, 2)
  console.log('ready')
  for await (const _ of { [Symbol.asyncIterator]: () => lines }) {
    const sorted = Float64Array.from(waits).sort()
    waits = []
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
    console.log(JSON.stringify({ count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), missing }))
  }
}
