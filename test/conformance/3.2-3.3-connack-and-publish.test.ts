import assert from 'node:assert/strict'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { answer, isClosed, kept, lose, publishTwice, text, will } from './kit.ts'

kept(
  '3.2.2-9 3.2.2-10',
  '',
  'a server without QoS 2 says so, and accepts subscriptions that ask for it',
  async (bench) => {
    const home = bench.open({ profile: 'event-grid' })
    const client = home.open(bench.client())
    assert.equal((await client.connect()).properties.maximumQoS, 1)
    const asked = ([0, 1, 2] as const).map((qos) => ({ topicFilter: `open/${qos}`, qos }))
    assert.deepEqual((await client.subscribe(asked)).reasonCodes, [0, 1, 1])
    const whole = bench.open()
    assert.equal((await whole.open(bench.client()).connect()).properties.maximumQoS, undefined)
  },
)

kept('3.2.2-13', '', 'a retained will is refused with 0x9A where nothing is retained', async (bench) => {
  const home = bench.open({ limits: { retainAvailable: false } })
  const client = home.open(bench.client({ will: will({ retain: true }) }))
  const connack = await client.connect()
  assert.equal(connack.reasonCode, ReasonCode.RetainNotSupported)
  assert.ok(await isClosed(home, client))
  const plain = home.open(bench.client({ name: 'beta', will: will() }))
  const { reasonCode, properties } = await plain.connect()
  assert.equal(reasonCode, ReasonCode.Success)
  assert.equal(properties.retainAvailable, 0)
})

kept('3.2.2-19', '', 'a Reason String that does not fit the client is left out of CONNACK', async (bench) => {
  const home = bench.open({ settings: { reasonStrings: true } })
  const sizes = [undefined, 20]
  const reasons: (string | undefined)[] = []
  for (const maximumPacketSizeBytes of sizes) {
    const client = home.open(
      bench.client({
        name: 'alpha',
        will: will({ topicName: 'closed/to/alpha' }),
        properties: maximumPacketSizeBytes === undefined ? {} : { maximumPacketSizeBytes },
      }),
    )
    const { reasonCode, properties } = await client.connect()
    assert.equal(reasonCode, ReasonCode.NotAuthorized)
    reasons.push(properties.reasonString)
  }
  assert.deepEqual(reasons, ['willNotAuthorized', undefined])
})

kept('3.3.1-1 3.3.1-3', '3.3.1-1 3.3.1-3', 'DUP is set on what is sent again and on nothing else', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.lasting({ name: 'beta' }))
  await subscriber.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect(bench.client())
  // DUP of the publisher is its own affair.
  publisher.publish('open/a', 'again', { qos: 1, dup: true })
  publisher.publish('open/a', 'first', { qos: 1 })
  await home.settle()
  assert.deepEqual(
    subscriber.publishes().map(({ dup }) => dup),
    [false, false],
  )
  await lose(home, subscriber)
  publisher.publish('open/a', 'young', { qos: 1 })
  await home.settle()
  const back = await home.connect(bench.lasting({ name: 'beta' }))
  await home.settle()
  assert.deepEqual(
    back.publishes().map(({ dup }) => dup),
    [true, true, false],
  )
})

kept('3.3.1-2 4.3.1-1', '3.3.1-2 4.3.1-1', 'QoS 0 is delivered with QoS 0 and without DUP', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.lasting({ name: 'beta' }))
  await subscriber.subscribe('open/#', { qos: 0 })
  const publisher = await home.connect(bench.client())
  for (const qos of [0, 1] as const) publisher.publish('open/a', `${qos}`, { qos, dup: qos === 1 })
  await publishTwice(home, publisher, 'open/a', '2')
  const delivered = subscriber.publishes()
  assert.equal(delivered.length, 3)
  for (const { qos, dup, packetIdentifier } of delivered) {
    assert.deepEqual({ qos, dup, packetIdentifier }, { qos: 0, dup: false, packetIdentifier: null })
  }
})

kept('3.3.1-4', '3.3.1-4', 'QoS 3 ends the connection', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  const properties = bench.version === 5 ? [0] : []
  client.raw(0x36, 10 + properties.length, ...text('open/a'), 0, 1, ...properties)
  assert.ok(await isClosed(home, client))
  if (bench.version === 5) assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.MalformedPacket)
})

kept(
  '3.3.1-5 3.3.1-9',
  '3.3.1-5 3.3.1-6 3.3.1-8',
  'the last retained message, with its QoS, goes to a new subscription',
  async (bench) => {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    publisher.publish('open/a', 'old', { qos: 1, retain: true })
    publisher.publish('open/a', 'new', { qos: 1, retain: true })
    publisher.publish('open/b', 'other', { qos: 0, retain: true })
    await home.settle()
    const subscriber = await home.connect(bench.client({ name: 'beta' }))
    await subscriber.subscribe('open/+', { qos: 2 })
    await home.settle()
    const got = subscriber
      .publishes()
      .map((packet) => [packet.topicName, `${Buffer.from(packet.payload)}`, packet.qos, packet.retain])
    assert.deepEqual(got.sort(), [
      ['open/a', 'new', 1, true],
      ['open/b', 'other', 0, true],
    ])
  },
)

kept('3.3.1-12', '3.3.1-9', 'an established subscription gets RETAIN 0', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.client({ name: 'beta' }))
  await subscriber.subscribe('open/#', { qos: 1 })
  const publisher = await home.connect(bench.client())
  for (const qos of [0, 1] as const) publisher.publish('open/a', 'x', { qos, retain: true })
  await home.settle()
  assert.deepEqual(
    subscriber.publishes().map(({ retain }) => retain),
    [false, false],
  )
})

kept(
  '3.3.1-6 3.3.1-7',
  '3.3.1-7 3.3.1-10 3.3.1-11',
  'an empty payload is delivered, removes what was retained and is not retained itself',
  async (bench) => {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    const subscriber = await home.connect(bench.client({ name: 'beta' }))
    await subscriber.subscribe('open/#')
    for (const payload of ['kept', '', '']) publisher.publish('open/a', payload, { retain: true })
    await home.settle()
    assert.deepEqual(subscriber.messages(), ['open/a kept', 'open/a ', 'open/a '])
    const late = await home.connect(bench.client({ name: 'gamma' }))
    await late.subscribe('open/#')
    await home.settle()
    assert.deepEqual(late.messages(), [])
    assert.equal(home.broker.operations.stats().namespaces[0]?.retained, 0)
  },
)

kept('', '3.3.1-7', 'a retained message of QoS 0 takes the place of one of QoS 1', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  publisher.publish('open/a', 'one', { qos: 1, retain: true })
  publisher.publish('open/a', 'zero', { qos: 0, retain: true })
  await home.settle()
  const late = await home.connect(bench.client({ name: 'gamma' }))
  await late.subscribe('open/#', { qos: 1 })
  await home.settle()
  assert.deepEqual(late.messages(), ['open/a zero'])
})

kept('3.3.1-8', '3.3.1-12', 'RETAIN 0 stores nothing and removes nothing', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  publisher.publish('open/a', 'kept', { retain: true })
  publisher.publish('open/a', 'passing', { qos: 1 })
  publisher.publish('open/a', '')
  publisher.publish('open/b', 'passing', { qos: 1 })
  await home.settle()
  const late = await home.connect(bench.client({ name: 'gamma' }))
  await late.subscribe('open/#')
  await home.settle()
  assert.deepEqual(late.messages(), ['open/a kept'])
})

kept('', '3.1.2-7', 'retained messages stay when the session of their publisher ends', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  publisher.publish('open/a', 'kept', { retain: true })
  await lose(home, publisher)
  await home.pass(10_000_000)
  const late = await home.connect(bench.client({ name: 'gamma' }))
  await late.subscribe('open/#')
  await home.settle()
  assert.deepEqual(late.messages(), ['open/a kept'])
})

kept('3.3.2-1', '3.3.2-1', 'a topic name that is no UTF-8, or missing, ends the connection', async (bench) => {
  const properties = bench.version === 5 ? [0] : []
  for (const topic of [text([...Buffer.from('open/'), 0xff]), text(''), [0, 9, 0x61]]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const body = [...topic, ...properties]
    client.raw(0x30, body.length, ...body)
    assert.ok(await isClosed(home, client))
  }
})

kept(
  '3.3.2-2 4.7.0-1',
  '3.3.2-2 4.7.1-1',
  'a topic name with a wildcard ends the connection and reaches nobody',
  async (bench) => {
    for (const topicName of ['open/#', 'open/+', 'open/a+', '#']) {
      const home = bench.open()
      const watcher = await home.connect(bench.client({ name: 'beta' }))
      await watcher.subscribe('open/#')
      const client = await home.connect(bench.client())
      client.publish(topicName, 'x')
      assert.ok(await isClosed(home, client), topicName)
      assert.deepEqual(watcher.messages(), [])
    }
  },
)

kept('3.3.2-3', '3.3.2-3', 'a subscriber gets the topics its filters match, under their own names', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.client({ name: 'beta' }))
  await subscriber.subscribe('open/+/x')
  const publisher = await home.connect(bench.client())
  for (const topicName of ['open/a/x', 'open/b/x', 'open/a', 'open/a/y', 'open/a/x/z']) publisher.publish(topicName, '')
  await home.settle()
  assert.deepEqual(
    subscriber.publishes().map(({ topicName }) => topicName),
    ['open/a/x', 'open/b/x'],
  )
})

kept(
  '3.1.2-26 3.1.2-27 3.3.2-11',
  '',
  'no alias is sent above the client’s Topic Alias Maximum, none without one',
  async (bench) => {
    for (const topicAliasMaximum of [0, 1, 3]) {
      const home = bench.open()
      const subscriber = await home.connect(bench.client({ name: 'beta', properties: { topicAliasMaximum } }))
      await subscriber.subscribe('open/#')
      const publisher = await home.connect(bench.client())
      for (let i = 0; i < 60; i++) publisher.publish(`open/${i % 6}`, 'x')
      await home.settle()
      const aliases = subscriber.publishes().map(({ properties }) => properties.topicAlias ?? 0)
      assert.equal(aliases.length, 60)
      assert.ok(Math.max(...aliases) <= topicAliasMaximum, `${Math.max(...aliases)} of ${topicAliasMaximum}`)
    }
  },
)

kept('3.3.2-7', '', 'the aliases of the server do not outlive their connection', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  const options = bench.lasting({
    name: 'beta',
    properties: { sessionExpiryIntervalSeconds: 600, topicAliasMaximum: 5 },
  })
  for (let round = 0; round < 3; round++) {
    const subscriber = await home.connect(options)
    await subscriber.subscribe('open/#')
    for (let i = 0; i < 6; i++) publisher.publish('open/a', 'x')
    await home.settle()
    const delivered = subscriber.publishes()
    const known = new Set<number>()
    for (const { topicName, properties } of delivered) {
      const alias = properties.topicAlias ?? 0
      assert.ok(topicName !== '' || known.has(alias), 'an alias is set before it is used')
      if (topicName !== '') known.add(alias)
    }
    await lose(home, subscriber)
    await home.pass(1_100)
  }
})

kept(
  '3.3.2-4 3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-18 3.3.2-20',
  '',
  'properties of a message are forwarded as they are, through memory and store',
  async (bench) => {
    const properties = {
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      responseTopic: 'open/answer',
      correlationData: Uint8Array.from([0, 255, 0]),
      userProperties: [
        ['z', '1'],
        ['a', '2'],
        ['z', '1'],
      ],
    } as const
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    const receivers = [
      await home.connect(bench.client({ name: 'beta' })),
      await home.connect(bench.lasting({ name: 'gamma' })),
    ]
    for (const receiver of receivers) await receiver.subscribe('open/#', { qos: 1 })
    publisher.publish('open/a', 'text', { qos: 1, properties })
    await home.settle()
    for (const receiver of receivers) {
      const got = receiver.publishes()[0]?.properties
      assert.deepEqual(
        { ...got, correlationData: [...(got?.correlationData ?? [])] },
        { ...properties, correlationData: [0, 255, 0] },
      )
    }
  },
)

kept('3.3.4-1 4.3.2-4', '3.3.4-1 4.3.2-2', 'QoS 0 is not answered, QoS 1 by PUBACK, QoS 2 by PUBREC', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  client.publish('open/a', '0')
  await home.settle()
  assert.deepEqual(client.packets(), [])
  client.publish('open/a', '1', { qos: 1, packetIdentifier: 7 })
  client.publish('open/a', '2', { qos: 2, packetIdentifier: 65_535 })
  await home.settle()
  assert.deepEqual(
    client.packets().map((packet) => [packet.type, 'packetIdentifier' in packet ? packet.packetIdentifier : 0]),
    [
      ['PUBACK', 7],
      ['PUBREC', 65_535],
    ],
  )
})

kept('3.3.4-2', '3.3.5-1', 'overlapping subscriptions deliver with the highest QoS', async (bench) => {
  for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
    const home = bench.open()
    const subscriber = await home.connect(options)
    await subscriber.subscribe([
      { topicFilter: 'open/#', qos: 0 },
      { topicFilter: 'open/a', qos: 2 },
      { topicFilter: 'open/+', qos: 1 },
    ])
    const publisher = await home.connect(bench.client())
    await publishTwice(home, publisher, 'open/a', 'x')
    assert.equal(Math.max(...subscriber.publishes().map(({ qos }) => qos)), 2)
  }
})

kept('3.3.4-9 3.3.4-10 4.9.0-2 4.9.0-3', '', 'at the Receive Maximum only PUBLISH above QoS 0 waits', async (bench) => {
  for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
    const home = bench.open()
    const properties = { ...options.properties, receiveMaximum: 2 }
    const subscriber = await home.connect({ ...options, properties })
    await subscriber.subscribe('open/#', { qos: 1 })
    const publisher = await home.connect(bench.client())
    for (let i = 0; i < 5; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
    await home.settle()
    const [first, second] = subscriber.publishes()
    assert.deepEqual(subscriber.packets(), [])
    publisher.publish('open/a', 'zero')
    subscriber.send({ type: 'PINGREQ' })
    await subscriber.subscribe('open/other')
    const id = subscriber.publish('open/b', 'mine', { qos: 2 })
    await home.settle()
    assert.equal(subscriber.take('PINGRESP').type, 'PINGRESP')
    assert.equal(subscriber.take('PUBREC').packetIdentifier, id)
    assert.deepEqual(subscriber.messages(), ['open/a zero'])
    answer(subscriber, 'PUBACK', first?.packetIdentifier ?? 0)
    answer(subscriber, 'PUBACK', second?.packetIdentifier ?? 0, bench.version === 5 ? ReasonCode.UnspecifiedError : 0)
    await home.settle()
    assert.deepEqual(subscriber.messages(), ['open/a 2', 'open/a 3'])
  }
})

kept('', '3.3.5-2', 'a PUBLISH without right closes the connection and reaches nobody', async (bench) => {
  for (const qos of [0, 1, 2] as const) {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('beta/own/#')
    const client = await home.connect(bench.client())
    client.publish('beta/own/x', 'x', { qos })
    assert.ok(await isClosed(home, client))
    assert.deepEqual(watcher.messages(), [])
  }
})
