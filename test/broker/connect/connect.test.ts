import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode, ReturnCode } from '../../../src/mqtt/reason-code.ts'
import type { OpenSession } from '../../../src/ports/session-store.ts'
import { type House, house } from '../support.ts'

test('a registered client is accepted and its session announced', async () => {
  const home = house()
  const client = home.open({ name: 'alpha' })
  const connack = await client.connect()
  assert.equal(connack.reasonCode, ReasonCode.Success)
  assert.equal(connack.sessionPresent, false)
  const [opened] = home.eventsOf('sessionOpened')
  assert.equal(opened?.authenticationName, 'alpha')
  assert.equal(opened?.sequenceNumber, 1)
})

for (const version of [4, 5] as const) {
  test(`an unknown client is refused with CONNACK and a record, version ${version}`, async () => {
    const home = house()
    const client = home.open({ name: 'nobody', version })
    const connack = await client.connect()
    assert.equal(connack.reasonCode, version === 5 ? ReasonCode.NotAuthorized : ReturnCode.NotAuthorized)
    await home.settle()
    assert.notEqual(client.peer.ended, null)
    const [decision] = home.broker.operations.decisions(home.namespace.id, 10)
    assert.equal(decision?.record.code, 'clientNotFound')
    assert.equal(decision?.record.outcome, 'refused')
  })
}

test('QoS 0 goes from 3.1.1 to 5.0 and back', async () => {
  const home = house()
  const old = await home.connect({ name: 'alpha', version: 4 })
  const young = await home.connect({ name: 'beta', version: 5 })
  await old.subscribe('open/#')
  await young.subscribe('open/+')
  old.publish('open/a', 'from old')
  young.publish('open/b', 'from young', { properties: { contentType: 'text/plain' } })
  await home.settle()
  assert.deepEqual(old.messages().sort(), ['open/a from old', 'open/b from young'])
  assert.deepEqual(young.messages().sort(), ['open/a from old', 'open/b from young'])
})

test('QoS 1 is acknowledged and delivered', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1 })
  const identifier = publisher.publish('open/x', 'hello', { qos: 1 })
  await home.settle()
  const puback = publisher.take('PUBACK')
  assert.equal(puback.packetIdentifier, identifier)
  assert.equal(puback.reasonCode, ReasonCode.Success)
  const publish = subscriber.take('PUBLISH')
  assert.equal(publish.qos, 1)
  assert.equal(Buffer.from(publish.payload).toString(), 'hello')
})

test('S60 a record of a refusal does not hold a token that was sent as Client Identifier', async () => {
  const home = house()
  const clientId = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwcmVzcy0xMiJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ'
  const client = home.open({ name: 'nobody', clientId })
  assert.notEqual((await client.connect()).reasonCode, 0)
  const text = JSON.stringify(home.broker.operations.decisions(home.namespace.id, 10))
  assert.ok(text.includes('clientNotFound'))
  assert.ok(!text.includes('c2lnbmF0dXJl'), text)
})

for (const [what, change] of [
  ['disabled', (home: House) => home.namespace.change('alpha', { enabled: false })],
  [
    'given another thumbprint',
    (home: House) => home.namespace.change('alpha', { allowedThumbprints: ['0'.repeat(64)] }),
  ],
  ['deleted', (home: House) => home.namespace.removeClient('alpha')],
] as const) {
  test(`S15 a client that is ${what} while its session is being opened is refused`, async () => {
    const home = house()
    const { sessions } = home.engine
    const open = sessions.open.bind(sessions)
    // The registry changes before CONNACK, and nobody has been told of it yet.
    Object.assign(sessions, {
      open: async (request: OpenSession) => {
        const outcome = await open(request)
        change(home)
        return outcome
      },
    })
    const connack = await home.open({ name: 'alpha' }).connect()
    assert.equal(connack.reasonCode, ReasonCode.NotAuthorized)
    await home.settle()
    assert.equal(home.engine.sessions.list({ namespace: home.namespace.id, after: null, limit: 10 }).length, 0)
  })
}

test('RFC 5280 4.1.2.5 a certificate that expires while its session is being opened is refused', async () => {
  const home = house()
  const { sessions } = home.engine
  const open = sessions.open.bind(sessions)
  Object.assign(sessions, {
    open: async (request: OpenSession) => {
      const outcome = await open(request)
      home.clock.stepWall(100 * 365 * 86_400_000)
      home.clock.turn()
      return outcome
    },
  })
  const connack = await home.open({ name: 'alpha' }).connect()
  assert.equal(connack.reasonCode, ReasonCode.NotAuthorized)
  const [decision] = home.broker.operations.decisions(home.namespace.id, 1)
  assert.equal(decision?.record.code, 'certificateExpired')
})
