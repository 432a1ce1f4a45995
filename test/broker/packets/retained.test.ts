import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import { house, start } from '../support.ts'

test('[MQTT-3.3.1-5] [MQTT311-3.3.1-8] a retained message is sent to a new subscription with RETAIN 1; live ones have RETAIN 0', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const early = await home.connect({ name: 'beta' })
  await early.subscribe('open/#', { qos: 1 })
  publisher.publish('open/a', 'first', { retain: true, qos: 1 })
  publisher.publish('open/a', 'second', { retain: true, qos: 1, properties: { contentType: 't' } })
  publisher.publish('open/b', 'other', { retain: true })
  await home.settle()
  assert.deepEqual(
    early.publishes().map(({ retain }) => retain),
    [false, false, false],
  )
  const late = await home.connect({ name: 'gamma' })
  await late.subscribe('open/+', { qos: 1 })
  await home.settle()
  const got = late.publishes().sort((a, b) => (a.topicName < b.topicName ? -1 : 1))
  assert.deepEqual(
    got.map(({ topicName, payload, retain, qos }) => [topicName, Buffer.from(payload).toString(), retain, qos]),
    [
      ['open/a', 'second', true, 1],
      ['open/b', 'other', true, 0],
    ],
  )
  assert.equal(got[0]?.properties.contentType, 't')
})

test('[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload removes the retained message', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true })
  await home.settle()
  publisher.publish('open/a', '', { retain: true, qos: 1 })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.Success)
  const late = await home.connect({ name: 'beta' })
  await late.subscribe('open/#')
  await home.settle()
  assert.deepEqual(late.messages(), [])
  assert.equal(home.broker.operations.stats().namespaces[0]?.retained, 0)
})

test('[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] Retain Handling 0, 1 and 2', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true })
  await home.settle()
  const expected = [
    [1, 1],
    [1, 0],
    [0, 0],
  ]
  for (const [retainHandling, [first, second]] of expected.entries()) {
    const client = await home.connect({ name: 'beta', clientId: `${retainHandling}` })
    for (const count of [first, second]) {
      await client.subscribe('open/#', { retainHandling: retainHandling as 0 | 1 | 2 })
      await home.settle()
      assert.equal(client.messages().length, count, `Retain Handling ${retainHandling}`)
    }
  }
})

test('[MQTT-3.3.1-12] [MQTT-3.3.1-13] Retain As Published keeps the flag', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const client = await home.connect({ name: 'beta' })
  const other = await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 60 } })
  for (const one of [client, other]) await one.subscribe('open/#', { qos: 1, retainAsPublished: true })
  for (const retain of [true, false]) publisher.publish('open/a', 'x', { qos: 1, retain })
  await home.settle()
  for (const one of [client, other]) {
    assert.deepEqual(
      one.publishes().map(({ retain }) => retain),
      [true, false],
    )
  }
})

test('[MQTT-3.3.2-6] a retained message expires, and says how long it has left', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true, properties: { messageExpiryIntervalSeconds: 60 } })
  await home.pass(20_000)
  const early = await home.connect({ name: 'beta' })
  await early.subscribe('open/#')
  await home.settle()
  assert.equal(early.take('PUBLISH').properties.messageExpiryIntervalSeconds, 40)
  await home.pass(41_000)
  const late = await home.connect({ name: 'gamma' })
  await late.subscribe('open/#')
  await home.settle()
  assert.deepEqual(late.messages(), [])
})

test('an expired retained message no longer counts', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true, properties: { messageExpiryIntervalSeconds: 5 } })
  await home.pass(10_000)
  assert.equal(home.broker.operations.stats().namespaces[0]?.retained, 0)
})

test('a shared subscription gets no retained messages', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true })
  await home.settle()
  const client = await home.connect({ name: 'beta' })
  await client.subscribe('$share/g/open/#')
  await home.settle()
  assert.deepEqual(client.messages(), [])
})

test('a stored session gets retained messages at QoS 1 through its queue', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true, qos: 1 })
  await home.settle()
  const client = await home.connect({ name: 'beta', properties: { sessionExpiryIntervalSeconds: 60 } })
  await client.subscribe('open/#', { qos: 1 }, { subscriptionIdentifier: 9 })
  await home.settle()
  const publish = client.take('PUBLISH')
  assert.equal(publish.retain, true)
  assert.equal(publish.qos, 1)
  assert.deepEqual(publish.properties.subscriptionIdentifiers, [9])
})

test('retained messages survive a restart', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  publisher.publish('open/a', 'x', { retain: true, qos: 1 })
  await home.settle()
  home.world.kill(home.parts.node)
  const again = start({ ...home.parts, seed: 2 })
  const client = await again.connect({ name: 'beta' })
  await client.subscribe('open/#')
  await again.settle()
  assert.deepEqual(client.messages(), ['open/a x'])
})

test('EG 6.8 a retained payload over 64 KB gets 0x97, in 3.1.1 the connection ends', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect({ name: 'alpha' })
  client.publish('open/a', 'x'.repeat(65_537), { qos: 1, retain: true })
  client.publish('open/a', 'x'.repeat(65_536), { qos: 1, retain: true })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.QuotaExceeded)
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
  const old = await home.connect({ name: 'beta', version: 4 })
  old.publish('open/a', 'x'.repeat(65_537), { qos: 1, retain: true })
  await home.settle()
  assert.notEqual(old.peer.ended, null)
})

test('[MQTT-3.2.2-14] retained messages where they are not available end the connection with 0x9A', async () => {
  const home = house({ limits: { retainAvailable: false } })
  const client = home.open()
  assert.equal((await client.connect()).properties.retainAvailable, 0)
  client.publish('open/a', 'x', { retain: true })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.RetainNotSupported)
})

test('the namespace holds no more retained messages than its limit', async () => {
  const home = house({ limits: { maximumRetainedMessages: 2 } })
  const client = await home.connect()
  for (const topic of ['open/a', 'open/b', 'open/c', 'open/a']) {
    client.publish(topic, 'x', { qos: 1, retain: true })
    await home.settle()
  }
  assert.deepEqual(
    client.packets().map((packet) => (packet.type === 'PUBACK' ? packet.reasonCode : packet.type)),
    [0, 0, ReasonCode.QuotaExceeded, 0],
  )
})

test('a huge number of retained messages is sent a portion per turn, and as fast as the socket takes them', async () => {
  const home = house({ limits: { maximumOutboxBytes: 65_536 } })
  const publisher = await home.connect({ name: 'alpha' })
  for (let i = 0; i < 1_000; i++) publisher.publish(`open/${i}`, 'x'.repeat(500), { retain: true })
  await home.settle()
  const slow = await home.connect({ name: 'beta' })
  const fast = await home.connect({ name: 'gamma' })
  slow.peer.stall(true)
  slow.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 1,
    subscriptions: [{ topicFilter: 'open/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: {},
  })
  await fast.subscribe('open/#')
  await home.settle()
  assert.equal(fast.messages().length, 1_000)
  for (let i = 0; i < 40; i++) {
    slow.peer.stall(false)
    slow.peer.stall(true)
    await home.settle()
  }
  slow.peer.stall(false)
  await home.settle()
  assert.equal(slow.messages().length, 1_000, 'none was dropped')
})
