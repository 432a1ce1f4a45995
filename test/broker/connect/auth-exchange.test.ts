import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maximumQuestions } from '../../../src/broker/connect/auth-exchange.ts'
import { ReasonCode } from '../../../src/mqtt/reason-code.ts'
import type { AuthenticationMethod, AuthenticationStep } from '../../../src/ports/authentication-method.ts'
import {
  asked,
  auth,
  challenge,
  challengeHouse,
  connected,
  lastWord,
  method,
  methods,
  proofOf,
  visitor,
} from '../challenge.ts'
import type { TestClient } from '../support.ts'

const types = (client: TestClient): string[] => client.packets().map(({ type }) => type)

test('[MQTT-4.12.0-2] a method that needs more asks with AUTH 0x18; its last word comes with CONNACK', async () => {
  const home = challengeHouse()
  const client = home.open(visitor())
  client.send(client.connectPacket())
  await home.settle()
  const question = client.take('AUTH')
  assert.equal(question.reasonCode, ReasonCode.ContinueAuthentication)
  assert.equal(question.properties.authenticationMethod, method)
  const nonce = question.properties.authenticationData ?? new Uint8Array()
  auth(client, proofOf('visitor', nonce))
  client.send({ type: 'PINGREQ' })
  await home.settle()
  const connack = client.take('CONNACK')
  assert.equal(connack.reasonCode, ReasonCode.Success)
  assert.equal(connack.properties.authenticationMethod, method)
  assert.deepEqual(Buffer.from(connack.properties.authenticationData ?? []), lastWord(nonce))
  assert.deepEqual(types(client), ['PINGRESP'])
  assert.equal(home.eventsOf('sessionOpened')[0]?.authenticationName, 'visitor')
})

test('[MQTT-4.12.0-4] an exchange that fails is refused like every failure, and opens no session', async () => {
  const home = challengeHouse()
  const client = home.open(visitor())
  await asked(home, client)
  auth(client, Buffer.from('no proof'))
  await home.settle()
  const connack = client.take('CONNACK')
  assert.equal(connack.reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual({ ...connack.properties }, {})
  assert.notEqual(client.peer.ended, null)
  assert.deepEqual(home.eventsOf('sessionOpened'), [])
  const [refused] = home.eventsOf('decision')
  assert.equal(refused?.record.code, 'tokenInvalid')
})

test('a method that begins with the server gets no data and may ask without any', async () => {
  const begun: (Uint8Array | null)[] = []
  const home = challengeHouse({
    authenticationMethods: methods({
      async begin(_namespace, data) {
        begun.push(data)
        return {
          kind: 'continue',
          data: null,
          next: async (answer) => {
            begun.push(answer)
            return { kind: 'failed', failure: { kind: 'tokenInvalid', detail: 'seen enough' } }
          },
        }
      },
    }),
  })
  const client = home.open({ ...visitor(), properties: { authenticationMethod: method } })
  client.send(client.connectPacket())
  await home.settle()
  assert.equal(client.take('AUTH').properties.authenticationData, undefined)
  auth(client, null)
  await home.settle()
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(begun, [null, null])
})

const wrong: readonly (readonly [what: string, code: number, send: (client: TestClient) => void])[] = [
  ['[MQTT-3.1.2-30] PINGREQ', ReasonCode.ProtocolError, (client) => client.send({ type: 'PINGREQ' })],
  ['[MQTT-3.1.2-30] PUBLISH', ReasonCode.ProtocolError, (client) => void client.publish('open/a', 'x')],
  ['[MQTT-3.1.0-2] a second CONNECT', ReasonCode.ProtocolError, (client) => client.send(client.connectPacket())],
  ['[MQTT-4.12.0-3] AUTH 0x19', ReasonCode.ProtocolError, (client) => auth(client, null, { reasonCode: 0x19 })],
  ['[MQTT-3.15.2-1] AUTH 0x00', ReasonCode.ProtocolError, (client) => client.raw(0xf0, 0)],
  [
    '[MQTT-4.12.0-5] AUTH of another method',
    ReasonCode.BadAuthenticationMethod,
    (client) => auth(client, null, { method: 'OAUTH2-JWT' }),
  ],
  [
    'Authentication Data beyond the limit',
    ReasonCode.ImplementationSpecificError,
    (client) => auth(client, Buffer.alloc(65)),
  ],
  ['[MQTT-3.15.1-1] AUTH with flags', ReasonCode.MalformedPacket, (client) => client.raw(0xf1, 0)],
]

for (const [what, code, send] of wrong) {
  test(`${what} during the exchange ends it with CONNACK 0x${code.toString(16)}, and what follows is not served`, async () => {
    const seen: AbortSignal[] = []
    const home = challengeHouse({
      limits: { maximumAuthenticationDataBytes: 64 },
      settings: { refusalDelayMs: 100 },
      authenticationMethods: methods(watched(seen)),
    })
    const client = home.open(visitor())
    const nonce = await asked(home, client)
    send(client)
    client.send({ type: 'PINGREQ' })
    auth(client, proofOf('visitor', nonce))
    await home.settle()
    assert.equal(seen[0]?.aborted, true, 'the method was not told')
    assert.equal(client.peer.paused, true)
    await home.pass(1_000)
    const packets = client.packets()
    assert.deepEqual(
      packets.map(({ type }) => type),
      ['CONNACK'],
    )
    assert.equal(packets[0]?.type === 'CONNACK' && packets[0].reasonCode, code)
    assert.notEqual(client.peer.ended, null)
    assert.equal(home.logged.filter(({ event }) => event === 'connectRefused').length, 1)
    assert.deepEqual(home.eventsOf('decision'), [])
    assert.deepEqual(home.eventsOf('sessionOpened'), [])
  })
}

/** Asks once and never answers what comes back. */
function watched(seen: AbortSignal[]): AuthenticationMethod {
  return {
    async begin(_namespace, _data, cancelled) {
      seen.push(cancelled)
      return { kind: 'continue', data: null, next: () => new Promise(() => {}) }
    },
  }
}

test('whoever leaves during the exchange, with DISCONNECT or without, cancels it and is told nothing', async () => {
  const leave: ((client: TestClient) => void)[] = [
    (client) => client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} }),
    (client) => client.peer.reset(),
    (client) => {
      auth(client, null)
      client.peer.reset()
    },
  ]
  for (const go of leave) {
    const seen: AbortSignal[] = []
    const home = challengeHouse({ authenticationMethods: methods(watched(seen)) })
    const client = home.open(visitor())
    await asked(home, client)
    assert.equal(seen[0]?.aborted, false)
    go(client)
    await home.settle()
    assert.equal(seen[0]?.aborted, true)
    assert.deepEqual(types(client), [])
    assert.notEqual(client.peer.ended, null)
    assert.deepEqual(home.eventsOf('decision'), [])
  }
})

test('while the method thinks the peer is not read, while it is asked it is', async () => {
  const home = challengeHouse({ authenticationMethods: methods(watched([])) })
  const client = home.open(visitor())
  await asked(home, client)
  assert.equal(client.peer.paused, false)
  auth(client, null)
  client.send({ type: 'PINGREQ' })
  await home.settle()
  assert.equal(client.peer.paused, true)
  assert.equal(client.peer.ended, null)
})

test('an exchange that does not end in time is refused, whoever is waited for', async () => {
  for (const answers of [true, false]) {
    const seen: AbortSignal[] = []
    const home = challengeHouse({
      authenticationMethods: methods(watched(seen)),
      settings: { gatherTimeoutMs: 5_000, refusalDelayMs: 100 },
    })
    const client = home.open(visitor())
    await asked(home, client)
    if (answers) auth(client, null)
    await home.pass(5_050)
    assert.equal(seen[0]?.aborted, true)
    client.publish('open/a', 'too late')
    await home.pass(1_000)
    assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
    assert.deepEqual(client.packets(), [])
    assert.notEqual(client.peer.ended, null)
  }
})

test('a method that asks without end is stopped and its peer refused', async () => {
  const step = async (): Promise<AuthenticationStep> => ({ kind: 'continue', data: null, next: step })
  const home = challengeHouse({ authenticationMethods: methods({ begin: step }) })
  const client = home.open(visitor())
  client.send(client.connectPacket())
  await home.settle()
  for (let count = 0; count < maximumQuestions; count++) {
    client.take('AUTH')
    auth(client, null)
    await home.settle()
  }
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.NotAuthorized)
  const [refused] = home.eventsOf('decision')
  assert.match(JSON.stringify(refused?.record.steps), /asks for more than 16 answers/)
})

test('a method that breaks ends its connection and no other', async () => {
  const home = challengeHouse({
    authenticationMethods: methods({ begin: () => Promise.reject(new Error('broken')) }),
    expectsBugs: true,
  })
  const client = home.open(visitor())
  client.send(client.connectPacket())
  const other = await home.connect({ name: 'alpha' })
  await home.settle()
  assert.notEqual(client.peer.ended, null)
  assert.equal(other.peer.ended, null)
  assert.equal(home.eventsOf('bug').length, 1)
})

test('a name that the namespace is not configured for reaches no method, however it talks', async () => {
  const seen: AbortSignal[] = []
  const home = challengeHouse({ authenticationMethods: methods(watched(seen)) })
  home.namespace.hasCustomJwtAuthentication = false
  const client = home.open(visitor())
  assert.equal((await client.connect()).reasonCode, ReasonCode.BadAuthenticationMethod)
  assert.deepEqual(seen, [])
})

test('3.1.1 has no methods: a certificate decides there, whatever methods are served', async () => {
  const seen: AbortSignal[] = []
  const home = challengeHouse({ authenticationMethods: methods(watched(seen)) })
  await home.connect({ name: 'alpha', version: 4 })
  assert.deepEqual(seen, [])
})

// --------------------------------------------------------------------------------------------- re-authentication

test('MQTT 5.0 4.12.1 a re-authentication goes to and fro with 0x18 and ends with 0x00; other packets are served meanwhile', async () => {
  const home = challengeHouse()
  const client = await connected(home)
  await home.pass(30_000)
  auth(client, Buffer.from('visitor'), { reasonCode: 0x19 })
  await home.settle()
  const question = client.take('AUTH')
  assert.equal(question.reasonCode, ReasonCode.ContinueAuthentication)
  assert.equal(question.properties.authenticationMethod, method)
  const nonce = question.properties.authenticationData ?? new Uint8Array()
  client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.equal(client.take('PUBACK').reasonCode, ReasonCode.Success)
  auth(client, proofOf('visitor', nonce))
  await home.settle()
  const answer = client.take('AUTH')
  assert.equal(answer.reasonCode, ReasonCode.Success)
  assert.equal(answer.properties.authenticationMethod, method)
  assert.deepEqual(Buffer.from(answer.properties.authenticationData ?? []), lastWord(nonce))
  // The first proof was good for a minute, the second one for two.
  await home.pass(40_000)
  assert.equal(client.peer.ended, null)
  await home.pass(60_000)
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})

test('the old proof runs out during a re-authentication: the session ends, and the method is told', async () => {
  const seen: AbortSignal[] = []
  const entry = challenge()
  const home = challengeHouse({
    settings: { gatherTimeoutMs: 600_000 },
    authenticationMethods: methods({
      begin(namespace, data, cancelled) {
        seen.push(cancelled)
        return entry.begin(namespace, data, cancelled)
      },
    }),
  })
  const client = await connected(home)
  auth(client, Buffer.from('visitor'), { reasonCode: 0x19 })
  await home.settle()
  client.take('AUTH')
  assert.equal(seen[1]?.aborted, false)
  await home.pass(62_000)
  assert.equal(seen[1]?.aborted, true)
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})

const wrongLater: readonly (readonly [what: string, code: number, send: (client: TestClient) => void])[] = [
  ['[MQTT-4.12.1-2] a wrong proof', ReasonCode.NotAuthorized, (client) => auth(client, Buffer.from('no proof'))],
  ['a second AUTH 0x19', ReasonCode.ProtocolError, (client) => auth(client, null, { reasonCode: 0x19 })],
  [
    '[MQTT-4.12.1-1] AUTH of another method',
    ReasonCode.BadAuthenticationMethod,
    (client) => auth(client, null, { method: 'OAUTH2-JWT' }),
  ],
  [
    'Authentication Data beyond the limit',
    ReasonCode.ImplementationSpecificError,
    (client) => auth(client, Buffer.alloc(65)),
  ],
]

for (const [what, code, send] of wrongLater) {
  test(`${what} during a re-authentication ends the connection with DISCONNECT 0x${code.toString(16)}`, async () => {
    const home = challengeHouse({ limits: { maximumAuthenticationDataBytes: 64 } })
    const client = await connected(home)
    auth(client, Buffer.from('visitor'), { reasonCode: 0x19 })
    await home.settle()
    client.take('AUTH')
    send(client)
    await home.settle()
    assert.equal(client.take('DISCONNECT').reasonCode, code)
    assert.notEqual(client.peer.ended, null)
  })
}

test('an answer while the method thinks, or behind the end of the exchange, is a protocol error', async () => {
  const home = challengeHouse()
  const client = await connected(home)
  auth(client, Buffer.from('visitor'), { reasonCode: 0x19 })
  await home.settle()
  const proof = proofOf('visitor', client.take('AUTH').properties.authenticationData)
  auth(client, proof)
  auth(client, proof)
  await home.settle()
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)

  const late = await connected(home, 'late')
  auth(late, Buffer.from('late'))
  await home.settle()
  assert.equal(late.take('DISCONNECT').reasonCode, ReasonCode.ProtocolError)
})

test('a re-authentication that nobody answers ends the connection when its time is up', async () => {
  const home = challengeHouse()
  const client = await connected(home)
  auth(client, Buffer.from('visitor'), { reasonCode: 0x19 })
  await home.settle()
  client.take('AUTH')
  await home.pass(9_000)
  assert.equal(client.peer.ended, null)
  await home.pass(2_000)
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})
