import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticate, plan, verify } from '../../src/auth/authenticate.ts'
import { decisionCodes } from '../../src/auth/decision.ts'
import type { ConnectEvidence } from '../../src/auth/evidence.ts'
import { PathVerdicts } from '../../src/auth/path-verdicts.ts'
import { err, ok } from '../../src/base/result.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { issue, noon, rsaKey } from './certificates.ts'
import { evidenceOf, TestNamespace } from './support.ts'

/** `authenticate` answers, whatever the bytes; and no mutation of a certificate is ever accepted in its place. */

const R = issue({ subject: 'R', ca: true })
const I = issue({
  subject: [
    ['O', 'Acme'],
    ['CN', 'I'],
  ],
  ca: 0,
  issuer: R,
})
const Q = issue({ subject: 'Q', ca: true, key: rsaKey(2048) })
const thumb = issue({ subject: 'thumb', ca: true })
const names = { dns: ['a.example'], uri: ['urn:a'], email: ['a@x.example'], ip: [Uint8Array.of(10, 0, 0, 7)] }
const leaves = [
  issue({ subject: 'Alpha', issuer: R, extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] }),
  issue({
    subject: [
      ['O', 'Acme'],
      ['CN', 'Alpha'],
    ],
    issuer: I,
    ...names,
  }),
  issue({ subject: 'Alpha', issuer: Q }),
  thumb,
]
const ders = [...leaves, R, I, Q].map(({ der }) => der)

function namespace(): TestNamespace {
  const view = new TestNamespace()
  view.alternativeAuthenticationNameSources = [
    'ClientCertificateEmail',
    'ClientCertificateIp',
    'ClientCertificateDns',
    'ClientCertificateUri',
    'ClientCertificateSubject',
  ]
  view.ca('R', R.der)
  view.ca('Q', Q.der)
  view.client({ name: 'Alpha' })
  view.client({ name: 'dn', authenticationName: 'CN=Alpha,O=Acme' })
  view.client({ name: 'dns', authenticationName: 'a.example', validationScheme: 'DnsMatchesAuthenticationName' })
  view.client({ name: 'uri', authenticationName: 'urn:a', validationScheme: 'UriMatchesAuthenticationName' })
  view.client({ name: 'ip', authenticationName: '10.0.0.7', validationScheme: 'IpMatchesAuthenticationName' })
  view.client({ name: 'email', authenticationName: 'a@x.example', validationScheme: 'EmailMatchesAuthenticationName' })
  view.client({
    name: 'thumb',
    validationScheme: 'ThumbprintMatch',
    allowedThumbprints: [thumbprintsOf(thumb.der).sha1, thumbprintsOf(thumb.der).sha256],
  })
  view.hasCustomJwtAuthentication = true
  view.hasWebhookAuthentication = true
  return view
}

const view = namespace()
/** Without a webhook, which would admit a stranger. */
const strict = namespace()
strict.hasWebhookAuthentication = false
const verdicts = new PathVerdicts(64)

const edit = fc.oneof(
  fc.record({ at: fc.nat(2000), flip: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ at: fc.nat(2000), insert: fc.uint8Array({ maxLength: 4 }) }),
  fc.record({ at: fc.nat(2000), remove: fc.integer({ min: 1, max: 8 }) }),
)
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

function edited(der: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let bytes = Buffer.from(der)
  for (const change of edits) {
    const at = change.at % (bytes.length || 1)
    if ('flip' in change) bytes[at] = (bytes[at] ?? 0) ^ change.flip
    else if ('insert' in change) bytes = Buffer.concat([bytes.subarray(0, at), change.insert, bytes.subarray(at)])
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.remove)])
  }
  return new Uint8Array(bytes)
}

const usernames = fc.oneof(
  fc.constantFrom(null, '', 'Alpha', 'CN=Alpha,O=Acme', 'a.example', 'urn:a', '10.0.0.7', 'a@x.example', 'thumb'),
  fc.string({ unit: 'binary', maxLength: 40 }),
)
const octets = fc.oneof(
  fc.tuple(fc.constantFrom(...ders), fc.array(edit, { maxLength: 3 })).map(([der, edits]) => edited(der, edits)),
  fc.uint8Array({ maxLength: 64 }),
)
const evidences: fc.Arbitrary<ConnectEvidence> = fc
  .record({
    listener: fc.constantFrom('mqtts' as const, 'wss' as const, 'mqtt-tcp' as const),
    protocol: fc.constantFrom('MQTT3' as const, 'MQTT5' as const),
    peerChain: fc.array(octets, { maxLength: 13 }),
    username: usernames,
    authenticationMethod: fc.constantFrom(null, null, null, '', 'CUSTOM-JWT', 'OAUTH2-JWT', 'x'),
    passwordLooksLikeToken: fc.boolean(),
    plainIdentity: fc.constantFrom(null, 'Alpha', 'x'),
    token: fc.constantFrom(
      null,
      err({ kind: 'tokenInvalid', detail: 'x' } as const),
      ok({ authority: 'token', subject: 't', attributes: {}, roles: [], expiresAt: unixSeconds(noon + 9) } as const),
    ),
    webhook: fc.constantFrom(
      null,
      err({ kind: 'webhookUnavailable', detail: 'x' } as const),
      ok({ decision: 'deny', errorReason: null } as const),
      ok({ decision: 'allow', clientAuthenticationName: 'w', attributes: {}, expiresAt: null } as const),
    ),
  })
  .map(evidenceOf)

test('authenticate is total, and says the same again, with and without memory', () => {
  const known = new Set<string>(decisionCodes)
  fc.assert(
    fc.property(evidences, fc.integer({ min: -10, max: 4_000_000_000 }), (evidence, seconds) => {
      const context = { now: unixSeconds(seconds) }
      const result = authenticate(evidence, view, context)
      assert.deepEqual(authenticate(evidence, view, { ...context, verdicts }), result)
      plan(evidence, view, { password: null, authenticationData: Uint8Array.of(1) })
      if (result.outcome === 'refused') {
        assert.ok(known.has(result.code))
        assert.ok(result.explanation.steps.some(({ outcome }) => outcome === 'failed'))
        return
      }
      const { validUntil, principal } = result
      assert.ok(validUntil === null || validUntil > seconds)
      const again = verify(principal, evidence, view, context)
      assert.ok(again.outcome === 'accepted')
      assert.deepEqual(again.principal, principal)
      assert.equal(again.validUntil, validUntil)
    }),
    { numRuns: 3000 },
  )
})

test('no edited leaf is accepted', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...leaves),
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      usernames,
      ({ der }, edits, username) => {
        const leaf = edited(der, edits)
        fc.pre(Buffer.compare(leaf, der) !== 0)
        const evidence = evidenceOf({ peerChain: [leaf, I.der], username })
        const result = authenticate(evidence, strict, { now: unixSeconds(noon) })
        assert.equal(result.outcome, 'refused')
      },
    ),
    { numRuns: 3000 },
  )
})

test('the unedited leaves are accepted: the tests above can fail', () => {
  const accepted = leaves.map(({ der }, index) => {
    const username = ['Alpha', 'a.example', 'ALPHA', 'thumb'][index] ?? ''
    const evidence = evidenceOf({ peerChain: [der, I.der], username })
    return authenticate(evidence, view, { now: unixSeconds(noon) }).outcome
  })
  assert.deepEqual(accepted, Array(4).fill('accepted'))
})
