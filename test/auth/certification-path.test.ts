import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticate, verify } from '../../src/auth/authenticate.ts'
import type { AuthenticationContext } from '../../src/auth/context.ts'
import type { Authentication } from '../../src/auth/decision.ts'
import { PathVerdicts } from '../../src/auth/path-verdicts.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { day, issue, newKey, noon, rsaKey, type TestCertificateFacts, type TestIssuer } from './certificates.ts'
import { evidenceOf, stepOf, TestNamespace, verdictOf } from './support.ts'

const R = issue({ subject: 'R', ca: true })
const I = issue({ subject: 'I', ca: true, issuer: R })

function namespace(...cas: (readonly [string, TestIssuer])[]): TestNamespace {
  const view = new TestNamespace()
  for (const [name, { der }] of cas) view.ca(name, der)
  view.client({ name: 'd1' })
  return view
}

function connect(
  view: TestNamespace,
  chain: readonly TestIssuer[],
  context: Partial<AuthenticationContext> = {},
  username = 'd1',
): Authentication {
  const evidence = evidenceOf({ peerChain: chain.map(({ der }) => der), username })
  return authenticate(evidence, view, { now: unixSeconds(noon), ...context })
}

const leafOf = (issuer: TestIssuer, facts: TestCertificateFacts = {}) => issue({ subject: 'd1', issuer, ...facts })

// -------------------------------------------------------------------------------------------------- anchors

test('EG 3.4: a registered root or a registered intermediate is an anchor by itself', () => {
  const leaf = leafOf(I)
  const underI = connect(namespace(['intermediate', I]), [leaf])
  assert.ok(underI.outcome === 'accepted')
  assert.equal(underI.caCertificateName, 'intermediate')
  assert.equal(underI.method, 'CACertificate')
  const underR = connect(namespace(['root', R]), [leaf, I])
  assert.ok(underR.outcome === 'accepted')
  assert.equal(underR.caCertificateName, 'root')
  assert.equal(verdictOf(connect(namespace(['root', R]), [leaf])), 'issuerNotRegistered')
  assert.equal(verdictOf(connect(namespace(['root', R], ['intermediate', I]), [leaf])), 'accepted d1')
})

test('sent certificates help in any order and among junk', () => {
  const junk = issue({ subject: 'junk', ca: true })
  const noise: TestIssuer = { ...junk, der: Uint8Array.of(1, 2, 3) }
  assert.equal(verdictOf(connect(namespace(['root', R]), [leafOf(I), noise, junk, I, R])), 'accepted d1')
})

test('S16: a sent copy of a registered CA with other constraints is no anchor', () => {
  const key = newKey()
  const anchor = issue({ subject: 'A', ca: 0, key })
  const copy = issue({ subject: 'A', ca: true, key })
  const between = issue({ subject: 'B', ca: true, issuer: anchor })
  const result = connect(namespace(['anchor', anchor]), [leafOf(between), between, copy])
  assert.equal(verdictOf(result), 'chainInvalid')
  assert.match(stepOf(result, 'certificationPath').detail ?? '', /pathLenConstraint/)
})

test('two CAs of one subject: both are tried', () => {
  const one = issue({ subject: 'Same', ca: true })
  const other = issue({ subject: 'Same', ca: true })
  const view = namespace(['one', one], ['other', other])
  for (const [issuer, name] of [
    [one, 'one'],
    [other, 'other'],
  ] as const) {
    const result = connect(view, [leafOf(issuer)])
    assert.ok(result.outcome === 'accepted')
    assert.equal(result.caCertificateName, name)
  }
})

test('S20: a leaf of a CA that is registered nowhere is refused', () => {
  const serverCa = issue({ subject: 'server CA', ca: true })
  assert.equal(verdictOf(connect(namespace(['clients', R]), [leafOf(serverCa), serverCa])), 'issuerNotRegistered')
})

test('a CA registered or removed between two attempts counts at once', () => {
  const verdicts = new PathVerdicts()
  const view = namespace()
  const chain = [leafOf(R)]
  assert.equal(verdictOf(connect(view, chain, { verdicts })), 'issuerNotRegistered')
  view.ca('root', R.der)
  assert.equal(verdictOf(connect(view, chain, { verdicts })), 'accepted d1')
  view.removeCa('root')
  assert.equal(verdictOf(connect(view, chain, { verdicts })), 'issuerNotRegistered')
})

test('a CA removed under a live session: another valid path keeps it, none ends it', () => {
  const view = namespace(['root', R], ['intermediate', I])
  const evidence = evidenceOf({ peerChain: [leafOf(I).der, I.der], username: 'd1' })
  const context = { now: unixSeconds(noon), verdicts: new PathVerdicts() }
  const result = authenticate(evidence, view, context)
  assert.ok(result.outcome === 'accepted')
  view.removeCa('intermediate')
  const again = verify(result.principal, evidence, view, context)
  assert.ok(again.outcome === 'accepted')
  assert.equal(again.caCertificateName, 'root')
  view.removeCa('root')
  assert.equal(verdictOf(verify(result.principal, evidence, view, context)), 'issuerNotRegistered')
})

// --------------------------------------------------------------------------------------- S11 issuers of a client

test('S11: a client bound to one CA is not named by another', () => {
  const one = issue({ subject: 'One', ca: true })
  const two = issue({ subject: 'Two', ca: true })
  const view = namespace(['one', one], ['two', two])
  view.change('d1', { issuers: ['one'] })
  const refused = connect(view, [leafOf(two)])
  assert.equal(verdictOf(refused), 'issuerNotAllowed')
  assert.equal(stepOf(refused, 'certificationPath').detail, 'CA certificate two')
  assert.ok(refused.outcome === 'refused' && refused.provenPath)
  assert.equal(verdictOf(connect(view, [leafOf(one)])), 'accepted d1')
})

test('S11: the accepted anchors steer the search: bound to the root, a path over a registered intermediate counts', () => {
  const view = namespace(['intermediate', I], ['root', R])
  view.change('d1', { issuers: ['root'] })
  for (const chain of [[leafOf(I)], [leafOf(I), I]]) {
    const result = connect(view, chain)
    assert.ok(result.outcome === 'accepted', verdictOf(result))
    assert.equal(result.caCertificateName, 'root')
  }
})

test('S11: a list of issuers that are all gone accepts nobody', () => {
  const view = namespace(['root', R])
  view.change('d1', { issuers: ['removed'] })
  assert.equal(verdictOf(connect(view, [leafOf(R)])), 'issuerNotAllowed')
  view.change('d1', { issuers: [] })
  assert.equal(verdictOf(connect(view, [leafOf(R)])), 'issuerNotAllowed')
})

// --------------------------------------------------------------------------------------------------- refusals

test('the failure that helps most is the one that is reported', () => {
  const expiredCa = issue({ subject: 'Old', ca: true, issuer: R, notBefore: noon - 9 * day, notAfter: noon - day })
  const expiredRoot = issue({ subject: 'OldRoot', ca: true, notBefore: noon - 9 * day, notAfter: noon - day })
  const noCa = issue({ subject: 'NoCA', issuer: R, key: newKey() })
  const stranger = issue({ subject: 'R', ca: true })
  const serverOnly = ['1.3.6.1.5.5.7.3.1']
  const weak = rsaKey(1024)
  const table: readonly (readonly [string, readonly TestIssuer[], string, RegExp | null])[] = [
    ['expired', [leafOf(R, { notBefore: noon - 9 * day, notAfter: noon - 1 })], 'certificateExpired', null],
    ['not yet valid', [leafOf(R, { notBefore: noon + 301 })], 'certificateNotYetValid', null],
    ['expired intermediate', [leafOf(expiredCa), expiredCa], 'issuerExpired', /intermediate CN=Old/],
    ['expired root', [leafOf(expiredRoot)], 'issuerExpired', /CA certificate oldRoot/],
    ['issuer is no CA', [leafOf(noCa), noCa], 'chainInvalid', /issuerIsNoCertificateAuthority/],
    ['server purpose', [leafOf(R, { extendedKeyUsage: serverOnly })], 'purposeNotAllowed', null],
    ['RSA 1024', [leafOf(R, { key: weak })], 'certificateTooWeak', null],
    ['same name, other key', [leafOf(stranger)], 'issuerNotRegistered', /CA certificate root bears the name/],
    ['self-signed', [issue({ subject: 'd1' })], 'issuerNotRegistered', /self-signed.*ThumbprintMatch/],
    ['a CA as leaf', [issue({ subject: 'd1', ca: true, issuer: R })], 'chainInvalid', /leafIsCertificateAuthority/],
  ]
  for (const [says, chain, code, detail] of table) {
    const result = connect(namespace(['root', R], ['oldRoot', expiredRoot]), chain)
    assert.equal(verdictOf(result), code, says)
    const step = stepOf(result, 'certificationPath')
    assert.equal(step.outcome, 'failed', says)
    if (detail !== null) assert.match(step.detail ?? '', detail, says)
    assert.ok(result.outcome === 'refused' && result.remedy.length > 20)
  }
})

test('steps behind the first failure are recorded too', () => {
  const result = connect(namespace(['root', R]), [
    issue({ subject: 'other', issuer: R, notBefore: noon - 9 * day, notAfter: noon - day }),
  ])
  assert.equal(verdictOf(result), 'certificateExpired')
  assert.equal(stepOf(result, 'validity').detail, `expired ${day} s ago`)
  assert.equal(stepOf(result, 'nameMatch').presented, 'CN=other, other')
})

test('RFC 5280 4.1.2.5: both dates are inclusive; 300 s of tolerance before, none after, both adjustable', () => {
  const leaf = leafOf(R, { notBefore: noon, notAfter: noon + day })
  const at = (seconds: number, skew?: AuthenticationContext['skew']) =>
    verdictOf(
      connect(namespace(['root', R]), [leaf], {
        now: unixSeconds(noon + seconds),
        ...(skew === undefined ? {} : { skew }),
      }),
    )
  assert.equal(at(-301), 'certificateNotYetValid')
  assert.equal(at(-300), 'accepted d1')
  assert.equal(at(day), 'accepted d1')
  assert.equal(at(day + 1), 'certificateExpired')
  const other = { notBeforeSeconds: 0, notAfterSeconds: 60 }
  assert.equal(at(-1, other), 'certificateNotYetValid')
  assert.equal(at(day + 60, other), 'accepted d1')
  assert.equal(at(day + 61, other), 'certificateExpired')
})

test('validUntil is the first second at which the path is no longer valid', () => {
  const shortCa = issue({ subject: 'Short', ca: true, notAfter: noon + 3600 })
  const view = namespace(['short', shortCa])
  const evidence = evidenceOf({ peerChain: [leafOf(shortCa).der], username: 'd1' })
  const result = authenticate(evidence, view, { now: unixSeconds(noon) })
  assert.ok(result.outcome === 'accepted')
  assert.equal(result.validUntil, noon + 3601)
  const at = (seconds: number) => verify(result.principal, evidence, view, { now: unixSeconds(seconds) })
  assert.equal(verdictOf(at(noon + 3600)), 'accepted d1')
  assert.equal(verdictOf(at(noon + 3601)), 'issuerExpired')
})

test('S17: an even RSA exponent is refused as too weak, before the signature over it is looked at', () => {
  const key = rsaKey(2048)
  const jwk = key.publicKey.export({ format: 'jwk' })
  assert.equal(jwk.e, 'AQAB')
  const leaf = leafOf(R, { key })
  const spki = Buffer.from(key.publicKey.export({ type: 'spki', format: 'der' }))
  // The last octet of the key is that of the exponent; the signature no longer fits, which is not what is reported.
  const even = Buffer.from(leaf.der)
  const at = even.indexOf(spki) + spki.length - 1
  even[at] = 0x00
  const result = connect(namespace(['root', R]), [{ ...leaf, der: even }])
  assert.equal(verdictOf(result), 'certificateTooWeak')
})

// ------------------------------------------------------------------------------------------- remembered verdicts

test('S15: an intermediate that one peer sent is read once for all, and serves nobody who does not send it', () => {
  const view = namespace(['root', R])
  const verdicts = new PathVerdicts()
  assert.equal(verdictOf(connect(view, [leafOf(I), I], { verdicts })), 'accepted d1')
  assert.equal(verdictOf(connect(view, [leafOf(I, { serial: 7 }), I], { verdicts })), 'accepted d1')
  assert.equal(verdicts.certificates.size, 1)
  assert.equal(verdictOf(connect(view, [leafOf(I, { serial: 8 })], { verdicts })), 'issuerNotRegistered')
})

test('S15: a verdict belongs to this sent list: leaf with intermediate, then leaf alone, in both orders', () => {
  const leaf = leafOf(I)
  for (const order of [
    [[leaf, I], [leaf]],
    [[leaf], [leaf, I]],
  ]) {
    const verdicts = new PathVerdicts()
    const view = namespace(['root', R])
    for (const chain of [...order, ...order]) {
      const expected = chain.length === 2 ? 'accepted d1' : 'issuerNotRegistered'
      assert.equal(verdictOf(connect(view, chain, { verdicts })), expected)
    }
    assert.equal(verdicts.size, 2)
  }
})

test('S15: a verdict belongs to one namespace', () => {
  const verdicts = new PathVerdicts()
  const chain = [leafOf(R)]
  const withCa = namespace(['root', R])
  const without = namespace()
  without.trustRevision = withCa.trustRevision
  assert.equal(verdictOf(connect(withCa, chain, { verdicts })), 'accepted d1')
  assert.equal(verdictOf(connect(without, chain, { verdicts })), 'issuerNotRegistered')
})

test('S15: a verdict belongs to one set of accepted anchors', () => {
  const verdicts = new PathVerdicts()
  const view = namespace(['root', R])
  view.client({ name: 'd2', authenticationName: 'd1-bound', issuers: ['elsewhere'] })
  const leaf = leafOf(R)
  assert.equal(verdictOf(connect(view, [leaf], { verdicts })), 'accepted d1')
  assert.equal(verdictOf(connect(view, [leaf], { verdicts }, 'd1-bound')), 'issuerNotAllowed')
  assert.equal(verdictOf(connect(view, [leaf], { verdicts })), 'accepted d1')
})

test('S15: dates count on every use, of the good and of the bad verdict', () => {
  const verdicts = new PathVerdicts()
  const view = namespace(['root', R])
  const leaf = leafOf(R, { notBefore: noon, notAfter: noon + day })
  const at = (seconds: number) => verdictOf(connect(view, [leaf], { verdicts, now: unixSeconds(noon + seconds) }))
  const asTimeGoes = [-400, -301, -300, 0, day, day + 1, day + 2].map(at)
  const backwards = [day + 2, day + 1, day, 0, -300, -301, -400].map(at)
  assert.deepEqual(asTimeGoes, [
    'certificateNotYetValid',
    'certificateNotYetValid',
    'accepted d1',
    'accepted d1',
    'accepted d1',
    'certificateExpired',
    'certificateExpired',
  ])
  assert.deepEqual(backwards, asTimeGoes.toReversed())
})

test('S15: dates of a sent intermediate and of the anchor count on every use as well', () => {
  const root = issue({ subject: 'Root', ca: true, notAfter: noon + 90 })
  const between = issue({ subject: 'Between', ca: true, issuer: root, notBefore: noon, notAfter: noon + 50 })
  const view = namespace(['root', root])
  const verdicts = new PathVerdicts()
  const chain = [leafOf(between), between]
  const at = (seconds: number) => verdictOf(connect(view, chain, { verdicts, now: unixSeconds(noon + seconds) }))
  assert.deepEqual([-301, -300, 50, 51, 90, 91].map(at), [
    'chainInvalid',
    'accepted d1',
    'accepted d1',
    'issuerExpired',
    'issuerExpired',
    'issuerExpired',
  ])
  assert.deepEqual([50, 51, 0, -301].map(at), ['accepted d1', 'issuerExpired', 'accepted d1', 'chainInvalid'])
})

test('a remembered verdict saves the path work, of acceptances and of refusals', () => {
  const verdicts = new PathVerdicts()
  let searches = 0
  const context = { verdicts, mayDoPathWork: () => ++searches > 0 }
  const view = namespace(['root', R])
  for (let i = 0; i < 5; i++) {
    connect(view, [leafOf(R, { serial: 7 })], context)
    connect(view, [issue({ subject: 'd1', serial: 8 })], context)
  }
  assert.equal(searches, 2)
})

test('S55: a search tells how many signatures it verified; those that are known are not told again', () => {
  const told: number[] = []
  const context = { verdicts: new PathVerdicts(), didPathWork: (signatures: number) => void told.push(signatures) }
  const view = namespace(['root', R])
  for (let serial = 1; serial <= 3; serial++) connect(view, [leafOf(I, { serial }), I], context)
  connect(view, [leafOf(I, { serial: 3 }), I], context)
  assert.deepEqual(told, [2, 1, 1], 'the intermediate of a fleet is verified once, a remembered verdict costs nothing')
  told.length = 0
  const crowd = Array.from({ length: 6 }, () => issue({ subject: 'I', ca: true, issuer: R, key: newKey() }))
  assert.equal(connect(view, [leafOf(I, { serial: 4 }), ...crowd], context).outcome, 'refused')
  assert.deepEqual(told, [6])
})

test('S55: without path work a certain refusal stays, anything else is put off', () => {
  const view = namespace(['root', R])
  const context = { mayDoPathWork: () => false }
  assert.equal(verdictOf(connect(view, [leafOf(R)], context)), 'connectRateExceeded')
  assert.equal(verdictOf(connect(view, [leafOf(R, { notAfter: noon - 1 })], context)), 'certificateExpired')
  assert.equal(verdictOf(connect(view, [leafOf(R, { subject: 'other' })], context)), 'nameMismatch')
  assert.equal(verdictOf(connect(view, [leafOf(R)], context, 'unknown')), 'clientNotFound')
  view.change('d1', { enabled: false })
  assert.equal(verdictOf(connect(view, [leafOf(R)], context)), 'clientDisabled')
})

test('the memory of verdicts is bounded, and failures do not push out a device', () => {
  const verdicts = new PathVerdicts(16)
  let searches = 0
  const context = { verdicts, mayDoPathWork: () => ++searches > 0 }
  const view = namespace(['root', R])
  const device = leafOf(R)
  connect(view, [device], context)
  for (let i = 0; i < 200; i++) connect(view, [issue({ subject: 'd1', issuer: I, serial: 5000 + i })], context)
  assert.ok(verdicts.size <= 20, `${verdicts.size}`)
  searches = 0
  assert.equal(verdictOf(connect(view, [device], context)), 'accepted d1')
  assert.equal(searches, 0)
})

test('property: a memory of verdicts changes no decision, whatever comes in whatever order', () => {
  const shortLived = issue({ subject: 'S', ca: true, issuer: R, notBefore: noon - day, notAfter: noon + 50 })
  const later = issue({ subject: 'S', ca: true, issuer: R, notBefore: noon + 340, key: shortLived.key })
  const cas = { R, I, shortLived, later }
  const leaves = [
    leafOf(R),
    leafOf(I),
    leafOf(shortLived),
    leafOf(shortLived, { notBefore: noon + 320, notAfter: noon + 500 }),
    issue({ subject: 'd1' }),
  ]
  const event = fc.oneof(
    fc.record({
      kind: fc.constant('connect' as const),
      leaf: fc.constantFrom(...leaves),
      sent: fc.uniqueArray(fc.constantFrom(I, shortLived, later, R), { maxLength: 3 }),
      at: fc.integer({ min: -10, max: 600 }),
      username: fc.constantFrom('d1', 'bound'),
    }),
    fc.record({ kind: fc.constantFrom('add' as const, 'remove' as const), ca: fc.constantFrom(...Object.keys(cas)) }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), fc.constantFrom(1, 4, 100), (events, capacity) => {
      const verdicts = new PathVerdicts(capacity)
      const view = namespace(['R', R])
      view.client({ name: 'bound', issuers: ['I', 'later'] })
      for (const step of events) {
        if (step.kind === 'connect') {
          const now = unixSeconds(noon + step.at)
          const chain = [step.leaf, ...step.sent]
          const remembered = connect(view, chain, { now, verdicts }, step.username)
          assert.deepEqual(remembered, connect(view, chain, { now }, step.username))
        } else if (step.kind === 'add') view.ca(step.ca, cas[step.ca as keyof typeof cas].der)
        else view.removeCa(step.ca)
      }
    }),
    { numRuns: 150 },
  )
})
