import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { house } from './support.ts'

test('a peer that sends very much at once is served a portion per turn, its neighbour in between', async () => {
  const home = house()
  const flood = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  const neighbour = await home.connect({ name: 'gamma' })
  await subscriber.subscribe('open/#')
  const one = encodePacket(
    {
      type: 'PUBLISH',
      dup: false,
      qos: 0,
      retain: false,
      topicName: 'open/a',
      packetIdentifier: null,
      properties: {},
      payload: new Uint8Array(1),
    },
    5,
  )
  flood.peer.send(Buffer.concat(Array.from({ length: 20_000 }, () => one)))
  assert.ok(flood.peer.paused)
  neighbour.send({ type: 'PINGREQ' })
  home.clock.turn()
  assert.equal(neighbour.take('PINGRESP').type, 'PINGRESP')
  const first = subscriber.messages().length
  assert.ok(first > 0 && first <= 5_000, `${first} in the first turn`)
  await home.settle()
  assert.equal(first + subscriber.messages().length, 20_000)
  assert.ok(!flood.peer.paused)
})

for (const [payloadBytes, most] of [
  [4, 100],
  [2_000, 20],
] as const) {
  test(`a huge fan-out of ${payloadBytes} bytes uses up the turn of its publisher`, async () => {
    const home = house()
    home.namespace.maximumClientSessionsPerAuthenticationName = 1_000
    const flood = await home.connect({ name: 'alpha' })
    const subscribers = []
    for (let i = 0; i < 200; i++) {
      const subscriber = await home.connect({ name: 'beta', clientId: `s${i}` })
      await subscriber.subscribe('open/#')
      subscribers.push(subscriber)
    }
    const packets = Array.from({ length: 200 }, (_, i) =>
      encodePacket(
        {
          type: 'PUBLISH',
          dup: false,
          qos: 0,
          retain: false,
          topicName: 'open/a',
          packetIdentifier: null,
          properties: {},
          payload: Buffer.alloc(payloadBytes, i),
        },
        5,
      ),
    )
    flood.peer.send(Buffer.concat(packets))
    home.clock.turn()
    const first = subscribers[0]?.messages().length ?? 0
    assert.ok(first > 0 && first < most, `${first} of 200 in the first turn`)
    await home.settle()
    for (const subscriber of subscribers.slice(1)) assert.equal(subscriber.messages().length, 200)
  })
}

test('a backlog is read from the store in portions', async () => {
  const home = house()
  const options = { name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  const client = await home.connect(options)
  await client.subscribe('open/#', { qos: 1 })
  client.peer.reset()
  const publisher = await home.connect({ name: 'beta' })
  for (let i = 0; i < 3_000; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  const again = home.open(options)
  const read = home.engine.queue.read
  let largest = 0
  home.engine.queue.read = async (...asked) => {
    const messages = await read(...asked)
    largest = Math.max(largest, messages.length)
    return messages
  }
  await again.connect()
  await home.settle()
  assert.equal(again.messages().length, 3_000)
  assert.ok(largest > 0 && largest <= 256, `${largest}`)
})

test('a peer that does not read its acknowledgements is not read either', async () => {
  const home = house({ limits: { maximumOutboxBytes: 65_536 } })
  const client = await home.connect({ version: 4 })
  client.peer.stall(true)
  for (let i = 0; i < 40 && !client.peer.paused; i++) {
    for (let j = 0; j < 1_000; j++) client.publish('open/a', '', { qos: 1, packetIdentifier: j + 1 })
    await home.settle()
  }
  assert.ok(client.peer.paused)
  client.peer.stall(false)
  await home.settle()
  assert.ok(!client.peer.paused)
  client.send({ type: 'PINGREQ' })
  await home.settle()
  client.take('PINGRESP')
})
