import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { type House, house, start, type TestClient } from './support.ts'

/** How often each limit was in the way. */
const hitsOf = (home: House) => Object.fromEntries(home.broker.operations.stats().namespaces[0]?.limitHits ?? [])
const statsOf = (home: House) => home.broker.operations.stats().namespaces[0]

async function retain(home: House, client: TestClient, topic: string, payload: string, qos: 1 | 2 = 1) {
  client.publish(topic, payload, { qos, retain: true })
  await home.settle()
  return client.take(qos === 1 ? 'PUBACK' : 'PUBREC').reasonCode
}

test('EG 9 retained bytes of the namespace: 0x97 above, a smaller value and a removal make room', async () => {
  const home = house({ limits: { maximumRetainedBytes: 3_000 } })
  const client = await home.connect()
  const kilo = 'x'.repeat(1_000)
  assert.equal(await retain(home, client, 'open/a', kilo), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/b', kilo), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/c', kilo), ReasonCode.QuotaExceeded)
  assert.deepEqual(hitsOf(home), { maximumRetainedBytes: 1 })
  // In the place of what is there.
  assert.equal(await retain(home, client, 'open/a', kilo), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/a', 'small'), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/c', kilo), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/a', kilo), ReasonCode.QuotaExceeded)
  assert.equal(await retain(home, client, 'open/c', ''), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/a', kilo), ReasonCode.Success)
  const { retained = 0, retainedBytes = 0 } = statsOf(home) ?? {}
  assert.equal(retained, 2)
  assert.ok(retainedBytes > 2_000 && retainedBytes < 2_300, `${retainedBytes}`)
})

test('EG 9 what comes within one turn is measured with what came before it, QoS 2 from its PUBLISH on', async () => {
  for (const [limit, value] of [
    ['maximumRetainedMessages', 2],
    ['maximumRetainedBytes', 2_300],
  ] as const) {
    const home = house({ limits: { [limit]: value } })
    const client = await home.connect({ properties: { sessionExpiryIntervalSeconds: 60 } })
    const kilo = 'x'.repeat(1_000)
    const held = client.publish('open/0', kilo, { qos: 2, retain: true }) ?? 0
    for (let i = 1; i <= 5; i++) client.publish(`open/${i}`, kilo, { qos: 1, retain: true })
    // Again and again the same topic is one message.
    for (let i = 1; i <= 5; i++) client.publish('open/1', kilo, { qos: 1, retain: true })
    await home.settle()
    const codes = client.packets().map((packet) => (packet.type === 'PUBACK' ? packet.reasonCode : packet.type))
    const { Success, QuotaExceeded } = ReasonCode
    assert.deepEqual(codes, ['PUBREC', Success, ...Array(4).fill(QuotaExceeded), ...Array(5).fill(Success)], limit)
    // Held over a reconnect it counts as before.
    client.peer.close()
    await home.settle()
    const again = await home.connect({ cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } })
    assert.equal(await retain(home, again, 'open/6', kilo), QuotaExceeded)
    again.send({ type: 'PUBREL', packetIdentifier: held, reasonCode: 0, properties: {} })
    await home.settle()
    assert.equal(again.take('PUBCOMP').reasonCode, Success)
    assert.equal(statsOf(home)?.retained, 2)
    assert.equal(await retain(home, again, 'open/6', kilo), QuotaExceeded)
    assert.equal(await retain(home, again, 'open/0', ''), Success)
    assert.equal(await retain(home, again, 'open/6', kilo), Success)
  }
})

test('a QoS 2 message that was never released gives its room back with its session', async () => {
  const home = house({ limits: { maximumRetainedMessages: 1 } })
  const client = await home.connect()
  client.publish('open/a', 'x', { qos: 2, retain: true })
  await home.settle()
  const other = await home.connect({ name: 'beta' })
  assert.equal(await retain(home, other, 'open/b', 'x'), ReasonCode.QuotaExceeded)
  client.peer.close()
  await home.settle()
  assert.equal(await retain(home, other, 'open/b', 'x'), ReasonCode.Success)
})

test('the sizes of retained messages are known after a restart, and on the other nodes', async () => {
  const home = house({ limits: { maximumRetainedBytes: 2_500 } })
  const other = start({ ...home.parts, node: 'n2' as typeof home.parts.node, seed: 2 })
  const client = await home.connect()
  const kilo = 'x'.repeat(1_000)
  assert.equal(await retain(home, client, 'open/a', kilo), ReasonCode.Success)
  assert.equal(await retain(home, client, 'open/b', kilo), ReasonCode.Success)
  const late = start({ ...home.parts, node: 'n3' as typeof home.parts.node, seed: 3 })
  for (const [index, node] of [other, late].entries()) {
    const publisher = await node.connect({ name: 'beta', clientId: `beta-${index}` })
    assert.equal(await retain(node, publisher, 'open/c', kilo), ReasonCode.QuotaExceeded)
    assert.equal(await retain(node, publisher, 'open/b', kilo), ReasonCode.Success)
  }
})

test('a retained will above the limits of the namespace is delivered, and not kept', async () => {
  const home = house({ limits: { maximumRetainedMessages: 1 } })
  const watcher = await home.connect({ name: 'beta' })
  await watcher.subscribe('open/#')
  const mortal = await home.connect({
    will: { topicName: 'open/will', payload: Buffer.from('gone'), qos: 0, retain: true, properties: {} },
  })
  assert.equal(await retain(home, watcher, 'open/a', 'x'), ReasonCode.Success)
  watcher.packets()
  mortal.peer.close()
  await home.settle()
  assert.deepEqual(watcher.messages(), ['open/will gone'])
  assert.equal(statsOf(home)?.retained, 1)
  assert.deepEqual(hitsOf(home), { maximumRetainedMessages: 1 })
})

test('EG 6.8 a will that is larger than what may be retained: CONNACK 0x97, and 0x03 in 3.1.1', async () => {
  const home = house({ limits: { maximumRetainedMessageBytes: 10 } })
  const will = { topicName: 'open/will', payload: Buffer.alloc(11), qos: 0, retain: true, properties: {} } as const
  assert.equal((await home.open({ will }).connect()).reasonCode, ReasonCode.QuotaExceeded)
  assert.equal((await home.open({ will, version: 4 }).connect()).reasonCode, 3)
  await home.connect({ will: { ...will, retain: false } })
  assert.deepEqual(hitsOf(home), { maximumRetainedMessageBytes: 2 })
})

test('EG 9 a shared subscription gives out so many messages per second for each of its subscribers: QoS 0 above is dropped', async () => {
  const home = house({ limits: { sharedDeliveriesPerSecondPerSubscriber: 5 } })
  const publisher = await home.connect()
  const members = [await home.connect({ name: 'beta' }), await home.connect({ name: 'gamma' })]
  for (const member of members) await member.subscribe('$share/g/open/#', { qos: 1 })
  const witness = await home.connect({ name: 'beta', clientId: 'witness' })
  await witness.subscribe('open/#')
  for (let i = 0; i < 30; i++) publisher.publish('open/a', `${i}`)
  await home.settle()
  const counts = members.map((member) => member.messages().length)
  // Two members, five each, and the one that empties the bucket.
  assert.deepEqual(counts, [6, 5])
  assert.equal(witness.messages().length, 30)
  assert.equal(statsOf(home)?.counters.droppedRate, 19)
  assert.deepEqual(hitsOf(home), { sharedDeliveriesPerSecondPerSubscriber: 19 })
  await home.pass(1_100)
  publisher.publish('open/a', 'again')
  await home.settle()
  assert.deepEqual(
    members.flatMap((member) => member.messages()),
    ['open/a again'],
  )
})

for (const expiry of [0, 60]) {
  test(`EG 9 shared QoS 1 above the rate waits for its turn and none is lost, ${expiry === 0 ? 'in memory' : 'in the store'}`, async () => {
    const home = house({ limits: { sharedDeliveriesPerSecondPerSubscriber: 10 } })
    const publisher = await home.connect()
    const members: TestClient[] = []
    for (const name of ['beta', 'gamma']) {
      members.push(await home.connect({ name, properties: { sessionExpiryIntervalSeconds: expiry } }))
    }
    for (const member of members) await member.subscribe('$share/g/open/#', { qos: 1 })
    for (let i = 0; i < 100; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
    const got: string[] = []
    const collect = () => {
      for (const member of members) {
        for (const { payload, packetIdentifier } of member.publishes()) {
          got.push(Buffer.from(payload).toString())
          member.send({ type: 'PUBACK', packetIdentifier: packetIdentifier ?? 0, reasonCode: 0, properties: {} })
        }
      }
    }
    await home.settle()
    collect()
    // A second's worth may come at once, then ten per second for each of the two.
    for (let tenths = 0; tenths <= 50; tenths++) {
      assert.ok(got.length <= 20 + 2 * tenths + 4, `${got.length} after ${tenths} tenths of a second`)
      await home.pass(100)
      collect()
    }
    assert.equal(new Set(got).size, 100, 'each once')
    assert.equal(got.length, 100)
    // Level again: no pace, no wait.
    publisher.publish('open/a', 'again', { qos: 1 })
    await home.settle()
    collect()
    assert.equal(got.at(-1), 'again')
  })
}

test('retainedOfRemoved: what a client left behind that is not registered any more is hidden or kept', async () => {
  for (const retainedOfRemoved of ['keep', 'hide'] as const) {
    const home = house({ limits: { retainedOfRemoved } })
    const client = await home.connect()
    assert.equal(await retain(home, client, 'open/a', 'x'), ReasonCode.Success)
    const other = await home.connect({ name: 'beta' })
    assert.equal(await retain(home, other, 'open/b', 'y'), ReasonCode.Success)
    home.namespace.removeClient('alpha')
    home.changed({ change: 'deleted', name: 'alpha' })
    await home.settle()
    const late = await home.connect({ name: 'gamma' })
    await late.subscribe('open/#')
    await home.settle()
    const expected = retainedOfRemoved === 'keep' ? ['open/a x', 'open/b y'] : ['open/b y']
    assert.deepEqual(late.messages().sort(), expected, retainedOfRemoved)
  }
})

test('a limit that bites is in the log at once, then once a minute with how often it did', async () => {
  const home = house({ limits: { maximumRetainedMessages: 0 } })
  const client = await home.connect()
  const lines = () =>
    home.logged.filter(({ event }) => event === 'limitReached').map(({ level, facts }) => [level, facts])
  for (let i = 0; i < 3; i++) await retain(home, client, 'open/a', 'x')
  const line = { namespace: 'plant7', limit: 'maximumRetainedMessages', value: 0 }
  assert.deepEqual(lines(), [['warn', { ...line, times: 1 }]])
  await home.pass(60_000)
  await retain(home, client, 'open/a', 'x')
  assert.deepEqual(lines().at(-1), ['warn', { ...line, times: 3 }])
  assert.equal(lines().length, 2)
  assert.deepEqual(hitsOf(home), { maximumRetainedMessages: 4 })
})
