import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { bitString, integer, nullValue, objectIdentifier, sequence } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { checkThumbprintCertificate } from '../../src/x509/path.ts'
import {
  authority,
  authorityExtensions,
  forge,
  forgeAuthority,
  from,
  general,
  key,
  leafExtensions,
  name,
  noSkew,
  now,
  parse,
  search,
  verdict,
  weakRsaKey,
} from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const middle = authority('CN=middle', { key: key(1), issuer: root })

test('plain openssl x509 -req makes a version 1 certificate, and such a leaf is accepted', () => {
  const v1 = forge({ issuer: root, extensions: [] })
  assert.equal(parse(v1).version, 1)
  assert.equal(verdict(search(v1, [], [root.certificate])), 'ok')
})

test('RFC 5280 6.1.4(k): a version 1 certificate, or one without CA:TRUE, issues nothing', () => {
  for (const extensions of [
    [],
    [extension.keyUsage(['keyCertSign'])],
    [extension.basicConstraints(false, null)],
    leafExtensions(),
  ]) {
    const false_ = forgeAuthority({ subject: name('CN=false'), issuer: root, extensions })
    const below = forge({ issuer: false_ })
    assert.equal(
      verdict(search(below, [false_.certificate], [root.certificate])),
      'chainInvalid issuerIsNoCertificateAuthority',
    )
    assert.equal(verdict(search(below, [], [false_.certificate])), 'chainInvalid issuerIsNoCertificateAuthority')
  }
})

test('RFC 5280 6.1.4(n): an issuer with keyUsage needs keyCertSign, one without keyUsage does not', () => {
  const without = forgeAuthority({
    subject: name('CN=w'),
    issuer: root,
    extensions: [extension.basicConstraints(true, null)],
  })
  assert.equal(verdict(search(forge({ issuer: without }), [without.certificate], [root.certificate])), 'ok')
  const only = forgeAuthority({
    subject: name('CN=o'),
    issuer: root,
    extensions: [extension.basicConstraints(true, null), extension.keyUsage(['cRLSign'])],
  })
  assert.equal(
    verdict(search(forge({ issuer: only }), [only.certificate], [root.certificate])),
    'chainInvalid issuerKeyUsage',
  )
})

test('RFC 5280 6.1.4(l): a path longer than pathLenConstraint is refused, self-issued certificates are not counted', () => {
  const zero = authority('CN=zero', { key: key(0), pathLenConstraint: 0 })
  const below = authority('CN=below', { key: key(1), issuer: zero })
  assert.equal(verdict(search(forge({ issuer: zero }), [], [zero.certificate])), 'ok')
  const refused = search(forge({ issuer: below }), [below.certificate], [zero.certificate])
  assert.equal(verdict(refused), 'chainInvalid pathLenConstraint')
  assert.ok(!refused.ok && refused.error.registered && refused.error.provenPath)
  const rollover = forgeAuthority({
    subject: name('CN=zero'),
    issuer: zero,
    key: key(3),
    extensions: authorityExtensions(),
  })
  assert.equal(verdict(search(forge({ issuer: rollover }), [rollover.certificate], [zero.certificate])), 'ok')
})

test('RFC 5280 4.2.1.1: key identifiers that differ keep two certificates apart', () => {
  const off = forge({
    issuer: root,
    extensions: leafExtensions(extension.authorityKeyIdentifier(Uint8Array.of(1, 2, 3))),
  })
  assert.equal(verdict(search(off, [], [root.certificate])), 'chainInvalid authorityKeyIdentifier')
})

test('RFC 5280 4.1.2.5: both ends of the validity are inclusive, to the second', () => {
  const short = forge({ issuer: root, notBefore: from(0), notAfter: from(10) })
  const at = (seconds: number) => verdict(search(short, [], [root.certificate], { now: from(seconds) }))
  assert.equal(at(-1), 'certificateNotYetValid')
  assert.equal(at(0), 'ok')
  assert.equal(at(10), 'ok')
  assert.equal(at(11), 'certificateExpired')
})

test('the clock may be off by the skew, at each end by its own', () => {
  const short = forge({ issuer: root, notBefore: from(0), notAfter: from(10) })
  const skew = { notBeforeSeconds: 300, notAfterSeconds: 60 }
  const at = (seconds: number) => verdict(search(short, [], [root.certificate], { now: from(seconds), skew }))
  assert.equal(at(-301), 'certificateNotYetValid')
  assert.equal(at(-300), 'ok')
  assert.equal(at(70), 'ok')
  assert.equal(at(71), 'certificateExpired')
})

test('RFC 5280 4.2.1.12: extKeyUsage, where present, must hold clientAuth or anyExtendedKeyUsage, at every level', () => {
  const { ClientAuth, ServerAuth, Any } = ExtendedKeyUsage
  const withPurpose = (purposes: readonly string[]) =>
    forge({
      issuer: root,
      extensions: [extension.keyUsage(['digitalSignature']), extension.extendedKeyUsage(purposes)],
    })
  assert.equal(verdict(search(withPurpose([ServerAuth, ClientAuth]), [], [root.certificate])), 'ok')
  assert.equal(verdict(search(withPurpose([Any]), [], [root.certificate])), 'ok')
  const refused = search(withPurpose([ServerAuth]), [], [root.certificate])
  assert.ok(!refused.ok && refused.error.kind === 'purposeNotAllowed')
  assert.equal(refused.error.presented, 'extKeyUsage serverAuth')
  assert.equal(verdict(search(withPurpose([]), [], [root.certificate])), 'purposeNotAllowed')
  const server = authority('CN=server', { key: key(1), issuer: root, extendedKeyUsage: [ServerAuth] })
  assert.equal(
    verdict(search(forge({ issuer: server }), [server.certificate], [root.certificate])),
    'purposeNotAllowed',
  )
  assert.equal(verdict(search(forge({ issuer: server }), [], [server.certificate])), 'purposeNotAllowed')
})

test('RFC 5280 4.2.1.3: keyUsage of a leaf needs digitalSignature or keyAgreement, and keyCertSign is no leaf', () => {
  const withUsage = (...names: Parameters<typeof extension.keyUsage>[0]) =>
    verdict(search(forge({ issuer: root, extensions: [extension.keyUsage(names)] }), [], [root.certificate]))
  assert.equal(withUsage('digitalSignature'), 'ok')
  assert.equal(withUsage('keyAgreement'), 'ok')
  assert.equal(withUsage('digitalSignature', 'keyEncipherment'), 'ok')
  assert.equal(withUsage('keyEncipherment'), 'chainInvalid leafKeyUsage')
  assert.equal(withUsage('digitalSignature', 'keyCertSign'), 'chainInvalid leafKeyUsage')
  assert.equal(withUsage(), 'chainInvalid leafKeyUsage')
})

test('a CA certificate is no leaf, the registered one itself neither', () => {
  assert.equal(verdict(search(middle.certificate, [], [root.certificate])), 'chainInvalid leafIsCertificateAuthority')
  const itself = search(root.certificate, [], [root.certificate])
  assert.ok(!itself.ok)
})

test('RFC 5280 4.1.2.6: an empty subject needs a critical subjectAltName', () => {
  const names = [general('uniformResourceIdentifier', 'urn:dev:7')]
  const withNames = (critical: boolean) =>
    forge({ issuer: root, subject: name(''), extensions: leafExtensions(extension.subjectAltName(names, critical)) })
  assert.equal(verdict(search(withNames(true), [], [root.certificate])), 'ok')
  assert.equal(verdict(search(withNames(false), [], [root.certificate])), 'chainInvalid emptySubject')
  assert.equal(
    verdict(search(forge({ issuer: root, subject: name('') }), [], [root.certificate])),
    'chainInvalid emptySubject',
  )
})

test('RFC 5280 4.1.2.4: an empty issuer name leads nowhere, not even to an anchor with an empty subject', () => {
  const nameless = forgeAuthority({ subject: name(''), key: key(0), extensions: authorityExtensions() })
  assert.equal(verdict(search(forge({ issuer: nameless }), [], [nameless.certificate])), 'chainInvalid emptyIssuer')
})

test('RFC 5280 4.2: a critical extension that we do not process refuses, in a leaf, an intermediate and an anchor', () => {
  const unknown = { oid: '1.3.6.1.4.1.55555.1', critical: true, value: nullValue() }
  const odd = forgeAuthority({
    subject: name('CN=odd'),
    issuer: root,
    key: key(1),
    extensions: authorityExtensions(null, unknown),
  })
  const expected = 'chainInvalid unknownCriticalExtension'
  assert.equal(
    verdict(search(forge({ issuer: root, extensions: leafExtensions(unknown) }), [], [root.certificate])),
    expected,
  )
  assert.equal(verdict(search(forge({ issuer: odd }), [odd.certificate], [root.certificate])), expected)
  assert.equal(verdict(search(forge({ issuer: odd }), [], [odd.certificate])), expected)
})

test('RFC 5280 4.1.2.2: serial numbers are positive and at most 20 octets, but nobody asks an anchor', () => {
  const serial = (serialNumber: bigint) =>
    verdict(search(forge({ issuer: root, serialNumber }), [], [root.certificate]))
  assert.equal(serial(1n), 'ok')
  assert.equal(serial((1n << 159n) - 1n), 'ok')
  for (const bad of [0n, -1n, 1n << 159n]) assert.equal(serial(bad), 'chainInvalid serialNumber')
  const zero = forgeAuthority({
    subject: name('CN=zero'),
    key: key(1),
    serialNumber: 0n,
    extensions: authorityExtensions(),
  })
  assert.equal(verdict(search(forge({ issuer: zero }), [], [zero.certificate])), 'ok')
})

test('weak keys are refused in a leaf, an intermediate and an anchor', () => {
  const weak = weakRsaKey(1024)
  const found = search(forge({ issuer: root, key: weak }), [], [root.certificate])
  assert.ok(!found.ok && found.error.kind === 'certificateTooWeak' && found.error.provenPath)
  const weakAuthority = forgeAuthority({
    subject: name('CN=weak'),
    issuer: root,
    key: weak,
    extensions: authorityExtensions(),
  })
  assert.equal(
    verdict(search(forge({ issuer: weakAuthority }), [weakAuthority.certificate], [weakAuthority.certificate])),
    'certificateTooWeak',
  )
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
  assert.equal(verdict(search(forge({ issuer: root, key: curve }), [], [root.certificate])), 'certificateTooWeak')
})

test('S17: an RSA exponent outside of 3 to 2^32 is refused before any signature is verified', () => {
  const costly = (exponent: bigint) =>
    sequence(
      sequence(objectIdentifier('1.2.840.113549.1.1.1'), nullValue()),
      bitString(sequence(integer((1n << 2047n) + 1n), integer(exponent))),
    )
  for (const exponent of [1n, 65_536n, (1n << 32n) + 1n, (1n << 2046n) + 1n]) {
    const found = search(forge({ issuer: root, subjectPublicKeyInfo: costly(exponent) }), [], [root.certificate])
    assert.ok(!found.ok && found.error.kind === 'certificateTooWeak')
    assert.equal(found.error.signatureVerifications, 0)
  }
  const trap = {
    ...forgeAuthority({
      subject: name('CN=trap'),
      issuer: root,
      subjectPublicKeyInfo: costly((1n << 2046n) + 1n),
      extensions: authorityExtensions(),
    }),
    privateKey: key(7),
  }
  const found = search(forge({ issuer: trap }), [trap.certificate], [root.certificate])
  assert.ok(!found.ok)
  assert.equal(found.error.signatureVerifications, 0)
})

test('a leaf may not carry nameConstraints (RFC 5280 4.2.1.10)', () => {
  const constrained = forge({
    issuer: root,
    extensions: leafExtensions(extension.nameConstraints([general('dNSName', 'example')], [])),
  })
  assert.equal(verdict(search(constrained, [], [root.certificate])), 'chainInvalid leafNameConstraints')
})

test('a thumbprint certificate needs dates, strength and no unknown critical extension; neither CA bit nor purpose matter', () => {
  const check = (der: Uint8Array) => checkThumbprintCertificate(parse(der), now, noSkew)?.kind ?? 'ok'
  assert.equal(check(root.certificate.der), 'ok')
  assert.equal(check(forge({ extensions: [] })), 'ok')
  assert.equal(check(forge({ extensions: [extension.extendedKeyUsage([ExtendedKeyUsage.ServerAuth])] })), 'ok')
  assert.equal(check(forge({ serialNumber: 0n, subject: name('') })), 'ok')
  assert.equal(check(forge({ notAfter: from(-1) })), 'certificateExpired')
  assert.equal(check(forge({ notBefore: from(1) })), 'certificateNotYetValid')
  assert.equal(check(forge({ key: weakRsaKey(1024) })), 'certificateTooWeak')
  const unknown = { oid: '1.3.6.1.4.1.55555.1', critical: true, value: nullValue() }
  assert.equal(check(forge({ extensions: leafExtensions(unknown) })), 'chainInvalid')
})
