import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import type { NodeId } from '../../../src/ports/identity.ts'
import { denyKeysOf } from '../../../src/x509/deny.ts'
import { thumbprintsOf } from '../../../src/x509/thumbprint.ts'
import { issue, newKey } from '../../auth/certificates.ts'
import { parse } from '../../x509/kit.ts'
import { BrokerNamespace, type House, house, start } from '../support.ts'

function disconnectionsOf(home: House): string[] {
  return home.eventsOf('sessionEnded').map(({ clientId, reason }) => `${clientId} ${reason}`)
}

test('EG 3.7 a disabled client is disconnected with 0x87, its neighbour stays', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha' })
  const beta = await home.connect({ name: 'beta' })
  home.namespace.change('alpha', { enabled: false })
  home.changed({ type: 'clients', name: 'alpha' })
  await home.settle()
  assert.equal(alpha.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['alpha ClientAuthenticationError'])
  assert.equal(beta.peer.ended, null)
  const [decision] = home.broker.operations.decisions(home.namespace.id, 1)
  assert.equal(decision?.record.action, 'session')
  assert.equal(decision?.record.code, 'clientDisabled')
})

test('EG 3.7 a removed thumbprint ends the session', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha' })
  home.namespace.change('alpha', { allowedThumbprints: ['0'.repeat(64)] })
  home.changed({ type: 'clients', name: 'alpha' })
  await home.settle()
  assert.equal(alpha.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['alpha ClientAuthenticationError'])
})

test('a change that costs nothing ends nothing', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha' })
  await alpha.subscribe('open/#')
  home.namespace.change('alpha', { attributes: { kind: 'sensor' } })
  home.changed({ type: 'clients', name: 'alpha' })
  home.namespace.space('other', 'other/#')
  home.changed({ type: 'topicSpaces', name: 'other' })
  await home.settle()
  assert.equal(alpha.peer.ended, null)
})

test('[S40] a PUBLISH after the binding was removed is refused although its topic is remembered', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha', properties: {} })
  const beta = await home.connect({ name: 'beta' })
  await beta.subscribe('open/#')
  alpha.publish('open/a', 'before', { qos: 1, properties: { topicAlias: 1 } })
  await home.settle()
  assert.deepEqual(beta.messages(), ['open/a before'])
  home.namespace.unbind('$all-Publisher-open')
  home.changed({ type: 'permissionBindings', name: '$all-Publisher-open', change: 'deleted' })
  alpha.publish('open/a', 'after', { qos: 1 })
  alpha.publish('', 'by alias', { qos: 1, properties: { topicAlias: 1 } })
  await home.settle()
  assert.deepEqual(beta.messages(), [])
  const codes = alpha.packets().map((packet) => (packet.type === 'PUBACK' ? packet.reasonCode : packet.type))
  assert.deepEqual(codes, [ReasonCode.Success, ReasonCode.NotAuthorized, ReasonCode.NotAuthorized])
  assert.equal(alpha.peer.ended, null)
})

test('EG 3.7 a lost right to subscribe ends the session with ClientAuthorizationError', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha' })
  const idle = await home.connect({ name: 'beta' })
  await alpha.subscribe('open/#')
  home.namespace.unbind('$all-Subscriber-open')
  home.changed({ type: 'permissionBindings', name: '$all-Subscriber-open', change: 'deleted' })
  await home.settle()
  assert.equal(alpha.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['alpha ClientAuthorizationError'])
  assert.equal(idle.peer.ended, null, 'a session that holds nothing is not concerned')
})

test('[S34] an offline session that lost a right is dropped with what is queued', async () => {
  const home = house()
  const persistent = { name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  const alpha = await home.connect(persistent)
  await alpha.subscribe('open/#', { qos: 1 })
  alpha.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
  const beta = await home.connect({ name: 'beta' })
  home.namespace.unbind('$all-Subscriber-open')
  home.changed({ type: 'permissionBindings', name: '$all-Subscriber-open', change: 'deleted' })
  await home.settle()
  home.namespace.bind('$all', 'Subscriber', 'open')
  home.changed({ type: 'permissionBindings', name: '$all-Subscriber-open' })
  beta.publish('open/a', 'secret', { qos: 1 })
  await home.settle()
  const again = home.open(persistent)
  assert.equal((await again.connect()).sessionPresent, false)
  assert.deepEqual(again.messages(), [])
})

test('[S34] a right that was lost unnoticed is found when the session is resumed', async () => {
  const home = house()
  const persistent = { name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  const alpha = await home.connect(persistent)
  await alpha.subscribe('open/#', { qos: 1 })
  alpha.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
  await home.settle()
  // Nobody tells: as after a restart that missed the change.
  home.namespace.unbind('$all-Subscriber-open')
  const again = home.open(persistent)
  assert.equal((await again.connect()).sessionPresent, false)
})

test('[S29] a client that is deleted and made again finds nothing of the old one', async () => {
  const home = house()
  const persistent = { name: 'alpha', cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  const alpha = await home.connect(persistent)
  await alpha.subscribe('open/#', { qos: 1 })
  alpha.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
  const beta = await home.connect({ name: 'beta' })
  for (let i = 0; i < 5; i++) beta.publish('open/a', `${i}`, { qos: 1 })
  await home.settle()
  home.namespace.removeClient('alpha')
  home.changed({ type: 'clients', name: 'alpha', change: 'deleted' })
  await home.settle()
  const other = home.open({ name: 'beta', clientId: 'alpha' })
  assert.equal((await other.connect()).reasonCode, ReasonCode.NotAuthorized, 'the name stays reserved')
  home.namespace.device('alpha')
  home.changed({ type: 'clients', name: 'alpha', change: 'created' })
  const again = home.open(persistent)
  const connack = await again.connect()
  assert.equal(connack.reasonCode, ReasonCode.Success)
  assert.equal(connack.sessionPresent, false)
  assert.deepEqual(again.messages(), [])
})

test('a deleted client is disconnected at once', async () => {
  const home = house()
  const alpha = await home.connect({ name: 'alpha' })
  home.namespace.removeClient('alpha')
  home.changed({ type: 'clients', name: 'alpha', change: 'deleted' })
  await home.settle()
  assert.equal(alpha.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['alpha ClientAuthenticationError'])
})

test('[S29] what is stored of a client that was deleted while the broker was dying is discarded at the next start', async () => {
  const home = house()
  const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 600 } }
  for (const name of ['alpha', 'beta']) {
    const client = await home.connect({ name, ...persistent })
    await client.subscribe('open/#', { qos: 1 })
    client.send({ type: 'DISCONNECT', reasonCode: ReasonCode.Success, properties: {} })
  }
  await home.settle()
  // Written, and nobody lives to hear of it.
  home.namespace.removeClient('alpha')
  const next = start({ ...home.parts, node: 'n2' as NodeId })
  await next.settle()
  const left = next.engine.sessions.list({ namespace: next.namespace.id, after: null, limit: 10 })
  assert.deepEqual(
    left.map(({ clientId, subscriptions }) => `${clientId} ${subscriptions.length}`),
    ['alpha 0', 'beta 1'],
  )
})

function withOwnCertificate(home: House, name: string): Uint8Array {
  const { der } = issue({ subject: name, key: newKey(), serial: 77 })
  home.namespace.client({ name, validationScheme: 'ThumbprintMatch', allowedThumbprints: [thumbprintsOf(der).sha256] })
  return der
}

test('S22 S23 a deny entry ends exactly the sessions of that certificate, with the code in the record', async () => {
  const home = house()
  const der = withOwnCertificate(home, 'lost')
  const lost = await home.connect({ name: 'lost', peerChain: [der] })
  const alpha = await home.connect({ name: 'alpha' })
  home.namespace.deny('lost-7', denyKeysOf(parse(der)))
  home.changed({ type: 'sealgateDenyEntries', name: 'lost-7', change: 'created' })
  await home.settle()
  assert.equal(lost.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['lost ClientAuthenticationError'])
  assert.equal(alpha.peer.ended, null)
  const [decision] = home.broker.operations.decisions(home.namespace.id, 1)
  assert.equal(decision?.record.code, 'certificateRevoked')
  assert.match(decision?.record.steps.at(-1)?.presented ?? '', /deny entry lost-7, by issuer and serial number/)
  const again = home.open({ name: 'lost', peerChain: [der] })
  assert.equal((await again.connect()).reasonCode, ReasonCode.NotAuthorized)
  home.namespace.allow('lost-7')
  home.changed({ type: 'sealgateDenyEntries', name: 'lost-7', change: 'deleted' })
  await home.connect({ name: 'lost', peerChain: [der] })
})

test('a change of the deny list looks at everybody and judges those whom it may concern', async () => {
  const home = house()
  const der = withOwnCertificate(home, 'lost')
  for (let i = 0; i < 1_200; i++) {
    home.namespace.device(`device-${i}`)
    await home.connect({ name: `device-${i}` })
  }
  const lost = await home.connect({ name: 'lost', peerChain: [der] })
  home.namespace.deny('lost-7', { publicKey: denyKeysOf(parse(der)).publicKey })
  home.changed({ type: 'sealgateDenyEntries', name: 'lost-7', change: 'created' })
  await home.settle()
  assert.equal(lost.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(disconnectionsOf(home), ['lost ClientAuthenticationError'])
})

test('[S50] what is stored of a namespace that was deleted while the broker was dying goes at the next start', async () => {
  const other = new BrokerNamespace('other')
  other.device('alpha')
  const home = house({ namespaces: [other] })
  const client = await home.connect({
    name: 'alpha',
    serverName: 'other.test',
    properties: { sessionExpiryIntervalSeconds: 60 },
  })
  await client.subscribe('open/#', { qos: 1 })
  const stays = await home.connect({ name: 'alpha', properties: { sessionExpiryIntervalSeconds: 60 } })
  for (const one of [client, stays]) one.publish('open/a', 'x', { retain: true, qos: 1 })
  await home.settle()
  home.parts.all.splice(1, 1)
  home.world.kill(home.parts.node)
  const again = start({ ...home.parts, seed: 2 })
  await again.settle()
  assert.equal(again.engine.sessions.find(other.id, 'alpha'), undefined)
  assert.equal(again.engine.retained.get(other.id, 'open/a'), undefined)
  assert.notEqual(again.engine.sessions.find(home.namespace.id, 'alpha'), undefined)
  assert.notEqual(again.engine.retained.get(home.namespace.id, 'open/a'), undefined)
})
