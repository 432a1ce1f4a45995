import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Packet, PublishProperties } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { registerClient, selfSigned, thumbprint } from '../setups/setup.ts'
import { MqttPeer } from '../support/mqtt-peer.ts'
import { type RunningBroker, runBroker, serverNameOf } from '../support/running-broker.ts'
import { now } from '../x509/kit.ts'

/** Rights changed over the management API while devices are connected over TLS. */

const rounds = Number(process.env['SEALGATE_TEST_ROUNDS'] ?? 1_000)
const identities = { sender: selfSigned('CN=sender'), talker: selfSigned('CN=talker') }

let broker: RunningBroker

before(async () => {
  broker = await runBroker(now, { defaultNamespace: 'plant' })
  const children = {
    'topicSpaces/line': { topicTemplates: ['line/#'] },
    'topicSpaces/talk': { topicTemplates: ['talk/#'] },
    'clientGroups/senders': { query: "authenticationName = 'sender'" },
    'permissionBindings/talk-pub': { clientGroupName: '$all', topicSpaceName: 'talk', permission: 'Publisher' },
  }
  await broker.must('PUT', 'plant', {
    location: 'local',
    properties: { topicSpacesConfiguration: { state: 'Enabled' } },
  })
  for (const name of ['sender', 'talker'] as const) {
    const { method, path, body } = registerClient(name, { thumbprints: [thumbprint(identities[name])] })
    await broker.must(method, `plant${path}`, body)
  }
  for (const [path, properties] of Object.entries(children)) await broker.must('PUT', `plant/${path}`, { properties })
})

after(() => broker.stop())

async function connected(name: keyof typeof identities): Promise<MqttPeer> {
  const choice = { serverName: serverNameOf('plant'), identity: identities[name], tls: 'TLSv1.3' } as const
  const peer = await MqttPeer.overTls(broker.mqtts, choice, 5)
  assert.equal((await peer.connect({ clientId: name, username: name }))?.reasonCode, ReasonCode.Success)
  return peer
}

function publish(topicName: string, packetIdentifier: number | null, properties: PublishProperties = {}): Packet {
  const qos = packetIdentifier === null ? 0 : 1
  return {
    type: 'PUBLISH',
    dup: false,
    qos,
    retain: false,
    topicName,
    packetIdentifier,
    properties,
    payload: new Uint8Array(8),
  }
}

test(`S40 a PUBLISH sent after the 200 of its binding's DELETE is refused, one sent after the PUT is not: ${rounds} rounds under load`, async () => {
  const sender = await connected('sender')
  const talker = await connected('talker')
  const binding = { clientGroupName: 'senders', topicSpaceName: 'line', permission: 'Publisher' }
  let packetIdentifier = 0
  const answerTo = async (topicName: string, properties: PublishProperties = {}) => {
    packetIdentifier = (packetIdentifier % 65_535) + 1
    sender.send(publish(topicName, packetIdentifier, properties))
    const answer = await sender.next()
    assert.ok(answer?.type === 'PUBACK', `PUBACK, not ${answer?.type}`)
    assert.equal(answer.packetIdentifier, packetIdentifier)
    return answer.reasonCode
  }
  let isOver = false
  const load = (async () => {
    while (!isOver) {
      for (let i = 0; i < 20; i++) talker.send(publish(`talk/${i % 3}`, null))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  })()
  const granted = [ReasonCode.Success, ReasonCode.NoMatchingSubscribers] as readonly number[]
  try {
    for (let round = 0; round < rounds; round++) {
      await broker.must('PUT', 'plant/permissionBindings/line-pub', { properties: binding })
      // The last topic, the alias and the decision about both are remembered from here on.
      assert.ok(granted.includes(await answerTo('line/a', { topicAlias: 1 })), `round ${round}`)
      assert.ok(granted.includes(await answerTo('', { topicAlias: 1 })), `round ${round}`)
      const { status } = await broker.must('DELETE', 'plant/permissionBindings/line-pub')
      assert.equal(status, 200)
      assert.equal(await answerTo('', { topicAlias: 1 }), ReasonCode.NotAuthorized, `alias, round ${round}`)
      assert.equal(await answerTo('line/a'), ReasonCode.NotAuthorized, `topic, round ${round}`)
    }
  } finally {
    isOver = true
    await load
    await sender.leave()
    await talker.leave()
  }
})

test('S40 whatever a right rests on: the first PUBLISH after its change is judged by what is now', async () => {
  const sender = await connected('sender')
  let packetIdentifier = 0
  const answer = async () => {
    sender.send(publish('line/a', ++packetIdentifier))
    const packet = await sender.next()
    return packet?.type === 'PUBACK' ? packet.reasonCode === ReasonCode.NotAuthorized : packet?.type
  }
  const { body } = registerClient('sender', { thumbprints: [thumbprint(identities.sender)] })
  const properties = (body as { properties: Record<string, unknown> }).properties
  const binding = { clientGroupName: 'senders', topicSpaceName: 'line', permission: 'Publisher' }
  await broker.must('PUT', 'plant/permissionBindings/line-pub', { properties: binding })
  assert.equal(await answer(), false)
  const changes: readonly (readonly [path: string, without: unknown, withRight: unknown])[] = [
    ['clientGroups/senders', { query: "authenticationName = 'nobody'" }, { query: "attributes.role = 'sender'" }],
    [
      'clients/sender',
      { ...properties, attributes: { role: 'none' } },
      { ...properties, attributes: { role: 'sender' } },
    ],
    ['topicSpaces/line', { topicTemplates: ['other/#'] }, { topicTemplates: ['line/+'] }],
  ]
  for (const [path, without, withRight] of changes) {
    await broker.must('PUT', `plant/${path}`, { properties: without })
    assert.equal(await answer(), true, `${path} takes the right`)
    await broker.must('PUT', `plant/${path}`, { properties: withRight })
    // The attribute that the new query asks for comes with the next change.
    assert.equal(await answer(), path.startsWith('clientGroups'), `${path} gives the right`)
  }
  await broker.must('DELETE', 'plant/permissionBindings/line-pub')
  assert.equal(await answer(), true)
  await sender.leave()
})
