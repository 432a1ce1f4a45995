import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AcknowledgementPacket } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { type ClientOptions, house, start, type TestClient } from './support.ts'

const persistent: ClientOptions = {
  name: 'alpha',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600 },
}

function answer(client: TestClient, type: AcknowledgementPacket['type'], packetIdentifier: number | null): void {
  client.send({ type, packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
}

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
