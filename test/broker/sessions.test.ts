import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { type ClientOptions, type House, house, start, type TestClient } from './support.ts'

const persistent: ClientOptions = {
  name: 'alpha',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600 },
}

function goodbye(client: TestClient, reasonCode: ReasonCode = ReasonCode.Success): void {
  client.send({ type: 'DISCONNECT', reasonCode, properties: {} })
}

function acknowledge(client: TestClient, packetIdentifier: number | null): void {
  client.send({ type: 'PUBACK', packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
}

for (const version of [4, 5] as const) {
  test(`[MQTT-3.1.2-5] [MQTT-3.2.2-3] [MQTT311-3.1.2-5] a session goes on: subscriptions and what was queued, version ${version}`, async () => {
    const home = house()
    const options = version === 4 ? { name: 'alpha', version, cleanStart: false } : persistent
    const first = home.open(options)
    assert.equal((await first.connect()).sessionPresent, false)
    await first.subscribe('open/#', { qos: 1 })
    goodbye(first)
    await home.settle()
    const publisher = await home.connect({ name: 'beta' })
    publisher.publish('open/a', 'queued', { qos: 1 })
    publisher.publish('open/a', 'lost', { qos: 0 })
    await home.settle()
    const second = home.open(options)
    assert.equal((await second.connect()).sessionPresent, true)
    await home.settle()
    const [publish] = second.publishes()
    assert.equal(Buffer.from(publish?.payload ?? []).toString(), 'queued')
    assert.equal(publish?.dup, false, 'it was never sent before')
    publisher.publish('open/a', 'live', { qos: 1 })
    await home.settle()
    assert.deepEqual(second.messages(), ['open/a live'])
  })
}

test('[MQTT-3.1.2-4] [MQTT-3.2.2-2] Clean Start discards what was there', async () => {
  const home = house()
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  goodbye(first)
  await home.settle()
  const publisher = await home.connect({ name: 'beta' })
  publisher.publish('open/a', 'queued', { qos: 1 })
  await home.settle()
  const second = home.open({ ...persistent, cleanStart: true })
  assert.equal((await second.connect()).sessionPresent, false)
  publisher.publish('open/a', 'live', { qos: 1 })
  await home.settle()
  assert.deepEqual(second.messages(), [])
})

test('[MQTT-3.1.2-23] a session ends when its expiry interval has passed', async () => {
  const home = house()
  const first = await home.connect({ ...persistent, properties: { sessionExpiryIntervalSeconds: 10 } })
  await first.subscribe('open/#', { qos: 1 })
  goodbye(first)
  await home.pass(9_000)
  assert.equal(home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 5 }).length, 1)
  await home.pass(3_000)
  assert.equal(home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 5 }).length, 0)
  const second = home.open(persistent)
  assert.equal((await second.connect()).sessionPresent, false)
})

test('3.1.2.11.2 expiry interval 0 ends the session with its connection', async () => {
  const home = house()
  const first = await home.connect({ name: 'alpha', cleanStart: false })
  await first.subscribe('open/#', { qos: 1 })
  first.peer.reset()
  await home.settle()
  const second = home.open({ name: 'alpha', cleanStart: false })
  assert.equal((await second.connect()).sessionPresent, false)
})

test('3.14.2.2.2 DISCONNECT may change the expiry interval, but not from zero', async () => {
  const home = house()
  const first = await home.connect(persistent)
  first.send({ type: 'DISCONNECT', reasonCode: 0, properties: { sessionExpiryIntervalSeconds: 0 } })
  await home.settle()
  const second = home.open(persistent)
  assert.equal((await second.connect()).sessionPresent, false)
  const transient = await home.connect({ name: 'beta' })
  transient.send({ type: 'DISCONNECT', reasonCode: 0, properties: { sessionExpiryIntervalSeconds: 5 } })
  await home.settle()
  assert.equal(transient.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('[MQTT-4.4.0-1] [MQTT-3.3.1-1] what was not acknowledged is sent again with its identifier and DUP, the rest without', async () => {
  const home = house()
  const first = await home.connect({
    ...persistent,
    properties: { sessionExpiryIntervalSeconds: 600, receiveMaximum: 3 },
  })
  await first.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 5; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const sent = first.publishes()
  assert.equal(sent.length, 3)
  // The second one is done although the first is not.
  acknowledge(first, sent[1]?.packetIdentifier ?? null)
  await home.settle()
  const [fourth] = first.publishes()
  assert.equal(Buffer.from(fourth?.payload ?? []).toString(), '3')
  first.peer.reset()
  await home.settle()
  const second = await home.connect(persistent)
  await home.settle()
  const again = second.publishes().map(({ payload, dup, packetIdentifier }) => ({
    text: Buffer.from(payload).toString(),
    dup,
    packetIdentifier,
  }))
  assert.deepEqual(again.slice(0, 3), [
    { text: '0', dup: true, packetIdentifier: sent[0]?.packetIdentifier },
    { text: '2', dup: true, packetIdentifier: sent[2]?.packetIdentifier },
    { text: '3', dup: true, packetIdentifier: fourth?.packetIdentifier },
  ])
  assert.equal(again.length, 4)
  assert.equal(again[3]?.text, '4')
  assert.equal(again[3]?.dup, false)
  assert.equal(new Set(again.map(({ packetIdentifier }) => packetIdentifier)).size, 4)
})

test('a backlog much larger than the window is delivered whole and in order', async () => {
  const home = house()
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  goodbye(first)
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 1_000; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const second = await home.connect({
    ...persistent,
    properties: { sessionExpiryIntervalSeconds: 600, receiveMaximum: 7 },
  })
  const got: string[] = []
  for (let round = 0; round < 400 && got.length < 1_010; round++) {
    await home.settle()
    const publishes = second.publishes()
    assert.ok(publishes.length <= 7)
    got.push(...publishes.map(({ payload }) => Buffer.from(payload).toString()))
    for (const { packetIdentifier } of publishes) acknowledge(second, packetIdentifier)
    // New ones while the backlog is read.
    if (round < 10) publisher.publish('open/a', `${1_000 + round}`, { qos: 1 })
  }
  assert.deepEqual(
    got,
    Array.from({ length: 1_010 }, (_, i) => `${i}`),
  )
})

test('acknowledged messages are gone after a restart, the others are not', async () => {
  const home = house()
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 4; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  for (const { packetIdentifier } of first.publishes().slice(0, 2)) acknowledge(first, packetIdentifier)
  await home.settle()
  const drained = home.broker.drain(1_000)
  await home.settle()
  await drained
  await home.engine.close()
  const again: House = start({ ...home.parts, seed: 2 })
  const second = again.open(persistent)
  assert.equal((await second.connect()).sessionPresent, true)
  await again.settle()
  assert.deepEqual(second.messages(), ['open/a 2', 'open/a 3'])
})

test('a session is taken over by another node, and the old one learns it', async () => {
  const home = house({ world: { clustered: true } })
  const other = start({ ...home.parts, node: 'n2' as NodeId, seed: 2 })
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  const second = other.open(persistent)
  assert.equal((await second.connect()).sessionPresent, true)
  await home.settle()
  assert.equal(first.take('DISCONNECT').reasonCode, ReasonCode.SessionTakenOver)
  const publisher = await other.connect({ name: 'beta' })
  publisher.publish('open/a', 'here', { qos: 1 })
  await other.settle()
  assert.deepEqual(second.messages(), ['open/a here'])
})

test('EG 6.2 a queue over its limit ends the session: the next CONNECT finds none', async () => {
  const home = house({ profile: 'event-grid' })
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  goodbye(first)
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 101; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const second = home.open(persistent)
  assert.equal((await second.connect()).sessionPresent, false)
  assert.deepEqual(second.messages(), [])
})

test('EG 6.2 a connected session whose queue overflows is ended with SessionOverflow', async () => {
  const home = house({ profile: 'event-grid' })
  const stored = await home.connect(persistent)
  const memory = await home.connect({ name: 'gamma' })
  for (const client of [stored, memory]) await client.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 250; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  assert.deepEqual(
    home
      .eventsOf('sessionEnded')
      .map(({ clientId, reason }) => `${clientId} ${reason}`)
      .sort(),
    ['alpha SessionOverflow', 'gamma SessionOverflow'],
  )
  for (const client of [stored, memory]) assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.QuotaExceeded)
})

test('the full profile drops the oldest instead', async () => {
  const home = house({ limits: { maximumQueuedMessages: 10 } })
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  goodbye(first)
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 15; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const second = await home.connect(persistent)
  await home.settle()
  assert.equal(second.messages().at(0), 'open/a 5')
})

test('[MQTT-3.3.2-5] [MQTT-3.3.2-6] an expired message is not delivered, another one with the time that is left', async () => {
  for (const stored of [true, false]) {
    const home = house()
    const options = stored
      ? { ...persistent, properties: { sessionExpiryIntervalSeconds: 600, receiveMaximum: 1 } }
      : { name: 'alpha', properties: { receiveMaximum: 1 } }
    const subscriber = await home.connect(options)
    await subscriber.subscribe('open/#', { qos: 1 })
    const publisher = await home.connect({ name: 'beta' })
    publisher.publish('open/a', 'blocks', { qos: 1 })
    publisher.publish('open/a', 'short', { qos: 1, properties: { messageExpiryIntervalSeconds: 5 } })
    publisher.publish('open/a', 'long', { qos: 1, properties: { messageExpiryIntervalSeconds: 60 } })
    await home.settle()
    const blocking = subscriber.take('PUBLISH')
    await home.pass(10_000)
    acknowledge(subscriber, blocking.packetIdentifier)
    await home.settle()
    const long = subscriber.take('PUBLISH')
    assert.equal(Buffer.from(long.payload).toString(), 'long', stored ? 'stored' : 'memory')
    assert.equal(long.properties.messageExpiryIntervalSeconds, 50)
    assert.equal(home.broker.operations.stats().namespaces[0]?.counters.droppedExpired, 1)
  }
})

test('[MQTT-3.3.2-6] a message that waits for several is kept once, and each gets its own identifier and time', async () => {
  const home = house()
  const subscribers = []
  for (const version of [5, 5, 4] as const) {
    const clientId = `s${subscribers.length}`
    const subscriber = await home.connect({ version, clientId, properties: version === 5 ? { receiveMaximum: 1 } : {} })
    await subscriber.subscribe('open/#', { qos: 1 })
    subscribers.push(subscriber)
  }
  const [early, later, old] = subscribers as [TestClient, TestClient, TestClient]
  const publisher = await home.connect({ name: 'beta' })
  publisher.publish('open/a', 'blocks', { qos: 1 })
  for (const topic of ['open/a', 'open/b']) {
    publisher.publish(topic, 'waits', { qos: 1, properties: { messageExpiryIntervalSeconds: 60 } })
  }
  await home.settle()
  assert.equal(old.publishes().length, 3)
  for (const [subscriber, seconds] of [
    [early, 50],
    [later, 40],
  ] as const) {
    await home.pass(10_000)
    for (const topic of ['blocks', 'open/a', 'open/b']) {
      const { packetIdentifier, topicName, properties } = subscriber.take('PUBLISH')
      if (topic !== 'blocks') {
        assert.deepEqual([topicName, properties.messageExpiryIntervalSeconds], [topic, seconds])
      }
      acknowledge(subscriber, packetIdentifier)
      await home.settle()
    }
  }
  assert.deepEqual([early.packets(), later.packets()], [[], []])
})

test('a store that fails for good: nothing is acknowledged, the publisher is told 0x89', async () => {
  const home = house()
  const subscriber = await home.connect(persistent)
  await subscriber.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect({ name: 'beta' })
  home.world.fault('n1' as NodeId, 'refuse')
  publisher.publish('open/a', 'x', { qos: 1 })
  await home.pass(500)
  assert.deepEqual(publisher.packets(), [])
  await home.pass(20_000)
  assert.equal(publisher.take('DISCONNECT').reasonCode, ReasonCode.ServerBusy)
  assert.deepEqual(subscriber.messages(), [])
})

test('a store that fails for a moment: acknowledged and delivered once, in order, when it is back', async () => {
  const home = house()
  const subscriber = await home.connect(persistent)
  await subscriber.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect({ name: 'beta' })
  home.world.fault('n1' as NodeId, 'loseAnswer')
  for (let i = 0; i < 3; i++) {
    publisher.publish('open/a', `${i}`, { qos: 1 })
    await home.pass(10)
  }
  home.world.fault('n1' as NodeId, null)
  await home.pass(3_000)
  assert.equal(publisher.packets().filter(({ type }) => type === 'PUBACK').length, 3)
  assert.deepEqual(subscriber.messages().sort(), ['open/a 0', 'open/a 1', 'open/a 2'])
})
