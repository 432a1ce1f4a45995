import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { maximumCertificateOctets, parseCertificate } from '../../src/x509/certificate.ts'
import { publicKeyInfo } from '../../src/x509/certificate-writer.ts'
import { constructed, primitive, Tag } from '../../src/x509/der.ts'
import {
  bitString,
  boolean,
  concat,
  element,
  integer,
  namedBits,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
} from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtensionId } from '../../src/x509/extensions.ts'
import { issueCertificate, keyTypes } from '../../src/x509/issue.ts'
import { keyWeakness } from '../../src/x509/public-key.ts'
import { authority, forge, from, general, key, leafExtensions, name, openssl, parse, valid } from './kit.ts'

/** The reason why the certificate is refused; null when it is read. */
function reason(der: Uint8Array): string | null {
  const read = parseCertificate(der)
  return read.ok ? null : read.error.reason
}

/** A certificate whose tbsCertificate is made of these elements, with a signature of no value. */
function raw(...tbs: readonly Uint8Array[]): Uint8Array {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  return sequence(sequence(...tbs), algorithm, bitString(Uint8Array.of(1)))
}

const parts = {
  version: element(constructed(0), integer(2)),
  serial: integer(1),
  algorithm: sequence(objectIdentifier('1.2.840.10045.4.3.2')),
  name: name('CN=x').der,
  validity: sequence(
    element(Tag.UtcTime, Buffer.from('250101000000Z')),
    element(Tag.UtcTime, Buffer.from('260101000000Z')),
  ),
  key: publicKeyInfo(key(0)),
  extensions: element(constructed(3), sequence(sequence(objectIdentifier('1.2.3.4'), octetString(nullValue())))),
}

function withParts(
  changes: Partial<Record<keyof typeof parts, Uint8Array>>,
  ...more: readonly Uint8Array[]
): Uint8Array {
  const all = { ...parts, ...changes }
  return raw(all.version, all.serial, all.algorithm, all.name, all.validity, all.name, all.key, ...more, all.extensions)
}

test('every field and extension is read as it was written', () => {
  const root = authority('CN=root,O=Acme', { key: key(0), pathLenConstraint: 3 })
  const issued = issueCertificate({
    issuer: root,
    subject: name('CN=dev,O=Acme'),
    key: key(1),
    serialNumber: 0x1234567890n,
    subjectAltNames: [
      general('dNSName', 'a.example'),
      general('iPAddress', '::1'),
      general('rfc822Name', 'e@x.example'),
      general('uniformResourceIdentifier', 'urn:dev:7'),
    ],
    notBefore: from(-5),
    notAfter: from(5),
  }).certificate
  const certificate = parse(issued.der)
  assert.equal(certificate.version, 3)
  assert.equal(certificate.serialNumber, 0x1234567890n)
  assert.deepEqual(certificate.issuer.der, root.certificate.subject.der)
  assert.deepEqual(certificate.subject.der, name('CN=dev,O=Acme').der)
  assert.equal(certificate.notBefore, from(-5))
  assert.equal(certificate.notAfter, from(5))
  assert.deepEqual(certificate.subjectPublicKeyInfo, publicKeyInfo(key(1)))
  assert.ok(certificate.publicKey?.equals(createPublicKey(key(1))))
  assert.deepEqual(certificate.basicConstraints, { cA: false, pathLenConstraint: null })
  assert.deepEqual(root.certificate.basicConstraints, { cA: true, pathLenConstraint: 3 })
  assert.deepEqual([...certificate.keyUsage!], ['digitalSignature'])
  assert.deepEqual(certificate.extendedKeyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.deepEqual(
    certificate.subjectAltNames.map(({ kind }) => kind),
    ['dNSName', 'iPAddress', 'rfc822Name', 'uniformResourceIdentifier'],
  )
  assert.equal(certificate.subjectAltNameCritical, false)
  assert.deepEqual(certificate.authorityKeyIdentifier, root.certificate.subjectKeyIdentifier)
  assert.deepEqual(certificate.unknownCriticalExtensions, [])
  assert.equal(certificate.sha256.toUpperCase(), new X509Certificate(issued.der).fingerprint256.replaceAll(':', ''))
})

test('the certificate keeps its own copy of the bytes', () => {
  const der = Buffer.from(forge({}))
  const certificate = parse(der)
  der.fill(0)
  assert.ok(reason(certificate.der) === null)
  assert.equal(certificate.tbsCertificate.buffer, certificate.der.buffer)
})

test('a certificate cut at any length, or followed by a byte, is refused', () => {
  const der = forge({})
  for (let length = 0; length < der.length; length++) assert.notEqual(reason(der.subarray(0, length)), null)
  assert.match(reason(concat([der, Uint8Array.of(0)]))!, /after the last element/)
})

test('a certificate above 16 KiB is refused unread', () => {
  assert.match(reason(new Uint8Array(maximumCertificateOctets + 1))!, /larger/)
})

test('RFC 5280 4.1.1.2: the two signature algorithms must be the same bytes', () => {
  const withNull = sequence(objectIdentifier('1.2.840.10045.4.3.2'), nullValue())
  assert.equal(reason(withParts({})), null)
  assert.match(reason(withParts({ algorithm: withNull }))!, /differ/)
})

test('RFC 5280 4.1.2.1: extensions need version 3; version 1 is not written out; version 2 is not read', () => {
  const nothing = new Uint8Array(0)
  assert.equal(reason(withParts({ version: nothing, extensions: nothing })), null)
  assert.match(reason(withParts({ version: nothing }))!, /extensions in a version 1/)
  assert.match(reason(withParts({ version: element(constructed(0), integer(0)) }))!, /version/)
  assert.match(reason(withParts({ version: element(constructed(0), integer(1)) }))!, /version/)
  assert.match(reason(withParts({ version: element(constructed(0), integer(3)) }))!, /version/)
})

test('RFC 5280 4.1.2.8: unique identifiers are read past', () => {
  const nothing = new Uint8Array(0)
  assert.equal(
    reason(withParts({}, element(primitive(1), Uint8Array.of(0, 1)), element(primitive(2), Uint8Array.of(0, 1)))),
    null,
  )
  assert.notEqual(
    reason(withParts({}, element(primitive(2), Uint8Array.of(0, 1)), element(primitive(1), Uint8Array.of(0, 1)))),
    null,
  )
  assert.match(
    reason(withParts({ version: nothing, extensions: nothing }, element(primitive(1), Uint8Array.of(0, 1))))!,
    /version 1/,
  )
})

test('RFC 5280 4.2: an extension may appear once only, and the list is not empty', () => {
  const twice = [extension.keyUsage(['digitalSignature']), extension.keyUsage(['digitalSignature'])]
  assert.match(reason(forge({ extensions: twice }))!, /twice/)
  assert.match(reason(withParts({ extensions: element(constructed(3), sequence()) }))!, /empty/)
})

test('RFC 5280 4.2: critical extensions that we do not process are named', () => {
  const unknown = { oid: '1.3.6.1.4.1.55555.1', critical: true, value: nullValue() }
  const noncritical = { oid: '1.3.6.1.4.1.55555.2', critical: false, value: Uint8Array.of(0xff, 0xff) }
  const identifier = { ...extension.subjectKeyIdentifier(Uint8Array.of(1)), critical: true }
  const policies = { oid: ExtensionId.CertificatePolicies, critical: true, value: sequence() }
  const certificate = parse(forge({ extensions: leafExtensions(unknown, noncritical, identifier, policies) }))
  assert.deepEqual(certificate.unknownCriticalExtensions, ['1.3.6.1.4.1.55555.1', ExtensionId.SubjectKeyIdentifier])
})

test('malformed extensions that we process are refused', () => {
  const bad = (oid: string, value: Uint8Array) => reason(forge({ extensions: [{ oid, critical: false, value }] }))
  const trailing = (value: Uint8Array) => concat([value, nullValue()])
  for (const [oid, value] of [
    [ExtensionId.BasicConstraints, sequence(integer(-1))],
    [ExtensionId.BasicConstraints, sequence(boolean(true), integer(2n ** 40n))],
    [ExtensionId.BasicConstraints, trailing(sequence())],
    [ExtensionId.BasicConstraints, sequence(boolean(true), integer(1), integer(1))],
    [ExtensionId.BasicConstraints, new Uint8Array(0)],
    [ExtensionId.KeyUsage, Uint8Array.of(3, 2, 0, 0x80)],
    [ExtensionId.KeyUsage, trailing(namedBits([0]))],
    [ExtensionId.ExtendedKeyUsage, sequence(integer(1))],
    [ExtensionId.SubjectAltName, sequence()],
    [ExtensionId.SubjectAltName, Buffer.from('example.com')],
    [ExtensionId.SubjectAltName, sequence(element(0x89))],
    [ExtensionId.SubjectAltName, sequence(element(constructed(4), sequence(sequence())))],
    [ExtensionId.SubjectAltName, sequence(element(constructed(4), name('CN=a').der, name('CN=b').der))],
    [ExtensionId.NameConstraints, sequence()],
    [ExtensionId.NameConstraints, sequence(element(constructed(0)))],
    [ExtensionId.NameConstraints, nullValue()],
    [ExtensionId.SubjectKeyIdentifier, integer(1)],
    [ExtensionId.AuthorityKeyIdentifier, sequence(element(primitive(3), Uint8Array.of(1)))],
  ] as const) {
    assert.notEqual(bad(oid, value), null, `${oid} ${Buffer.from(value).toString('hex')}`)
  }
  assert.equal(bad(ExtensionId.ExtendedKeyUsage, sequence()), null) // judged as a rule of the path
  assert.equal(bad(ExtensionId.BasicConstraints, sequence(boolean(false))), null) // the default written out: met in the field
})

test('S18: the key that we read is the key that OpenSSL reads, byte for byte', () => {
  const { privateKey: pss } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  const { privateKey: pssBound } = generateKeyPairSync('rsa-pss', {
    publicExponent: 65_537,
    modulusLength: 2048,
    hashAlgorithm: 'sha256',
    mgf1HashAlgorithm: 'sha256',
    saltLength: 32 as never, // declared as text, but a number it must be
  })
  const { privateKey: p521 } = generateKeyPairSync('ec', { namedCurve: 'P-521' })
  const { privateKey: ed448 } = generateKeyPairSync('ed448')
  const root = authority('CN=root')
  const made = keyTypes.map(
    (type) => issueCertificate({ issuer: root, subject: name('CN=x'), key: type, ...valid }).certificate.der,
  )
  for (const special of [pss, pssBound, p521, ed448])
    made.push(forge({ issuer: root, subjectPublicKeyInfo: publicKeyInfo(special) }))
  for (const der of made) {
    const theirs = new X509Certificate(der).publicKey.export({ format: 'der', type: 'spki' })
    const { subjectPublicKeyInfo, publicKeyFacts } = parse(der)
    assert.deepEqual(Buffer.from(subjectPublicKeyInfo), theirs)
    assert.equal(keyWeakness(publicKeyFacts), null)
  }
})

test('S18: forms of a key that OpenSSL would write otherwise are refused', () => {
  const rsa = (algorithm: Uint8Array, ...numbers: readonly Uint8Array[]) =>
    sequence(algorithm, bitString(sequence(...numbers)))
  const rsaEncryption = objectIdentifier('1.2.840.113549.1.1.1')
  const modulus = integer((1n << 2047n) + 1n)
  const good = sequence(rsaEncryption, nullValue())
  const read = (subjectPublicKeyInfo: Uint8Array) => reason(forge({ subjectPublicKeyInfo }))
  assert.equal(read(rsa(good, modulus, integer(65537))), null)
  assert.notEqual(read(rsa(sequence(rsaEncryption), modulus, integer(65537))), null)
  assert.notEqual(read(rsa(sequence(rsaEncryption, sequence()), modulus, integer(65537))), null)
  assert.notEqual(read(rsa(good, modulus, integer(65537), integer(1))), null)
  assert.notEqual(read(rsa(good, modulus, Uint8Array.of(2, 4, 0, 1, 0, 1))), null)
  assert.notEqual(read(rsa(good, integer(-(1n << 2047n)), integer(65537))), null)
  assert.notEqual(read(rsa(good, modulus, integer(-3))), null)
  const edwards = objectIdentifier('1.3.101.112')
  assert.notEqual(read(sequence(sequence(edwards, nullValue()), bitString(new Uint8Array(32)))), null)
  assert.notEqual(read(sequence(sequence(edwards), bitString(new Uint8Array(31)))), null)
})

test('keys below the policy are told apart', () => {
  const weakness = (subjectPublicKeyInfo: Uint8Array) =>
    keyWeakness(parse(forge({ subjectPublicKeyInfo })).publicKeyFacts)
  const rsa = (modulusBits: number, exponent: bigint) =>
    sequence(
      sequence(objectIdentifier('1.2.840.113549.1.1.1'), nullValue()),
      bitString(sequence(integer((1n << BigInt(modulusBits - 1)) + 1n), integer(exponent))),
    )
  assert.equal(weakness(rsa(2048, 3n)), null)
  assert.equal(weakness(rsa(2048, 2n ** 32n - 1n)), null)
  assert.equal(weakness(rsa(8192, 65537n)), null)
  assert.match(weakness(rsa(2047, 65537n))!.presented, /2047 bits/)
  assert.match(weakness(rsa(8193, 65537n))!.presented, /8193 bits/)
  for (const exponent of [0n, 1n, 2n, 65536n, 2n ** 32n + 1n, (1n << 3071n) + 1n])
    assert.ok(weakness(rsa(2048, exponent))!.costly, `${exponent}`)
  const curve = (namedCurve: string) => publicKeyInfo(generateKeyPairSync('ec', { namedCurve }).privateKey)
  assert.match(weakness(curve('secp256k1'))!.presented, /1\.3\.132\.0\.10/)
  const explicit = publicKeyInfo(
    generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey,
  )
  assert.match(weakness(explicit)!.presented, /explicit/)
  assert.match(
    weakness(publicKeyInfo(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey))!
      .presented,
    /1\.2\.840\.10040\.4\.1/,
  )
})

test('certificates made by openssl are read with the values that it prints', () => {
  const { output } = openssl(
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/C=DE/O=Acme/CN=dev',
      '-days',
      '10',
      '-addext',
      'subjectAltName=DNS:a.example,IP:10.0.0.7,URI:urn:x,email:e@x.example,dirName:dn',
      '-config',
      'c.cnf',
    ],
    {
      'c.cnf':
        '[req]\ndistinguished_name=d\nx509_extensions=v3\n[d]\n[v3]\nbasicConstraints=critical,CA:TRUE\n[dn]\nCN=inner\n',
    },
  )
  const body = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(output)![1]!
  const certificate = parse(new Uint8Array(Buffer.from(body, 'base64')))
  assert.equal(certificate.basicConstraints?.cA, true)
  assert.deepEqual(
    certificate.subjectAltNames.map(({ kind }) => kind),
    ['dNSName', 'iPAddress', 'uniformResourceIdentifier', 'rfc822Name', 'directoryName'],
  )
  assert.deepEqual(certificate.subject.der, name('CN=dev,O=Acme,C=DE').der)
})
