import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Will } from '../../../src/mqtt/packet.ts'
import { ReasonCode, ReturnCode } from '../../../src/mqtt/reason-code.ts'
import { denyKeysOf } from '../../../src/x509/deny.ts'
import { parse } from '../../x509/kit.ts'
import { type ClientOptions, certificate, type House, house, start, type TestClient } from '../support.ts'

function will(more: Partial<Will> = {}): Will {
  return {
    topicName: 'open/will',
    payload: Buffer.from('gone'),
    qos: 1,
    retain: false,
    properties: {},
    ...more,
  }
}

async function witness(home: House): Promise<TestClient> {
  const client = await home.connect({ name: 'gamma' })
  await client.subscribe('open/will', { qos: 2 })
  return client
}

const causes: Record<string, (home: House, client: TestClient) => void | Promise<void>> = {
  'a lost connection': (_, client) => client.peer.reset(),
  'a protocol error': (_, client) => client.send(client.connectPacket()),
  'keep alive': async (home) => home.pass(30_000),
  'DISCONNECT 0x04': (_, client) =>
    client.send({ type: 'DISCONNECT', reasonCode: ReasonCode.DisconnectWithWillMessage, properties: {} }),
}

for (const [cause, make] of Object.entries(causes)) {
  test(`[MQTT-3.1.2-7] [MQTT-3.1.2-8] ${cause} publishes the will`, async () => {
    const home = house()
    const watching = await witness(home)
    const client = await home.connect({ name: 'alpha', keepAliveSeconds: 10, will: will() })
    await make(home, client)
    await home.settle()
    const publish = watching.take('PUBLISH')
    assert.equal(publish.qos, 1)
    assert.equal(Buffer.from(publish.payload).toString(), 'gone')
  })
}

test('[MQTT-3.14.4-3] a normal DISCONNECT drops the will', async () => {
  for (const version of [4, 5] as const) {
    const home = house()
    const watching = await witness(home)
    const client = await home.connect({ name: 'alpha', version, will: will() })
    client.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
    await home.pass(5_000)
    assert.deepEqual(watching.messages(), [])
  }
})

test('[MQTT-3.1.2-14] [MQTT-3.1.2-15] a will is retained when it asks for it, and keeps its properties', async () => {
  const home = house()
  const client = await home.connect({
    name: 'alpha',
    will: will({
      retain: true,
      properties: { contentType: 'text/plain', userProperties: [['a', 'b']], messageExpiryIntervalSeconds: 60 },
    }),
  })
  client.peer.reset()
  await home.settle()
  const watching = await witness(home)
  await home.settle()
  const publish = watching.take('PUBLISH')
  assert.equal(publish.retain, true)
  assert.equal(publish.properties.contentType, 'text/plain')
  assert.deepEqual(publish.properties.userProperties, [['a', 'b']])
  assert.equal(publish.properties.messageExpiryIntervalSeconds, 60)
})

const lasting: ClientOptions = {
  name: 'alpha',
  cleanStart: false,
  properties: { sessionExpiryIntervalSeconds: 100 },
}

test('[MQTT-3.1.3-9] a will with a delay waits, and a connection in time silences it', async () => {
  const home = house()
  const watching = await witness(home)
  const delayed = { ...lasting, will: will({ properties: { willDelayIntervalSeconds: 30 } }) }
  const first = await home.connect(delayed)
  first.peer.reset()
  await home.pass(29_000)
  assert.deepEqual(watching.messages(), [])
  const second = await home.connect(delayed)
  await home.pass(10_000)
  assert.deepEqual(watching.messages(), [])
  second.peer.reset()
  await home.pass(32_000)
  assert.deepEqual(watching.messages(), ['open/will gone'])
})

test('3.1.3.2.2 the will is published when the session ends, if that is before its delay', async () => {
  const home = house()
  const watching = await witness(home)
  const first = await home.connect({
    ...lasting,
    properties: { sessionExpiryIntervalSeconds: 10 },
    will: will({ properties: { willDelayIntervalSeconds: 30 } }),
  })
  first.peer.reset()
  await home.pass(8_000)
  assert.deepEqual(watching.messages(), [])
  await home.pass(4_000)
  assert.deepEqual(watching.messages(), ['open/will gone'])
})

test('3.1.2.5 a takeover publishes a will without delay, one with delay only when the session is not continued', async () => {
  const home = house()
  const watching = await witness(home)
  await home.connect({ ...lasting, will: will({ payload: Buffer.from('at once') }) })
  await home.pass(1_000)
  await home.connect({
    ...lasting,
    will: will({ payload: Buffer.from('delayed'), properties: { willDelayIntervalSeconds: 30 } }),
  })
  await home.settle()
  assert.deepEqual(watching.messages(), ['open/will at once'])
  await home.pass(1_000)
  const third = await home.connect({
    ...lasting,
    will: will({ payload: Buffer.from('discarded'), properties: { willDelayIntervalSeconds: 30 } }),
  })
  await home.pass(40_000)
  assert.deepEqual(watching.messages(), [])
  assert.equal(third.peer.ended, null)
  await home.connect({ ...lasting, cleanStart: true })
  await home.settle()
  assert.deepEqual(watching.messages(), ['open/will discarded'])
})

test('EG 5.4 a will without the right is refused at CONNECT', async () => {
  for (const version of [4, 5] as const) {
    const home = house()
    const client = home.open({ name: 'alpha', version, will: will({ topicName: 'closed/a' }) })
    const { reasonCode } = await client.connect()
    assert.equal(reasonCode, version === 5 ? ReasonCode.NotAuthorized : ReturnCode.NotAuthorized)
    assert.equal(home.broker.operations.decisions(home.namespace.id, 1)[0]?.record.code, 'willNotAuthorized')
  }
})

test('[MQTT-3.2.2-12] EG 6.7 a will with QoS 2 is refused with 0x9B where Maximum QoS is 1', async () => {
  const home = house({ profile: 'event-grid' })
  const client = home.open({ name: 'alpha', will: will({ qos: 2 }) })
  assert.equal((await client.connect()).reasonCode, ReasonCode.QoSNotSupported)
})

test('[S37] the will of a client that was disabled or deleted is dropped and recorded', async () => {
  for (const cause of ['disabled', 'deleted'] as const) {
    for (const delay of [0, 5]) {
      const home = house()
      const watching = await witness(home)
      await home.connect({
        ...lasting,
        will: will({ properties: { willDelayIntervalSeconds: delay } }),
      })
      if (cause === 'disabled') home.namespace.change('alpha', { enabled: false })
      else home.namespace.removeClient('alpha')
      home.changed({ type: 'clients', name: 'alpha', change: cause === 'disabled' ? 'updated' : 'deleted' })
      await home.pass(10_000)
      assert.deepEqual(watching.messages(), [], `${cause}, delay ${delay}`)
    }
  }
})

test('[S37] the will of a client whose certificate is no longer accepted is published', async () => {
  const home = house()
  const watching = await witness(home)
  await home.connect({ name: 'alpha', will: will() })
  home.namespace.change('alpha', { allowedThumbprints: ['0'.repeat(64)] })
  home.changed({ type: 'clients', name: 'alpha' })
  await home.settle()
  assert.deepEqual(watching.messages(), ['open/will gone'])
})

test('[S37] a right that was lost while the will waited drops it', async () => {
  const home = house()
  const watching = await witness(home)
  const client = await home.connect({ ...lasting, will: will({ properties: { willDelayIntervalSeconds: 10 } }) })
  client.peer.reset()
  await home.settle()
  home.namespace.unbind('$all-Publisher-open')
  home.changed({ type: 'permissionBindings', name: '$all-Publisher-open', change: 'deleted' })
  await home.pass(12_000)
  assert.deepEqual(watching.messages(), [])
  const codes = home.broker.operations.decisions(home.namespace.id, 5).map(({ record }) => record.code)
  assert.ok(codes.includes('willNotAuthorized'))
})

test('wills of a broker that died are published when it is back', async () => {
  const home = house()
  await home.connect({ ...lasting, will: will({ retain: true }) })
  home.world.kill(home.parts.node)
  const again = start({ ...home.parts, seed: 2 })
  await again.pass(3_000)
  const watching = await witness(again)
  await again.settle()
  assert.deepEqual(watching.messages(), ['open/will gone'])
})

test('[S37] the will of a denied certificate is dropped and recorded, now, later and after a start', async () => {
  for (const when of ['with the session', 'while it waits', 'after a start'] as const) {
    for (const willOnRevocation of ['drop', 'publish'] as const) {
      const home = house({ limits: { willOnRevocation } })
      const client = await home.connect({
        ...lasting,
        will: will({ retain: true, properties: { willDelayIntervalSeconds: when === 'with the session' ? 0 : 10 } }),
      })
      const deny = (where: typeof home) => {
        where.namespace.deny('lost', denyKeysOf(parse(certificate.der)))
        where.changed({ type: 'sealgateDenyEntries', name: 'lost', change: 'created' })
      }
      let now = home
      if (when === 'with the session') deny(home)
      else client.peer.reset()
      await home.settle()
      if (when === 'while it waits') deny(home)
      if (when === 'after a start') {
        home.world.kill(home.parts.node)
        now = start({ ...home.parts, seed: 2 })
        deny(now)
      }
      await now.pass(14_000)
      now.namespace.allow('lost')
      const watching = await now.connect({ name: 'beta' })
      await watching.subscribe('open/#')
      assert.deepEqual(watching.messages(), willOnRevocation === 'drop' ? [] : ['open/will gone'], when)
      const codes = now.broker.operations.decisions(now.namespace.id, 9).map(({ record }) => record.code)
      assert.equal(codes.includes('willNotAuthorized'), willOnRevocation === 'drop', when)
    }
  }
})
