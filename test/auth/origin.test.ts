import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, verify } from '../../src/auth/authenticate.ts'
import { ok } from '../../src/base/result.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { issue, noon } from './certificates.ts'
import { evidenceOf, stepOf, TestNamespace, verdictOf } from './support.ts'

const CA = issue({ subject: 'CA', ca: true })
const alpha = issue({ subject: 'Alpha', issuer: CA })
const now = unixSeconds(noon)
const page = 'https://evil.example'

function namespace(): TestNamespace {
  const view = new TestNamespace()
  view.ca('CA', CA.der)
  view.client({ name: 'Alpha' })
  view.alternativeAuthenticationNameSources = ['ClientCertificateSubject']
  return view
}

test('S51: behind a foreign page no certificate counts, with or without Username, whatever the door left in', () => {
  for (const username of ['Alpha', 'nobody', null]) {
    for (const peerChain of [[], [alpha.der]]) {
      const evidence = evidenceOf({ listener: 'wss', refusedOrigin: page, username, peerChain })
      const result = authenticate(evidence, namespace(), { now })
      assert.equal(verdictOf(result), 'originNotAllowed')
      assert.equal(stepOf(result, 'origin').presented, page)
      assert.match(result.outcome === 'refused' ? result.remedy : '', /allowedOrigins/)
    }
  }
})

test('S51: without a foreign page the same evidence is accepted', () => {
  const evidence = evidenceOf({ listener: 'wss', refusedOrigin: null, peerChain: [alpha.der] })
  assert.equal(verdictOf(authenticate(evidence, namespace(), { now })), 'accepted Alpha')
})

test('S51: a principal is not verified by a certificate that does not count', () => {
  const view = namespace()
  const accepted = authenticate(evidenceOf({ listener: 'wss', peerChain: [alpha.der] }), view, { now })
  assert.ok(accepted.outcome === 'accepted')
  const evidence = evidenceOf({ listener: 'wss', refusedOrigin: page, peerChain: [alpha.der] })
  assert.equal(verdictOf(verify(accepted.principal, evidence, view, { now })), 'originNotAllowed')
})

test('S51: a token of a foreign page still works', () => {
  const view = namespace()
  view.hasCustomJwtAuthentication = true
  const evidence = evidenceOf({
    listener: 'wss',
    refusedOrigin: page,
    authenticationMethod: 'CUSTOM-JWT',
    token: ok({
      authority: 'token',
      subject: 'press-12',
      attributes: {},
      roles: [],
      expiresAt: unixSeconds(noon + 60),
    }),
  })
  assert.equal(verdictOf(authenticate(evidence, view, { now })), 'accepted press-12')
})

test('S60: an origin is escaped where it is recorded', () => {
  const evidence = evidenceOf({ listener: 'wss', refusedOrigin: 'https://x\u001b]0;x\u0007', username: 'Alpha' })
  const { presented } = stepOf(authenticate(evidence, namespace(), { now }), 'origin')
  assert.doesNotMatch(JSON.stringify(presented), /[\u001b\u0007]/)
})
