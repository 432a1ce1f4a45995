import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, plan, verify } from '../../src/auth/authenticate.ts'
import type { ConnectEvidence } from '../../src/auth/evidence.ts'
import { sessionOwnerOf } from '../../src/auth/principal.ts'
import { noSecrets, passwordLooksLikeToken } from '../../src/auth/secrets.ts'
import { err, ok } from '../../src/base/result.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { VerifiedToken } from '../../src/ports/token-verifier.ts'
import type { WebhookAnswer } from '../../src/ports/webhook.ts'
import { issue, noon } from './certificates.ts'
import { evidenceOf, stepOf, TestNamespace, verdictOf } from './support.ts'

const CA = issue({ subject: 'CA', ca: true })
const alpha = issue({ subject: 'Alpha', issuer: CA })
const now = unixSeconds(noon)
const bytes = (text: string) => new TextEncoder().encode(text)

function namespace(): TestNamespace {
  const view = new TestNamespace()
  view.ca('CA', CA.der)
  view.client({ name: 'Alpha' })
  return view
}

function decide(view: TestNamespace, facts: Partial<ConnectEvidence>): string {
  return verdictOf(authenticate(evidenceOf(facts), view, { now }))
}

const token = (facts: Partial<VerifiedToken> = {}): ConnectEvidence['token'] =>
  ok({
    authority: 'token',
    subject: 'press-12',
    attributes: { line: 'L4' },
    roles: [],
    expiresAt: unixSeconds(noon + 60),
    ...facts,
  })

const allow = (facts: Partial<Extract<WebhookAnswer, { decision: 'allow' }>> = {}): ConnectEvidence['webhook'] =>
  ok({ decision: 'allow', clientAuthenticationName: 'press-12', attributes: {}, expiresAt: null, ...facts })

// ---------------------------------------------------------------------------------------------- plain listener

test('S53: the plain listener is one client by resource name; Username, certificate and method say nothing', () => {
  const view = namespace()
  view.client({ name: 'local', authenticationName: 'Local One' })
  const evidence = evidenceOf({
    listener: 'mqtt-tcp',
    plainIdentity: 'local',
    username: 'Alpha',
    peerChain: [alpha.der],
    authenticationMethod: 'CUSTOM-JWT',
  })
  const result = authenticate(evidence, view, { now })
  assert.equal(verdictOf(result), 'accepted Local One')
  assert.ok(result.outcome === 'accepted' && result.method === 'PlainListener' && result.validUntil === null)
  view.change('local', { enabled: false })
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'clientDisabled')
  const refused = authenticate(evidence, view, { now })
  assert.equal(verdictOf(refused), 'clientDisabled')
  assert.ok(refused.outcome === 'refused' && !refused.provenPath, 'a plain listener proves no key')
  view.change('local', { enabled: true })
  const other = { ...evidence, plainIdentity: 'Alpha' }
  assert.equal(verdictOf(verify(result.principal, other, view, { now })), 'clientNotFound')
  view.removeClient('local')
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'clientNotFound')
})

test('S53: the identity is a resource name, never an authentication name, and none is nobody', () => {
  const view = namespace()
  view.client({ name: 'resource', authenticationName: 'name' })
  for (const plainIdentity of ['name', 'RESOURCE', null]) {
    assert.equal(decide(view, { listener: 'mqtt-tcp', plainIdentity }), 'clientNotFound')
  }
})

test('S53: an identity of the plain listener counts on no other listener', () => {
  const view = namespace()
  for (const listener of ['mqtts', 'wss'] as const) {
    assert.equal(decide(view, { listener, plainIdentity: 'Alpha' }), 'noCertificate')
  }
})

// ------------------------------------------------------------------------------------------------------- plan

test('a certificate client waits for nothing', () => {
  assert.deepEqual(plan(evidenceOf({ username: 'Alpha', peerChain: [alpha.der] }), namespace(), noSecrets), {
    kind: 'ready',
  })
})

test('a method talks with the peer only where the namespace is configured for it, with data or without', () => {
  const view = namespace()
  const secrets = { password: null, authenticationData: bytes('a.b.c') }
  const evidence = evidenceOf({ authenticationMethod: 'CUSTOM-JWT' })
  assert.deepEqual(plan(evidence, view, secrets), { kind: 'ready' })
  view.hasCustomJwtAuthentication = true
  for (const sent of [secrets, noSecrets]) {
    assert.deepEqual(plan(evidence, view, sent), { kind: 'exchange', method: 'CUSTOM-JWT' })
  }
  assert.deepEqual(plan({ ...evidence, token: token() }, view, secrets), { kind: 'ready' })
  const entra = evidenceOf({ authenticationMethod: 'OAUTH2-JWT' })
  assert.deepEqual(plan(entra, view, secrets), { kind: 'ready' })
})

test('the webhook is asked about whoever is no registered client, with all that CONNECT carried', () => {
  const view = namespace()
  const evidence = evidenceOf({ username: 'stranger', peerChain: [alpha.der], hasPassword: true })
  const secrets = { password: bytes('secret'), authenticationData: null }
  assert.deepEqual(plan(evidence, view, secrets), { kind: 'ready' })
  view.hasWebhookAuthentication = true
  assert.deepEqual(plan(evidence, view, secrets), {
    kind: 'askWebhook',
    question: {
      clientId: 'c1',
      username: 'stranger',
      password: secrets.password,
      authenticationMethod: null,
      authenticationData: null,
      peerChain: [alpha.der],
    },
  })
  const other = evidenceOf({ authenticationMethod: 'SCRAM-SHA-1' })
  assert.equal(plan(other, view, secrets).kind, 'askWebhook')
})

test('S9: a registered client is never offered to the webhook, however badly it fares', () => {
  const view = namespace()
  view.hasWebhookAuthentication = true
  view.alternativeAuthenticationNameSources = ['ClientCertificateDns', 'ClientCertificateSubject']
  view.client({ name: 'off', enabled: false })
  view.client({ name: 'a.example' })
  view.client({ name: 'b.example' })
  const bad = issue({ subject: 'Alpha' }).der
  const both = issue({ dns: ['a.example', 'b.example'] }).der
  const many = issue({ dns: Array.from({ length: 33 }, (_, i) => `d${i}`) }).der
  const cases: readonly (readonly [Partial<ConnectEvidence>, string])[] = [
    [{ username: 'Alpha', peerChain: [bad] }, 'issuerNotRegistered'],
    [{ username: 'ALPHA', peerChain: [] }, 'noCertificate'],
    [{ username: 'Alpha', peerChain: [Uint8Array.of(1)] }, 'certificateMalformed'],
    [{ username: 'off', peerChain: [alpha.der] }, 'clientDisabled'],
    [{ peerChain: [bad] }, 'issuerNotRegistered'],
    [{ peerChain: [Uint8Array.of(1)] }, 'certificateMalformed'],
    [{ peerChain: [both] }, 'nameAmbiguous'],
    [{ peerChain: [many] }, 'nameAmbiguous'],
  ]
  for (const [facts, code] of cases) {
    assert.equal(plan(evidenceOf(facts), view, noSecrets).kind, 'ready', code)
    assert.equal(decide(view, { ...facts, webhook: allow({ clientAuthenticationName: 'anybody' }) }), code)
  }
})

// ----------------------------------------------------------------------------------------------------- tokens

test('a method that is not configured is refused by name, whatever else is right', () => {
  const view = namespace()
  for (const authenticationMethod of ['CUSTOM-JWT', 'OAUTH2-JWT', 'custom-jwt', 'SCRAM-SHA-1', '']) {
    const facts = { authenticationMethod, username: 'Alpha', peerChain: [alpha.der], token: token(), webhook: allow() }
    assert.equal(decide(view, facts), 'authenticationMethodUnsupported', authenticationMethod)
  }
})

test('a configured method without a verified token is refused', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  const method = { authenticationMethod: 'CUSTOM-JWT', username: 'Alpha', peerChain: [alpha.der] }
  assert.equal(decide(view, method), 'tokenInvalid')
  const failed = err({ kind: 'tokenInvalid', detail: 'signature' } as const)
  const result = authenticate(evidenceOf({ ...method, token: failed }), view, { now })
  assert.equal(verdictOf(result), 'tokenInvalid')
  assert.equal(stepOf(result, 'token').detail, 'signature')
  assert.equal(decide(view, { ...method, token: err({ kind: 'keysUnavailable', detail: 'x' }) }), 'tokenInvalid')
  assert.equal(decide(view, { ...method, token: token({ expiresAt: now }) }), 'tokenInvalid')
  assert.equal(decide(view, { ...method, token: token({ subject: 'a\u202eb' }) }), 'tokenInvalid')
  assert.equal(decide(view, { ...method, token: token({ subject: '' }) }), 'tokenInvalid')
  assert.equal(decide(view, { ...method, token: token({ subject: 'x'.repeat(129) }) }), 'tokenInvalid')
})

test('a token of one method says nothing under the other', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  assert.equal(
    decide(view, { authenticationMethod: 'CUSTOM-JWT', token: token({ authority: 'entra' }) }),
    'tokenInvalid',
  )
  assert.equal(decide(view, { authenticationMethod: 'OAUTH2-JWT', token: token() }), 'authenticationMethodUnsupported')
})

test('S72: with a method the token alone decides, and the record says that the certificate was ignored', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  const evidence = evidenceOf({
    authenticationMethod: 'CUSTOM-JWT',
    username: 'Alpha',
    peerChain: [alpha.der],
    token: token(),
  })
  const result = authenticate(evidence, view, { now })
  assert.equal(verdictOf(result), 'accepted press-12')
  assert.equal(stepOf(result, 'certificate').outcome, 'skipped')
  assert.ok(result.outcome === 'accepted' && result.method === 'AccessToken')
  assert.equal(result.validUntil, noon + 60)
  assert.deepEqual(sessionOwnerOf(result.principal), {
    authority: 'token',
    uid: 'press-12',
    authenticationName: 'press-12',
    foldedName: 'press-12',
  })
  const later = { now: unixSeconds(noon + 60) }
  assert.equal(verdictOf(verify(result.principal, evidence, view, later)), 'tokenInvalid')
  view.hasCustomJwtAuthentication = false
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'authenticationMethodUnsupported')
})

test('S36: a token or webhook identity with the name of a registered client is refused, in any case', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  view.hasWebhookAuthentication = true
  assert.equal(
    decide(view, { authenticationMethod: 'CUSTOM-JWT', token: token({ subject: 'ALPHA' }) }),
    'identityConflict',
  )
  assert.equal(
    decide(view, { username: 'x', webhook: allow({ clientAuthenticationName: 'alpha' }) }),
    'identityConflict',
  )
  const evidence = evidenceOf({ username: 'x', webhook: allow() })
  const result = authenticate(evidence, view, { now })
  assert.ok(result.outcome === 'accepted')
  view.client({ name: 'later', authenticationName: 'Press-12' })
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'identityConflict')
})

test('S47: attributes of a token are own keys only', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  const result = authenticate(evidenceOf({ authenticationMethod: 'CUSTOM-JWT', token: token() }), view, { now })
  assert.ok(result.outcome === 'accepted' && result.principal.kind === 'dynamicClient')
  assert.equal(Object.getPrototypeOf(result.principal.attributes), null)
  assert.deepEqual({ ...result.principal.attributes }, { line: 'L4' })
})

// ---------------------------------------------------------------------------------------------------- webhook

test('the webhook admits, denies, fails and is not asked: only the first is an acceptance', () => {
  const view = namespace()
  const facts = { username: 'stranger' }
  assert.equal(decide(view, { ...facts, webhook: allow() }), 'noCertificate', 'an answer nobody is configured for')
  view.hasWebhookAuthentication = true
  assert.equal(decide(view, { ...facts, webhook: allow() }), 'accepted press-12')
  assert.equal(decide(view, facts), 'webhookUnavailable')
  assert.equal(
    decide(view, { ...facts, webhook: err({ kind: 'webhookUnavailable', detail: 'timeout' }) }),
    'webhookUnavailable',
  )
  const deny = ok({ decision: 'deny', errorReason: 'password mismatch' } as const)
  const denied = authenticate(evidenceOf({ ...facts, webhook: deny }), view, { now })
  assert.equal(verdictOf(denied), 'webhookDenied')
  assert.equal(stepOf(denied, 'webhook').detail, 'asked: no registered client is named')
  assert.equal(denied.explanation.steps.at(-1)?.detail, 'password mismatch')
  const odd = ok({ decision: 'ALLOW', clientAuthenticationName: 'x' } as unknown as WebhookAnswer)
  assert.equal(decide(view, { ...facts, webhook: odd }), 'webhookDenied')
  assert.equal(decide(view, { ...facts, webhook: allow({ expiresAt: now }) }), 'webhookDenied')
  assert.equal(decide(view, { ...facts, webhook: allow({ clientAuthenticationName: 'a\nb' }) }), 'webhookUnavailable')
})

test('a client registered while the webhook was asked is judged as that client', () => {
  const view = namespace()
  view.hasWebhookAuthentication = true
  const evidence = evidenceOf({ username: 'stranger', peerChain: [alpha.der] })
  assert.equal(plan(evidence, view, noSecrets).kind, 'askWebhook')
  view.client({ name: 'stranger' })
  assert.equal(decide(view, { ...evidence, webhook: allow() }), 'nameMismatch')
})

// --------------------------------------------------------------------------------------------- token in password

test('a JWT in the password field is named where no client could be found', () => {
  const view = namespace()
  const password = bytes('eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln')
  const hint = { hasPassword: true, passwordLooksLikeToken: passwordLooksLikeToken(password) }
  assert.equal(decide(view, { ...hint }), 'tokenInPassword')
  assert.equal(decide(view, { ...hint, username: 'Alpha' }), 'tokenInPassword')
  assert.equal(decide(view, { ...hint, username: 'nobody', peerChain: [alpha.der] }), 'tokenInPassword')
  assert.equal(decide(view, { ...hint, username: 'Alpha', peerChain: [alpha.der] }), 'accepted Alpha')
  const selfSigned = issue({ subject: 'Alpha' }).der
  assert.equal(decide(view, { ...hint, username: 'Alpha', peerChain: [selfSigned] }), 'issuerNotRegistered')
  assert.equal(decide(view, { ...hint, authenticationMethod: 'CUSTOM-JWT' }), 'authenticationMethodUnsupported')
  assert.equal(decide(view, { ...hint, listener: 'mqtt-tcp', plainIdentity: 'none' }), 'clientNotFound')
})

test('a client that is removed later is not told about its password', () => {
  const view = namespace()
  const evidence = evidenceOf({ username: 'Alpha', peerChain: [alpha.der], passwordLooksLikeToken: true })
  const result = authenticate(evidence, view, { now })
  assert.ok(result.outcome === 'accepted')
  view.removeClient('Alpha')
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'clientNotFound')
})

test('only the compact form of a JWT is taken for one', () => {
  const table: readonly (readonly [string, boolean])[] = [
    ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', true],
    ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.', true],
    ['Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', true],
    ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0', false],
    ['correct horse battery staple', false],
    ['a.b.c', false],
    ['', false],
  ]
  for (const [text, expected] of table) assert.equal(passwordLooksLikeToken(bytes(text)), expected, text)
  assert.equal(passwordLooksLikeToken(null), false)
})
