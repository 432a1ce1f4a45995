import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import { type House, house } from './support.ts'

const codeOf = (home: House) => home.broker.operations.decisions(home.namespace.id, 1)[0]?.record.code

test('EG 3.6 one CONNECT per second and session: 0x9F', async () => {
  const home = house({ profile: 'event-grid' })
  const first = await home.connect({ name: 'alpha' })
  first.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
  await home.settle()
  for (const version of [4, 5] as const) {
    const client = home.open({ name: 'alpha', version })
    const { reasonCode } = await client.connect()
    assert.equal(reasonCode, version === 5 ? ReasonCode.ConnectionRateExceeded : ReturnCode.ServerUnavailable)
    assert.equal(codeOf(home), 'connectRateExceeded')
  }
  await home.pass(1_000)
  await home.connect({ name: 'alpha' })
})

test('EG 3.6 a session whose name is assigned is a new one: the rate per session does not count', async () => {
  const home = house({ profile: 'event-grid' })
  for (let i = 0; i < 3; i++) {
    const client = await home.connect({ name: 'alpha', clientId: '' })
    client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    await home.settle()
  }
})

test('[S31] refused CONNECTs with a device’s names, and other clients with its Client Identifier, cost it nothing', async () => {
  const home = house({ profile: 'event-grid' })
  for (let i = 0; i < 20; i++) {
    await home.open({ name: 'alpha', peerChain: [] }).connect()
    await home.open({ name: 'beta', clientId: 'alpha' }).connect()
    await home.pass(10)
  }
  // The last session that beta opened under this name has to be gone, as any other name conflict.
  await home.broker.operations.closeSession(home.namespace.id, 'alpha')
  await home.settle()
  await home.connect({ name: 'alpha' })
})

test('[S35] two clones in a loop take over at most once per second; at the limit the holder stays', async () => {
  const home = house()
  let holder = await home.connect({ name: 'alpha' })
  let takeovers = 0
  for (let i = 0; i < 50; i++) {
    const clone = home.open({ name: 'alpha' })
    const { reasonCode } = await clone.connect()
    if (reasonCode === ReasonCode.Success) {
      takeovers++
      assert.notEqual(holder.peer.ended, null)
      holder = clone
    } else {
      assert.equal(reasonCode, ReasonCode.ConnectionRateExceeded)
      assert.equal(holder.peer.ended, null)
    }
    await home.pass(100)
  }
  assert.ok(takeovers >= 4 && takeovers <= 6, `${takeovers} takeovers in five seconds`)
})

test('EG 6.8 more messages per second than allowed: PUBACK 0x97, later they are accepted again', async () => {
  const home = house({ limits: { publishesPerSecondPerSession: 10 } })
  const client = await home.connect()
  for (let i = 0; i < 15; i++) client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  const codes = client.packets().map((packet) => (packet.type === 'PUBACK' ? packet.reasonCode : -1))
  assert.equal(codes.filter((code) => code === ReasonCode.Success).length, 11)
  assert.equal(codes.filter((code) => code === ReasonCode.QuotaExceeded).length, 4)
  await home.pass(1_000)
  client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
})

test('EG 6.8 whoever goes on in spite of 0x97 is cut off with 0x96', async () => {
  const home = house({ limits: { publishesPerSecondPerSession: 10, receiveMaximum: 65_535 } })
  const client = await home.connect()
  for (let i = 0; i < 1_100; i++) client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.MessageRateTooHigh)
})

for (const [what, version, qos] of [
  ['QoS 0', 5, 0],
  ['MQTT 3.1.1', 4, 1],
] as const) {
  test(`EG 6.8 ${what} above the rate is read more slowly, nothing is lost`, async () => {
    const home = house({ limits: { publishesPerSecondPerSession: 10 } })
    const publisher = await home.connect({ name: 'alpha', version })
    const subscriber = await home.connect({ name: 'beta' })
    await subscriber.subscribe('open/#')
    for (let i = 0; i < 40; i++) publisher.publish('open/a', `${i}`, { qos })
    await home.settle()
    assert.ok(publisher.peer.paused)
    const before = subscriber.messages().length
    assert.ok(before >= 10 && before < 15, `${before}`)
    await home.pass(5_000)
    assert.equal(before + subscriber.messages().length, 40)
    assert.ok(!publisher.peer.paused)
  })
}

test('EG 9 a session receives no more per second than allowed: QoS 1 waits, QoS 0 is dropped and counted', async () => {
  const home = house({ limits: { deliveriesPerSecondPerSession: 10 } })
  const publisher = await home.connect({ name: 'alpha' })
  const memory = await home.connect({ name: 'beta' })
  const stored = await home.connect({ name: 'gamma', properties: { sessionExpiryIntervalSeconds: 60 } })
  for (const client of [memory, stored]) await client.subscribe('open/one', { qos: 1 })
  await memory.subscribe('open/zero')
  for (let i = 0; i < 25; i++) publisher.publish('open/one', `${i}`, { qos: 1 })
  publisher.publish('open/zero', 'x')
  await home.settle()
  for (const client of [memory, stored]) assert.equal(client.messages().length, 11)
  assert.equal(home.broker.operations.stats().namespaces[0]?.counters.droppedRate, 1)
  await home.pass(2_000)
  for (const client of [memory, stored]) assert.equal(client.messages().length, 14)
})

test('EG 9 five SUBSCRIBE packets per second and session: 0x97', async () => {
  const home = house({ profile: 'event-grid' })
  const client = await home.connect()
  for (let i = 0; i < 5; i++) assert.deepEqual((await client.subscribe(`open/${i}`)).reasonCodes, [0])
  assert.deepEqual((await client.subscribe('open/5')).reasonCodes, [ReasonCode.QuotaExceeded])
  await home.pass(1_000)
  assert.deepEqual((await client.subscribe('open/5')).reasonCodes, [0])
})

test('[S56] what was used up stays used up when any limit of the namespace changes; the new rate holds for all', async () => {
  const home = house({ limits: { connectsPerSecond: 2, publishesPerSecond: 10, subscribeRequestsPerSecond: 3 } })
  const change = async (limits: Partial<typeof home.namespace.limits>) => {
    home.namespace.limits = { ...home.namespace.limits, ...limits }
    home.changed({ type: 'namespaces', change: 'updated' })
    await home.settle()
  }
  const early = await home.connect()
  await home.connect({ name: 'beta' })
  const codes = async (count: number): Promise<number> => {
    let taken = 0
    for (let i = 0; i < count; i++) {
      early.publish('open/a', 'x', { qos: 1 })
      await home.settle()
      if (early.take('PUBACK').reasonCode === ReasonCode.Success) taken++
    }
    return taken
  }
  const subscribed = async (count: number): Promise<number> => {
    let taken = 0
    for (let i = 0; i < count; i++) {
      if (((await early.subscribe('open/s')).reasonCodes[0] ?? 0x80) < 0x80) taken++
    }
    return taken
  }
  // A bucket may be overdrawn by one.
  assert.equal(await codes(20), 11)
  assert.equal(await subscribed(6), 3)
  await change({ maximumTopicBytes: 100 })
  assert.equal((await home.open({ name: 'gamma' }).connect()).reasonCode, ReasonCode.ConnectionRateExceeded)
  assert.equal(await codes(5), 0)
  assert.equal(await subscribed(3), 0)
  await change({ publishesPerSecond: 5, connectsPerSecond: 4, subscribeRequestsPerSecond: 1 })
  assert.equal(await codes(5), 0)
  await home.pass(1_000)
  assert.equal(await codes(20), 5, 'who was there before has the new rate')
  assert.equal(await subscribed(3), 1)
  for (const name of ['beta', 'gamma']) await home.connect({ name, clientId: `new ${name}` })
  await change({ publishesPerSecond: null, subscribeRequestsPerSecond: null })
  assert.equal(await codes(20), 20, 'no limit any more')
  assert.equal(await subscribed(10), 10)
})

/** What six strangers of one address are told, each with a certificate of its own. */
async function codesOfStrangers(perSourcePerSecond: number): Promise<(string | null | undefined)[]> {
  const home = house({
    settings: { pathWork: { perSourcePerSecond, perSourceBurst: 3, perLeafPerSecond: 1, perLeafBurst: 100 } },
  })
  const { issue, noon } = await import('../auth/certificates.ts')
  home.namespace.ca('ca', issue({ subject: 'Root', ca: true, notBefore: noon - 1000, notAfter: noon + 100_000 }).der)
  home.namespace.client({ name: 'field', validationScheme: 'SubjectMatchesAuthenticationName' })
  const codes: (string | null | undefined)[] = []
  for (let i = 0; i < 6; i++) {
    const client = home.open({
      name: 'field',
      clientId: `${i}`,
      peerChain: [issue({ subject: 'field' }).der],
      remoteAddress: '192.0.2.1',
    })
    await client.connect()
    codes.push(codeOf(home))
  }
  return codes
}

test('[S55] path work is charged to the presented certificate and the source', async () => {
  const codes = await codesOfStrangers(1)
  assert.equal(codes[0], 'issuerNotRegistered')
  assert.equal(codes.at(-1), 'connectRateExceeded')
})

test('[S55] path work is charged by the signature: a crowd of issuers of one name costs its source more, a fleet no more', async () => {
  const home = house({
    settings: { pathWork: { perSourcePerSecond: 1, perSourceBurst: 30, perLeafPerSecond: 1, perLeafBurst: 100 } },
  })
  const { issue, newKey, noon } = await import('../auth/certificates.ts')
  const dates = { notBefore: noon - 1000, notAfter: noon + 100_000 }
  const root = issue({ subject: 'Root', ca: true, ...dates })
  const middle = issue({ subject: 'Middle', ca: true, issuer: root, ...dates })
  home.namespace.ca('ca', root.der)
  home.namespace.client({ name: 'field', validationScheme: 'SubjectMatchesAuthenticationName' })
  const crowd = Array.from({ length: 8 }, () => issue({ subject: 'Middle', ca: true, key: newKey(), ...dates }).der)
  const codes = async (remoteAddress: string, count: number, sent: readonly Uint8Array[]) => {
    const told: (string | null | undefined)[] = []
    for (let i = 0; i < count; i++) {
      const leaf = issue({ subject: 'field', issuer: middle, ...dates }).der
      const peerChain = [leaf, ...sent]
      const client = home.open({ name: 'field', clientId: `${remoteAddress} ${i}`, peerChain, remoteAddress })
      await client.connect()
      told.push(codeOf(home))
      client.peer.close()
      await home.settle()
    }
    return told
  }
  const hostile = await codes('192.0.2.1', 6, crowd)
  assert.equal(hostile.indexOf('connectRateExceeded'), 4, hostile.join())
  const fleet = await codes('192.0.2.2', 29, [middle.der])
  assert.deepEqual(new Set(fleet), new Set([null]))
  assert.equal((await codes('192.0.2.2', 1, [middle.der]))[0], 'connectRateExceeded')
})

test('a rate of 0 for one address is no limit', async () => {
  const codes = await codesOfStrangers(0)
  assert.deepEqual(
    codes,
    codes.map(() => 'issuerNotRegistered'),
  )
})
