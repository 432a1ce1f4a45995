import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { RefusalQueue } from '../../src/broker/core/refusal-queue.ts'
import { Router } from '../../src/broker/namespace/router.ts'
import { SessionEntry } from '../../src/broker/namespace/session-table.ts'
import { parseStored } from '../../src/broker/packets/subscribe.ts'
import { Turn } from '../../src/broker/turn/turn.ts'
import type { Will } from '../../src/mqtt/packet.ts'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import type { TopicName } from '../../src/mqtt/topic.ts'
import type { NodeId, SessionUid } from '../../src/ports/identity.ts'
import { issue, noon } from '../auth/certificates.ts'
import { BrokerNamespace, type ClientOptions, type House, house, start } from './support.ts'

const lasting = { sessionExpiryIntervalSeconds: 600 }

test('an exception of ours ends that one connection with 0x80 and counts a bug', async () => {
  const home = house({ expectsBugs: true })
  const publisher = await home.connect({ name: 'alpha' })
  const neighbour = await home.connect({ name: 'gamma' })
  publisher.publish('open/a', 'x', { retain: true })
  await home.settle()
  home.engine.retained.get = () => {
    throw new Error('an invariant is broken')
  }
  const client = await home.connect({ name: 'beta' })
  client.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 1,
    subscriptions: [{ topicFilter: 'open/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: {},
  })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.UnspecifiedError)
  assert.equal(home.eventsOf('bug').length, 1)
  assert.equal(home.eventsOf('sessionEnded')[0]?.reason, 'ServerError')
  assert.equal(neighbour.peer.ended, null)
})

test('a store that cannot open a session refuses with 0x88', async () => {
  for (const version of [4, 5] as const) {
    const home = house()
    home.world.fault('n1' as NodeId, 'refuse')
    const client = home.open({ version })
    assert.equal(
      (await client.connect()).reasonCode,
      version === 5 ? ReasonCode.ServerUnavailable : ReturnCode.ServerUnavailable,
    )
  }
})

test('a store that cannot keep a subscription ends the connection, nothing is granted', async () => {
  const home = house()
  const client = await home.connect({ properties: lasting })
  home.world.fault('n1' as NodeId, 'refuse')
  client.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 1,
    subscriptions: [{ topicFilter: 'open/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: {},
  })
  await home.pass(15_000)
  assert.deepEqual(
    client.packets().map(({ type }) => type),
    ['DISCONNECT'],
  )
})

test('a store that cannot hold QoS 2 is never answered with PUBREC', async () => {
  const home = house()
  const client = await home.connect({ properties: lasting })
  home.world.fault('n1' as NodeId, 'refuse')
  client.publish('open/a', 'x', { qos: 2 })
  await home.pass(15_000)
  assert.deepEqual(
    client.packets().map(({ type }) => type),
    ['DISCONNECT'],
  )
})

test('what CONNECT may not ask for is refused after authentication, each with its code', async () => {
  const will = (more: Partial<Will>): Will => ({
    topicName: 'open/will',
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
    properties: {},
    ...more,
  })
  const cases: [string, ClientOptions, number][] = [
    ['retained will', { will: will({ retain: true }) }, ReasonCode.RetainNotSupported],
    ['content type', { will: will({ properties: { contentType: 'x'.repeat(257) } }) }, 0x83],
    ['response topic', { will: will({ properties: { responseTopic: 'x'.repeat(257) } }) }, 0x83],
    ['correlation', { will: will({ properties: { correlationData: Buffer.alloc(257) } }) }, 0x83],
    ['user properties', { will: will({ properties: { userProperties: [['a', 'x'.repeat(32_768)]] } }) }, 0x83],
    ['payload', { will: will({ payload: Buffer.alloc(2_000) }) }, ReasonCode.PacketTooLarge],
    ['topic', { will: will({ topicName: `open${'/a'.repeat(15)}` }) }, ReasonCode.NotAuthorized],
  ]
  for (const [what, options, expected] of cases) {
    const home = house({ profile: 'event-grid', limits: { retainAvailable: false, maximumPacketSizeBytes: 1_500 } })
    // The framer's own limit before CONNECT is as wide as the packet needs here.
    home.namespace.limits = { ...home.namespace.limits, maximumPacketSizeBytes: 100_000 }
    home.changed()
    const client = home.open(options)
    home.namespace.limits = { ...home.namespace.limits, maximumPacketSizeBytes: 1_500 }
    home.changed()
    assert.equal((await client.connect()).reasonCode, expected, what)
    const stranger = home.open({ ...options, name: 'nobody' })
    home.namespace.limits = { ...home.namespace.limits, maximumPacketSizeBytes: 100_000 }
    if (what !== 'payload' && what !== 'user properties') {
      assert.equal((await stranger.connect()).reasonCode, ReasonCode.NotAuthorized, `[S58] ${what}`)
    }
  }
})

test('features that a namespace switches off are announced and refused', async () => {
  const home = house({ limits: { subscriptionIdentifiers: false, sharedSubscriptions: false } })
  const client = home.open()
  const { properties } = await client.connect()
  assert.equal(properties.subscriptionIdentifiersAvailable, 0)
  assert.equal(properties.sharedSubscriptionAvailable, 0)
  assert.deepEqual((await client.subscribe('$share/g/open/#')).reasonCodes, [
    ReasonCode.SharedSubscriptionsNotSupported,
  ])
  client.send({
    type: 'SUBSCRIBE',
    packetIdentifier: 9,
    subscriptions: [{ topicFilter: 'open/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: { subscriptionIdentifier: 1 },
  })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.SubscriptionIdentifiersNotSupported)
})

test('limits of shared subscriptions: per session, per group and for the namespace', async () => {
  const home = house({
    limits: {
      maximumSharedSubscriptionsPerSession: 2,
      maximumSessionsPerSharedSubscription: 2,
      maximumSharedSubscriptions: 3,
    },
  })
  const clients = []
  for (let i = 0; i < 3; i++) clients.push(await home.connect({ name: 'alpha', clientId: `${i}` }))
  const [a, b, c] = clients
  const codes = async (client: typeof a, filter: string) => (await client?.subscribe(filter))?.reasonCodes
  assert.deepEqual(await codes(a, '$share/g/open/1'), [0])
  assert.deepEqual(await codes(b, '$share/g/open/1'), [0])
  assert.deepEqual(await codes(c, '$share/g/open/1'), [ReasonCode.QuotaExceeded])
  assert.deepEqual(await codes(a, '$share/g/open/2'), [0])
  assert.deepEqual(await codes(a, '$share/g/open/3'), [ReasonCode.QuotaExceeded])
  assert.deepEqual(await codes(b, '$share/h/open/3'), [0])
  assert.deepEqual(await codes(c, '$share/i/open/4'), [ReasonCode.QuotaExceeded])
})

test('limits of share names: how many there are, and how many filters each has', async () => {
  const home = house({ limits: { maximumShareGroups: 2, maximumSubscriptionsPerShareGroup: 2 } })
  const client = await home.connect()
  const codes = async (filter: string) => (await client.subscribe(filter)).reasonCodes[0]
  assert.equal(await codes('$share/a/open/1'), 0)
  assert.equal(await codes('$share/a/open/2'), 0)
  assert.equal(await codes('$share/a/open/3'), ReasonCode.QuotaExceeded)
  assert.equal(await codes('$share/b/open/1'), 0)
  assert.equal(await codes('$share/c/open/1'), ReasonCode.QuotaExceeded)
  client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 99, topicFilters: ['$share/b/open/1'], properties: {} })
  await home.settle()
  assert.equal(await codes('$share/c/open/1'), 0)
})

test('EG 3.7 a removed CA ends the sessions that rest on it; one with another valid path stays', async () => {
  const home = house()
  const span = { notBefore: noon - 1_000, notAfter: noon + 100_000 }
  const old = issue({ subject: 'Root', ca: true, ...span })
  const cross = issue({ subject: 'Other root', ca: true, ...span })
  // The same CA, certified by another root: two paths for what it issues.
  const bridge = issue({ subject: 'Root', ca: true, issuer: cross, key: old.key, ...span })
  home.namespace.ca('old', old.der)
  home.namespace.ca('cross', cross.der)
  home.namespace.client({ name: 'field', validationScheme: 'SubjectMatchesAuthenticationName' })
  const leaf = issue({ subject: 'field', issuer: old, ...span })
  const single = await home.connect({ name: 'field', clientId: 'single', peerChain: [leaf.der] })
  const double = await home.connect({ name: 'field', clientId: 'double', peerChain: [leaf.der, bridge.der] })
  home.namespace.removeCa('old')
  home.changed({ type: 'caCertificates', name: 'old', change: 'deleted' })
  await home.settle()
  assert.equal(single.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(double.peer.ended, null)
})

test('a certificate that expires ends its session within a second', async () => {
  const home = house()
  const ca = issue({ subject: 'Root', ca: true, notBefore: noon - 1_000, notAfter: noon + 100_000 })
  home.namespace.ca('ca', ca.der)
  home.namespace.client({ name: 'field', validationScheme: 'SubjectMatchesAuthenticationName' })
  const leaf = issue({ subject: 'field', issuer: ca, notBefore: noon - 1_000, notAfter: noon + 60 })
  const client = await home.connect({ name: 'field', peerChain: [leaf.der] })
  await home.pass(60_000)
  assert.equal(client.peer.ended, null)
  await home.pass(2_100)
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  const codes = home.broker.operations.decisions(home.namespace.id, 3).map(({ record }) => record.code)
  assert.ok(codes.includes('certificateExpired'))
})

test('a CA that is removed while CONNECT waits for the store refuses it', async () => {
  const home = house()
  const ca = issue({ subject: 'Root', ca: true, notBefore: noon - 1_000, notAfter: noon + 100_000 })
  home.namespace.ca('ca', ca.der)
  home.namespace.client({ name: 'field', validationScheme: 'SubjectMatchesAuthenticationName' })
  const client = home.open({ name: 'field', peerChain: [issue({ subject: 'field', issuer: ca }).der] })
  client.send(client.connectPacket())
  home.namespace.removeCa('ca')
  home.changed({ type: 'caCertificates', name: 'ca', change: 'deleted' })
  await home.settle()
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
})

test('[S50] a namespace that is deleted takes its sessions, retained messages and decisions with it', async () => {
  const other = new BrokerNamespace('other')
  other.device('alpha')
  const all: BrokerNamespace[] = [other]
  const home = house({ namespaces: all })
  const client = await home.connect({ name: 'alpha', serverName: 'other.test', properties: lasting })
  const stays = await home.connect({ name: 'alpha' })
  client.publish('open/a', 'x', { retain: true, qos: 1 })
  await home.settle()
  home.parts.all.splice(1, 1)
  home.changed({ namespace: other.id, type: 'namespaces', name: 'other', change: 'deleted' })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(stays.peer.ended, null)
  assert.equal(home.engine.sessions.find(other.id, 'alpha'), undefined)
  assert.equal(home.engine.retained.get(other.id, 'open/a'), undefined)
  assert.deepEqual(home.broker.operations.decisions(other.id, 10), [])
})

for (const when of ['before CONNECT', 'while its session opens'] as const) {
  test(`[S50] nobody gets into a namespace that was deleted ${when}`, async () => {
    const other = new BrokerNamespace('other')
    other.device('alpha')
    const home = house({ namespaces: [other] })
    const client = home.open({ name: 'alpha', serverName: 'other.test', properties: lasting })
    const remove = (): void => {
      home.parts.all.splice(1, 1)
      home.changed({ namespace: other.id, type: 'namespaces', name: 'other', change: 'deleted' })
    }
    if (when === 'before CONNECT') remove()
    else whenOpened(home, remove)
    client.send(client.connectPacket())
    await home.settle()
    assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
    assert.equal(home.eventsOf('decision').at(-1)?.record.code, 'unknownNamespace')
    assert.equal(home.engine.sessions.find(other.id, 'alpha'), undefined)
  })
}

test('a namespace that is switched off while a session opens accepts nobody', async () => {
  const home = house()
  const client = home.open()
  whenOpened(home, () => {
    home.namespace.mqttEnabled = false
    home.changed({ type: 'namespaces', name: 'plant7' })
  })
  client.send(client.connectPacket())
  await home.settle()
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
})

/** Something happens after the store opened the session and before the broker hears of it. */
function whenOpened({ engine }: House, happen: () => void): void {
  const open = engine.sessions.open.bind(engine.sessions)
  engine.sessions.open = async (request) => {
    const outcome = await open(request)
    happen()
    return outcome
  }
}

test('a namespace that is switched off ends its sessions and accepts nobody', async () => {
  const home = house()
  const client = await home.connect()
  home.namespace.mqttEnabled = false
  home.changed({ type: 'namespaces', name: 'plant7' })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.AdministrativeAction)
  const again = home.open({ name: 'beta' })
  assert.equal((await again.connect()).reasonCode, ReasonCode.NotAuthorized)
})

test('[S57] at most 10,000 refusals wait', () => {
  const fake = fakeClock(unixMillis(0))
  const turn = new Turn(fake.clock)
  const refusals = new RefusalQueue(fake.clock, turn)
  turn.begin()
  let answered = 0
  for (let i = 0; i < 10_000; i++) assert.ok(refusals.answer(100, () => answered++))
  assert.ok(!refusals.answer(100, () => answered++))
  fake.turn()
  fake.advance(101)
  assert.equal(answered, 10_000)
  refusals.stop()
})

test('refusals with unlike delays leave in the order of their times', () => {
  const fake = fakeClock(unixMillis(0))
  const turn = new Turn(fake.clock)
  const refusals = new RefusalQueue(fake.clock, turn)
  const order: number[] = []
  for (const due of [300, 100, 200]) refusals.answer(due, () => order.push(due))
  fake.turn()
  for (let i = 0; i < 5; i++) {
    fake.advance(100)
    fake.turn()
  }
  assert.deepEqual(order, [100, 200, 300])
})

test('a namespace with very many topics forgets routes as a whole and goes on', () => {
  const router = new Router()
  const entry = new SessionEntry('s' as SessionUid, 'c', false)
  const subscription = parseStored({
    topicFilter: 'a/#',
    maximumQoS: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: null,
  })
  assert.ok(subscription !== null)
  router.add(entry, subscription)
  const first = router.route('a/first' as TopicName)
  assert.equal(router.route('a/first' as TopicName), first)
  for (let i = 0; i < 100_001; i++) router.route(`a/${i}` as TopicName)
  assert.equal(first.isValid, false)
  assert.equal(router.route('a/first' as TopicName).deliveries.length, 1)
})

test('operations say what cannot be done', async () => {
  const home = house()
  const request = {
    principal: { kind: 'registryClient', uid: 'uid-alpha', authenticationName: 'alpha', foldedName: 'alpha' },
    topicName: 'open/a',
    qos: 1,
    retain: true,
    properties: {},
    payload: Buffer.from('x'),
  } as const
  const gone = new BrokerNamespace('gone')
  const nowhere = await home.broker.operations.publish({ ...request, namespace: gone.id })
  assert.equal(nowhere.ok ? '' : nowhere.error.kind, 'namespaceNotFound')
  assert.equal(await home.broker.operations.closeSession(gone.id, 'x'), false)
  home.world.fault('n1' as NodeId, 'refuse')
  const failing = home.broker.operations.publish({ ...request, namespace: home.namespace.id })
  await home.pass(15_000)
  const failed = await failing
  assert.equal(failed.ok ? '' : failed.error.kind, 'unavailable')
})

test('a session of a lost node is ended for it, its expiry begins', async () => {
  const home = house({ world: { clustered: true } })
  const other = start({ ...home.parts, node: 'n2' as NodeId, seed: 2 })
  await other.connect({ name: 'alpha', properties: { sessionExpiryIntervalSeconds: 10 } })
  home.world.kill('n2' as NodeId)
  await home.pass(5_000)
  assert.equal(home.engine.sessions.find(home.namespace.id, 'alpha')?.node, null)
  await home.pass(12_000)
  assert.equal(home.engine.sessions.find(home.namespace.id, 'alpha'), undefined)
})
