import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import { house } from '../support.ts'

test('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6] SUBACK has the identifier and one code per filter, in order', async () => {
  const home = house()
  const client = await home.connect()
  const suback = await client.subscribe([
    { topicFilter: 'open/a', qos: 0 },
    { topicFilter: 'closed/a', qos: 1 },
    { topicFilter: 'open/b', qos: 2 },
    { topicFilter: 'open/#/b', qos: 1 },
  ])
  assert.equal(suback.packetIdentifier, 1)
  assert.deepEqual(suback.reasonCodes, [0, ReasonCode.NotAuthorized, 2, ReasonCode.TopicFilterInvalid])
})

test('[MQTT311-3.9.3-2] MQTT 3.1.1 knows one failure: 0x80', async () => {
  const home = house()
  const client = await home.connect({ version: 4 })
  const suback = await client.subscribe([{ topicFilter: 'closed/a' }, { topicFilter: 'open/a', qos: 1 }])
  assert.deepEqual(suback.reasonCodes, [0x80, 1])
})

test('[MQTT-3.8.4-3] a filter that is subscribed again replaces its subscription', async () => {
  const home = house()
  const client = await home.connect({ name: 'alpha' })
  const publisher = await home.connect({ name: 'beta' })
  await client.subscribe('open/#', { qos: 0 })
  await client.subscribe('open/#', { qos: 1 })
  publisher.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  const publishes = client.publishes()
  assert.equal(publishes.length, 1)
  assert.equal(publishes[0]?.qos, 1)
})

test('[MQTT-3.8.4-8] the QoS of a delivery is the lower of publication and subscription', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'gamma' })
  for (const granted of [0, 1, 2] as const) {
    const client = await home.connect({ name: 'alpha', clientId: `${granted}` })
    await client.subscribe('open/#', { qos: granted })
    for (const qos of [0, 1, 2] as const) {
      const identifier = publisher.publish('open/a', 'x', { qos })
      if (qos === 2) {
        publisher.send({ type: 'PUBREL', packetIdentifier: identifier ?? 0, reasonCode: 0, properties: {} })
      }
      await home.settle()
      assert.equal(client.take('PUBLISH').qos, Math.min(qos, granted))
    }
  }
})

for (const stored of [false, true]) {
  test(`[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] overlapping subscriptions: one copy, highest QoS, all identifiers, ${stored ? 'stored' : 'memory'}`, async () => {
    const home = house()
    const client = await home.connect({
      name: 'alpha',
      properties: stored ? { sessionExpiryIntervalSeconds: 60 } : {},
    })
    const publisher = await home.connect({ name: 'beta' })
    await client.subscribe('open/+', { qos: 0 }, { subscriptionIdentifier: 7 })
    await client.subscribe('open/#', { qos: 1 }, { subscriptionIdentifier: 300 })
    await client.subscribe('open/a', { qos: 0 })
    for (const qos of [0, 1] as const) {
      publisher.publish('open/a', 'x', { qos })
      await home.settle()
      const publishes = client.publishes()
      assert.equal(publishes.length, 1)
      assert.equal(publishes[0]?.qos, qos)
      assert.deepEqual([...(publishes[0]?.properties.subscriptionIdentifiers ?? [])].sort(), [300, 7])
    }
  })
}

test('[MQTT-3.8.3-3] No Local: a client does not get what it published itself, unless another filter wants it', async () => {
  const home = house()
  const client = await home.connect({ name: 'alpha' })
  const other = await home.connect({ name: 'beta' })
  await client.subscribe('open/#', { noLocal: true })
  await client.subscribe('open/both')
  client.publish('open/mine', '1')
  client.publish('open/both', '2')
  other.publish('open/mine', '3')
  await home.settle()
  assert.deepEqual(client.messages(), ['open/both 2', 'open/mine 3'])
})

test('[MQTT-3.8.3-4] No Local on a shared subscription is a protocol error', async () => {
  const home = house()
  const client = await home.connect()
  client.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 1,
    subscriptions: [
      { topicFilter: '$share/g/open/#', qos: 0, noLocal: true, retainAsPublished: false, retainHandling: 0 },
    ],
    properties: {},
  })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5] UNSUBSCRIBE removes exactly the filter and answers for each', async () => {
  const home = house()
  const client = await home.connect({ name: 'alpha' })
  const publisher = await home.connect({ name: 'beta' })
  await client.subscribe([{ topicFilter: 'open/a' }, { topicFilter: 'open/+' }])
  client.send({
    type: 'UNSUBSCRIBE',
    packetIdentifier: 9,
    topicFilters: ['open/+', 'open/none', 'open/#/x'],
    properties: {},
  })
  await home.settle()
  const unsuback = client.take('UNSUBACK')
  assert.equal(unsuback.packetIdentifier, 9)
  assert.deepEqual(unsuback.reasonCodes, [0, ReasonCode.NoSubscriptionExisted, ReasonCode.TopicFilterInvalid])
  publisher.publish('open/a', 'still')
  publisher.publish('open/b', 'no more')
  await home.settle()
  assert.deepEqual(client.messages(), ['open/a still'])
})

test('a route that a publisher remembers follows every change of matching filters', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const one = await home.connect({ name: 'beta' })
  const two = await home.connect({ name: 'gamma' })
  const say = async (text: string) => {
    publisher.publish('open/a/b', text)
    await home.settle()
  }
  await say('0')
  await one.subscribe('open/a/b')
  await say('1')
  await two.subscribe('open/+/b')
  await say('2')
  one.send({ type: 'UNSUBSCRIBE', packetIdentifier: 5, topicFilters: ['open/a/b'], properties: {} })
  await home.settle()
  await say('3')
  two.peer.reset()
  await home.settle()
  await one.subscribe('#')
  await one.subscribe('open/#')
  await say('4')
  assert.deepEqual(one.messages(), ['open/a/b 1', 'open/a/b 2', 'open/a/b 4'])
  assert.deepEqual(two.messages(), ['open/a/b 2', 'open/a/b 3'])
})

test('EG 6.8 more than 10 filters, more than 50 subscriptions: 0x97 for the excess', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  const filters = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ topicFilter: `open/${from + i}`, qos: 1 as const }))
  const first = await client.subscribe(filters(0, 11))
  assert.deepEqual(first.reasonCodes.slice(9), [1, ReasonCode.QuotaExceeded])
  for (let from = 10; from < 50; from += 10) await client.subscribe(filters(from, 10))
  await home.pass(1_000)
  const last = await client.subscribe(filters(50, 1))
  assert.deepEqual(last.reasonCodes, [ReasonCode.QuotaExceeded])
  const again = await client.subscribe(filters(3, 1))
  assert.deepEqual(again.reasonCodes, [1], 'one that exists may be replaced')
})

test('EG 6.8 QoS 2 is granted as QoS 1 where Maximum QoS is 1', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  assert.deepEqual((await client.subscribe('open/#', { qos: 2 })).reasonCodes, [1])
})

test('EG 6.8 user properties in SUBSCRIBE: 0x83 for each filter', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  const suback = await client.subscribe(
    [{ topicFilter: 'open/a' }, { topicFilter: 'open/b' }],
    {},
    {
      userProperties: [['a', 'b']],
    },
  )
  assert.deepEqual(suback.reasonCodes, [0x83, 0x83])
})

test('[S43] $ topics: no subscription, not below $share, no nesting', async () => {
  const home = house({ profile: 'event-grid' })
  home.namespace.space('open', '#')
  home.changed()
  const client = await home.connect()
  const filters = ['$SYS/#', '$share/g/$SYS/#', '$share/g/$share/h/a', '$share/+/a', '$share//a', '$share/g']
  const suback = await client.subscribe(filters.map((topicFilter) => ({ topicFilter })))
  assert.deepEqual(
    suback.reasonCodes,
    filters.map(() => ReasonCode.TopicFilterInvalid),
  )
  assert.deepEqual((await client.subscribe('$share/g/#')).reasonCodes, [0])
})

test('EG 6.6 a shared subscription gives each message to one member, fairly', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const members = [
    await home.connect({ name: 'beta', clientId: 'm1' }),
    await home.connect({ name: 'beta', clientId: 'm2' }),
    await home.connect({ name: 'beta', clientId: 'm3' }),
  ]
  const plain = await home.connect({ name: 'gamma' })
  await plain.subscribe('open/#', { qos: 1 })
  for (const member of members) await member.subscribe('$share/g/open/#', { qos: 1 })
  for (let i = 0; i < 30; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const counts = members.map((member) => member.messages().length)
  assert.deepEqual(counts, [10, 10, 10])
  assert.equal(plain.messages().length, 30)
})

test('EG 6.6 two groups on one filter each get their copy', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const one = await home.connect({ name: 'beta' })
  const two = await home.connect({ name: 'gamma' })
  await one.subscribe('$share/g/open/#')
  await two.subscribe('$share/h/open/#')
  publisher.publish('open/a', 'x')
  await home.settle()
  assert.deepEqual(one.messages(), ['open/a x'])
  assert.deepEqual(two.messages(), ['open/a x'])
})

test('a shared subscription passes over members that do not keep up, and over those that left', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const full = await home.connect({ name: 'beta', properties: { receiveMaximum: 1 } })
  const free = await home.connect({ name: 'gamma' })
  for (const member of [full, free]) await member.subscribe('$share/g/open/#', { qos: 1 })
  for (let i = 0; i < 10; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  assert.equal(full.messages().length, 1)
  assert.equal(free.messages().length, 9)
  free.peer.reset()
  await home.settle()
  publisher.publish('open/a', 'last', { qos: 0 })
  await home.settle()
  assert.deepEqual(full.messages(), ['open/a last'])
})

test('MQTT 5.0 4.8.2: what a member in the store has not got stays its own until it goes', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const stored = await home.connect({ name: 'beta', properties: { sessionExpiryIntervalSeconds: 600 } })
  await stored.subscribe('$share/g/open/#', { qos: 1 })
  stored.peer.reset()
  await home.settle()
  publisher.publish('open/a', 'kept', { qos: 1 })
  await home.settle()
  const again = await home.connect({
    name: 'beta',
    cleanStart: false,
    properties: { sessionExpiryIntervalSeconds: 600 },
  })
  await home.settle()
  assert.deepEqual(again.messages(), ['open/a kept'])
})

test('EG 6.8 a shared subscription by MQTT 3.1.1 ends the connection; the full profile grants it', async () => {
  const strict = house({ profile: 'event-grid' })
  const refused = await strict.connect({ version: 4 })
  refused.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 1,
    subscriptions: [
      { topicFilter: '$share/g/open/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ],
    properties: {},
  })
  await strict.settle()
  assert.notEqual(refused.peer.ended, null)
  const home = house()
  const client = await home.connect({ version: 4 })
  assert.deepEqual((await client.subscribe('$share/g/open/#')).reasonCodes, [0])
})

test('EG 6.6 what a member of a share group in memory does not have goes to another one when it leaves', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const first = await home.connect({ name: 'beta', properties: { receiveMaximum: 2 } })
  await first.subscribe('$share/g/open/#', { qos: 2 })
  for (let i = 0; i < 5; i++) publisher.publish('open/a', `${i}`, { qos: 1, properties: { contentType: 't' } })
  await home.settle()
  const [acknowledged] = first.publishes()
  first.send({ type: 'PUBACK', packetIdentifier: acknowledged?.packetIdentifier ?? 0, reasonCode: 0, properties: {} })
  await home.settle()
  const second = await home.connect({ name: 'gamma', version: 4 })
  await second.subscribe('$share/g/open/#', { qos: 1 })
  first.peer.reset()
  await home.settle()
  assert.deepEqual(second.messages(), ['open/a 1', 'open/a 2', 'open/a 3', 'open/a 4'])
})

test('[MQTT-4.8.2-5] QoS 2 that was sent to a member of a share group is given to nobody else', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const first = await home.connect({ name: 'beta', properties: { receiveMaximum: 1 } })
  await first.subscribe('$share/g/open/#', { qos: 2 })
  for (const text of ['sent', 'queued']) {
    const packetIdentifier = publisher.publish('open/a', text, { qos: 2 }) ?? 0
    publisher.send({ type: 'PUBREL', packetIdentifier, reasonCode: 0, properties: {} })
    await home.settle()
  }
  assert.deepEqual(first.messages(), ['open/a sent'])
  const second = await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 60 } })
  await second.subscribe('$share/g/open/#', { qos: 2 })
  first.peer.reset()
  await home.settle()
  assert.deepEqual(second.messages(), ['open/a queued'])
})
