import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeRandom } from '../../src/adapters/node/random.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { LimitOverrides } from '../../src/registry/profile.ts'
import { BrokerNamespace, type ClientOptions, type House, house } from './support.ts'

/** One namespace at its limit, and its neighbour, which has the same limits and does not notice. */

const kept = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }

function neighbours(limits: LimitOverrides): House {
  const second = new BrokerNamespace('plant8', 'full', limits)
  for (const name of ['alpha', 'beta', 'gamma']) second.device(name)
  return house({ limits, namespaces: [second] })
}

const full = (more: ClientOptions = {}): ClientOptions => ({ serverName: 'plant7.test', ...more })
const free = (more: ClientOptions = {}): ClientOptions => ({ serverName: 'plant8.test', ...more })

test('[S56] connections: the one too many is cut at once, before CONNECT as well; one that goes makes room', async () => {
  const home = neighbours({ maximumConnections: 2 })
  const first = await home.connect(full())
  // Says nothing, and counts.
  home.open(full({ name: 'beta' }))
  const third = home.open(full({ name: 'gamma' }))
  await home.settle()
  assert.ok(third.peer.ended !== null)
  await home.connect(free())
  await home.connect(free({ name: 'beta' }))
  first.peer.close()
  await home.settle()
  await home.connect(full({ name: 'gamma' }))
  const hits = Object.fromEntries(home.broker.operations.stats().namespaces[0]?.limitHits ?? [])
  assert.equal(hits['maximumConnections'], 1)
})

test('[S56] handshakes: a host above its rate is told before the work; the bucket is each its own and fills again', async () => {
  const home = neighbours({ handshakesPerSecond: 5 })
  const admitted = (serverName: string): number => {
    let count = 0
    while (count < 1_000 && home.broker.admitsHandshake(serverName)) count++
    return count
  }
  assert.equal(admitted('plant7.test'), 50)
  assert.equal(admitted('plant8.test'), 50)
  await home.pass(1_000)
  assert.equal(admitted('plant7.test'), 5)
})

test('[S56] sessions: offline ones count, the neighbour has its own number', async () => {
  const home = neighbours({ maximumSessions: 2 })
  for (const name of ['alpha', 'beta']) {
    const client = await home.connect(full({ name, ...kept }))
    client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
  }
  await home.settle()
  const refused = home.open(full({ name: 'gamma' }))
  assert.equal((await refused.connect()).reasonCode, ReasonCode.QuotaExceeded)
  await home.connect(free({ name: 'gamma' }))
})

test('[S56] subscriptions, retained bytes and queued bytes', async () => {
  const home = neighbours({ maximumSubscriptions: 2, maximumRetainedBytes: 1_500, maximumQueuedBytes: 5_000 })
  for (const door of [full, free]) {
    const client = await home.connect(door({ name: 'alpha', ...kept }))
    const other = await home.connect(door({ name: 'beta' }))
    const { reasonCodes } = await client.subscribe([
      { topicFilter: 'open/a', qos: 1 },
      { topicFilter: 'open/b' },
      { topicFilter: 'open/c' },
    ])
    assert.deepEqual(reasonCodes, [1, 0, ReasonCode.QuotaExceeded], 'each has two')
    const retained = []
    for (const topic of ['open/r1', 'open/r2']) {
      other.publish(topic, 'x'.repeat(1_000), { qos: 1, retain: true })
      await home.settle()
      retained.push(other.take('PUBACK').reasonCode < 0x80)
    }
    assert.deepEqual(retained, [true, false], 'each has 1,500 bytes')
    client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    await home.settle()
    for (let i = 0; i < 10; i++) other.publish('open/a', 'x'.repeat(1_000), { qos: 1 })
    await home.settle()
    const again = await home.connect(door({ name: 'alpha', ...kept }))
    await home.settle()
    const came = again.messages().length
    assert.ok(came > 0 && came < 6, `${came} messages waited`)
  }
})

test('[S56] all queues of a namespace together: a publisher is told, nothing that was acknowledged is lost', async () => {
  const home = neighbours({ maximumNamespaceQueuedBytes: 3_500 })
  for (const [door, most] of [
    [full, 100],
    [free, 1],
  ] as const) {
    for (const name of ['alpha', 'gamma']) {
      const reader = await home.connect(door({ name, ...kept }))
      await reader.subscribe('open/#', { qos: 1 })
      reader.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
      await home.settle()
    }
    const publisher = await home.connect(door({ name: 'beta' }))
    const codes: number[] = []
    for (let i = 0; i < Math.min(most, 5); i++) {
      publisher.publish('open/a', 'x'.repeat(1_000), { qos: 1 })
      await home.settle()
      codes.push(publisher.take('PUBACK').reasonCode)
    }
    const { Success, QuotaExceeded } = ReasonCode
    const expected = most === 1 ? [Success] : [Success, Success, QuotaExceeded, QuotaExceeded, QuotaExceeded]
    assert.deepEqual(codes, expected, 'two messages in two queues are four thousand bytes')
    publisher.publish('open/a', 'x', { qos: 0 })
    await home.settle()
    assert.equal(publisher.peer.ended, null, 'what is not queued is not refused')
  }
  const old = await home.connect(full({ name: 'beta', version: 4, clientId: 'old' }))
  old.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.ok(old.peer.ended !== null, 'MQTT 3.1.1 has no word for it')
  const reader = await home.connect(full({ name: 'alpha', ...kept }))
  await home.settle()
  const waited = reader.publishes()
  assert.equal(waited.length, 2)
  for (const { packetIdentifier } of waited) {
    reader.send({ type: 'PUBACK', packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
  }
  await home.pass(1_000)
  const again = await home.connect(full({ name: 'beta', clientId: 'again' }))
  again.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(again.take('PUBACK').reasonCode, ReasonCode.Success, 'there is room again')
})

test('[S56] queues in memory count too: each keeps what it has, and a slow one makes no room at the cost of others', async () => {
  const home = neighbours({ maximumNamespaceQueuedBytes: 5_000, maximumOutboundInflightMessages: 1 })
  const [one, two] = [await home.connect(full()), await home.connect(full({ name: 'gamma' }))]
  await one.subscribe('open/a', { qos: 1 })
  await two.subscribe('open/b', { qos: 1 })
  const publisher = await home.connect(full({ name: 'beta' }))
  for (const topic of ['open/a', 'open/b']) {
    for (let i = 0; i < 8; i++) publisher.publish(topic, `${i}${'x'.repeat(999)}`, { qos: 1 })
    await home.settle()
  }
  const { namespaces } = home.broker.operations.stats()
  const hits = Object.fromEntries(namespaces[0]?.limitHits ?? [])
  assert.ok((hits['maximumNamespaceQueuedBytes'] ?? 0) > 0)
  assert.ok((await home.broker.operations.queued(namespaceId(home, 0))).bytes <= 5_000)
  assert.equal(one.take('PUBLISH').payload[0], 0x30)
  for (const client of [one, two]) client.peer.close()
  await home.settle()
  const late = await home.connect(full({ name: 'gamma' }))
  await late.subscribe('open/b', { qos: 1 })
  for (let i = 0; i < 5; i++) publisher.publish('open/b', 'x'.repeat(1_000), { qos: 1 })
  await home.settle()
  assert.ok((await home.broker.operations.queued(namespaceId(home, 0))).bytes >= 4_000, 'who leaves gives room back')
})

test('[S56] decisions: a flood in one namespace pushes out nothing of the other', async () => {
  const home = neighbours({ decisionsKept: 10 })
  await home.connect(free())
  const before = home.broker.operations.decisions(namespaceId(home, 1), 10)
  assert.equal(before.length, 1)
  for (let i = 0; i < 30; i++) {
    const client = await home.connect(full({ clientId: `c${i}` }))
    client.peer.close()
    await home.settle()
  }
  assert.equal(home.broker.operations.decisions(namespaceId(home, 0), 1_000).length, 10)
  assert.deepEqual(home.broker.operations.decisions(namespaceId(home, 1), 10), before)
})

function namespaceId(home: House, index: number) {
  const namespace = home.parts.all[index]
  assert.ok(namespace !== undefined)
  return namespace.id
}

test('[S33] an assigned Client Identifier has 128 random bits and none of an existing session', async () => {
  const random = nodeRandom()
  const uids = Array.from({ length: 2_000 }, () => random.uid())
  assert.equal(new Set(uids).size, uids.length)
  for (const uid of uids) assert.match(uid, /^[0-9a-f]{32}$/)
  // Each bit is set about half of the time: nothing of them is a counter or a clock.
  for (let bit = 0; bit < 128; bit++) {
    const set = uids.filter((uid) => (Number.parseInt(uid[bit >> 2] as string, 16) >> (bit & 3)) & 1).length
    assert.ok(set > 800 && set < 1_200, `bit ${bit}: ${set} of ${uids.length}`)
  }
  const taken: string[] = []
  // Every number comes again: a name that is taken is not assigned.
  let drawn: string | null = null
  const repeating = {
    ...random,
    uid: () => {
      const again = drawn
      drawn = again === null ? random.uid() : null
      return again ?? (drawn as string)
    },
  }
  const home = house({ random: repeating })
  for (const name of ['alpha', 'beta']) {
    const client = home.open({ name, clientId: '', ...kept })
    const { properties, reasonCode } = await client.connect()
    assert.equal(reasonCode, ReasonCode.Success)
    taken.push(properties.assignedClientIdentifier ?? '')
  }
  assert.notEqual(taken[0], taken[1])
  assert.ok(taken.every((clientId) => clientId.length >= 22))
})

test('[S38] a retained message keeps who published it and when, and can be told and hidden by that', async () => {
  const home = house({ limits: { retainedOfRemoved: 'hide' } })
  for (const name of ['alpha', 'beta']) {
    const client = await home.connect({ name })
    client.publish(`open/${name}`, `of ${name}`, { qos: 1, retain: true })
    await home.settle()
    client.peer.close()
  }
  home.namespace.removeClient('alpha')
  home.changed({ type: 'clients', name: 'alpha', change: 'deleted' })
  const reader = await home.connect({ name: 'gamma' })
  await reader.subscribe('open/#')
  await home.settle()
  assert.deepEqual(reader.messages(), ['open/beta of beta'], "the removed client's is hidden, the other stays")
})
