import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import { house } from '../support.ts'

test('[MQTT-3.3.2-15] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach a version 5 subscriber unaltered and in order', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1 })
  const properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/plain',
    responseTopic: 'open/answer',
    correlationData: new Uint8Array([1, 2, 3]),
    userProperties: [
      ['b', '2'],
      ['a', '1'],
      ['b', '3'],
    ],
  } as const
  for (const qos of [0, 1] as const) {
    publisher.publish('open/x', 'text', { qos, properties })
    await home.settle()
    const { properties: got } = subscriber.take('PUBLISH')
    assert.deepEqual(
      { ...got, correlationData: [...(got.correlationData ?? [])] },
      { ...properties, correlationData: [1, 2, 3] },
    )
  }
})

test('[MQTT-3.3.2-2] a wildcard in a topic name ends the connection with 0x90', async () => {
  const home = house()
  const client = await home.connect()
  client.raw(0x30, 0x05, 0x00, 0x02, 0x61, 0x23, 0x00)
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.TopicNameInvalid)
})

test('[MQTT-1.5.4-1] a topic name that is not UTF-8 ends the connection', async () => {
  const home = house()
  const client = await home.connect()
  client.raw(0x30, 0x05, 0x00, 0x02, 0xc3, 0x28, 0x00)
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.MalformedPacket)
})

test('EG 5.4 PUBLISH without the right: QoS 1 and 2 are told and stay, QoS 0 and 3.1.1 end', async () => {
  const home = house()
  const young = await home.connect({ name: 'alpha' })
  young.publish('closed/a', 'x', { qos: 1 })
  young.publish('closed/a', 'x', { qos: 2 })
  await home.settle()
  assert.equal(young.take('PUBACK').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(young.take('PUBREC').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(young.peer.ended, null)
  young.publish('closed/a', 'x')
  await home.settle()
  assert.equal(young.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(home.eventsOf('sessionEnded')[0]?.reason, 'ClientAuthorizationError')
  const old = await home.connect({ name: 'beta', version: 4 })
  old.publish('closed/a', 'x', { qos: 1 })
  await home.settle()
  assert.notEqual(old.peer.ended, null)
  assert.deepEqual(old.packets(), [])
  const [entry] = home.broker.operations.decisions(home.namespace.id, 5, 'refused')
  assert.equal(entry?.record.code, 'publishNotAuthorized')
  assert.equal(entry?.record.authenticationName, 'beta')
})

test('[MQTT-3.2.2-11] EG 6.8 QoS 2 where Maximum QoS is 1 ends the connection with 0x9B', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  client.publish('open/a', 'x', { qos: 2 })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.QoSNotSupported)
})

test('EG 6.8 topics over 256 bytes or 15 segments, or with $: PUBACK 0x90, QoS 0 DISCONNECT 0x90', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  for (const topicName of [`open/${'x'.repeat(252)}`, `open${'/a'.repeat(15)}`, '$SYS/x']) {
    client.publish(topicName, 'x', { qos: 1 })
    await home.settle()
    assert.equal(client.take('PUBACK').reasonCode, ReasonCode.TopicNameInvalid, topicName)
  }
  client.publish(`open/${'x'.repeat(251)}`, 'x', { qos: 1 })
  client.publish(`open${'/a'.repeat(14)}`, 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
  client.publish('$SYS/x', 'x')
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.TopicNameInvalid)
})

test('EG 6.8 properties over their limits: PUBACK 0x83', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  const cases = [
    { contentType: 'x'.repeat(257) },
    { responseTopic: 'x'.repeat(257) },
    { correlationData: new Uint8Array(257) },
    { userProperties: [['n', 'x'.repeat(32_768)]] as const },
  ]
  for (const properties of cases) {
    client.publish('open/a', 'x', { qos: 1, properties })
    await home.settle()
    assert.equal(client.take('PUBACK').reasonCode, ReasonCode.ImplementationSpecificError)
  }
  client.publish('open/a', 'x', { qos: 1, properties: { contentType: 'x'.repeat(256) } })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
})

test('MQTT 5.0 3.3.2.3.2: a payload that is not the UTF-8 it says it is gets 0x99', async () => {
  const home = house()
  const client = await home.connect()
  client.send({
    type: 'PUBLISH',
    dup: false,
    qos: 1,
    retain: false,
    topicName: 'open/a',
    packetIdentifier: 1,
    properties: { payloadFormatIndicator: 1 },
    payload: new Uint8Array([0xc3, 0x28]),
  })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.PayloadFormatInvalid)
})

test('[MQTT-3.3.2-8] [MQTT-3.3.2-12] a topic alias stands for its topic until it is set anew', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const young = await home.connect({ name: 'beta' })
  const old = await home.connect({ name: 'gamma', version: 4 })
  await young.subscribe('open/#', { qos: 1 })
  await old.subscribe('open/#', { qos: 1 })
  publisher.publish('open/a', '1', { properties: { topicAlias: 3 } })
  publisher.publish('', '2', { properties: { topicAlias: 3, contentType: 'x' } })
  publisher.publish('', '3', { qos: 1, properties: { topicAlias: 3 } })
  publisher.publish('open/b', '4', { properties: { topicAlias: 3 } })
  publisher.publish('', '5', { properties: { topicAlias: 3 } })
  await home.settle()
  const expected = ['open/a 1', 'open/a 2', 'open/a 3', 'open/b 4', 'open/b 5']
  const publishes = young.publishes()
  assert.deepEqual(
    publishes.map(({ topicName, payload }) => `${topicName} ${Buffer.from(payload)}`),
    expected,
  )
  assert.deepEqual(publishes[1]?.properties, { contentType: 'x' }, '[MQTT-3.3.2-7] the alias is not forwarded')
  assert.deepEqual(old.messages(), expected)
})

test('[MQTT-3.3.2-7] an alias of one connection means nothing in the next', async () => {
  const home = house()
  const first = await home.connect({ name: 'alpha' })
  first.publish('open/a', '1', { properties: { topicAlias: 1 } })
  await home.settle()
  const second = await home.connect({ name: 'alpha' })
  second.publish('', '2', { properties: { topicAlias: 1 } })
  await home.settle()
  assert.equal(second.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('[MQTT-3.3.2-9] an alias above Topic Alias Maximum ends the connection with 0x94', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  client.publish('open/a', 'x', { properties: { topicAlias: 11 } })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.TopicAliasInvalid)
})

test('[MQTT-3.1.2-25] [MQTT-3.1.2-24] a message above the client’s Maximum Packet Size is dropped for it alone', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const small = await home.connect({ name: 'beta', properties: { maximumPacketSizeBytes: 100 } })
  const large = await home.connect({ name: 'gamma' })
  for (const client of [small, large]) await client.subscribe('open/#', { qos: 1 })
  for (const qos of [0, 1] as const) publisher.publish('open/a', 'x'.repeat(100), { qos })
  publisher.publish('open/a', 'fits', { qos: 1 })
  await home.settle()
  assert.deepEqual(small.messages(), ['open/a fits'])
  assert.equal(large.messages().length, 3)
  assert.equal(home.broker.operations.stats().namespaces[0]?.counters.droppedTooLarge, 2)
})

test('[MQTT-3.3.4-9] [MQTT-4.9.0-1] no more than the client’s Receive Maximum is under way', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta', properties: { receiveMaximum: 2 } })
  await subscriber.subscribe('open/#', { qos: 2 })
  for (let i = 0; i < 5; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  publisher.publish('open/a', 'qos 0')
  await home.settle()
  const got: string[] = []
  for (let round = 0; round < 5; round++) {
    const publishes = subscriber.publishes()
    const counted = publishes.filter(({ qos }) => qos > 0)
    assert.ok(counted.length <= 2, `${counted.length} under way`)
    got.push(...publishes.map(({ payload }) => Buffer.from(payload).toString()))
    for (const { packetIdentifier } of counted) {
      subscriber.send({ type: 'PUBACK', packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
    }
    await home.settle()
  }
  assert.deepEqual(got, ['0', '1', 'qos 0', '2', '3', '4'])
})

test('[MQTT-3.3.4-7] EG 6.8 more unacknowledged messages than our Receive Maximum end the connection with 0x93', async () => {
  const home = house({ limits: { receiveMaximum: 2 } })
  const client = home.open()
  assert.equal((await client.connect()).properties.receiveMaximum, 2)
  for (let i = 0; i < 3; i++) client.publish('open/a', 'x', { qos: 2 })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ReceiveMaximumExceeded)
})

test('[MQTT-2.2.1-3] Packet Identifier 0 is refused', async () => {
  const home = house()
  const client = await home.connect({ version: 4 })
  client.raw(0x32, 0x05, 0x00, 0x01, 0x61, 0x00, 0x00)
  await home.settle()
  assert.notEqual(client.peer.ended, null)
})

test('[MQTT-4.6.0-6] [MQTT-4.6.0-2] messages and acknowledgements keep their order across sessions in memory and in the store', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const memory = await home.connect({ name: 'beta' })
  const stored = await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 60 } })
  await memory.subscribe('open/#', { qos: 1 })
  await stored.subscribe('open/stored/#', { qos: 1 })
  const identifiers: (number | null)[] = []
  for (let i = 0; i < 6; i++) {
    identifiers.push(publisher.publish(i % 2 === 0 ? 'open/stored/a' : 'open/memory', `${i}`, { qos: 1 }))
  }
  await home.settle()
  assert.deepEqual(
    publisher.packets().map((packet) => (packet.type === 'PUBACK' ? packet.packetIdentifier : packet.type)),
    identifiers,
  )
  assert.deepEqual(
    memory.publishes().map(({ payload }) => Buffer.from(payload).toString()),
    ['0', '1', '2', '3', '4', '5'],
  )
  assert.deepEqual(stored.messages(), ['open/stored/a 0', 'open/stored/a 2', 'open/stored/a 4'])
})

test('EG 6.5 a PUBACK with a failure code ends the connection with 0x83, in the full profile it does not', async () => {
  for (const profile of ['event-grid', 'full'] as const) {
    const home = house({ profile })
    const publisher = await home.connect({ name: 'alpha' })
    const subscriber = await home.connect({ name: 'beta' })
    await subscriber.subscribe('open/#', { qos: 1 })
    publisher.publish('open/a', 'x', { qos: 1 })
    await home.settle()
    const { packetIdentifier } = subscriber.take('PUBLISH')
    subscriber.send({
      type: 'PUBACK',
      packetIdentifier: packetIdentifier ?? 0,
      reasonCode: ReasonCode.UnspecifiedError,
      properties: {},
    })
    await home.settle()
    if (profile === 'full') assert.equal(subscriber.peer.ended, null)
    else assert.equal(subscriber.take('DISCONNECT').reasonCode, ReasonCode.ImplementationSpecificError)
  }
})

test('a subscriber that does not read loses QoS 0, keeps QoS 1 in its queue, and costs bounded memory', async () => {
  const home = house({ limits: { maximumOutboxBytes: 65_536, maximumQueuedMessages: 50 } })
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1 })
  subscriber.peer.stall(true)
  for (let i = 0; i < 200; i++) {
    publisher.publish('open/a', `${i} ${'x'.repeat(2_000)}`, { qos: i % 2 === 0 ? 0 : 1 })
    await home.settle()
  }
  const counters = home.broker.operations.stats().namespaces[0]?.counters
  assert.ok((counters?.droppedSlow ?? 0) > 50)
  assert.ok((counters?.droppedOverflow ?? 0) > 10)
  subscriber.peer.stall(false)
  await home.settle()
  const got = subscriber.publishes()
  assert.ok(got.length > 50)
  assert.ok(got.some(({ payload }) => Buffer.from(payload).toString().startsWith('199 ')))
  assert.equal(publisher.peer.ended, null)
})

test('EG 6.1 Message Expiry Interval 0 means never in profile event-grid: the subscriber sees none', async () => {
  const home = house({ profile: 'event-grid' })
  const publisher = await home.connect({ name: 'alpha' })
  const memory = await home.connect({ name: 'beta' })
  const stored = await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 60 } })
  for (const client of [memory, stored]) await client.subscribe('open/#', { qos: 1 })
  for (const qos of [0, 1] as const) {
    publisher.publish('open/a', 'x', { qos, properties: { messageExpiryIntervalSeconds: 0, contentType: 't' } })
  }
  await home.settle()
  for (const client of [memory, stored]) {
    const publishes = client.publishes()
    assert.equal(publishes.length, 2)
    for (const { properties } of publishes) assert.deepEqual(properties, { contentType: 't' })
  }
})

test('MQTT 5.0 3.4.2.1 where the namespace tells it, PUBACK and PUBREC say that nobody has subscribed', async () => {
  for (const tellsNoMatchingSubscribers of [true, false]) {
    const home = house({ limits: { tellsNoMatchingSubscribers } })
    const unheard = tellsNoMatchingSubscribers ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success
    for (const sessionExpiryIntervalSeconds of [0, 60]) {
      const client = await home.connect({ properties: { sessionExpiryIntervalSeconds } })
      const codes = async (qos: 1 | 2, count: number, retain = false): Promise<number[]> => {
        for (let i = 0; i < count; i++) client.publish('open/a', 'x', { qos, retain })
        await home.settle()
        return client.packets().flatMap((packet) => ('reasonCode' in packet ? [packet.reasonCode] : []))
      }
      // Three in a chunk: those that follow each other go together.
      assert.deepEqual(await codes(1, 3), [unheard, unheard, unheard])
      assert.deepEqual(await codes(1, 1, true), [unheard], 'behind a commit')
      assert.deepEqual(await codes(2, 1), [unheard])
      for (const filter of ['open/+', '$share/g/open/#']) {
        const other = await home.connect({ name: 'beta', clientId: filter })
        await other.subscribe(filter, { qos: 1 })
        assert.deepEqual(await codes(1, 2), [0, 0], filter)
        assert.deepEqual(await codes(2, 1), [0], filter)
        other.peer.close()
        await home.settle()
      }
      assert.deepEqual(await codes(1, 1), [unheard], 'after they have gone')
    }
    const old = await home.connect({ version: 4, clientId: 'old' })
    old.publish('open/a', 'x', { qos: 1 })
    await home.settle()
    assert.equal(old.take('PUBACK').reasonCode, ReasonCode.Success)
  }
})
