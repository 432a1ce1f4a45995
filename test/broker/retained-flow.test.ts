import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientOptions, type House, type HouseOptions, house, type TestClient } from './support.ts'

/** A subscription that matches far more retained messages than its session may have waiting. */

const retained = 1_000
const persistent: ClientOptions = {
  name: 'beta',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600, receiveMaximum: 20 },
}

async function full(limits: HouseOptions['limits'] = {}): Promise<House> {
  const home = house({
    limits: { maximumQueuedMessages: 100, queueOverflow: 'endSession', receiveMaximum: 65_535, ...limits },
  })
  const publisher = await home.connect({ name: 'alpha' })
  for (let i = 0; i < retained; i++) publisher.publish(`open/${i}`, 'x'.repeat(50), { retain: true, qos: 1 })
  await home.settle()
  assert.equal(home.broker.operations.stats().namespaces[0]?.retained, retained)
  return home
}

/** Everything that came, acknowledged; more may follow. */
function acknowledge(client: TestClient, seen: Set<string>): number {
  const publishes = client.publishes()
  for (const { topicName, packetIdentifier } of publishes) {
    seen.add(topicName)
    client.send({ type: 'PUBACK', packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
  }
  return publishes.length
}

async function acknowledgeAll(home: House, client: TestClient, seen: Set<string>): Promise<void> {
  for (let idle = 0; idle < 5; ) {
    idle = acknowledge(client, seen) > 0 ? 0 : idle + 1
    await home.pass(100)
    assert.equal(client.peer.ended, null)
    assert.ok(queued(home) <= 100, `${queued(home)} in the queue`)
  }
}

function queued(home: House): number {
  const record = home.engine.sessions.find(home.namespace.id, 'beta')
  return record === undefined ? -1 : home.engine.queue.size(record.uid).messages
}

test('retained messages come to a stored session as it acknowledges them: all of them, and its queue never overflows', async () => {
  for (const bytes of [1 << 30, 2_000]) {
    const home = await full({ maximumQueuedBytes: bytes })
    const client = await home.connect(persistent)
    await client.subscribe('open/#', { qos: 1 })
    await home.pass(60_000)
    assert.equal(client.peer.ended, null)
    const most = bytes === 2_000 ? 20 : 50
    assert.ok(queued(home) > 0 && queued(home) <= most, `${queued(home)} wait for a client that acknowledges nothing`)
    const seen = new Set<string>()
    await acknowledgeAll(home, client, seen)
    assert.equal(seen.size, retained)
  }
})

test('retained messages that a connection did not come to are sent in the next one of the session', async () => {
  const home = await full()
  const seen = new Set<string>()
  const first = await home.connect(persistent)
  await first.subscribe('open/#', { qos: 1 })
  for (let i = 0; i < 20; i++) {
    acknowledge(first, seen)
    await home.pass(50)
  }
  assert.ok(seen.size > 100 && seen.size < 800, `${seen.size} before the loss`)
  first.peer.reset()
  await home.pass(1_000)
  const second = await home.connect(persistent)
  await home.settle()
  await acknowledgeAll(home, second, seen)
  assert.equal(seen.size, retained)
})

test('[MQTT-3.10.4-2] after UNSUBSCRIBE no more retained messages are added; the same filter again begins anew, once', async () => {
  const home = await full()
  const client = await home.connect(persistent)
  for (let i = 0; i < 3; i++) await client.subscribe('open/#', { qos: 1 })
  const seen = new Set<string>()
  for (let i = 0; i < 10; i++) {
    acknowledge(client, seen)
    await home.pass(50)
  }
  client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 999, topicFilters: ['open/#'], properties: {} })
  await home.settle()
  client.take('UNSUBACK')
  const added = seen.size + queued(home)
  await acknowledgeAll(home, client, seen)
  assert.ok(seen.size <= added && seen.size < retained, `${seen.size} of ${added}`)
  await client.subscribe('open/#', { qos: 1 })
  const again = new Set<string>()
  let packets = 0
  for (let idle = 0; idle < 5; ) {
    const count = acknowledge(client, again)
    packets += count
    idle = count > 0 ? 0 : idle + 1
    await home.pass(100)
  }
  assert.deepEqual([again.size, packets], [retained, retained])
})
