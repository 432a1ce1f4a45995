import assert from 'node:assert/strict'
import { err, ok } from '../../src/base/result.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { TokenVerifier } from '../../src/ports/token-verifier.ts'
import { noon } from '../auth/certificates.ts'
import { auth, configure, methods, proofOf, visitor } from '../broker/challenge.ts'
import type { ClientOptions, House } from '../broker/support.ts'
import { type Bench, isClosed, kept, typesOf } from './kit.ts'

const verifier: TokenVerifier = {
  verify: (_namespace, _method, token) => {
    const subject = Buffer.from(token).toString()
    if (subject === 'forged') return Promise.resolve(err({ kind: 'tokenInvalid', detail: 'the signature is wrong' }))
    const expiresAt = unixSeconds(noon + 3_600)
    return Promise.resolve(ok({ authority: 'token', subject, attributes: {}, roles: [], expiresAt }))
  },
}

function open(bench: Bench): House {
  const home = bench.open({ tokenVerifier: verifier })
  home.namespace.hasCustomJwtAuthentication = true
  return home
}

function bearer(token: string, authenticationMethod = 'CUSTOM-JWT'): ClientOptions {
  return {
    clientId: 'c1',
    peerChain: [],
    properties: { authenticationMethod, authenticationData: Buffer.from(token) },
  }
}

kept('4.12.0-1', '', 'a method that is not served is refused with 0x8C and closed', async (bench) => {
  const home = open(bench)
  const client = home.open(bearer('visitor', 'SCRAM-SHA-256'))
  assert.equal((await client.connect()).reasonCode, ReasonCode.BadAuthenticationMethod)
  assert.ok(await isClosed(home, client))
})

kept('4.12.0-2', '', 'a method that needs more asks for it with AUTH 0x18', async (bench) => {
  const home = configure(bench.open({ authenticationMethods: methods() }))
  const client = home.open(visitor())
  client.send(client.connectPacket())
  await home.settle()
  const question = client.take('AUTH')
  assert.equal(question.reasonCode, ReasonCode.ContinueAuthentication)
  auth(client, proofOf('visitor', question.properties.authenticationData))
  await home.settle()
  assert.equal(client.take('CONNACK').reasonCode, ReasonCode.Success)
})

kept('4.12.0-4', '', 'an authentication that fails is refused and closed', async (bench) => {
  const home = open(bench)
  const client = home.open(bearer('forged'))
  assert.equal((await client.connect()).reasonCode, ReasonCode.NotAuthorized)
  assert.ok(await isClosed(home, client))
})

kept(
  '4.12.0-5 3.15.2-1 3.15.2-2 3.15.2-3',
  '',
  'CONNACK and every AUTH name the method of CONNECT, AUTH with its own code and no explanation',
  async (bench) => {
    const home = open(bench)
    const client = home.open(bearer('visitor'))
    assert.equal((await client.connect()).properties.authenticationMethod, 'CUSTOM-JWT')
    client.send({
      type: 'AUTH',
      reasonCode: ReasonCode.ReAuthenticate,
      properties: { authenticationMethod: 'CUSTOM-JWT', authenticationData: Buffer.from('visitor') },
    })
    await home.settle()
    const renewed = client.take('AUTH')
    assert.equal(renewed.reasonCode, ReasonCode.Success)
    assert.deepEqual({ ...renewed.properties }, { authenticationMethod: 'CUSTOM-JWT' })

    const challenged = configure(bench.open({ authenticationMethods: methods() }))
    const other = challenged.open(visitor())
    other.send(other.connectPacket())
    await challenged.settle()
    assert.equal(other.take('AUTH').properties.authenticationMethod, 'CUSTOM-JWT')
  },
)

kept('4.12.0-6', '', 'without a method in CONNECT there is no AUTH and no method in CONNACK', async (bench) => {
  const home = open(bench)
  const client = home.open(bench.client())
  assert.equal((await client.connect()).properties.authenticationMethod, undefined)
  client.publish('open/a', 'x', { qos: 1 })
  await home.settle()
  assert.deepEqual(typesOf(client.packets()), ['PUBACK'])
})

kept('4.12.1-2', '', 'a renewal that fails is told by DISCONNECT and ends the connection', async (bench) => {
  const home = open(bench)
  const client = await home.connect(bearer('visitor'))
  client.send({
    type: 'AUTH',
    reasonCode: ReasonCode.ReAuthenticate,
    properties: { authenticationMethod: 'CUSTOM-JWT', authenticationData: Buffer.from('forged') },
  })
  assert.ok(await isClosed(home, client))
  assert.equal(client.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
})
