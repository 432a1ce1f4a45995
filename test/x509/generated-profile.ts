import { generateKeyPairSync } from 'node:crypto'
import { type ExtensionToWrite, publicKeyInfo } from '../../src/x509/certificate-writer.ts'
import { primitive } from '../../src/x509/der.ts'
import { bitString, element, integer, nullValue, objectIdentifier, sequence } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage, ExtensionId, type KeyUsageName } from '../../src/x509/extensions.ts'
import type { GeneratedCase } from './generated-cases.ts'
import {
  authorityExtensions,
  day,
  type Forged,
  forge,
  forgeAuthority,
  from,
  general,
  identified,
  key,
  leafExtensions,
  name,
  rsaKey,
  weakRsaKey,
  year,
} from './kit.ts'

/** Cases about what single certificates say: validity, constraints, usages, extensions, keys, serial numbers. */
export function profileCases(): readonly GeneratedCase[] {
  return [
    ...validity(),
    ...basicConstraints(),
    ...keyUsage(),
    ...extendedKeyUsage(),
    ...extensions(),
    ...keys(),
    ...subjects(),
  ]
}

const rootFields: Forged = identified({ subject: name('CN=root'), key: key(0), extensions: authorityExtensions() })

/** leaf <- anchor, with changes to either. */
function two(
  id: string,
  expected: string,
  changes: { readonly leaf?: Partial<Forged>; readonly anchor?: Partial<Forged> },
): GeneratedCase {
  const anchor = forgeAuthority(identified({ ...rootFields, ...changes.anchor }))
  const leaf = forge(identified({ issuer: anchor, key: key(2), ...changes.leaf }))
  return { id, leaf, sent: [], anchors: [anchor.certificate.der], expected }
}

/** leaf <- intermediate <- root, with changes to the intermediate. */
function three(id: string, expected: string, middle: Partial<Forged>): GeneratedCase {
  const anchor = forgeAuthority(rootFields)
  const issuer = forgeAuthority(
    identified({
      subject: name('CN=middle'),
      issuer: anchor,
      key: key(1),
      extensions: authorityExtensions(),
      ...middle,
    }),
  )
  const leaf = forge(identified({ issuer, key: key(2) }))
  return { id, leaf, sent: [issuer.certificate.der], anchors: [anchor.certificate.der], expected }
}

function validity(): GeneratedCase[] {
  const periods = [
    ['notBefore-now', { notBefore: from(0) }, 'ok', 'ok', 'ok'],
    [
      'notBefore-a-second-ahead',
      { notBefore: from(1) },
      'certificateNotYetValid',
      'chainInvalid issuerNotYetValid',
      'chainInvalid issuerNotYetValid',
    ],
    ['notAfter-now', { notAfter: from(0) }, 'ok', 'ok', 'ok'],
    ['notAfter-a-second-ago', { notAfter: from(-1) }, 'certificateExpired', 'issuerExpired', 'issuerExpired'],
    ['after-2049', { notAfter: from(50 * year) }, 'ok', 'ok', 'ok'],
    [
      'backwards',
      { notBefore: from(day), notAfter: from(-day) },
      'certificateNotYetValid',
      'chainInvalid issuerNotYetValid',
      'chainInvalid issuerNotYetValid',
    ],
  ] as const
  return periods.flatMap(([what, period, leaf, middle, anchor]) => [
    two(`validity::leaf-${what}`, leaf, { leaf: period }),
    three(`validity::intermediate-${what}`, middle, period),
    two(`validity::anchor-${what}`, anchor, { anchor: period }),
  ])
}

function basicConstraints(): GeneratedCase[] {
  const usage = extension.keyUsage(['keyCertSign'])
  const without = { extensions: [usage] }
  const no = { extensions: [extension.basicConstraints(false, null), usage] }
  const noncritical = { extensions: [{ ...extension.basicConstraints(true, null), critical: false }, usage] }
  const leafWith = (...list: readonly ExtensionToWrite[]) => ({
    leaf: { extensions: [...list, extension.keyUsage(['digitalSignature'])] },
  })
  const noAuthority = 'chainInvalid issuerIsNoCertificateAuthority'
  return [
    two('ca::anchor-without-basic-constraints', noAuthority, { anchor: without }),
    two('ca::anchor-that-says-false', noAuthority, { anchor: no }),
    two('ca::anchor-not-critical', 'ok', { anchor: noncritical }),
    two('ca::anchor-of-version-1', noAuthority, { anchor: { extensions: [] } }),
    three('ca::intermediate-without-basic-constraints', noAuthority, without),
    three('ca::intermediate-that-says-false', noAuthority, no),
    three('ca::intermediate-not-critical', 'ok', noncritical),
    three('ca::intermediate-of-version-1', noAuthority, { extensions: [] }),
    three('ca::intermediate-is-a-leaf', noAuthority, { extensions: leafExtensions() }),
    two('ca::leaf-without-basic-constraints', 'ok', leafWith()),
    two('ca::leaf-that-says-false', 'ok', leafWith(extension.basicConstraints(false, null))),
    two(
      'ca::leaf-that-is-a-ca',
      'chainInvalid leafIsCertificateAuthority',
      leafWith(extension.basicConstraints(true, null)),
    ),
    two('ca::leaf-that-is-a-ca-with-key-cert-sign', 'chainInvalid leafIsCertificateAuthority', {
      leaf: { extensions: authorityExtensions() },
    }),
    two('ca::leaf-of-version-1', 'ok', { leaf: { extensions: [] } }),
  ]
}

function keyUsage(): GeneratedCase[] {
  const leaf = (what: string, expected: string, ...names: readonly KeyUsageName[]) =>
    two(`ku::leaf-${what}`, expected, {
      leaf: { extensions: [extension.basicConstraints(false, null), extension.keyUsage(names)] },
    })
  const ca = (...names: readonly KeyUsageName[]) => ({
    extensions: [extension.basicConstraints(true, null), extension.keyUsage(names)],
  })
  const absent = { extensions: [extension.basicConstraints(true, null)] }
  return [
    leaf('digital-signature', 'ok', 'digitalSignature'),
    leaf('key-agreement', 'ok', 'keyAgreement'),
    leaf('all-that-tls-uses', 'ok', 'digitalSignature', 'keyEncipherment', 'keyAgreement'),
    leaf('key-encipherment-only', 'chainInvalid leafKeyUsage', 'keyEncipherment'),
    leaf('non-repudiation-only', 'chainInvalid leafKeyUsage', 'nonRepudiation'),
    leaf('key-cert-sign', 'chainInvalid leafKeyUsage', 'digitalSignature', 'keyCertSign'),
    leaf('no-bit', 'chainInvalid leafKeyUsage'),
    two('ku::leaf-absent', 'ok', { leaf: { extensions: [extension.basicConstraints(false, null)] } }),
    two('ku::anchor-absent', 'ok', { anchor: absent }),
    two('ku::anchor-crl-sign-only', 'chainInvalid issuerKeyUsage', { anchor: ca('cRLSign') }),
    two('ku::anchor-digital-signature-only', 'chainInvalid issuerKeyUsage', { anchor: ca('digitalSignature') }),
    two('ku::anchor-key-cert-sign', 'ok', { anchor: ca('keyCertSign') }),
    three('ku::intermediate-absent', 'ok', absent),
    three('ku::intermediate-crl-sign-only', 'chainInvalid issuerKeyUsage', ca('cRLSign')),
    three('ku::intermediate-key-cert-sign', 'ok', ca('keyCertSign')),
  ]
}

function extendedKeyUsage(): GeneratedCase[] {
  const { ClientAuth, ServerAuth, Any } = ExtendedKeyUsage
  const codeSigning = '1.3.6.1.5.5.7.3.3'
  const purposes: readonly (readonly [string, readonly string[], boolean])[] = [
    ['client', [ClientAuth], true],
    ['server', [ServerAuth], false],
    ['client-and-server', [ServerAuth, ClientAuth], true],
    ['any', [Any], true],
    ['code-signing', [codeSigning], false],
    ['unknown', ['1.3.6.1.4.1.55555.7'], false],
  ]
  const verdictOf = (fine: boolean) => (fine ? 'ok' : 'purposeNotAllowed')
  return [
    ...purposes.flatMap(([what, oids, fine]) => [
      two(`eku::leaf-${what}`, verdictOf(fine), { leaf: { extensions: [extension.extendedKeyUsage(oids)] } }),
      two(`eku::anchor-${what}`, verdictOf(fine), {
        anchor: { extensions: authorityExtensions(null, extension.extendedKeyUsage(oids)) },
      }),
      three(`eku::intermediate-${what}`, verdictOf(fine), {
        extensions: authorityExtensions(null, extension.extendedKeyUsage(oids)),
      }),
    ]),
    two('eku::leaf-empty', 'purposeNotAllowed', { leaf: { extensions: [extension.extendedKeyUsage([])] } }),
    two('eku::leaf-critical', 'ok', {
      leaf: { extensions: [{ ...extension.extendedKeyUsage([ClientAuth]), critical: true }] },
    }),
  ]
}

function extensions(): GeneratedCase[] {
  const unknown = { oid: '1.3.6.1.4.1.55555.1', critical: true, value: nullValue() }
  const harmless = { ...unknown, critical: false }
  const policies = {
    oid: ExtensionId.CertificatePolicies,
    critical: true,
    value: sequence(sequence(objectIdentifier('1.3.6.1.4.1.55555.2'))),
  }
  const distribution = {
    oid: '2.5.29.31',
    critical: true,
    value: sequence(sequence(element(0xa0, element(0xa0, element(primitive(6), Buffer.from('http://crl.example/x')))))),
  }
  const identifier = extension.subjectKeyIdentifier(Uint8Array.of(1, 2, 3))
  const refused = 'chainInvalid unknownCriticalExtension'
  const leaf = (what: string, expected: string, ...more: readonly ExtensionToWrite[]) =>
    two(`extension::leaf-${what}`, expected, { leaf: { extensions: leafExtensions(...more) } })
  return [
    leaf('unknown-critical', refused, unknown),
    leaf('unknown', 'ok', harmless),
    leaf('critical-policies', 'ok', policies),
    leaf('critical-crl-distribution-points', refused, distribution),
    leaf('critical-subject-key-identifier', refused, { ...identifier, critical: true }),
    leaf('twice', 'certificateMalformed', extension.keyUsage(['digitalSignature'])),
    two('extension::anchor-unknown-critical', refused, { anchor: { extensions: authorityExtensions(null, unknown) } }),
    two('extension::anchor-unknown', 'ok', { anchor: { extensions: authorityExtensions(null, harmless) } }),
    three('extension::intermediate-unknown-critical', refused, { extensions: authorityExtensions(null, unknown) }),
    three('extension::intermediate-unknown', 'ok', { extensions: authorityExtensions(null, harmless) }),
    two('extension::in-version-1', 'certificateMalformed', { leaf: { version: 1 } }),
    two('extension::in-version-2', 'certificateMalformed', { leaf: { version: 2 } }),
  ]
}

function keys(): GeneratedCase[] {
  const ec = (namedCurve: string, more = {}) => generateKeyPairSync('ec', { namedCurve, ...more }).privateKey
  const weak = weakRsaKey(1024)
  const rsa = (modulusBits: number, exponent: bigint) =>
    sequence(
      sequence(objectIdentifier('1.2.840.113549.1.1.1'), nullValue()),
      bitString(sequence(integer((1n << BigInt(modulusBits - 1)) + 1n), integer(exponent))),
    )
  const leaf = (what: string, expected: string, fields: Partial<Forged>) =>
    two(`key::leaf-${what}`, expected, { leaf: fields })
  const tooWeak = 'certificateTooWeak'
  return [
    leaf('rsa-2048', 'ok', { key: rsaKey() }),
    leaf('rsa-1024', tooWeak, { key: weak }),
    leaf('rsa-exponent-3', 'ok', { key: weakRsaKey(2048, 3) }),
    leaf('rsa-exponent-of-3072-bits', tooWeak, { subjectPublicKeyInfo: rsa(2048, (1n << 2040n) + 1n) }),
    leaf('rsa-even-exponent', tooWeak, { subjectPublicKeyInfo: rsa(2048, 65_536n) }),
    leaf('rsa-16384', tooWeak, { subjectPublicKeyInfo: rsa(16_384, 65_537n) }),
    leaf('p-384', 'ok', { key: ec('P-384') }),
    leaf('p-521', 'ok', { key: ec('P-521') }),
    leaf('p-192', tooWeak, { key: ec('prime192v1') }),
    leaf('secp256k1', tooWeak, { key: ec('secp256k1') }),
    leaf('explicit-parameters', tooWeak, { key: ec('P-256', { paramEncoding: 'explicit' }) }),
    leaf('ed25519', 'ok', { key: generateKeyPairSync('ed25519').privateKey }),
    leaf('ed448', 'ok', { key: generateKeyPairSync('ed448').privateKey }),
    leaf('dsa', tooWeak, {
      subjectPublicKeyInfo: publicKeyInfo(
        generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey,
      ),
    }),
    two('key::anchor-rsa-2048', 'ok', { anchor: { key: rsaKey() } }),
    two('key::anchor-p-384', 'ok', { anchor: { key: ec('P-384') } }),
    two('key::anchor-p-521', 'ok', { anchor: { key: ec('P-521') } }),
    two('key::anchor-ed25519', 'ok', { anchor: { key: generateKeyPairSync('ed25519').privateKey } }),
    two('key::anchor-rsa-1024', tooWeak, { anchor: { key: weak } }),
    three('key::intermediate-rsa-1024', tooWeak, { key: weak }),
    three('key::intermediate-secp256k1', tooWeak, { subjectPublicKeyInfo: publicKeyInfo(ec('secp256k1')) }),
  ]
}

function subjects(): GeneratedCase[] {
  const names = [general('uniformResourceIdentifier', 'urn:dev:7')]
  const empty = (critical: boolean | null) => ({
    subject: name(''),
    extensions: critical === null ? leafExtensions() : leafExtensions(extension.subjectAltName(names, critical)),
  })
  const serial = (what: string, expected: string, serialNumber: bigint) =>
    two(`serial::leaf-${what}`, expected, { leaf: { serialNumber } })
  const refused = 'chainInvalid serialNumber'
  return [
    two('subject::empty-with-critical-names', 'ok', { leaf: empty(true) }),
    two('subject::empty-with-names', 'chainInvalid emptySubject', { leaf: empty(false) }),
    two('subject::empty', 'chainInvalid emptySubject', { leaf: empty(null) }),
    two('subject::anchor-empty', 'chainInvalid emptyIssuer', { anchor: { subject: name('') } }),
    serial('one', 'ok', 1n),
    serial('of-20-octets', 'ok', (1n << 159n) - 1n),
    serial('of-21-octets', refused, 1n << 159n),
    serial('zero', refused, 0n),
    serial('negative', refused, -1n),
    two('serial::anchor-zero', 'ok', { anchor: { serialNumber: 0n } }),
  ]
}
