import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, verify } from '../../src/auth/authenticate.ts'
import type { Authentication } from '../../src/auth/decision.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { AuthenticationNameSource } from '../../src/registry/view.ts'
import { Tag } from '../../src/x509/der.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { issue, noon, type TestCertificateFacts, type TestName } from './certificates.ts'
import { evidenceOf, stepOf, TestNamespace, verdictOf } from './support.ts'

const CA = issue({ subject: 'CA', ca: true })
const now = unixSeconds(noon)

function namespace(...sources: AuthenticationNameSource[]): TestNamespace {
  const view = new TestNamespace()
  view.ca('CA', CA.der)
  view.alternativeAuthenticationNameSources = sources
  return view
}

/** A CONNECT with a certificate of the registered CA. */
function connect(view: TestNamespace, facts: TestCertificateFacts, username: string | null = null): Authentication {
  const { der } = issue({ issuer: CA, ...facts })
  return authenticate(evidenceOf({ peerChain: [der], username }), view, { now })
}

// -------------------------------------------------------------------------------------------------- Username

test('EG 3.2: an empty Username counts as none', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1' })
  const result = connect(view, { subject: 'd1' }, '')
  assert.equal(verdictOf(result), 'accepted d1')
  assert.equal(result.explanation.nameSource, 'ClientCertificateSubject')
})

test('EG 3.2: without Username and without sources the name is asked for', () => {
  const view = namespace()
  view.client({ name: 'd1' })
  assert.equal(verdictOf(connect(view, { subject: 'd1' })), 'usernameRequired')
})

test('S9: a Username that is not registered is not replaced by a certificate name', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1' })
  assert.equal(verdictOf(connect(view, { subject: 'd1' }, 'other')), 'clientNotFound')
})

test('S9: a Username is not trimmed', () => {
  const view = namespace()
  view.client({ name: 'Alpha' })
  for (const username of ['Alpha ', ' Alpha', 'Alpha\n', 'Alpha\0']) {
    assert.equal(verdictOf(connect(view, { subject: 'Alpha' }, username)), 'clientNotFound', JSON.stringify(username))
  }
})

test('S9: the Username of another client selects that client, which this certificate does not fit', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1' })
  view.client({ name: 'd2' })
  assert.equal(verdictOf(connect(view, { subject: 'd1' }, 'd2')), 'nameMismatch')
})

test('EG 3.3: the name is looked up without regard to case, and the stored spelling is the identity', () => {
  const view = namespace()
  view.client({ name: 'press', authenticationName: 'Préss-ΟΔΟΣ' })
  const result = connect(view, { subject: 'PRE\u0301SS-οδοσ' }, 'pRÉss-οδοσ')
  assert.equal(verdictOf(result), 'accepted Préss-ΟΔΟΣ')
  assert.equal(result.explanation.authenticationName, 'Préss-ΟΔΟΣ')
})

test('S1: the Kelvin sign is a k, dotless i is no i, sharp s is no ss, final sigma is no sigma', () => {
  const view = namespace()
  for (const name of ['k', 'i', 'ss', 'οδος']) view.client({ name: `r-${name}`, authenticationName: name })
  assert.equal(verdictOf(connect(view, { subject: 'k' }, '\u212a')), 'accepted k')
  assert.equal(verdictOf(connect(view, { subject: 'i' }, 'ı')), 'clientNotFound')
  assert.equal(verdictOf(connect(view, { subject: 'ss' }, 'ß')), 'clientNotFound')
  assert.equal(verdictOf(connect(view, { subject: 'οδος' }, 'ΟΔΟΣ')), 'clientNotFound')
})

test('a Username longer than any spelling of a name is not looked up at all', () => {
  const view = namespace()
  assert.equal(verdictOf(connect(view, { subject: 'd1' }, 'a'.repeat(65_535))), 'clientNotFound')
  assert.equal(view.lookups, 0)
})

test('the longest name is found in its longest spelling', () => {
  const view = namespace()
  // U+1F82 decomposes into four code points.
  const name = '\u1f82'.repeat(128)
  view.client({ name: 'd1', authenticationName: name })
  assert.equal(verdictOf(connect(view, { subject: name }, name.normalize('NFD'))), `accepted ${name}`)
})

test('S10: a client is never found by its thumbprint', () => {
  const view = namespace('ClientCertificateSubject')
  const { der } = issue({ subject: 'neither' })
  for (const name of ['d1', 'd2']) {
    view.client({ name, validationScheme: 'ThumbprintMatch', allowedThumbprints: [thumbprintsOf(der).sha256] })
  }
  const evidence = { peerChain: [der] }
  assert.equal(verdictOf(authenticate(evidenceOf(evidence), view, { now })), 'clientNotFound')
  for (const username of ['d1', 'd2']) {
    const result = authenticate(evidenceOf({ ...evidence, username }), view, { now })
    assert.equal(verdictOf(result), `accepted ${username}`)
  }
})

// --------------------------------------------------------------------------------------------------- sources

test('EG 3.2: sources are looked at in their order, an empty one leads to the next', () => {
  const facts: TestCertificateFacts = { subject: 'sub', dns: ['dns.example'], email: ['e@x.example'] }
  const names = ['sub', 'dns.example', 'e@x.example']
  const order: readonly (readonly [AuthenticationNameSource[], string])[] = [
    [['ClientCertificateUri', 'ClientCertificateIp', 'ClientCertificateEmail', 'ClientCertificateDns'], 'e@x.example'],
    [['ClientCertificateDns', 'ClientCertificateSubject'], 'dns.example'],
    [['ClientCertificateSubject', 'ClientCertificateDns'], 'sub'],
  ]
  for (const [sources, expected] of order) {
    const view = namespace(...sources)
    const der = issue({ issuer: CA, ...facts }).der
    const allowedThumbprints = [thumbprintsOf(der).sha256]
    for (const [index, authenticationName] of names.entries()) {
      view.client({ name: `c${index}`, authenticationName, validationScheme: 'ThumbprintMatch', allowedThumbprints })
    }
    const result = authenticate(evidenceOf({ peerChain: [der] }), view, { now })
    assert.equal(verdictOf(result), `accepted ${expected}`)
  }
})

test('EG 3.2: when every listed field is empty the name is missing', () => {
  const view = namespace('ClientCertificateDns', 'ClientCertificateUri')
  view.client({ name: 'd1' })
  assert.equal(verdictOf(connect(view, { subject: 'd1' })), 'nameNotInCertificate')
})

test('S8: the first source with any value decides, also when no client has it', () => {
  const view = namespace('ClientCertificateDns', 'ClientCertificateSubject')
  view.client({ name: 'd1' })
  assert.equal(verdictOf(connect(view, { subject: 'd1', dns: ['unknown.example'] })), 'clientNotFound')
})

test('S8: the first source with any value decides, also when none of its values can be compared', () => {
  const view = namespace('ClientCertificateDns', 'ClientCertificateSubject')
  view.client({ name: 'd1' })
  for (const entry of ['d1\0.example', '*.example', Uint8Array.of(0xff), '']) {
    const result = connect(view, { subject: 'd1', dns: [entry] })
    assert.equal(verdictOf(result), 'nameNotInCertificate', JSON.stringify(entry))
  }
})

test('EG 3.2: of several values exactly one may be registered', () => {
  const view = namespace('ClientCertificateDns')
  view.client({ name: 'a', authenticationName: 'a.example', validationScheme: 'DnsMatchesAuthenticationName' })
  view.client({ name: 'b', authenticationName: 'b.example', validationScheme: 'DnsMatchesAuthenticationName' })
  const one = connect(view, { dns: ['x.example', 'A.example', 'a.EXAMPLE', 'y.example'] })
  assert.equal(verdictOf(one), 'accepted a.example')
  const two = connect(view, { dns: ['a.example', 'b.example'] })
  assert.equal(verdictOf(two), 'nameAmbiguous')
  assert.match(stepOf(two, 'client').detail ?? '', /a\.example, b\.example/)
  assert.equal(verdictOf(connect(view, { dns: ['x.example', 'y.example'] })), 'clientNotFound')
  // A Username settles it.
  assert.equal(verdictOf(connect(view, { dns: ['a.example', 'b.example'] }, 'b.example')), 'accepted b.example')
})

test('S8: 32 distinct names are looked up, 33 are refused without a look-up', () => {
  const view = namespace('ClientCertificateDns')
  view.client({ name: 'd7.example', validationScheme: 'DnsMatchesAuthenticationName' })
  const dns = (count: number) => Array.from({ length: count }, (_, i) => `d${i}.example`)
  assert.equal(verdictOf(connect(view, { dns: dns(32) })), 'accepted d7.example')
  assert.equal(view.lookups, 32)
  view.lookups = 0
  assert.equal(verdictOf(connect(view, { dns: dns(33) })), 'nameAmbiguous')
  assert.equal(view.lookups, 0)
  assert.equal(verdictOf(connect(view, { dns: [...dns(32), ...dns(32)] })), 'accepted d7.example')
})

test('EG 3.2: the address source finds a client by octets, whatever the spelling', () => {
  const view = namespace('ClientCertificateIp')
  view.client({
    name: 'six',
    authenticationName: '2001:DB8:0:0::1',
    validationScheme: 'IpMatchesAuthenticationName',
  })
  const octets = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  assert.equal(verdictOf(connect(view, { subject: 'x', ip: [octets] })), 'accepted 2001:DB8:0:0::1')
})

test('S4: the subject source finds a client by the canonical form of its distinguished name', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd', authenticationName: 'cn=A1,  O=Acme' })
  const subject: TestName = [
    ['O', 'ACME', Tag.PrintableString],
    ['CN', 'a1'],
  ]
  assert.equal(verdictOf(connect(view, { subject })), 'accepted cn=A1,  O=Acme')
})

test('a subject whose CN is one client and whose whole name is another names nobody', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'cn', authenticationName: 'a1' })
  view.client({ name: 'dn', authenticationName: 'CN=a1' })
  assert.equal(verdictOf(connect(view, { subject: 'a1' })), 'nameAmbiguous')
  assert.equal(verdictOf(connect(view, { subject: 'a1' }, 'a1')), 'accepted a1')
  assert.equal(verdictOf(connect(view, { subject: 'a1' }, 'CN=a1')), 'accepted CN=a1')
})

test('a name that nobody has is recorded: of a subject its CN', () => {
  const view = namespace('ClientCertificateSubject')
  const result = connect(view, {
    subject: [
      ['O', 'Acme'],
      ['CN', 'a1'],
    ],
  })
  assert.equal(verdictOf(result), 'clientNotFound')
  assert.equal(result.explanation.authenticationName, 'a1')
  assert.equal(stepOf(result, 'client').presented, 'CN=a1,O=Acme, a1')
})

test('S3: a CN that spells a distinguished name is not the client of that name, with and without Username', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'admin', authenticationName: 'CN=admin,O=Acme' })
  const forged: TestName = [
    ['O', 'Devices'],
    ['CN', 'CN=admin,O=Acme'],
  ]
  assert.equal(verdictOf(connect(view, { subject: forged })), 'nameMismatch')
  assert.equal(verdictOf(connect(view, { subject: forged }, 'CN=admin,O=Acme')), 'nameMismatch')
  const real: TestName = [
    ['O', 'Acme'],
    ['CN', 'admin'],
  ]
  assert.equal(verdictOf(connect(view, { subject: real })), 'accepted CN=admin,O=Acme')
  assert.equal(verdictOf(connect(view, { subject: real }, 'CN=admin,O=Acme')), 'accepted CN=admin,O=Acme')
})

test('S5: with two CNs no CN counts, in either order and in one RDN', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'Alpha' })
  const subjects: readonly TestName[] = [
    [
      ['CN', 'x'],
      ['CN', 'Alpha'],
    ],
    [
      ['CN', 'Alpha'],
      ['CN', 'x'],
    ],
    [
      [
        ['CN', 'Alpha'],
        ['CN', 'x'],
      ],
    ],
    [
      ['CN', 'Alpha'],
      ['CN', 'Alpha'],
    ],
  ]
  for (const subject of subjects) {
    assert.equal(verdictOf(connect(view, { subject })), 'clientNotFound')
    assert.equal(verdictOf(connect(view, { subject }, 'Alpha')), 'nameMismatch')
  }
})

test('EG 3.7: changed sources leave a connected client alone: verify never chooses the name anew', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1' })
  const evidence = evidenceOf({ peerChain: [issue({ issuer: CA, subject: 'd1' }).der] })
  const result = authenticate(evidence, view, { now })
  assert.ok(result.outcome === 'accepted')
  view.alternativeAuthenticationNameSources = ['ClientCertificateDns']
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'accepted d1')
  view.change('d1', { enabled: false })
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'clientDisabled')
  view.removeClient('d1')
  assert.equal(verdictOf(verify(result.principal, evidence, view, { now })), 'clientNotFound')
})

test('a client that was registered anew under the old name is another client to a live session', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1', uid: 'first' })
  const evidence = evidenceOf({ peerChain: [issue({ issuer: CA, subject: 'd1' }).der] })
  const result = authenticate(evidence, view, { now })
  assert.ok(result.outcome === 'accepted')
  const later = namespace('ClientCertificateSubject')
  later.client({ name: 'd1', uid: 'second' })
  assert.equal(verdictOf(verify(result.principal, evidence, later, { now })), 'clientNotFound')
})

test('a namespace whose MQTT broker is not enabled accepts nobody', () => {
  const view = namespace('ClientCertificateSubject')
  view.client({ name: 'd1' })
  view.mqttEnabled = false
  assert.equal(verdictOf(connect(view, { subject: 'd1' })), 'unknownNamespace')
})
