import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import { fakeTransport } from '../support/fake-transport.ts'
import { BrokerNamespace, certificate, type House, house, type TestClient } from './support.ts'

const last = (home: House) => home.broker.operations.decisions(home.namespace.id, 1)[0]?.record

async function isClosed(home: House, client: TestClient): Promise<boolean> {
  await home.settle()
  return client.peer.ended !== null
}

test('[MQTT-3.1.0-1] a first packet that is not CONNECT closes the connection without a word', async () => {
  const home = house()
  const client = home.open()
  client.send({ type: 'PINGREQ' })
  assert.ok(await isClosed(home, client))
  assert.deepEqual(client.packets(), [])
})

test('[MQTT-3.1.0-2] a second CONNECT closes the connection with 0x82', async () => {
  const home = house()
  const client = await home.connect()
  client.send(client.connectPacket())
  assert.ok(await isClosed(home, client))
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('a peer that does not send CONNECT in time is cut, one that sends it in pieces is not', async () => {
  const home = house()
  const silent = home.open()
  const slow = home.open({ name: 'beta' })
  const bytes = encodePacket(slow.connectPacket(), 5)
  slow.peer.send(bytes.subarray(0, 5))
  await home.pass(9_000)
  assert.equal(silent.peer.ended, null)
  slow.peer.send(bytes.subarray(5))
  await home.pass(2_500)
  assert.notEqual(silent.peer.ended, null)
  assert.equal(slow.take('CONNACK').reasonCode, ReasonCode.Success)
  assert.equal(slow.peer.ended, null)
})

for (const version of [4, 5] as const) {
  test(`[MQTT-3.1.2-22] silence of 1.5 times the Keep Alive ends the connection, version ${version}`, async () => {
    const home = house()
    const client = await home.connect({ version, keepAliveSeconds: 10 })
    await home.pass(14_000)
    client.send({ type: 'PINGREQ' })
    await home.settle()
    assert.equal(client.take('PINGRESP').type, 'PINGRESP')
    await home.pass(14_000)
    assert.equal(client.peer.ended, null)
    await home.pass(2_000)
    assert.notEqual(client.peer.ended, null)
    if (version === 5) assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.KeepAliveTimeout)
    else assert.deepEqual(client.packets(), [])
    assert.equal(home.eventsOf('sessionEnded')[0]?.reason, 'ClientError')
  })
}

test('[MQTT-3.1.2-22] Keep Alive 0 means none', async () => {
  const home = house()
  const client = await home.connect({ keepAliveSeconds: 0 })
  await home.pass(200_000)
  assert.equal(client.peer.ended, null)
})

test('[MQTT-3.1.2-21] EG 6.2 a Keep Alive above the maximum is replaced by Server Keep Alive', async () => {
  const home = house({ profile: 'event-grid' })
  for (const asked of [0, 2_000]) {
    const client = home.open({ clientId: `${asked}`, keepAliveSeconds: asked })
    assert.equal((await client.connect()).properties.serverKeepAliveSeconds, 1_160)
  }
  const fine = home.open({ keepAliveSeconds: 60 })
  assert.equal((await fine.connect()).properties.serverKeepAliveSeconds, undefined)
})

test('[MQTT-3.12.4-1] PINGREQ is answered by PINGRESP', async () => {
  const home = house()
  const client = await home.connect()
  client.send({ type: 'PINGREQ' })
  client.send({ type: 'PINGREQ' })
  await home.settle()
  assert.deepEqual(
    client.packets().map(({ type }) => type),
    ['PINGRESP', 'PINGRESP'],
  )
})

test('[MQTT-3.1.2-2] MQTT 3.1 is answered with return code 1, a level above 5 with 0x84', async () => {
  const home = house()
  const old = home.open({ version: 4 })
  old.raw(0x10, 0x11, 0, 6, ...Buffer.from('MQIsdp'), 3, 2, 0, 60, 0, 3, 97, 98, 99)
  await home.settle()
  assert.equal(old.take('CONNACK').reasonCode, ReturnCode.UnacceptableProtocolVersion)
  const young = home.open()
  young.raw(0x10, 0x10, 0, 4, ...Buffer.from('MQTT'), 6, 2, 0, 60, 0, 0, 3, 97, 98, 99)
  await home.settle()
  assert.equal(young.take('CONNACK').reasonCode, ReasonCode.UnsupportedProtocolVersion)
  assert.ok(await isClosed(home, young))
})

test('[MQTT-3.1.2-3] a reserved connect flag is refused as malformed', async () => {
  const home = house()
  const client = home.open()
  client.raw(0x10, 0x10, 0, 4, ...Buffer.from('MQTT'), 5, 3, 0, 60, 0, 0, 3, 97, 98, 99)
  assert.ok(await isClosed(home, client))
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.MalformedPacket)
})

test('[MQTT-4.13.1-1] a malformed packet after CONNECT gets DISCONNECT 0x81', async () => {
  const home = house()
  const client = await home.connect()
  // PUBREL with the wrong flags.
  client.raw(0x60, 0x02, 0x00, 0x01)
  assert.ok(await isClosed(home, client))
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.MalformedPacket)
})

test('[MQTT-3.1.2-24] a packet above our Maximum Packet Size is refused from its header with 0x95', async () => {
  const home = house({ limits: { maximumPacketSizeBytes: 2_000 } })
  const client = home.open()
  assert.equal((await client.connect()).properties.maximumPacketSizeBytes, 2_000)
  client.raw(0x30, 0xd1, 0x0f)
  assert.ok(await isClosed(home, client))
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.PacketTooLarge)
})

test('packets that follow CONNECT at once are served after CONNACK, and no more than one buffer is read meanwhile', async () => {
  const home = house()
  const client = home.open()
  const packets = [client.connectPacket(), { type: 'PINGREQ' } as const, { type: 'PINGREQ' } as const]
  client.peer.send(Buffer.concat(packets.map((packet) => encodePacket(packet, 5))))
  assert.ok(client.peer.paused)
  client.send({ type: 'PINGREQ' })
  assert.deepEqual(client.packets(), [])
  await home.settle()
  assert.deepEqual(
    client.packets().map(({ type }) => type),
    ['CONNACK', 'PINGRESP', 'PINGRESP', 'PINGRESP'],
  )
  assert.ok(!client.peer.paused)
})

test('a peer that leaves while CONNECT waits leaves nothing behind', async () => {
  const home = house()
  const client = home.open({ name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 100 } })
  client.send(client.connectPacket())
  client.peer.reset()
  await home.settle()
  assert.equal(home.broker.operations.stats().connections, 0)
  const [session] = home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 10 })
  assert.equal(session, undefined)
})

test('vector 22: a Client Identifier of another client is refused, the holder stays', async () => {
  const home = house()
  const beta = await home.connect({ name: 'beta', clientId: 'shared' })
  for (const version of [4, 5] as const) {
    const alpha = home.open({ name: 'alpha', clientId: 'shared', version })
    const connack = await alpha.connect()
    assert.equal(connack.reasonCode, version === 5 ? ReasonCode.NotAuthorized : ReturnCode.NotAuthorized)
    assert.equal(last(home)?.code, 'sessionNameTaken')
  }
  assert.equal(beta.peer.ended, null)
})

for (const version of [4, 5] as const) {
  test(`vector 23: [MQTT-3.1.4-3] the same client takes over its session, version ${version}`, async () => {
    const home = house()
    const first = await home.connect({ name: 'alpha', version })
    const second = await home.connect({ name: 'alpha', version })
    assert.ok(await isClosed(home, first))
    if (version === 5) assert.equal(first.take('DISCONNECT').reasonCode, ReasonCode.SessionTakenOver)
    assert.equal(second.peer.ended, null)
    assert.equal(home.eventsOf('sessionEnded')[0]?.reason, 'SessionTakenOver')
    assert.deepEqual(
      home.eventsOf('sessionOpened').map(({ sequenceNumber }) => sequenceNumber),
      [1, 2],
    )
  })
}

test('vector 24: an offline session counts against the limit, and the record says how to end it', async () => {
  const home = house()
  home.namespace.maximumClientSessionsPerAuthenticationName = 1
  const first = await home.connect({
    name: 'alpha',
    clientId: 's1',
    properties: { sessionExpiryIntervalSeconds: 600 },
  })
  first.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
  await home.settle()
  for (const version of [4, 5] as const) {
    const second = home.open({ name: 'alpha', clientId: 's2', version })
    const { reasonCode } = await second.connect()
    assert.equal(reasonCode, version === 5 ? ReasonCode.QuotaExceeded : ReturnCode.ServerUnavailable)
  }
  assert.equal(last(home)?.code, 'sessionLimitReached')
  assert.match(last(home)?.steps.at(-1)?.detail ?? '', /sealgate sessions close --namespace \S+ s1$/)
  assert.ok(await home.broker.operations.closeSession(home.namespace.id, 's1'))
  await home.connect({ name: 'alpha', clientId: 's2' })
})

test('[S28] Client Identifiers are compared by exact bytes', async () => {
  const home = house()
  const names = ['case', 'CASE', 'Åb', 'A\u030ab', 'a/b', 'a', 'a\u001fb']
  const clients: TestClient[] = []
  for (const clientId of names) clients.push(await home.connect({ name: 'alpha', clientId }))
  await home.settle()
  for (const client of clients) assert.equal(client.peer.ended, null)
})

test('[MQTT-3.1.3-6] [MQTT-3.2.2-16] an empty Client Identifier is assigned one that nobody can guess', async () => {
  const home = house()
  const assigned = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const client = home.open({ name: 'alpha', clientId: '' })
    const { properties } = await client.connect()
    assert.match(properties.assignedClientIdentifier ?? '', /^[0-9a-f]{32}$/)
    assigned.add(properties.assignedClientIdentifier ?? '')
  }
  assert.equal(assigned.size, 5)
})

test('[MQTT311-3.1.3-8] an empty Client Identifier without Clean Session is refused with 0x02', async () => {
  const home = house()
  const client = home.open({ version: 4, clientId: '', cleanStart: false })
  assert.equal((await client.connect()).reasonCode, ReturnCode.IdentifierRejected)
  const clean = home.open({ version: 4, clientId: '', cleanStart: true })
  assert.equal((await clean.connect()).reasonCode, ReturnCode.Accepted)
})

test('EG 6.8 a Client Identifier above 128 characters is refused with 0x85', async () => {
  const home = house({ profile: 'event-grid' })
  const client = home.open({ clientId: 'x'.repeat(129) })
  assert.equal((await client.connect()).reasonCode, ReasonCode.ClientIdentifierNotValid)
  const fits = home.open({ clientId: 'x'.repeat(128) })
  assert.equal((await fits.connect()).reasonCode, ReasonCode.Success)
})

test('EG 6.4 CONNACK announces what the namespace grants', async () => {
  const home = house({ profile: 'event-grid' })
  const client = home.open({ keepAliveSeconds: 60, properties: { sessionExpiryIntervalSeconds: 999_999 } })
  assert.deepEqual((await client.connect()).properties, {
    sessionExpiryIntervalSeconds: 3_600,
    receiveMaximum: 1_000,
    maximumQoS: 1,
    retainAvailable: 1,
    maximumPacketSizeBytes: 524_288,
    topicAliasMaximum: 10,
    wildcardSubscriptionAvailable: 1,
    subscriptionIdentifiersAvailable: 1,
    sharedSubscriptionAvailable: 1,
  })
})

test('[S48] a server name of nobody is refused where several namespaces are and none is the default', async () => {
  const home = house({
    namespaces: [new BrokerNamespace('other')],
    settings: { defaultNamespace: null },
  })
  const client = home.open({ serverName: 'typo.test' })
  assert.equal((await client.connect()).reasonCode, ReasonCode.NotAuthorized)
  assert.equal(home.broker.operations.decisions(null, 1)[0]?.record.code, 'unknownNamespace')
  const right = home.open({ serverName: 'plant7.test' })
  assert.equal((await right.connect()).reasonCode, ReasonCode.Success)
})

test('two namespaces with equal clients, topics and Client Identifiers never meet', async () => {
  const other = new BrokerNamespace('other')
  other.device('alpha')
  other.device('beta')
  const home = house({ namespaces: [other] })
  const here = await home.connect({ name: 'alpha', serverName: 'plant7.test' })
  const there = await home.connect({ name: 'alpha', serverName: 'other.test' })
  await here.subscribe('open/#')
  await there.subscribe('open/#')
  here.publish('open/a', 'here')
  there.publish('open/a', 'there', { retain: true })
  await home.settle()
  assert.equal(here.peer.ended, null)
  assert.deepEqual(here.messages(), ['open/a here'])
  assert.deepEqual(there.messages(), ['open/a there'])
  const late = await home.connect({ name: 'beta', serverName: 'plant7.test' })
  await late.subscribe('open/#')
  await home.settle()
  assert.deepEqual(late.messages(), [])
})

test('a failed handshake stands among the decisions', () => {
  const home = house()
  home.broker.handshakeFailed({
    listener: 'mqtts',
    serverName: null,
    remoteAddress: '192.0.2.9',
    reason: 'wrong version number',
  })
  assert.equal(last(home)?.code, 'handshakeFailed')
  assert.equal(last(home)?.steps[0]?.presented, 'wrong version number')
})

test('[S57] a refusal leaves no earlier than its delay, whatever the cause', async () => {
  const home = house({ settings: { refusalDelayMs: 100 } })
  const unknown = home.open({ name: 'nobody' })
  const bare = home.open({ name: 'alpha', peerChain: [] })
  for (const client of [unknown, bare]) client.send(client.connectPacket())
  await home.pass(99)
  assert.deepEqual([...unknown.packets(), ...bare.packets()], [])
  await home.pass(2)
  const first = unknown.take('CONNACK')
  assert.deepEqual(first, bare.take('CONNACK'))
  assert.equal(first.reasonCode, ReasonCode.NotAuthorized)
})

test('[S30] refused CONNECTs with a victim’s names leave the victim and the store alone', async () => {
  const home = house()
  const victim = await home.connect({ name: 'alpha', properties: { sessionExpiryIntervalSeconds: 60 } })
  for (let i = 0; i < 50; i++) {
    const attacker = home.open({ name: 'alpha', peerChain: [] })
    assert.equal((await attacker.connect()).reasonCode, ReasonCode.NotAuthorized)
  }
  assert.equal(victim.peer.ended, null)
  const sessions = home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 10 })
  assert.deepEqual(
    sessions.map(({ record }) => [record.clientId, record.sequenceNumber]),
    [['alpha', 1]],
  )
})

test('drain says 0x8B to everybody and ends in order', async () => {
  const home = house()
  const client = await home.connect({ name: 'alpha' })
  const old = await home.connect({ name: 'beta', version: 4 })
  const drained = home.broker.drain(5_000)
  await home.settle()
  await drained
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ServerShuttingDown)
  assert.deepEqual(old.packets(), [])
  assert.equal(home.clock.pendingTimers, 0)
  const { transport, peer } = fakeTransport({ peerChain: [certificate.der] })
  home.broker.accept(transport)
  await home.settle()
  assert.equal(peer.started, false)
})

test('one write per connection and turn, whatever it is sent', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const subscriber = await home.connect({ name: 'beta' })
  await subscriber.subscribe('open/#', { qos: 1 })
  const before = subscriber.peer.writes
  for (let i = 0; i < 10; i++) publisher.publish('open/a', `${i}`, { qos: i % 2 === 0 ? 1 : 0 })
  subscriber.send({ type: 'PINGREQ' })
  await home.settle()
  assert.equal(subscriber.peer.writes, before + 1)
  assert.equal(subscriber.messages().length, 10)
})
