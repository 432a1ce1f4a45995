import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { type ClientOptions, house } from './support.ts'

/** A store that answers late, not at all or with less than it knows, and clients that come and go meanwhile. */

const node = 'n1' as NodeId
const persistent: ClientOptions = {
  name: 'alpha',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 600 },
}

test('[MQTT-3.1.4-3] an older CONNECT, which has to drop what it found, takes no session from a younger one, whenever that comes', async () => {
  for (let moments = 0; moments < 40; moments++) {
    const home = house()
    const first = await home.connect(persistent)
    await first.subscribe('open/#', { qos: 1 })
    first.peer.reset()
    await home.settle()
    // The registry has not told anybody yet: the session is still there when it is opened.
    home.namespace.unbind('$all-Subscriber-open')
    const older = home.open(persistent)
    older.send(older.connectPacket())
    for (let i = 0; i < moments; i++) await Promise.resolve()
    const younger = home.open(persistent)
    assert.equal((await younger.connect()).reasonCode, ReasonCode.Success, `after ${moments}`)
    await home.settle()
    assert.equal(younger.peer.ended, null, `after ${moments}`)
    assert.notEqual(older.peer.ended, null, `after ${moments}`)
    assert.equal(home.broker.operations.stats().namespaces[0]?.online, 1)
  }
})

test('[MQTT-3.3.2-5] a message that expires while the store is in trouble reaches nobody, and is acknowledged', async () => {
  const home = house()
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1, retainAsPublished: true })
  const publisher = await home.connect({ name: 'alpha' })
  home.world.fault(node, 'refuse')
  publisher.publish('open/a', 'short', { qos: 1, retain: true, properties: { messageExpiryIntervalSeconds: 1 } })
  publisher.publish('open/a', 'long', { qos: 1, retain: true, properties: { messageExpiryIntervalSeconds: 60 } })
  await home.pass(3_000)
  home.world.fault(node, null)
  await home.pass(3_000)
  const [message, ...more] = subscriber.publishes()
  assert.equal(Buffer.from(message?.payload ?? []).toString(), 'long')
  assert.ok((message?.properties.messageExpiryIntervalSeconds ?? 0) <= 57)
  assert.deepEqual(more, [])
  const answers = publisher.packets().map(({ type }) => type)
  assert.deepEqual(answers, ['PUBACK', 'PUBACK'])
})

for (const outcome of ['loseAnswer', 'refuse'] as const) {
  test(`[MQTT-4.3.3-8] a QoS 2 message whose release was given up (${outcome}) reaches those in process once the store has answered`, async () => {
    const home = house()
    const subscriber = await home.connect({ name: 'beta' })
    await subscriber.subscribe('open/#', { qos: 2 })
    const publisher = await home.connect(persistent)
    const identifier = publisher.publish('open/a', 'once', { qos: 2 })
    await home.settle()
    publisher.take('PUBREC')
    const release = { type: 'PUBREL', packetIdentifier: identifier ?? 0, reasonCode: 0, properties: {} } as const
    home.world.fault(node, outcome)
    publisher.send(release)
    await home.pass(60_000)
    assert.notEqual(publisher.peer.ended, null, 'nobody waits for ever')
    assert.deepEqual(subscriber.messages(), [])
    const meanwhile = await home.open(persistent).connect()
    assert.equal(meanwhile.reasonCode, ReasonCode.ServerUnavailable, 'its state is not known')

    home.world.fault(node, null)
    await home.pass(3_000)
    assert.deepEqual(subscriber.messages(), ['open/a once'])
    const again = home.open(persistent)
    assert.equal((await again.connect()).sessionPresent, true)
    again.send(release)
    await home.settle()
    assert.equal(again.take('PUBCOMP').reasonCode, ReasonCode.PacketIdentifierNotFound)
    assert.deepEqual(subscriber.messages(), [])
  })
}

test('[MQTT-4.6.0-1] what gathered behind a commit that was given up is dropped with it, and what comes later goes behind it', async () => {
  const home = house()
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1, retainAsPublished: true })
  const lost = await home.connect({ name: 'alpha' })
  home.world.fault(node, 'loseAnswer')
  lost.publish('open/a', 'first', { qos: 1, retain: true })
  await home.pass(100)
  lost.publish('open/a', 'second', { qos: 1, retain: true })
  await home.pass(15_000)
  assert.notEqual(lost.peer.ended, null)
  // Its connection stood all the while; it waits for its turn.
  subscriber.publish('open/a', 'third', { qos: 1, retain: true })
  await home.pass(1_000)
  assert.deepEqual(subscriber.messages(), [])
  home.world.fault(node, null)
  await home.pass(3_000)
  assert.deepEqual(subscriber.messages(), ['open/a first', 'open/a third'])
  subscriber.take('PUBACK')
})

for (const before of ['nothing', 'a session', 'a connection'] as const) {
  test(`an opening without an answer leaves nobody connected in the store (before it: ${before})`, async () => {
    const home = house()
    const { engine, namespace, broker } = home
    if (before !== 'nothing') {
      const first = await home.connect(persistent)
      await first.subscribe('open/#', { qos: 1 })
      if (before === 'a session') first.peer.reset()
      await home.settle()
    }
    for (const fault of ['refuse', 'loseAnswer', 'loseAnswer', 'refuse'] as const) {
      home.world.fault(node, fault)
      assert.equal((await home.open(persistent).connect()).reasonCode, ReasonCode.ServerUnavailable)
      home.world.fault(node, 'refuse')
      await home.pass(2_000)
    }
    assert.equal(engine.sessions.find(namespace.id, 'alpha')?.node, node)
    home.world.fault(node, null)
    await home.pass(2_000)
    assert.equal(broker.operations.stats().namespaces[0]?.online, 0)
    if (before === 'nothing') {
      // What nobody was told of is gone, and its name with it.
      assert.equal(engine.sessions.find(namespace.id, 'alpha'), undefined)
      await home.connect({ ...persistent, name: 'beta', clientId: 'alpha' })
    } else {
      assert.equal(engine.sessions.find(namespace.id, 'alpha')?.node, null)
      const { sessionPresent } = await home.open(persistent).connect()
      assert.equal(sessionPresent, true)
    }
  })
}

test('an opening without an answer ends nothing that a later CONNECT has got', async () => {
  const home = house()
  home.world.fault(node, 'loseAnswer')
  await home.open(persistent).connect()
  home.world.fault(node, null)
  const client = await home.connect(persistent)
  await home.pass(5_000)
  assert.equal(client.peer.ended, null)
  client.peer.reset()
  home.world.fault(node, 'refuse')
  await home.pass(5_000)
  home.world.fault(node, null)
  await home.pass(5_000)
  assert.equal(home.engine.sessions.find(home.namespace.id, 'alpha')?.node, null)
})

test('[MQTT-3.1.2-8] the end of a connection that the store refused is written when it can be: will, expiry and all', async () => {
  const home = house()
  const witness = await home.connect({ name: 'beta' })
  await witness.subscribe('open/#')
  const client = await home.connect({
    ...persistent,
    properties: { sessionExpiryIntervalSeconds: 30 },
    will: { topicName: 'open/will', payload: Buffer.from('gone'), qos: 0, retain: false, properties: {} },
  })
  home.world.fault(node, 'refuse')
  client.peer.reset()
  await home.pass(20_000)
  assert.deepEqual(witness.messages(), [])
  home.world.fault(node, null)
  await home.pass(2_000)
  assert.deepEqual(witness.messages(), ['open/will gone'])
  assert.notEqual(home.engine.sessions.find(home.namespace.id, 'alpha'), undefined)
  // Thirty seconds after the end of the connection, not after the end of the trouble.
  await home.pass(10_000)
  assert.equal(home.engine.sessions.find(home.namespace.id, 'alpha'), undefined)
})

test('[S29] [S34] what a deleted client or a lost right leaves in a store in trouble goes when it can be written', async () => {
  const home = house()
  for (const name of ['alpha', 'beta']) {
    const client = await home.connect({ ...persistent, name })
    await client.subscribe('open/#', { qos: 1 })
    client.peer.reset()
  }
  await home.settle()
  home.world.fault(node, 'refuse')
  home.namespace.removeClient('alpha')
  home.changed({ type: 'clients', name: 'alpha', change: 'deleted' })
  home.namespace.unbind('$all-Subscriber-open')
  home.changed({ type: 'permissionBindings', name: '$all-Subscriber-open', change: 'deleted' })
  await home.pass(5_000)
  assert.equal(home.broker.operations.stats().namespaces[0]?.subscriptions, 2)
  home.world.fault(node, null)
  await home.pass(2_000)
  assert.equal(home.broker.operations.stats().namespaces[0]?.subscriptions, 0)
  assert.notEqual(home.engine.sessions.find(home.namespace.id, 'alpha'), undefined, 'its name stays reserved')
  assert.equal(home.engine.sessions.find(home.namespace.id, 'beta'), undefined)
})
