import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import { house } from '../broker/support.ts'

const lasting = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } } as const

/** A house with an offline subscriber, a publisher of version 5 and a store that is about to be full. */
async function crowded() {
  const home = house()
  const offline = await home.connect({ name: 'beta', ...lasting })
  assert.deepEqual(
    (
      await offline.subscribe([
        { topicFilter: 'open/a', qos: 2 },
        { topicFilter: 'open/will', qos: 2 },
      ])
    ).reasonCodes,
    [2, 2],
  )
  const publisher = await home.connect({ name: 'alpha', ...lasting })
  return {
    home,
    offline,
    publisher,
    full: (isFull: boolean) => home.world.fault(home.parts.node, isFull ? 'full' : null),
  }
}

test('a full store: QoS 1 and 2 that would be stored are refused with 0x97 and come to nobody; with room it goes on', async () => {
  const { home, offline, publisher, full } = await crowded()
  full(true)
  publisher.publish('open/a', 'one', { qos: 1 })
  publisher.publish('open/a', 'two', { qos: 2 })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.QuotaExceeded)
  assert.equal(publisher.take('PUBREC').reasonCode, ReasonCode.QuotaExceeded)
  assert.deepEqual(offline.messages(), [])
  assert.equal(publisher.peer.ended, null)
  assert.equal(home.broker.operations.stats().namespaces[0]?.counters.refusedNoSpace, 2)
  full(false)
  await home.pass(1)
  publisher.publish('open/a', 'three', { qos: 1 })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.Success)
  assert.deepEqual(offline.messages(), ['open/a three'])
})

test('a full store: what needs no store is not refused', async () => {
  const { home, publisher, full } = await crowded()
  const transient = await home.connect({ name: 'gamma' })
  await transient.subscribe('open/b', { qos: 1 })
  full(true)
  publisher.publish('open/b', 'to a session of its connection', { qos: 1 })
  publisher.publish('open/a', 'at most once', { qos: 0 })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.Success)
  assert.equal(transient.messages().length, 1)
})

test('a full store: retained messages are refused, removing one is not', async () => {
  const { home, publisher, full } = await crowded()
  publisher.publish('alpha/own/kept', 'old', { qos: 1, retain: true })
  await home.settle()
  publisher.take('PUBACK')
  full(true)
  publisher.publish('alpha/own/kept', 'new', { qos: 1, retain: true })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.QuotaExceeded)
  publisher.publish('alpha/own/kept', '', { qos: 1, retain: true })
  await home.settle()
  assert.equal(publisher.take('PUBACK').reasonCode, ReasonCode.Success)
  assert.equal(home.engine.retained.get(home.namespace.id, 'alpha/own/kept'), undefined)
})

test('a full store: an MQTT 3.1.1 publisher is cut, since it cannot be told', async () => {
  const { home, full } = await crowded()
  const old = await home.connect({ name: 'gamma', version: 4 })
  full(true)
  old.publish('open/a', 'one', { qos: 1 })
  await home.settle()
  assert.deepEqual(
    old.packets().filter(({ type }) => type === 'PUBACK'),
    [],
  )
  assert.notEqual(old.peer.ended, null)
})

test('a full store: SUBSCRIBE of a lasting session is refused, UNSUBSCRIBE and PUBREL go on', async () => {
  for (const version of [4, 5] as const) {
    const { home, publisher, full } = await crowded()
    const client = await home.connect({ ...lasting, name: 'gamma', version })
    await client.subscribe('open/mine', { qos: 1 })
    const held = publisher.publish('open/a', 'held', { qos: 2 }) as number
    await home.settle()
    assert.equal(publisher.take('PUBREC').reasonCode, ReasonCode.Success)
    full(true)
    const { reasonCodes } = await client.subscribe('open/more', { qos: 1 })
    assert.deepEqual(reasonCodes, [version === 5 ? ReasonCode.QuotaExceeded : 0x80])
    client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 77, topicFilters: ['open/mine'], properties: {} })
    publisher.send({ type: 'PUBREL', packetIdentifier: held, reasonCode: 0, properties: {} })
    await home.settle()
    assert.equal(client.take('UNSUBACK').packetIdentifier, 77)
    assert.equal(publisher.take('PUBCOMP').reasonCode, ReasonCode.Success)
  }
})

test('a full store: no new lasting session, but an old one goes on and a short one is welcome', async () => {
  for (const version of [4, 5] as const) {
    const { home, offline, full } = await crowded()
    offline.peer.reset()
    await home.settle()
    full(true)
    const fresh = home.open({ name: 'gamma', version, ...lasting })
    const refused = version === 5 ? ReasonCode.QuotaExceeded : ReturnCode.ServerUnavailable
    assert.equal((await fresh.connect()).reasonCode, refused)
    const back = await home.connect({ name: 'beta', version, ...lasting })
    assert.equal(back.peer.ended, null)
    const short = await home.connect({ name: 'gamma', version })
    assert.equal(short.peer.ended, null)
  }
})

test('a full store: a will waits until there is room', async () => {
  const { home, offline, full } = await crowded()
  const will = { topicName: 'open/will', payload: Buffer.from('gone'), qos: 1, retain: false, properties: {} } as const
  const dying = await home.connect({ name: 'gamma', will })
  full(true)
  dying.peer.reset()
  await home.pass(5_000)
  assert.deepEqual(offline.messages(), [])
  full(false)
  await home.pass(2_000)
  assert.deepEqual(offline.messages(), ['open/will gone'])
})
