import assert from 'node:assert/strict'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { answer, isClosed, kept, leave, lose, publishTwice, text, typesOf } from './kit.ts'

kept('3.8.1-1', '3.8.1-1', 'SUBSCRIBE with other flags than 0010 ends the connection', async (bench) => {
  const properties = bench.version === 5 ? [0] : []
  const body = [0, 1, ...properties, ...text('open/a'), 0]
  for (const flags of [0, 1, 3, 6, 10, 15]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    client.raw(0x80 | flags, body.length, ...body)
    assert.ok(await isClosed(home, client), `${flags}`)
  }
})

kept(
  '3.8.3-1 3.8.3-2',
  '3.8.3-1 3.8.3-3',
  'SUBSCRIBE without a filter, or with one that is no text, ends the connection',
  async (bench) => {
    const properties = bench.version === 5 ? [0] : []
    for (const filters of [[], [...text([0xff]), 0], [0, 5, 0x61, 0]]) {
      const home = bench.open()
      const client = await home.connect(bench.client())
      const body = [0, 1, ...properties, ...filters]
      client.raw(0x82, body.length, ...body)
      assert.ok(await isClosed(home, client))
    }
  },
)

kept('3.8.3-5', '3-8.3-4', 'reserved bits and QoS 3 in SUBSCRIBE end the connection', async (bench) => {
  const properties = bench.version === 5 ? [0] : []
  for (const options of bench.version === 5 ? [0x03, 0x40, 0x80, 0x30] : [0x03, 0x04, 0x20, 0x80]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const body = [0, 1, ...properties, ...text('open/a'), options]
    client.raw(0x82, body.length, ...body)
    assert.ok(await isClosed(home, client), options.toString(16))
  }
})

kept(
  '2.2.1-6 3.8.4-1 3.8.4-2 3.8.4-5 3.8.4-6 3.8.4-7 3.9.3-1 3.9.3-2',
  '2.3.1-7 3.8.4-1 3.8.4-2 3.8.4-4 3.8.4-5 3.9.3-1',
  'one SUBACK with the identifier and a code for each filter in their order; each filter counts by itself',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const suback = await client.subscribe([
      { topicFilter: 'open/2', qos: 2 },
      { topicFilter: 'closed/a', qos: 1 },
      { topicFilter: 'open/0', qos: 0 },
      { topicFilter: 'open/#/x', qos: 1 },
      { topicFilter: 'open/1', qos: 1 },
    ])
    assert.equal(suback.packetIdentifier, 1)
    const failed = bench.version === 5
    assert.deepEqual(suback.reasonCodes, [
      2,
      failed ? ReasonCode.NotAuthorized : 0x80,
      0,
      failed ? ReasonCode.TopicFilterInvalid : 0x80,
      1,
    ])
    assert.deepEqual(client.packets(), [])
    for (const topicName of ['open/0', 'open/1', 'open/2']) client.publish(topicName, 'x', { qos: 1 })
    await home.settle()
    assert.deepEqual(
      client.publishes().map(({ topicName }) => topicName),
      ['open/0', 'open/1', 'open/2'],
    )
  },
)

kept(
  '3.8.4-3 3.8.4-4',
  '3.8.4-3',
  'subscribing again replaces the subscription, sends retained messages again and loses nothing',
  async (bench) => {
    for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
      const home = bench.open()
      const publisher = await home.connect(bench.client())
      publisher.publish('open/r', 'retained', { qos: 1, retain: true })
      await home.settle()
      const subscriber = await home.connect(options)
      await subscriber.subscribe('open/#', { qos: 1 })
      await home.settle()
      assert.deepEqual(subscriber.messages(), ['open/r retained'])
      for (let i = 0; i < 20; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
      const again = subscriber.subscribe('open/#', { qos: 2 })
      for (let i = 20; i < 40; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
      assert.deepEqual((await again).reasonCodes, [2])
      await home.settle()
      const messages = subscriber.messages()
      assert.equal(messages.filter((message) => message === 'open/r retained').length, 1)
      assert.deepEqual(
        messages.filter((message) => message.startsWith('open/a')),
        Array.from({ length: 40 }, (_, i) => `open/a ${i}`),
      )
    }
  },
)

kept('3.8.4-8', '3.8.4-6', 'a message is delivered with the lower of its QoS and the granted one', async (bench) => {
  for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    const subscriber = await home.connect(options)
    for (const granted of [0, 1, 2] as const) await subscriber.subscribe(`open/${granted}`, { qos: granted })
    for (const granted of [0, 1, 2] as const) {
      for (const qos of [0, 1] as const) publisher.publish(`open/${granted}`, 'x', { qos })
      await publishTwice(home, publisher, `open/${granted}`, 'x')
      assert.deepEqual(
        subscriber
          .publishes()
          .map(({ qos }) => qos)
          .sort(),
        [0, 1, 2].map((qos) => Math.min(qos, granted)).sort(),
      )
    }
  }
})

kept('3.10.1-1', '3.10.1-1', 'UNSUBSCRIBE with other flags than 0010 ends the connection', async (bench) => {
  const properties = bench.version === 5 ? [0] : []
  const body = [0, 1, ...properties, ...text('open/a')]
  for (const flags of [0, 1, 3, 15]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    client.raw(0xa0 | flags, body.length, ...body)
    assert.ok(await isClosed(home, client), `${flags}`)
  }
})

kept(
  '3.10.3-1 3.10.3-2',
  '3.10.3-1 3.10.3-2',
  'UNSUBSCRIBE without a filter, or with one that is no text, ends the connection',
  async (bench) => {
    const properties = bench.version === 5 ? [0] : []
    for (const filters of [[], text([0xff]), [0, 5, 0x61]]) {
      const home = bench.open()
      const client = await home.connect(bench.client())
      const body = [0, 1, ...properties, ...filters]
      client.raw(0xa2, body.length, ...body)
      assert.ok(await isClosed(home, client))
    }
  },
)

kept(
  '3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6 3.11.3-1 3.11.3-2',
  '3.10.4-1 3.10.4-2 3.10.4-4 3.10.4-5 3.10.4-6',
  'UNSUBSCRIBE deletes exactly its filters, answers once, and nothing new comes for them',
  async (bench) => {
    for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
      const home = bench.open()
      const publisher = await home.connect(bench.client())
      const client = await home.connect(options)
      for (const topicFilter of ['open/a', 'open/b', 'open/+/x']) await client.subscribe(topicFilter, { qos: 1 })
      client.send({
        type: 'UNSUBSCRIBE',
        packetIdentifier: 4_711,
        topicFilters: ['open/b', 'open/+', 'open/+/x', 'open/A'],
        properties: {},
      })
      await home.settle()
      const unsuback = client.take('UNSUBACK')
      assert.equal(unsuback.packetIdentifier, 4_711)
      const none = ReasonCode.NoSubscriptionExisted
      if (bench.version === 5) assert.deepEqual(unsuback.reasonCodes, [0, none, 0, none])
      assert.deepEqual(client.packets(), [])
      for (const topicName of ['open/a', 'open/b', 'open/b/x']) publisher.publish(topicName, 'x', { qos: 1 })
      await home.settle()
      assert.deepEqual(client.messages(), ['open/a x'])
    }
  },
)

kept('3.10.4-3', '3.10.4-3', 'deliveries that have begun are finished after UNSUBSCRIBE', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  const client = await home.connect(bench.lasting({ name: 'beta' }))
  await client.subscribe('open/#', { qos: 2 })
  publisher.publish('open/a', 'one', { qos: 1 })
  await publishTwice(home, publisher, 'open/a', 'two')
  const [, second] = client.publishes()
  client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 9, topicFilters: ['open/#'], properties: {} })
  answer(client, 'PUBREC', second?.packetIdentifier ?? 0)
  await home.settle()
  assert.equal(client.take('PUBREL').packetIdentifier, second?.packetIdentifier)
  await lose(home, client)
  const back = await home.connect(bench.lasting({ name: 'beta' }))
  await home.settle()
  assert.deepEqual(typesOf(back.packets()), ['PUBLISH', 'PUBREL'])
})

kept('3.12.4-1', '3.12.4-1', 'each PINGREQ is answered by a PINGRESP', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  for (let i = 0; i < 3; i++) client.send({ type: 'PINGREQ' })
  await home.settle()
  assert.deepEqual(typesOf(client.packets()), ['PINGRESP', 'PINGRESP', 'PINGRESP'])
})

kept('3.14.0-1', '', 'no DISCONNECT comes before a CONNACK of success', async (bench) => {
  const attempts: readonly (readonly number[])[] = [
    [0xc0, 0],
    [0x30, 3, 0, 1, 0x61],
    [0xf0, 0],
    [0x10, 3, 0, 0, 0],
    [0x00, 0],
  ]
  for (const bytes of attempts) {
    const home = bench.open()
    const client = home.open(bench.client())
    client.raw(...bytes)
    assert.ok(await isClosed(home, client))
    assert.ok(!typesOf(client.packets()).includes('DISCONNECT'))
  }
})

kept(
  '3.14.1-1',
  '3.14.1-1',
  'DISCONNECT with reserved flags ends the connection as an error: the will is published',
  async (bench) => {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('open/#')
    const will = { topicName: 'open/w', payload: Buffer.from('w'), qos: 0, retain: false, properties: {} } as const
    const client = await home.connect(bench.client({ will }))
    client.raw(0xe1, 0)
    assert.ok(await isClosed(home, client))
    assert.deepEqual(watcher.messages(), ['open/w w'])
    if (bench.version === 5) assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.MalformedPacket)
  },
)

kept(
  '3.14.2-1 3.14.2-2',
  '',
  'DISCONNECT of the server carries a code of its own and no Session Expiry Interval',
  async (bench) => {
    const home = bench.open()
    const bad: readonly (readonly number[])[] = [
      [0x00, 0],
      [0x60, 2, 0, 1],
      [0x10, 0],
      [0x30, 0xff, 0xff, 0xff, 0x7f],
    ]
    for (const bytes of bad) {
      const client = await home.connect(bench.lasting({ clientId: bytes.join('-') }))
      client.raw(...bytes)
      assert.ok(await isClosed(home, client))
      const { reasonCode, properties } = client.take('DISCONNECT')
      assert.ok(reasonCode >= 0x80)
      assert.equal(properties.sessionExpiryIntervalSeconds, undefined)
    }
  },
)

kept(
  '3.14.4-1 3.14.4-2',
  '',
  'after the DISCONNECT of a client nothing is sent to it and the connection is closed',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.lasting())
    await client.subscribe('open/#', { qos: 1 })
    const publisher = await home.connect(bench.client({ name: 'beta' }))
    client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    publisher.publish('open/a', 'x', { qos: 1 })
    assert.ok(await isClosed(home, client))
    assert.deepEqual(client.packets(), [])
  },
)

const explained =
  '3.1.2-29 3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3 3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3 3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2 3.14.2-3 3.14.2-4 3.2.2-20'
kept(explained, '', 'no answer but CONNACK carries explanations, so none is ever too large for them', async (bench) => {
  for (const requestProblemInformation of [0, 1] as const) {
    const home = bench.open({ settings: { reasonStrings: true } })
    const client = home.open(
      bench.lasting({ properties: { sessionExpiryIntervalSeconds: 60, requestProblemInformation } }),
    )
    const connack = await client.connect()
    assert.equal(connack.properties.userProperties, undefined)
    client.publish('closed/a', 'x', { qos: 1 })
    client.publish('closed/a', 'x', { qos: 2 })
    client.publish('open/a', 'x', { qos: 1 })
    client.publish('open/a', 'x', { qos: 2 })
    answer(client, 'PUBREL', 4_000)
    answer(client, 'PUBREC', 4_001)
    client.send({
      type: 'SUBSCRIBE',
      packetIdentifier: 77,
      subscriptions: ['closed/a', 'open/a', 'open/#/b'].map((topicFilter) => ({
        topicFilter,
        qos: 1,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      })),
      properties: {},
    })
    client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 78, topicFilters: ['open/x'], properties: {} })
    await home.settle()
    client.raw(0x00, 0)
    await home.settle()
    const packets = client.packets()
    const types = new Set(typesOf(packets))
    for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK', 'DISCONNECT'])
      assert.ok(types.has(type), type)
    for (const packet of packets) {
      if (packet.type === 'PUBLISH' || packet.type === 'PINGRESP' || packet.type === 'PINGREQ') continue
      assert.deepEqual({ ...packet.properties }, {}, packet.type)
    }
  }
})

const codes = '3.4.2-1 3.5.2-1 3.6.2-1 3.7.2-1'
kept(codes, '', 'acknowledgements carry codes of their own packet', async (bench) => {
  const allowed = {
    PUBACK: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    PUBREC: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
    PUBREL: [0x00, 0x92],
    PUBCOMP: [0x00, 0x92],
  }
  const home = bench.open({
    profile: 'event-grid',
    limits: { maximumQoS: 2, failedAcknowledgementEndsConnection: false },
  })
  const client = await home.connect(bench.client())
  const topics = ['open/a', 'closed/a', 'open/'.padEnd(300, 'x'), `open${'/x'.repeat(20)}`, '$x/a']
  for (const topicName of topics) {
    for (const qos of [1, 2] as const) {
      client.publish(topicName, 'x', { qos })
      client.publish(topicName, '\xff', { qos, properties: { payloadFormatIndicator: 1 } })
      client.publish(topicName, 'x'.repeat(70_000), { qos, retain: true })
    }
  }
  answer(client, 'PUBREL', 999)
  answer(client, 'PUBREC', 998)
  await home.settle()
  let seen = 0
  for (const packet of client.packets()) {
    if (!(packet.type in allowed)) continue
    seen++
    const { type, reasonCode } = packet as { type: keyof typeof allowed; reasonCode: number }
    assert.ok(allowed[type].includes(reasonCode), `${type} 0x${reasonCode.toString(16)}`)
  }
  assert.ok(seen >= 30, `${seen}`)
})

kept('3.14.4-3', '3.14.4-3', 'DISCONNECT discards the will', async (bench) => {
  const home = bench.open()
  const watcher = await home.connect(bench.client({ name: 'beta' }))
  await watcher.subscribe('open/#')
  const will = { topicName: 'open/w', payload: Buffer.from('w'), qos: 1, retain: false, properties: {} } as const
  await leave(home, await home.connect(bench.client({ will })))
  await home.pass(5_000)
  assert.deepEqual(watcher.messages(), [])
})
