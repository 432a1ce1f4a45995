import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { TrafficJob } from '../../bench/load/job.ts'
import { openTraffic } from '../../bench/load/traffic.ts'
import { packetLength } from '../../bench/load/wire.ts'

/** Hands every PUBLISH to everyone who has subscribed to anything. */
async function broker(context: TestContext): Promise<number> {
  const subscribers = new Set<Socket>()
  const server = createServer((socket) => {
    let kept = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => subscribers.delete(socket))
    socket.on('data', (chunk) => {
      kept = Buffer.concat([kept, chunk])
      for (;;) {
        const length = kept.length === 0 ? 0 : packetLength(kept, 0, kept.length)
        if (length === 0 || length > kept.length) return
        const packet = kept.subarray(0, length)
        kept = kept.subarray(length)
        if (packet[0] === 0x10) socket.write(Uint8Array.of(0x20, 2, 0, 0))
        if (packet[0] === 0x82) {
          subscribers.add(socket)
          socket.write(Uint8Array.of(0x90, 3, packet[2]!, packet[3]!, 0))
        }
        if (packet[0] === 0x30) for (const subscriber of subscribers) subscriber.write(packet)
      }
    })
  }).listen(0, '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function job(port: number, changes: Partial<TrafficJob>): TrafficJob {
  return {
    ...{ kind: 'traffic', version: 4, pattern: 'pairs', publishers: 1, subscribers: 1, qos: 0, payloadBytes: 64 },
    ...{ window: 10, messagesPerSecond: null, measureLatency: true, durable: false, otherFilters: 0 },
    ...{ churnPerSecond: 0, resourcesPerSecond: 0, api: null, warmupMs: 20, measureMs: 50 },
    ...{ target: { host: '127.0.0.1', port, tls: null }, brokerPid: process.pid, brokerCore: null },
    ...changes,
  }
}

test('one window after the other is measured on the same connections', async (context) => {
  const work = await openTraffic(job(await broker(context), {}))
  context.after(() => work.close())
  for (let window = 0; window < 3; window++) {
    const { count, latencyMs } = await work.measure()
    assert.ok(count > 0)
    assert.ok(latencyMs !== null && latencyMs.p50 > 0)
  }
})

test('a schedule that is not kept is a failure and no latency', async (context) => {
  const work = await openTraffic(job(await broker(context), { window: 1_000, messagesPerSecond: 1e9 }))
  context.after(() => work.close())
  await assert.rejects(work.measure(), /of 1000000000 messages a second on schedule/)
})
