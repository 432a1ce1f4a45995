import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate } from '../../src/auth/authenticate.ts'
import type { Authentication } from '../../src/auth/decision.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { ValidationScheme } from '../../src/registry/view.ts'
import { Tag } from '../../src/x509/der.ts'
import { parseIpAddress } from '../../src/x509/ip-address.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { day, issue, noon, rsaKey, type TestCertificateFacts, type TestName } from './certificates.ts'
import { evidenceOf, stepOf, TestNamespace, verdictOf } from './support.ts'

const CA = issue({ subject: 'CA', ca: true })
const now = unixSeconds(noon)

/** One client of the scheme, and a CONNECT that names it by Username. */
function connect(scheme: ValidationScheme, name: string, facts: TestCertificateFacts): Authentication {
  const view = new TestNamespace()
  view.ca('CA', CA.der)
  view.client({ name: 'd', authenticationName: name, validationScheme: scheme })
  const { der } = issue({ issuer: CA, ...facts })
  return authenticate(evidenceOf({ peerChain: [der], username: name }), view, { now })
}

function matches(scheme: ValidationScheme, name: string, facts: TestCertificateFacts): boolean {
  const result = connect(scheme, name, facts)
  if (result.outcome === 'refused') assert.equal(result.code, 'nameMismatch')
  return result.outcome === 'accepted'
}

const Subject = 'SubjectMatchesAuthenticationName'
const Dns = 'DnsMatchesAuthenticationName'
const Uri = 'UriMatchesAuthenticationName'
const Ip = 'IpMatchesAuthenticationName'
const Email = 'EmailMatchesAuthenticationName'

test('EG 3.4: each scheme looks into its own field only', () => {
  const name = '10.0.0.7'
  const octets = parseIpAddress(name)!
  const fields: readonly (readonly [ValidationScheme, TestCertificateFacts])[] = [
    [Subject, { subject: name }],
    [Dns, { subject: 'x', dns: [name] }],
    [Uri, { subject: 'x', uri: [name] }],
    [Ip, { subject: 'x', ip: [octets] }],
    [Email, { subject: 'x', email: [name] }],
  ]
  for (const [scheme] of fields) {
    for (const [field, facts] of fields)
      assert.equal(matches(scheme, name, facts), scheme === field, `${scheme} ${field}`)
  }
})

test('EG 3.4: any of several entries may match', () => {
  assert.ok(matches(Dns, 'b.example', { subject: 'x', dns: ['a.example', 'B.example'] }))
  assert.ok(matches(Email, 'e@x.example', { subject: 'x', email: ['f@x.example', 'e@x.example'] }))
})

test('EG 3.4: the subject matches by its only CN without regard to case, or whole as RFC 4514', () => {
  const subject: TestName = [
    ['O', 'Acme'],
    ['CN', 'Press-12'],
  ]
  assert.ok(matches(Subject, 'press-12', { subject }))
  assert.ok(matches(Subject, 'CN=press-12,O=ACME', { subject }))
  assert.ok(!matches(Subject, 'O=Acme,CN=Press-12', { subject }), 'RFC 4514 order only')
  assert.ok(!matches(Subject, 'CN=press-12', { subject }), 'a part of the name is another name')
  assert.ok(!matches(Subject, '/O=Acme/CN=Press-12', { subject }))
})

test('S3: a name of known attribute types is a distinguished name, anything else a CN', () => {
  assert.ok(matches(Subject, 'colour=red', { subject: 'colour=red' }), 'no known type: a CN')
  assert.ok(!matches(Subject, 'CN=red', { subject: 'CN=red' }))
  assert.ok(!matches(Subject, '2.5.4.3=red', { subject: '2.5.4.3=red' }))
  assert.ok(matches(Subject, '2.5.4.3=red', { subject: 'red' }))
})

test('S5: CN values of each string type, and those that never match', () => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le').swap16()
  const utf32 = (text: string) => Buffer.concat([...text].map((c) => Buffer.from([0, 0, 0, c.codePointAt(0)!])))
  const table: readonly (readonly [string, string | Uint8Array, number, boolean])[] = [
    ['é1', 'é1', Tag.Utf8String, true],
    ['e1', 'e1', Tag.PrintableString, true],
    ['e@1', 'e@1', Tag.Ia5String, true],
    ['é1', utf16('é1'), Tag.BmpString, true],
    ['e1', utf32('e1'), Tag.UniversalString, true],
    ['e1', 'e1', Tag.TeletexString, true],
    ['é1', Buffer.from('é1', 'latin1'), Tag.TeletexString, false],
    ['e1', Buffer.from([0xd8, 0x00, 0x00, 0x31]), Tag.BmpString, false],
    ['e1', 'e1\0', Tag.Utf8String, false],
    ['e1', 'e\u202e1', Tag.Utf8String, false],
    ['e1', 'e\u200b1', Tag.Utf8String, false],
    ['e1', Buffer.from([0x65, 0xff, 0x31]), Tag.Utf8String, false],
  ]
  for (const [name, value, tag, expected] of table) {
    assert.equal(matches(Subject, name, { subject: [['CN', value, tag]] }), expected, `${name} ${tag}`)
  }
})

test('an emailAddress in the subject is no rfc822Name', () => {
  assert.ok(!matches(Email, 'e@x.example', { subject: [['emailAddress', 'e@x.example', Tag.Ia5String]] }))
})

test('S6: a wildcard entry never matches, a trailing dot is part of the name, no IDNA mapping', () => {
  assert.ok(!matches(Dns, 'a.example', { subject: 'x', dns: ['*.example'] }))
  assert.ok(!matches(Dns, '*.example', { subject: 'x', dns: ['*.example'] }))
  assert.ok(!matches(Dns, 'a.example', { subject: 'x', dns: ['a.example.'] }))
  assert.ok(matches(Dns, 'xn--strae-oqa.example', { subject: 'x', dns: ['XN--strae-oqa.example'] }))
  assert.ok(!matches(Dns, 'straße.example', { subject: 'x', dns: ['xn--strae-oqa.example'] }))
  assert.ok(!matches(Dns, '\u212a.example', { subject: 'x', dns: ['k.example'] }), 'Kelvin sign')
})

test('S7: addresses match by octets; mapped ones and other lengths do not', () => {
  const four = Uint8Array.of(10, 0, 0, 1)
  const mapped = Uint8Array.from([...new Array<number>(10).fill(0), 0xff, 0xff, ...four])
  assert.ok(matches(Ip, '10.0.0.1', { subject: 'x', ip: [four] }))
  assert.ok(!matches(Ip, '10.0.0.1', { subject: 'x', ip: [mapped] }))
  assert.ok(matches(Ip, '::ffff:10.0.0.1', { subject: 'x', ip: [mapped] }))
  assert.ok(!matches(Ip, '10.0.0.1', { subject: 'x', ip: [Uint8Array.of(10, 0, 0, 1, 255, 255, 255, 255)] }))
  assert.ok(!matches(Ip, '010.0.0.1', { subject: 'x', ip: [four] }))
  assert.ok(!matches(Ip, 'not-an-address', { subject: 'not-an-address', ip: [four] }))
  assert.ok(matches(Ip, '2001:db8:0:0:0:0:0:1', { subject: 'x', ip: [parseIpAddress('2001:DB8::1')!] }))
})

test('EG 3.4: a URI is compared whole, without regard to case and without any URL rules', () => {
  assert.ok(matches(Uri, 'urn:Dev:7', { subject: 'x', uri: ['URN:dev:7'] }))
  assert.ok(!matches(Uri, 'https://x.example/', { subject: 'x', uri: ['https://x.example'] }))
  assert.ok(!matches(Uri, 'https://x.example/%41', { subject: 'x', uri: ['https://x.example/A'] }))
  assert.ok(!matches(Uri, 'https://x.example/', { subject: 'x', uri: ['https://x.example:443/'] }))
})

test('a mismatch tells what the field holds and which scheme would match', () => {
  const result = connect(Dns, 'press-12', { subject: 'press-12', dns: ['other.example'] })
  const step = stepOf(result, 'nameMatch')
  assert.equal(step.expected, 'dNSName press-12')
  assert.equal(step.presented, 'other.example')
  assert.match(step.detail ?? '', /SubjectMatchesAuthenticationName/)
  assert.ok(result.outcome === 'refused' && result.provenPath)
})

// ------------------------------------------------------------------------------------------------ thumbprints

function thumbprintClient(allowedThumbprints: readonly string[], der: Uint8Array, at = noon): Authentication {
  const view = new TestNamespace()
  view.client({ name: 'd1', validationScheme: 'ThumbprintMatch', allowedThumbprints })
  return authenticate(evidenceOf({ peerChain: [der], username: 'd1' }), view, { now: unixSeconds(at) })
}

test('EG 3.4: SHA-256 and SHA-1 thumbprints, as primary and as secondary', () => {
  const { der } = issue({ subject: 'any' })
  const { sha256, sha1 } = thumbprintsOf(der)
  const other = 'AB'.repeat(32)
  for (const thumbprints of [[sha256], [sha1], [other, sha256], [other, sha1], [sha256, other]]) {
    const result = thumbprintClient(thumbprints, der)
    assert.equal(verdictOf(result), 'accepted d1')
    assert.ok(result.outcome === 'accepted' && result.method === 'CertificateThumbprintMatch')
    assert.equal(
      stepOf(result, 'thumbprint').detail,
      `${thumbprints[0] === other ? 'secondary' : 'primary'} thumbprint`,
    )
  }
  assert.equal(verdictOf(thumbprintClient([other], der)), 'thumbprintMismatch')
  assert.equal(verdictOf(thumbprintClient([], der)), 'thumbprintMismatch')
  assert.equal(verdictOf(thumbprintClient([sha256.slice(0, 40)], der)), 'thumbprintMismatch')
})

test('EG 3.4: a thumbprint certificate may be a CA, have any purpose and any issuer; dates count', () => {
  const facts: readonly TestCertificateFacts[] = [
    { subject: 'x', ca: true },
    { subject: 'x', extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] },
    { subject: 'x', issuer: CA },
  ]
  for (const fact of facts) {
    const { der } = issue(fact)
    assert.equal(verdictOf(thumbprintClient([thumbprintsOf(der).sha256], der)), 'accepted d1')
  }
  const { der } = issue({ subject: 'x', notBefore: noon, notAfter: noon + day })
  const thumbprints = [thumbprintsOf(der).sha256]
  const instants: readonly (readonly [number, string])[] = [
    [noon - 301, 'certificateNotYetValid'],
    [noon - 300, 'accepted d1'],
    [noon + day, 'accepted d1'],
    [noon + day + 1, 'certificateExpired'],
  ]
  for (const [at, expected] of instants) assert.equal(verdictOf(thumbprintClient(thumbprints, der, at)), expected)
})

test('a thumbprint certificate with a weak key is refused by name', () => {
  const { der } = issue({ subject: 'x', key: rsaKey(1024) })
  assert.equal(verdictOf(thumbprintClient([thumbprintsOf(der).sha256], der)), 'certificateTooWeak')
})

test('EG 3.4: one certificate may serve several thumbprint clients; the Username decides', () => {
  const { der } = issue({ subject: 'shared' })
  const view = new TestNamespace()
  for (const name of ['d1', 'd2']) {
    view.client({ name, validationScheme: 'ThumbprintMatch', allowedThumbprints: [thumbprintsOf(der).sha1] })
  }
  for (const username of ['d1', 'd2']) {
    const result = authenticate(evidenceOf({ peerChain: [der], username }), view, { now })
    assert.equal(verdictOf(result), `accepted ${username}`)
  }
})

test('a certificate that cannot be read is refused, also when its octets have the right thumbprint', () => {
  const { der } = issue({ subject: 'x' })
  const longer = Buffer.concat([der, Uint8Array.of(0)])
  assert.equal(verdictOf(thumbprintClient([thumbprintsOf(longer).sha256], longer)), 'certificateMalformed')
})
