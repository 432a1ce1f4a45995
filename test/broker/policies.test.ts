import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { house } from './support.ts'

test('3.3.2.3.4 we use topic aliases for what repeats, where the client allows them', async () => {
  const home = house()
  const publisher = await home.connect({ name: 'alpha' })
  const client = await home.connect({ name: 'beta', properties: { topicAliasMaximum: 2 } })
  const plain = await home.connect({ name: 'gamma' })
  for (const one of [client, plain]) await one.subscribe('open/#', { qos: 1 })
  const sent: string[] = []
  for (const [index, topic] of [
    'open/a',
    'open/a',
    'open/a',
    'open/b',
    'open/b',
    'open/c',
    'open/c',
    'open/a',
    'open/b',
    'open/a',
  ].entries()) {
    publisher.publish(topic, `${index}`, { qos: index % 2 === 0 ? 0 : 1 })
    sent.push(`${topic} ${index}`)
  }
  await home.settle()
  const aliases = new Map<number, string>()
  let shortened = 0
  const got = client.publishes().map(({ topicName, payload, properties }) => {
    const alias = properties.topicAlias
    if (alias !== undefined) {
      assert.ok(alias >= 1 && alias <= 2)
      if (topicName === '') shortened++
      else aliases.set(alias, topicName)
    }
    return `${topicName === '' ? aliases.get(alias ?? 0) : topicName} ${Buffer.from(payload)}`
  })
  assert.deepEqual(got, sent)
  assert.ok(shortened >= 1)
  assert.deepEqual(plain.messages(), sent)
})

test('[MQTT-3.1.2-26] [MQTT-3.1.2-27] no alias without Topic Alias Maximum, and none in profile event-grid', async () => {
  for (const profile of ['full', 'event-grid'] as const) {
    const home = house({ profile })
    const publisher = await home.connect({ name: 'alpha' })
    const client = await home.connect({
      name: 'beta',
      properties: profile === 'full' ? {} : { topicAliasMaximum: 10 },
    })
    await client.subscribe('open/#')
    for (let i = 0; i < 4; i++) publisher.publish('open/a', 'x')
    await home.settle()
    for (const { properties } of client.publishes()) assert.equal(properties.topicAlias, undefined)
  }
})

test('a stored session gets aliases for QoS 1 as well, and whole topics after it comes back', async () => {
  const home = house()
  const options = {
    name: 'beta',
    cleanStart: false,
    properties: { topicAliasMaximum: 5, sessionExpiryIntervalSeconds: 60 },
  }
  const publisher = await home.connect({ name: 'alpha' })
  const client = await home.connect(options)
  await client.subscribe('open/#', { qos: 1 })
  for (let i = 0; i < 3; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  assert.deepEqual(
    client.publishes().map(({ topicName }) => topicName),
    ['open/a', 'open/a', ''],
  )
  client.peer.reset()
  await home.settle()
  const again = await home.connect(options)
  await home.settle()
  assert.equal(again.publishes()[0]?.topicName, 'open/a')
})

test('[S32] clientIdPolicy: any, reserved, prefix', async () => {
  const cases = [
    ['any', { alpha: true, beta: true, 'alpha-1': true, alphabet: true, other: true }],
    ['reserved', { alpha: true, beta: false, 'alpha-1': true, alphabet: true, other: true }],
    ['prefix', { alpha: true, beta: false, 'alpha-1': true, alphabet: false, other: false }],
  ] as const
  for (const [clientIdPolicy, expected] of cases) {
    for (const [clientId, isAllowed] of Object.entries(expected)) {
      const home = house({ limits: { clientIdPolicy } })
      const client = home.open({ name: 'alpha', clientId })
      const { reasonCode } = await client.connect()
      assert.equal(
        reasonCode,
        isAllowed ? ReasonCode.Success : ReasonCode.NotAuthorized,
        `${clientIdPolicy} ${clientId}`,
      )
      const code = home.broker.operations.decisions(home.namespace.id, 1)[0]?.record.code
      assert.equal(code, isAllowed ? null : 'clientIdNotAllowed')
    }
  }
})

test('[S45] responseTopicCheck: a Response Topic must be one that its sender could subscribe to', async () => {
  for (const responseTopicCheck of [true, false]) {
    const home = house({ limits: { responseTopicCheck } })
    const client = await home.connect()
    client.publish('open/a', 'x', { qos: 1, properties: { responseTopic: 'open/answers' } })
    client.publish('open/a', 'x', { qos: 1, properties: { responseTopic: 'closed/answers' } })
    await home.settle()
    assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
    assert.equal(client.take('PUBACK').reasonCode, responseTopicCheck ? ReasonCode.NotAuthorized : ReasonCode.Success)
  }
})

test('EG 6.8 user properties in PUBACK end the connection with 0x83', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  client.send({ type: 'PUBACK', packetIdentifier: 1, reasonCode: 0, properties: { userProperties: [['a', 'b']] } })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ImplementationSpecificError)
})

test('EG 6.8 user properties in CONNECT are refused with 0x83, in DISCONNECT the will is published', async () => {
  const home = house({ profile: 'event-grid' })
  const refused = home.open({ name: 'alpha', properties: { userProperties: [['a', 'b']] } })
  assert.equal((await refused.connect()).reasonCode, ReasonCode.ImplementationSpecificError)
  const watching = await home.connect({ name: 'beta' })
  await watching.subscribe('open/will')
  const client = await home.connect({
    name: 'gamma',
    will: { topicName: 'open/will', payload: Buffer.from('gone'), qos: 0, retain: false, properties: {} },
  })
  client.send({ type: 'DISCONNECT', reasonCode: 0, properties: { userProperties: [['a', 'b']] } })
  await home.settle()
  assert.deepEqual(watching.messages(), ['open/will gone'])
})

test('operations: what the API publishes is authorized, durable and delivered like any other message', async () => {
  const home = house()
  const subscriber = await home.connect({ name: 'beta', properties: { sessionExpiryIntervalSeconds: 60 } })
  await subscriber.subscribe('open/#', { qos: 1 })
  const client = home.namespace.clientByResourceName('alpha')
  const request = {
    namespace: home.namespace.id,
    principal: {
      kind: 'registryClient',
      uid: client?.uid ?? '',
      authenticationName: 'alpha',
      foldedName: 'alpha',
    },
    topicName: 'open/http',
    qos: 1,
    retain: true,
    properties: { contentType: 'application/json' },
    payload: Buffer.from('{}'),
  } as const
  const done = home.broker.operations.publish(request)
  await home.settle()
  assert.deepEqual(await done, { ok: true, value: null })
  assert.deepEqual(subscriber.messages(), ['open/http {}'])
  assert.equal(home.broker.operations.stats().namespaces[0]?.retained, 1)
  const denied = await home.broker.operations.publish({ ...request, topicName: 'closed/x' })
  assert.equal(denied.ok ? '' : denied.error.kind, 'notAuthorized')
  const invalid = await home.broker.operations.publish({ ...request, topicName: 'open/#' })
  assert.equal(invalid.ok ? '' : invalid.error.kind, 'topicInvalid')
  const large = await home.broker.operations.publish({ ...request, payload: Buffer.alloc(5 << 20) })
  assert.equal(large.ok ? '' : large.error.kind, 'overLimit')
})

test('operations: sessions are listed in order, and closed with their connection', async () => {
  const home = house()
  const client = await home.connect({ name: 'alpha', clientId: 'b', properties: { sessionExpiryIntervalSeconds: 60 } })
  await home.connect({ name: 'beta', clientId: 'a' })
  const query = { namespace: home.namespace.id, after: null, limit: 10 }
  assert.deepEqual(
    home.broker.operations.sessions(query).map(({ record, online }) => [record.clientId, online]),
    [
      ['a', true],
      ['b', true],
    ],
  )
  const closing = home.broker.operations.closeSession(home.namespace.id, 'b')
  await home.settle()
  assert.equal(await closing, true)
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.AdministrativeAction)
  assert.deepEqual(
    home.broker.operations.sessions(query).map(({ record }) => record.clientId),
    ['a'],
  )
  assert.equal(await home.broker.operations.closeSession(home.namespace.id, 'b'), false)
})

test('[S61] a flood of junk pushes out no refusal that somebody looks for', async () => {
  const home = house({ limits: { decisionsKept: 10 } })
  const client = await home.connect({ name: 'alpha' })
  client.publish('closed/a', 'x', { qos: 1 })
  await home.settle()
  for (let i = 0; i < 100; i++) {
    await home.open({ name: `junk ${i}`, peerChain: [], remoteAddress: `192.0.2.${i}` }).connect()
  }
  const codes = home.broker.operations.decisions(home.namespace.id, 100).map(({ record }) => record.code)
  assert.ok(codes.includes('publishNotAuthorized'))
  assert.equal(codes.filter((code) => code === 'noCertificate').length, 10)
  for (let i = 0; i < 50; i++)
    await home.open({ name: `junk ${i}`, peerChain: [], remoteAddress: '192.0.2.99' }).connect()
  const [newest] = home.broker.operations.decisions(home.namespace.id, 1)
  assert.equal(newest?.count, 51)
})

test('[S55] half a CONNECT from very many peers costs bounded memory: who waits longest goes first', async () => {
  const home = house()
  const waiting: ReturnType<typeof home.open>[] = []
  const half = Buffer.alloc(900_000, 0x61)
  // CONNECT with a Remaining Length of 1,000,000.
  const head = Buffer.from([0x10, 0xc0, 0x84, 0x3d])
  for (let i = 0; i < 80; i++) {
    const client = home.open()
    client.peer.send(Buffer.concat([head, half]))
    waiting.push(client)
  }
  await home.settle()
  const left = waiting.filter(({ peer }) => peer.ended === null).length
  assert.ok(left < 80 && left > 60, `${left}`)
  assert.notEqual(waiting[0]?.peer.ended, null)
  assert.equal(waiting.at(-1)?.peer.ended, null)
})

test('[S55] what a door holds of a message that is not complete counts as well, until the peer is connected', async () => {
  const home = house()
  const waiting = Array.from({ length: 80 }, () => home.open())
  for (const { peer } of waiting) peer.hold(900_000)
  await home.settle()
  assert.ok(waiting.filter(({ peer }) => peer.ended === null).length < 80)
  assert.notEqual(waiting[0]?.peer.ended, null)
  const last = waiting.at(-1)
  assert.equal(last?.peer.ended, null)
  last?.peer.hold((1 << 20) + 1)
  await home.settle()
  assert.notEqual(last?.peer.ended, null, 'more than 1 MiB')

  const connected = await home.connect()
  connected.peer.hold(2 << 20)
  await home.settle()
  assert.equal(connected.peer.ended, null)
})

test('[S55] a CONNECT that waits for its answer counts', async () => {
  // Nobody ever answers: each peer waits with its whole CONNECT.
  const home = house({ webhook: { ask: () => new Promise(() => {}) } })
  home.namespace.hasWebhookAuthentication = true
  const userProperties = Array.from({ length: 14 }, () => ['x', 'y'.repeat(64_000)] as const)
  const waiting = Array.from({ length: 80 }, (_, i) =>
    home.open({ name: `unknown ${i}`, properties: { userProperties } }),
  )
  for (const client of waiting) client.send(client.connectPacket())
  await home.settle()
  const left = waiting.filter(({ peer }) => peer.ended === null).length
  assert.ok(left < 80 && left > 60, `${left}`)
  assert.notEqual(waiting[0]?.peer.ended, null)
})
