import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { NodeId } from '../../src/ports/engine.ts'
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
