import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AcknowledgementPacket } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { Commit } from '../../src/ports/message-store.ts'
import type { OpenSession } from '../../src/ports/session-store.ts'
import { type ClientOptions, house, start, type TestClient } from './support.ts'

const persistent: ClientOptions = {
  name: 'alpha',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600 },
}

function answer(client: TestClient, type: AcknowledgementPacket['type'], packetIdentifier: number | null): void {
  client.send({ type, packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
}

test('[MQTT-3.3.2-9] a repeated PUBLISH with a Topic Alias above the maximum, or for no name, ends the connection like any other', async () => {
  const faults = [
    { topicName: 'open/a', topicAlias: 65_535, code: ReasonCode.TopicAliasInvalid },
    { topicName: 'open/+', topicAlias: 1, code: ReasonCode.TopicNameInvalid },
  ]
  for (const { topicName, topicAlias, code } of faults) {
    const home = house()
    const publisher = await home.connect(persistent)
    publisher.publish('open/a', 'held', { qos: 2, packetIdentifier: 2 })
    await home.settle()
    publisher.publish(topicName, 'held', { qos: 2, packetIdentifier: 2, dup: true, properties: { topicAlias } })
    await home.settle()
    assert.equal(publisher.take('DISCONNECT').reasonCode, code, topicName)
  }
})

for (const stored of [false, true]) {
  const kind = stored ? 'a session in the store' : 'a session in memory'
  const options: ClientOptions = stored ? persistent : { name: 'alpha' }

  test(`[MQTT-4.3.3-8] [MQTT-4.3.3-9] [MQTT-4.3.3-10] from ${kind}: PUBREC, nothing delivered before PUBREL, once after it`, async () => {
    const home = house()
    const publisher = await home.connect(options)
    const subscriber = await home.connect({ name: 'beta' })
    await subscriber.subscribe('open/#', { qos: 2 })
    const identifier = publisher.publish('open/a', 'once', { qos: 2 })
    await home.settle()
    assert.equal(publisher.take('PUBREC').reasonCode, ReasonCode.Success)
    publisher.publish('open/a', 'once', { qos: 2, dup: true, packetIdentifier: identifier })
    await home.settle()
    assert.equal(publisher.take('PUBREC').packetIdentifier, identifier)
    assert.deepEqual(subscriber.messages(), [])
    answer(publisher, 'PUBREL', identifier)
    await home.settle()
    assert.equal(publisher.take('PUBCOMP').reasonCode, ReasonCode.Success)
    answer(publisher, 'PUBREL', identifier)
    await home.settle()
    // [MQTT-4.3.3-12]: answered all the same.
    assert.equal(publisher.take('PUBCOMP').reasonCode, ReasonCode.PacketIdentifierNotFound)
    const publishes = subscriber.publishes()
    assert.equal(publishes.length, 1)
    assert.equal(publishes[0]?.qos, 2)
  })

  test(`[MQTT-4.3.3-1] to [MQTT-4.3.3-6] to ${kind}: PUBLISH, PUBREC, PUBREL, PUBCOMP, and the identifier is free`, async () => {
    const home = house()
    const subscriber = await home.connect({
      ...options,
      properties: { ...options.properties, receiveMaximum: 1 },
    })
    await subscriber.subscribe('open/#', { qos: 2 })
    const publisher = await home.connect({ name: 'beta' })
    for (const text of ['one', 'two']) {
      const identifier = publisher.publish('open/a', text, { qos: 2 })
      await home.settle()
      answer(publisher, 'PUBREL', identifier)
      await home.settle()
    }
    for (const text of ['one', 'two']) {
      const publish = subscriber.take('PUBLISH')
      assert.equal(Buffer.from(publish.payload).toString(), text)
      answer(subscriber, 'PUBREC', publish.packetIdentifier)
      await home.settle()
      assert.equal(subscriber.take('PUBREL').packetIdentifier, publish.packetIdentifier)
      assert.deepEqual(subscriber.messages(), [], 'the window is closed until PUBCOMP')
      answer(subscriber, 'PUBCOMP', publish.packetIdentifier)
      await home.settle()
    }
  })
}

for (const version of [5, 4] as const) {
  test(`S47 messages of ${version === 5 ? '5.0' : '3.1.1'} that wait for PUBREL are bounded by bytes, whatever their number`, async () => {
    const limits = { maximumPacketSizeBytes: 1_024, maximumQueuedBytes: 1_024, receiveMaximumClosesMqtt3: false }
    const home = house({ limits })
    const publisher = await home.connect({ name: 'beta', version })
    const first = publisher.publish('open/a', 'x'.repeat(900), { qos: 2 })
    for (let i = 0; i < 30; i++) publisher.publish('open/a', 'x'.repeat(900), { qos: 2 })
    await home.settle()
    const told = publisher.packets().flatMap((packet) => (packet.type === 'PUBREC' ? [packet.reasonCode] : []))
    const held = told.filter((code) => code === ReasonCode.Success).length
    assert.ok(held >= 16 && held <= 18, `${held} are held`)
    if (version === 4) {
      assert.notEqual(publisher.peer.ended, null)
      return
    }
    assert.equal(told.filter((code) => code === ReasonCode.QuotaExceeded).length, 31 - held)
    answer(publisher, 'PUBREL', first)
    await home.settle()
    publisher.publish('open/a', 'x'.repeat(900), { qos: 2 })
    await home.settle()
    const last = publisher.packets().findLast(({ type }) => type === 'PUBREC')
    assert.equal(last?.type === 'PUBREC' && last.reasonCode, ReasonCode.Success, 'a release makes room')
  })
}

test('[MQTT-4.3.3-4] a PUBREC with a failure code ends the exchange', async () => {
  const home = house()
  const subscriber = await home.connect({ name: 'alpha', properties: { receiveMaximum: 1 } })
  await subscriber.subscribe('open/#', { qos: 2 })
  const publisher = await home.connect({ name: 'beta' })
  for (const text of ['one', 'two']) {
    answer(publisher, 'PUBREL', publisher.publish('open/a', text, { qos: 2 }))
    await home.settle()
  }
  const { packetIdentifier } = subscriber.take('PUBLISH')
  subscriber.send({
    type: 'PUBREC',
    packetIdentifier: packetIdentifier ?? 0,
    reasonCode: ReasonCode.QuotaExceeded,
    properties: {},
  })
  await home.settle()
  assert.deepEqual(subscriber.messages(), ['open/a two'])
  assert.ok(!subscriber.packets().some(({ type }) => type === 'PUBREL'))
})

test('3.6 a PUBREC for an identifier that is not in use is answered with PUBREL 0x92', async () => {
  const home = house()
  const client = await home.connect()
  answer(client, 'PUBREC', 77)
  await home.settle()
  assert.equal(client.take('PUBREL').reasonCode, ReasonCode.PacketIdentifierNotFound)
})

test('[MQTT-4.4.0-1] after a lost connection the exchange goes on where it was, in both directions', async () => {
  const home = house()
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 2 })
  const other = await home.connect({ name: 'beta' })
  for (const text of ['released', 'sent', 'waiting']) {
    answer(other, 'PUBREL', other.publish('open/a', text, { qos: 2 }))
    await home.settle()
  }
  const [released, sent] = first.publishes()
  answer(first, 'PUBREC', released?.packetIdentifier ?? null)
  await home.settle()
  assert.equal(first.take('PUBREL').packetIdentifier, released?.packetIdentifier)
  const held = first.publish('open/mine', 'held', { qos: 2 })
  await home.settle()
  assert.equal(first.take('PUBREC').packetIdentifier, held)
  first.peer.reset()
  await home.settle()

  const second = home.open(persistent)
  assert.equal((await second.connect()).sessionPresent, true)
  await home.settle()
  assert.equal(second.take('PUBREL').packetIdentifier, released?.packetIdentifier)
  const again = second.publishes()
  assert.deepEqual(
    again.map(({ payload, dup, packetIdentifier }) => [Buffer.from(payload).toString(), dup, packetIdentifier]),
    [
      ['sent', true, sent?.packetIdentifier],
      ['waiting', true, again[1]?.packetIdentifier],
    ],
  )
  answer(second, 'PUBCOMP', released?.packetIdentifier ?? null)
  // The publication that was held is released once, though PUBLISH comes again.
  second.publish('open/mine', 'held', { qos: 2, dup: true, packetIdentifier: held })
  await home.settle()
  assert.equal(second.take('PUBREC').packetIdentifier, held)
  answer(second, 'PUBREL', held)
  await home.settle()
  assert.equal(second.take('PUBCOMP').reasonCode, ReasonCode.Success)
  assert.deepEqual(second.messages(), ['open/mine held'])
})

test('QoS 2 survives a restart of the broker between every two steps', async () => {
  let home = house()
  let seed = 2
  let client = await home.connect(persistent)
  await client.subscribe('open/#', { qos: 2 })
  const restart = async () => {
    home.world.kill(home.parts.node)
    home = start({ ...home.parts, seed: seed++ })
    client = home.open(persistent)
    assert.equal((await client.connect()).sessionPresent, true)
    await home.settle()
  }
  const identifier = client.publish('open/a', 'exactly once', { qos: 2 })
  await home.settle()
  client.take('PUBREC')
  await restart()
  answer(client, 'PUBREL', identifier)
  await home.settle()
  client.take('PUBCOMP')
  await restart()
  const publish = client.take('PUBLISH')
  assert.equal(Buffer.from(publish.payload).toString(), 'exactly once')
  answer(client, 'PUBREC', publish.packetIdentifier)
  await home.settle()
  client.take('PUBREL')
  await restart()
  assert.equal(client.take('PUBREL').packetIdentifier, publish.packetIdentifier)
  assert.deepEqual(client.messages(), [])
  answer(client, 'PUBCOMP', publish.packetIdentifier)
  await home.settle()
  await restart()
  assert.deepEqual(client.packets(), [])
})

/** The clients of these tests may publish below `open/`, or may no more. */
function setRight(home: ReturnType<typeof house>, mayPublish: boolean): void {
  const name = '$all-Publisher-open'
  if (mayPublish) home.namespace.bind('$all', 'Publisher', 'open')
  else home.namespace.unbind(name)
  home.changed({ type: 'permissionBindings', name, change: mayPublish ? 'created' : 'deleted' })
}

for (const stored of [false, true]) {
  const kind = stored ? 'a session in the store' : 'a session in memory'

  test(`[MQTT-4.3.3-10] from ${kind}: what is held is answered with success though its right is gone; PUBREL drops it and frees the identifier`, async () => {
    const home = house({ limits: { receiveMaximum: 1 } })
    const publisher = await home.connect(stored ? persistent : { name: 'alpha' })
    const subscriber = await home.connect({ name: 'beta' })
    await subscriber.subscribe('open/#', { qos: 2 })
    publisher.publish('open/a', 'held', { qos: 2, packetIdentifier: 2 })
    await home.settle()
    publisher.take('PUBREC')
    setRight(home, false)
    for (let i = 0; i < 2; i++) {
      publisher.publish('open/a', 'held', { qos: 2, packetIdentifier: 2, dup: true })
      await home.settle()
      assert.equal(publisher.take('PUBREC').reasonCode, ReasonCode.Success)
    }
    answer(publisher, 'PUBREL', 2)
    await home.settle()
    assert.equal(publisher.take('PUBCOMP').reasonCode, ReasonCode.PacketIdentifierNotFound)
    assert.equal(home.broker.operations.decisions(home.namespace.id, 1)[0]?.record.code, 'publishNotAuthorized')

    setRight(home, true)
    publisher.publish('open/a', 'new', { qos: 2, packetIdentifier: 2 })
    await home.settle()
    assert.equal(publisher.take('PUBREC').reasonCode, ReasonCode.Success)
    answer(publisher, 'PUBREL', 2)
    await home.settle()
    assert.equal(publisher.take('PUBCOMP').reasonCode, ReasonCode.Success)
    assert.deepEqual(subscriber.messages(), ['open/a new'])
  })
}

test('[MQTT311-3.3.5-2] MQTT 3.1.1 has no word for a PUBREL that is refused: the connection ends, what was held is gone from the store', async () => {
  const home = house()
  const options: ClientOptions = { name: 'alpha', version: 4, cleanStart: false }
  const first = await home.connect(options)
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 2 })
  first.publish('open/a', 'held', { qos: 2, packetIdentifier: 2 })
  await home.settle()
  first.take('PUBREC')
  setRight(home, false)
  answer(first, 'PUBREL', 2)
  await home.settle()
  assert.deepEqual(first.packets(), [])
  assert.notEqual(first.peer.ended, null)

  setRight(home, true)
  const second = await home.connect(options)
  second.publish('open/a', 'new', { qos: 2, packetIdentifier: 2 })
  await home.settle()
  second.take('PUBREC')
  answer(second, 'PUBREL', 2)
  await home.settle()
  assert.deepEqual(subscriber.messages(), ['open/a new'])
})

test('[MQTT-4.3.3-10] a repeated PUBLISH is not refused for its rate, and sets its Topic Alias', async () => {
  const home = house({ limits: { publishesPerSecondPerSession: 1 } })
  const publisher = await home.connect(persistent)
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 2 })
  publisher.publish('open/a', 'held', { qos: 2, packetIdentifier: 2 })
  for (let packetIdentifier = 3; packetIdentifier < 8; packetIdentifier++) {
    publisher.publish('open/b', 'too many', { qos: 1, packetIdentifier })
  }
  publisher.publish('open/a', 'held', { qos: 2, packetIdentifier: 2, dup: true, properties: { topicAlias: 1 } })
  await home.settle()
  const answers = publisher
    .packets()
    .filter((packet): packet is AcknowledgementPacket => packet.type === 'PUBACK' || packet.type === 'PUBREC')
  assert.equal(answers.at(-2)?.reasonCode, ReasonCode.QuotaExceeded)
  assert.deepEqual([answers.at(-1)?.type, answers.at(-1)?.reasonCode], ['PUBREC', ReasonCode.Success])
  subscriber.messages()
  await home.pass(5_000)
  publisher.publish('', 'by alias', { qos: 0, properties: { topicAlias: 1 } })
  await home.settle()
  assert.deepEqual(subscriber.messages(), ['open/a by alias'])
})

for (const stored of [false, true]) {
  const kind = stored ? 'a session in the store' : 'a session in memory'

  test(`[MQTT-3.3.2-5] [MQTT-3.3.2-6] from ${kind}: the expiry interval counts from PUBLISH, not from PUBREL`, async () => {
    const home = house()
    const publisher = await home.connect(stored ? persistent : { name: 'alpha' })
    const subscribers = [
      await home.connect({ name: 'beta' }),
      await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 600 } }),
    ]
    for (const one of subscribers) await one.subscribe('open/#', { qos: 1 })
    for (const seconds of [5, 60]) {
      publisher.publish('open/a', `${seconds}`, {
        qos: 2,
        packetIdentifier: seconds,
        properties: { messageExpiryIntervalSeconds: seconds },
      })
    }
    await home.pass(10_000)
    for (const identifier of [5, 60]) answer(publisher, 'PUBREL', identifier)
    await home.settle()
    for (const one of subscribers) {
      const got = one
        .publishes()
        .map(({ payload, properties }) => [Buffer.from(payload).toString(), properties.messageExpiryIntervalSeconds])
      assert.deepEqual(got, [['60', 50]])
    }
    const codes = publisher.packets().map((packet) => (packet.type === 'PUBCOMP' ? packet.reasonCode : null))
    assert.deepEqual(codes.slice(-2), [ReasonCode.Success, ReasonCode.Success])
  })
}

test('[MQTT-3.3.2-6] what was held for a subscriber in process alone goes out with what is left of its interval, or not at all', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1 })
  for (const seconds of [5, 60]) {
    const properties = { messageExpiryIntervalSeconds: seconds }
    publisher.publish('open/a', `${seconds}`, { qos: 2, packetIdentifier: seconds, properties })
  }
  await home.pass(10_000)
  for (const identifier of [5, 60]) answer(publisher, 'PUBREL', identifier)
  await home.settle()
  const got = subscriber.publishes().map(({ properties }) => properties.messageExpiryIntervalSeconds)
  assert.deepEqual(got, [50])
  assert.equal(home.broker.operations.stats().namespaces[0]?.counters.droppedExpired, 1)
})

for (const version of [4, 5] as const) {
  for (const cleanStart of [true, false]) {
    test(`a released message of ${version === 5 ? '5.0' : '3.1.1'} is counted under its version, ${cleanStart ? 'held in memory' : 'held in the store'}`, async () => {
      const home = house()
      const client = await home.connect({ name: 'alpha', version, cleanStart })
      client.publish('open/a', 'x', { qos: 2, packetIdentifier: 7 })
      await home.settle()
      assert.equal(client.take('PUBREC').packetIdentifier, 7)
      client.send({ type: 'PUBREL', packetIdentifier: 7, reasonCode: 0, properties: {} })
      await home.settle()
      client.take('PUBCOMP')
      const { published } = home.broker.operations.stats().namespaces[0]?.counters ?? assert.fail()
      assert.deepEqual([published.of(4, 2), published.of(5, 2)], version === 4 ? [1, 0] : [0, 1])
    })
  }
}

test('[MQTT-3.1.2-25] a QoS 2 message that has become too large for its receiver is released: its identifier is used for no other', async () => {
  const home = house()
  const lasting = { name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  const first = await home.connect(lasting)
  await first.subscribe('open/#', { qos: 2 })
  const publisher = await home.connect({ name: 'beta' })
  const sent = publisher.publish('open/a', 'x'.repeat(2_000), { qos: 2 })
  await home.settle()
  answer(publisher, 'PUBREL', sent)
  await home.settle()
  const [large] = first.publishes()
  // Its PUBREC is lost with the connection: the client holds the identifier, and the broker does not know.
  first.peer.reset()
  await home.settle()
  const second = await home.connect({
    ...lasting,
    properties: { ...lasting.properties, maximumPacketSizeBytes: 200 },
  })
  await home.settle()
  assert.deepEqual(second.messages(), [])
  assert.equal(second.take('PUBREL').packetIdentifier, large?.packetIdentifier)
  // Until PUBCOMP it stays taken, here and in a connection that could be sent the message again.
  second.peer.reset()
  await home.settle()
  const third = await home.connect(lasting)
  await home.settle()
  assert.deepEqual(third.messages(), [])
  assert.equal(third.take('PUBREL').packetIdentifier, large?.packetIdentifier)
  answer(third, 'PUBCOMP', large?.packetIdentifier ?? 0)
  const next = publisher.publish('open/a', 'small', { qos: 2 })
  await home.settle()
  answer(publisher, 'PUBREL', next)
  await home.settle()
  assert.deepEqual(third.messages(), ['open/a small'])
})

test('[MQTT-4.3.3-2] what a session was about to send when it was taken over gets its identifier anew: none is used before it is durable', async () => {
  let home = house()
  const before = await home.connect(persistent)
  await before.subscribe('open/#', { qos: 2 })
  const publisher = await home.connect({ name: 'beta' })
  const begin = async (payload: string): Promise<number | null> => {
    const identifier = publisher.publish('open/a', payload, { qos: 2 })
    await home.settle()
    publisher.take('PUBREC')
    return identifier
  }
  // The identifiers of the first connection do not begin where those of another process would.
  answer(publisher, 'PUBREL', await begin('first'))
  await home.settle()
  const { packetIdentifier: first } = before.take('PUBLISH')
  for (const type of ['PUBREC', 'PUBCOMP'] as const) {
    answer(before, type, first)
    await home.settle()
  }
  const second = await begin('second')

  // The device comes back while it is still thought to be connected, and the store is asked for its session right behind the
  // message: what the connection before does with it comes too late.
  const { hot, sessions } = home.engine
  const { commit } = hot
  const { open } = sessions
  let askNow = (): void => {}
  Object.assign(sessions, {
    open: (request: OpenSession) => new Promise((resolve) => (askNow = () => resolve(open(request)))),
  })
  Object.assign(hot, {
    commit: (what: Commit) => {
      const answer = commit(what)
      askNow()
      askNow = () => {}
      return answer
    },
  })
  const after = home.open(persistent)
  after.send(after.connectPacket())
  await home.settle()
  answer(publisher, 'PUBREL', second)
  await home.settle()
  assert.equal(after.take('CONNACK').sessionPresent, true)
  assert.deepEqual(before.messages(), [])
  const sent = after.take('PUBLISH')
  assert.equal(Buffer.from(sent.payload).toString(), 'second')

  home.world.kill(home.parts.node)
  home = start({ ...home.parts, seed: 2 })
  const restarted = home.open(persistent)
  assert.equal((await restarted.connect()).sessionPresent, true)
  await home.settle()
  const again = restarted.take('PUBLISH')
  assert.equal(Buffer.from(again.payload).toString(), 'second')
  assert.equal(again.packetIdentifier, sent.packetIdentifier)
  assert.equal(again.dup, true)
})
