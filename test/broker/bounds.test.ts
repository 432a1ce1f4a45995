import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { LimitOverrides } from '../../src/registry/profile.ts'
import { type House, house } from './support.ts'

/**
 * Whatever a peer can make grow meets a configured limit, which a metric counts and a line of the log names: the rows of the
 * table in docs/operations.md.
 */
interface Row {
  readonly what: string
  readonly limit: keyof LimitOverrides & string
  readonly limits: LimitOverrides
  /** Goes far beyond the limit, and says what must hold then. */
  provoke(home: House): Promise<void>
}

const kilo = 'x'.repeat(1_000)
const statsOf = (home: House) => home.broker.operations.stats().namespaces[0]

const rows: readonly Row[] = [
  {
    what: 'a slow subscriber of QoS 0',
    limit: 'maximumOutboxBytes',
    limits: { maximumOutboxBytes: 65_536 },
    async provoke(home) {
      const slow = await home.connect({ name: 'beta' })
      await slow.subscribe('open/#', { qos: 0 })
      slow.peer.stall(true)
      const fast = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 500; i++) {
        fast.publish('open/a', kilo, { qos: 0 })
        if (i % 20 === 0) await home.settle()
      }
      await home.settle()
      assert.ok((statsOf(home)?.counters.droppedSlow ?? 0) > 300)
    },
  },
  {
    what: 'a slow subscriber of QoS 1',
    limit: 'maximumQueuedMessages',
    limits: { maximumQueuedMessages: 20, maximumOutboundInflightMessages: 5 },
    async provoke(home) {
      const slow = await home.connect({ name: 'beta' })
      await slow.subscribe('open/#', { qos: 1 })
      const fast = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 200; i++) {
        fast.publish('open/a', kilo, { qos: 1 })
        if (i % 10 === 0) await home.settle()
      }
      await home.settle()
      assert.ok((statsOf(home)?.counters.droppedOverflow ?? 0) >= 150)
    },
  },
  {
    what: 'a fast publisher',
    limit: 'publishesPerSecondPerSession',
    limits: { publishesPerSecondPerSession: 10 },
    async provoke(home) {
      const fast = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 100; i++) fast.publish('open/a', 'x', { qos: 0 })
      await home.settle()
      const watcher = await home.connect({ name: 'beta' })
      await watcher.subscribe('open/#', { qos: 0 })
      for (let i = 0; i < 100; i++) fast.publish('open/a', 'x', { qos: 0 })
      await home.settle()
      assert.ok(watcher.messages().length < 40, `${watcher.messages().length}`)
    },
  },
  {
    what: 'many sessions',
    limit: 'maximumSessions',
    limits: { maximumSessions: 2 },
    async provoke(home) {
      for (const clientId of ['a', 'b']) await home.connect({ name: 'alpha', clientId })
      const third = await home.open({ name: 'alpha', clientId: 'c' }).connect()
      assert.equal(third.reasonCode, ReasonCode.QuotaExceeded)
    },
  },
  {
    what: 'many retained messages',
    limit: 'maximumRetainedMessages',
    limits: { maximumRetainedMessages: 10 },
    async provoke(home) {
      const client = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 100; i++) client.publish(`open/${i}`, 'x', { qos: 0, retain: true })
      await home.settle()
      assert.equal(statsOf(home)?.retained, 10)
    },
  },
  {
    what: 'large retained messages',
    limit: 'maximumRetainedBytes',
    limits: { maximumRetainedBytes: 10_000 },
    async provoke(home) {
      const client = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 100; i++) client.publish(`open/${i}`, kilo, { qos: 0, retain: true })
      await home.settle()
      assert.ok((statsOf(home)?.retainedBytes ?? 0) <= 10_000)
    },
  },
  {
    what: 'SUBSCRIBE without end',
    limit: 'maximumSubscriptionsPerSession',
    limits: { maximumSubscriptionsPerSession: 5 },
    async provoke(home) {
      const client = await home.connect({ name: 'alpha' })
      for (let i = 0; i < 50; i++) await client.subscribe(`open/${i}`, { qos: 0 })
      assert.equal(statsOf(home)?.subscriptions, 5)
    },
  },
  {
    what: 'SUBSCRIBE and UNSUBSCRIBE in turn without end',
    limit: 'subscribeRequestsPerSecondPerSession',
    limits: { subscribeRequestsPerSecondPerSession: 5 },
    async provoke(home) {
      const client = await home.connect({ name: 'alpha' })
      let refused = 0
      for (let i = 0; i < 50; i++) {
        const { reasonCodes } = await client.subscribe('open/a', { qos: 0 })
        if (reasonCodes[0] === ReasonCode.QuotaExceeded) refused++
        client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 60_000 + i, topicFilters: ['open/a'], properties: {} })
        await home.settle()
      }
      assert.ok(refused > 30, `${refused}`)
    },
  },
  {
    what: 'connections of one client that come and go',
    limit: 'connectsPerSecondPerSession',
    limits: { connectsPerSecondPerSession: 2 },
    async provoke(home) {
      const codes: number[] = []
      for (let i = 0; i < 20; i++) {
        const client = home.open({ name: 'alpha' })
        codes.push((await client.connect()).reasonCode)
        client.peer.reset()
        await home.settle()
      }
      assert.ok(codes.filter((code) => code === ReasonCode.ConnectionRateExceeded).length > 15, codes.join(' '))
    },
  },
  {
    what: 'connections of many clients that come and go',
    limit: 'connectsPerSecond',
    limits: { connectsPerSecond: 3 },
    async provoke(home) {
      const codes: number[] = []
      for (let i = 0; i < 20; i++) {
        const client = home.open({ name: 'alpha', clientId: `c${i}` })
        codes.push((await client.connect()).reasonCode)
        client.peer.reset()
        await home.settle()
      }
      assert.ok(codes.filter((code) => code === ReasonCode.ConnectionRateExceeded).length > 15, codes.join(' '))
    },
  },
]

for (const { what, limit, limits, provoke } of rows) {
  test(`bounds: ${what} meets ${limit}, a metric counts it and the log names it once`, async () => {
    const home = house({ limits: { connectsPerSecondPerSession: 1_000, ...limits } as LimitOverrides })
    await provoke(home)
    const hits = new Map(statsOf(home)?.limitHits ?? [])
    assert.ok((hits.get(limit as never) ?? 0) > 0, JSON.stringify([...hits]))
    const lines = home.logged.filter(({ event, facts }) => event === 'limitReached' && facts['limit'] === limit)
    assert.equal(lines.length, 1)
    assert.equal(lines[0]?.level, 'warn')
    assert.equal(lines[0]?.facts['value'], (limits as Record<string, unknown>)[limit])
  })
}
