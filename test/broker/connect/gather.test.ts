import assert from 'node:assert/strict'
import { test } from 'node:test'
import { err, ok } from '../../../src/base/result.ts'
import { unixSeconds } from '../../../src/base/time.ts'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import type { TokenVerifier } from '../../../src/ports/token-verifier.ts'
import type { Webhook } from '../../../src/ports/webhook.ts'
import { noon } from '../../auth/certificates.ts'
import { type ClientOptions, type HouseOptions, house, type TestClient } from '../support.ts'

/** A token is `subject [attribute]`; it ends an hour after the tests' noon, `short` ones after a minute. */
const verifier: TokenVerifier = {
  async verify(_namespace, _method, token) {
    const [subject = '', kind = 'none'] = Buffer.from(token).toString().split(' ')
    if (subject === 'forged') return err({ kind: 'tokenInvalid', detail: 'the signature is wrong' })
    return ok({
      authority: 'token',
      subject,
      attributes: { kind },
      roles: [],
      expiresAt: unixSeconds(noon + (kind === 'short' ? 60 : 3_600)),
    })
  },
}

function tokenHouse(options: HouseOptions = {}) {
  const home = house({ tokenVerifier: verifier, ...options })
  home.namespace.hasCustomJwtAuthentication = true
  return home
}

function bearer(token: string, more: Partial<ClientOptions> = {}): ClientOptions {
  return {
    name: 'ignored',
    clientId: 'dynamic',
    peerChain: [],
    ...more,
    properties: {
      authenticationMethod: 'CUSTOM-JWT',
      authenticationData: Buffer.from(token),
      ...more.properties,
    },
  }
}

function renew(client: TestClient, token: string, more: object = {}): void {
  client.send({
    type: 'AUTH',
    reasonCode: ReasonCode.ReAuthenticate,
    properties: { authenticationMethod: 'CUSTOM-JWT', authenticationData: Buffer.from(token), ...more },
  })
}

test('[MQTT-4.12.0-1] a method that nobody offers is refused with 0x8C', async () => {
  const home = house()
  const client = home.open({ properties: { authenticationMethod: 'SCRAM-SHA-1' } })
  assert.equal((await client.connect()).reasonCode, ReasonCode.BadAuthenticationMethod)
})

test('EG 4.2 a verified token connects as its subject, CONNACK repeats the method', async () => {
  const home = tokenHouse()
  const client = home.open(bearer('visitor'))
  const connack = await client.connect()
  assert.equal(connack.reasonCode, ReasonCode.Success)
  assert.equal(connack.properties.authenticationMethod, 'CUSTOM-JWT')
  assert.equal(home.eventsOf('sessionOpened')[0]?.authenticationName, 'visitor')
  const forged = home.open(bearer('forged', { clientId: 'other' }))
  assert.equal((await forged.connect()).reasonCode, ReasonCode.NotAuthorized)
})

test('a token method without Authentication Data is refused, and nobody is asked', async () => {
  const seen: Uint8Array[] = []
  const home = tokenHouse({
    tokenVerifier: {
      verify(namespace, method, token, cancelled) {
        seen.push(token)
        return verifier.verify(namespace, method, token, cancelled)
      },
    },
  })
  const { properties, ...rest } = bearer('visitor')
  const client = home.open({ ...rest, properties: { authenticationMethod: properties?.authenticationMethod ?? '' } })
  assert.equal((await client.connect()).reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(seen, [])
})

test('a token that expires ends its session, one that is renewed in time does not', async () => {
  const home = tokenHouse()
  const kept = await home.connect(bearer('a short', { clientId: 'kept' }))
  const lost = await home.connect(bearer('b short', { clientId: 'lost' }))
  await home.pass(30_000)
  renew(kept, 'a long')
  await home.settle()
  const answer = kept.take('AUTH')
  assert.equal(answer.reasonCode, ReasonCode.Success)
  assert.equal(answer.properties.authenticationMethod, 'CUSTOM-JWT')
  await home.pass(32_000)
  assert.equal(kept.peer.ended, null)
  assert.equal(lost.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(home.eventsOf('sessionEnded')[0]?.reason, 'ClientAuthenticationError')
})

test('[S39] a re-authentication as somebody else ends the connection', async () => {
  const home = tokenHouse()
  const client = await home.connect(bearer('a'))
  renew(client, 'b')
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})

test('a re-authentication that fails ends the connection', async () => {
  const home = tokenHouse()
  const client = await home.connect(bearer('a'))
  renew(client, 'forged')
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})

test('[MQTT-4.12.1-1] another method in AUTH ends the connection', async () => {
  const home = tokenHouse()
  const client = await home.connect(bearer('a'))
  client.send({
    type: 'AUTH',
    reasonCode: ReasonCode.ReAuthenticate,
    properties: { authenticationMethod: 'OAUTH2-JWT' },
  })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.BadAuthenticationMethod)
})

test('[MQTT-4.12.0-7] AUTH without a method in CONNECT is a protocol error, and so is one that answers nothing', async () => {
  const home = tokenHouse()
  const plain = await home.connect({ name: 'alpha' })
  renew(plain, 'a')
  const client = await home.connect(bearer('a'))
  client.send({
    type: 'AUTH',
    reasonCode: ReasonCode.ContinueAuthentication,
    properties: { authenticationMethod: 'CUSTOM-JWT' },
  })
  await home.settle()
  for (const one of [plain, client]) assert.equal(one.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('EG 6.8 user properties in AUTH end the connection with 0x83', async () => {
  const home = tokenHouse({ profile: 'event-grid' })
  const client = await home.connect(bearer('a'))
  renew(client, 'a', { userProperties: [['a', 'b']] })
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ImplementationSpecificError)
})

test('[S40] a grant that rested on attributes of the old token is worth nothing after the renewal', async () => {
  const home = tokenHouse()
  home.namespace.unbind('$all-Publisher-open')
  home.namespace.group('writers', 'attributes.kind = "writer"')
  home.namespace.bind('writers', 'Publisher', 'open')
  home.changed()
  const client = await home.connect(bearer('a writer'))
  client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
  renew(client, 'a reader')
  await home.settle()
  client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.NotAuthorized)
})

function slowHook(): { webhook: Webhook; answer: (name: string) => void; cancelled: () => boolean } {
  let resolve: (name: string) => void = () => {}
  let signal: AbortSignal | null = null
  return {
    webhook: {
      ask: (_namespace, _question, cancelled) => {
        signal = cancelled
        return new Promise((done) => {
          resolve = (name) =>
            done(ok({ decision: 'allow', clientAuthenticationName: name, attributes: {}, expiresAt: null }))
          cancelled.addEventListener('abort', () => done(err({ kind: 'webhookUnavailable', detail: 'cancelled' })))
        })
      },
    },
    answer: (name) => resolve(name),
    cancelled: () => signal?.aborted ?? false,
  }
}

test('while the webhook is asked the peer is not read; its answer connects', async () => {
  const hook = slowHook()
  const home = house({ webhook: hook.webhook })
  home.namespace.hasWebhookAuthentication = true
  const client = home.open({ name: 'stranger', clientId: 'hooked' })
  client.send(client.connectPacket())
  client.send({ type: 'PINGREQ' })
  await home.settle()
  assert.ok(client.peer.paused)
  assert.deepEqual(client.packets(), [])
  hook.answer('stranger')
  await home.settle()
  assert.deepEqual(
    client.packets().map(({ type }) => type),
    ['CONNACK', 'PINGRESP'],
  )
})

test('[S36] a webhook session ends when a client of its name is registered, and no other', async () => {
  const hook = slowHook()
  const home = house({ webhook: hook.webhook })
  home.namespace.hasWebhookAuthentication = true
  const guest = async (name: string) => {
    const client = home.open({ name })
    client.send(client.connectPacket())
    await home.settle()
    hook.answer(name)
    await home.settle()
    assert.equal(client.take('CONNACK').reasonCode, ReasonCode.Success)
    return client
  }
  const stranger = await guest('stranger')
  const other = await guest('other')
  home.namespace.device('Stranger')
  home.changed({ type: 'clients', name: 'Stranger', change: 'created' })
  await home.settle()
  assert.equal(stranger.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
  assert.equal(other.peer.ended, null)
})

test('a peer that leaves cancels what is asked for it; a webhook that takes too long is 0x88', async () => {
  const hook = slowHook()
  const home = house({ webhook: hook.webhook })
  home.namespace.hasWebhookAuthentication = true
  const gone = home.open({ name: 'stranger' })
  gone.send(gone.connectPacket())
  await home.settle()
  gone.peer.reset()
  await home.settle()
  assert.ok(hook.cancelled())
  const late = home.open({ name: 'stranger' })
  late.send(late.connectPacket())
  await home.pass(11_000)
  assert.equal(late.take('CONNACK').reasonCode, ReasonCode.ServerUnavailable)
})

test('a connection forgets what has been answered: its end cancels nothing then', async () => {
  const hook = slowHook()
  const home = house({ webhook: hook.webhook })
  home.namespace.hasWebhookAuthentication = true
  const guest = home.open({ name: 'stranger' })
  guest.send(guest.connectPacket())
  await home.settle()
  hook.answer('stranger')
  await home.settle()
  guest.take('CONNACK')
  guest.peer.reset()
  await home.pass(11_000)
  assert.equal(hook.cancelled(), false)
})

test('a client that is disabled while its session is being opened is refused, and the session is gone', async () => {
  const home = house()
  const client = home.open({ name: 'alpha', properties: { sessionExpiryIntervalSeconds: 60 } })
  client.send(client.connectPacket())
  home.namespace.change('alpha', { enabled: false })
  home.changed({ type: 'clients', name: 'alpha' })
  await home.settle()
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
  await home.settle()
  assert.deepEqual(home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 5 }), [])
})
