import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PublishPacket, QoS } from '../../src/mqtt/packet.ts'
import { issue } from '../auth/certificates.ts'
import { payloadOf } from './device.ts'
import { Ledger, type Message, type SessionModel } from './ledger.ts'
import { matches, SimNamespace } from './rights.ts'
import { Violation } from './violation.ts'

const ca = issue({ subject: 'Sim CA', ca: true })

interface Scene {
  readonly namespace: SimNamespace
  readonly ledger: Ledger
  readonly session: SessionModel
}

/** `d1` subscribed to `open/#`. */
function scene(qos: QoS = 2): Scene {
  const namespace = new SimNamespace('plant7', 'full', {}, () => ca.der)
  const ledger = new Ledger(true)
  const session = ledger.openSession('d1', 'd1', namespace, 3_600)
  const request = { topicFilter: 'open/#', qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  ledger.subscribing(session, [request], null)
  ledger.subscribed(session, [request], [qos])
  return { namespace, ledger, session }
}

function publish({ ledger, namespace }: Scene, qos: QoS, facts: Partial<Message> = {}): Message {
  return ledger.publish({
    namespace,
    publisher: 'd0',
    device: 'd0',
    topicName: 'open/a',
    qos,
    retain: false,
    isWill: false,
    sizeBytes: 40,
    sentAt: 0,
    expirySeconds: null,
    version: namespace.version,
    ...facts,
  })
}

function deliver({ ledger, session }: Scene, message: Message, facts: Partial<PublishPacket> = {}, link = 1): void {
  const packet: PublishPacket = {
    type: 'PUBLISH',
    dup: false,
    qos: message.qos,
    retain: false,
    topicName: message.topicName,
    packetIdentifier: 1,
    properties: {},
    payload: payloadOf(message),
    ...facts,
  }
  ledger.delivered(session, link, packet, message.topicName, 0)
}

function broken(invariant: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Violation && invariant.test(error.invariant)
}

test('what is delivered as it should be is no violation', () => {
  const here = scene()
  for (const qos of [0, 1, 2] as const) deliver(here, publish(here, qos))
  here.ledger.judgeOwed()
})

test('an accepted message that never arrives is lost', () => {
  for (const [qos, invariant] of [
    [1, /at least once/],
    [2, /exactly once/],
  ] as const) {
    const here = scene()
    here.ledger.accepted(publish(here, qos))
    assert.throws(() => here.ledger.judgeOwed(), broken(invariant))
  }
})

test('nothing is owed to whoever unsubscribed meanwhile, or before', () => {
  const here = scene()
  const message = publish(here, 1)
  here.ledger.unsubscribing(here.session, 'open/#')
  here.ledger.accepted(message)
  here.ledger.accepted(publish(here, 1))
  here.ledger.judgeOwed()
})

test('a second copy is found: QoS 0 and QoS 2 always, QoS 1 without DUP or in one connection', () => {
  const cases = [
    [0, {}, 2, /at most once/],
    [2, { dup: true }, 2, /exactly once/],
    [1, {}, 2, /has DUP/],
    [1, { dup: true }, 1, /sent twice/],
  ] as const
  for (const [qos, facts, link, invariant] of cases) {
    const here = scene()
    const message = publish(here, qos)
    deliver(here, message)
    assert.throws(() => deliver(here, message, facts, link), broken(invariant))
  }
})

test('a message that overtakes another of its client and topic is found', () => {
  const here = scene()
  const [first, second] = [publish(here, 1), publish(here, 1)]
  deliver(here, second)
  assert.throws(() => deliver(here, first), broken(/order/))
})

test('a delivery that no subscription, no right or no publisher explains is found', () => {
  const here = scene()
  const other = new SimNamespace('plant8', 'full', {}, () => ca.der)
  assert.throws(() => deliver(here, publish(here, 1, { namespace: other })), broken(/crosses namespaces/))
  assert.throws(() => deliver(here, publish(here, 1, { topicName: 'team/red' })), broken(/subscribed/))
  assert.throws(
    () => deliver(here, publish(here, 1, { topicName: 'open/a', device: 'd0' }), { qos: 2 }),
    broken(/never raised/),
  )
  here.namespace.apply('disable', 'd1')
  assert.throws(() => deliver(here, publish(here, 1)), broken(/without right/))
  here.namespace.apply('disable', 'd0')
  assert.throws(() => deliver(here, publish(here, 1)), broken(/may not publish/))
})

test('QoS is the lower of published and granted', () => {
  const here = scene(1)
  assert.throws(() => deliver(here, publish(here, 2), { qos: 2 }), broken(/what was granted/))
  assert.throws(() => deliver(here, publish(here, 2), { qos: 0 }), broken(/lower of/))
})

test('filters match as the standard has it', () => {
  for (const [filter, topic, expected] of [
    ['open/#', 'open', true],
    ['open/+', 'open', false],
    ['+/x', 'open/x', true],
    ['$share/g/open/+', 'open/a', true],
    ['open/+/x', 'open/a/b/x', false],
  ] as const) {
    assert.equal(matches(filter, topic), expected, `${filter} ${topic}`)
  }
})
