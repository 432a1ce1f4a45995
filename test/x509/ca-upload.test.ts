import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkCaUpload,
  type RegisteredAuthority,
  type UploadFailure,
  type UploadOptions,
} from '../../src/x509/ca-upload.ts'
import { nullValue } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { createCertificateAuthority, createSelfSigned, issueCertificate, privateKeyPem } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import {
  authority,
  authorityExtensions,
  forge,
  from,
  general,
  key,
  name,
  now,
  openssl,
  pem,
  valid,
  weakRsaKey,
} from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const registered: readonly RegisteredAuthority[] = [{ name: 'first', certificate: root.certificate }]

function failure(
  text: string,
  existing: readonly RegisteredAuthority[] = [],
  options: UploadOptions = {},
): UploadFailure {
  const checked = checkCaUpload(text, existing, now, options)
  assert.ok(!checked.ok, 'the upload was accepted')
  return checked.error
}

function warnings(
  text: string,
  existing: readonly RegisteredAuthority[] = [],
  options: UploadOptions = {},
): readonly string[] {
  const checked = checkCaUpload(text, existing, now, options)
  assert.ok(checked.ok, checked.ok ? '' : checked.error.sentence)
  return checked.value.warnings.map(({ code }) => code)
}

test('a root and an intermediate are accepted in any spelling and stored as canonical PEM', () => {
  const text = pem(root.certificate)
  for (const spelling of [text, text.replaceAll('\n', ''), Buffer.from(root.certificate.der).toString('base64')]) {
    const checked = checkCaUpload(spelling, [], now)
    assert.ok(checked.ok)
    assert.equal(checked.value.pem, text)
    assert.deepEqual(checked.value.warnings, [])
  }
  const middle = authority('CN=middle', { key: key(1), issuer: root })
  assert.deepEqual(warnings(pem(middle.certificate)), ['parentNotRegistered'])
})

test('each mistake has its own kind and a sentence that says what to do', () => {
  const leaf = issueCertificate({ issuer: root, subject: name('CN=dev'), key: key(1), ...valid }).certificate
  const forgedCa = (fields: Parameters<typeof forge>[0]) =>
    pem(forge({ subject: name('CN=ca'), key: key(1), extensions: authorityExtensions(), ...fields }))
  const unknown = { oid: '1.2.3.4', critical: true, value: nullValue() }
  const table: readonly (readonly [string, UploadFailure['kind'], RegExp])[] = [
    [pem(leaf), 'leaf', /CN=dev is a leaf.*thumbprint/],
    [pem(createSelfSigned({ subject: name('CN=dev'), key: key(1), ...valid }).certificate), 'leaf', /leaf/],
    [forgedCa({ extensions: [] }), 'leaf', /version 1/],
    [privateKeyPem(key(1)), 'privateKey', /private key/],
    [`${pem(root.certificate)}${privateKeyPem(key(1))}`, 'privateKey', /treat the key as exposed/],
    [`${pem(root.certificate)}${pem(leaf)}`, 'bundle', /2 certificates/],
    [forgedCa({ notAfter: from(-1) }), 'expired', /expired at 2027-01-15T07:59:59Z/],
    [forgedCa({ notBefore: from(301) }), 'notYetValid', /not valid before 2027-01-15T08:05:01Z.*2027-01-15T08:00:00Z/],
    [forgedCa({ key: weakRsaKey(1024) }), 'weakKey', /RSA 1024 bits.*2048/],
    [
      forgedCa({ extensions: [extension.basicConstraints(true, null), extension.keyUsage(['cRLSign'])] }),
      'keyCertSignMissing',
      /keyCertSign/,
    ],
    [forgedCa({ subject: name('') }), 'emptySubject', /empty subject/],
    [forgedCa({ extensions: authorityExtensions(null, unknown) }), 'unknownCriticalExtension', /1\.2\.3\.4/],
    [pem(Uint8Array.of(0x30, 0x03, 0x30, 0x01, 0x00)), 'malformed', /not well-formed/],
    ['hello, world', 'notACertificate', /BEGIN CERTIFICATE/],
    [pem(root.certificate).slice(0, 200), 'notACertificate', /cut off/],
    [pem(root.certificate).replace('MII', '*II'), 'notACertificate', /base64/],
    [toPem('CERTIFICATE REQUEST', nullValue()), 'notACertificate', /CERTIFICATE REQUEST but no CERTIFICATE/],
    ['', 'empty', /empty/],
    ['x'.repeat(100_000), 'tooLarge', /larger/],
  ]
  for (const [text, kind, sentence] of table) {
    const found = failure(text)
    assert.equal(found.kind, kind, found.sentence)
    assert.match(found.sentence, sentence)
  }
  const kinds = new Set(table.map(([, kind]) => kind))
  for (const kind of ['duplicate', 'weakSignature'] as const)
    assert.ok(!kinds.has(kind), 'those two have tests of their own')
})

test('a CA certificate signed with SHA-1 is refused', () => {
  const config = '[ca]\nbasicConstraints=critical,CA:TRUE\n[req]\ndistinguished_name=d\n[d]\n'
  const { output } = openssl(
    [
      'req',
      '-x509',
      '-sha1',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/CN=old',
      '-days',
      '3650',
      '-extensions',
      'ca',
      '-config',
      'c.cnf',
    ],
    { 'c.cnf': config },
  )
  const text = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(output)![0]
  const checked = checkCaUpload(text, [], now, { skew: { notBeforeSeconds: 10 ** 9, notAfterSeconds: 10 ** 9 } })
  assert.ok(!checked.ok && checked.error.kind === 'weakSignature')
  assert.match(checked.error.sentence, /SHA-1/)
})

test('the same certificate under another name is a duplicate, under its own name it is replaced', () => {
  const found = failure(pem(root.certificate), registered)
  assert.equal(found.kind, 'duplicate')
  assert.match(found.sentence, /first/)
  assert.deepEqual(warnings(pem(root.certificate), registered, { name: 'first' }), [])
})

test('an expired CA certificate is stored only when that is asked for', () => {
  const old = pem(authority('CN=old', { key: key(1), notBefore: from(-100), notAfter: from(-1) }).certificate)
  assert.equal(failure(old).kind, 'expired')
  assert.deepEqual(warnings(old, [], { allowExpired: true }), [])
})

test('S13: a second CA, a known key with other constraints and a public root are accepted with a warning each', () => {
  const second = authority('CN=second', { key: key(1) })
  assert.deepEqual(warnings(pem(second.certificate), registered), ['severalAuthorities'])
  const looser = createCertificateAuthority({ subject: name('CN=root'), key: key(0), ...valid, pathLenConstraint: 3 })
  assert.deepEqual(warnings(pem(looser.certificate), registered), ['severalAuthorities', 'sameKeyOtherConstraints'])
  const constrained = createCertificateAuthority({
    subject: name('CN=root'),
    key: key(0),
    ...valid,
    nameConstraints: { permitted: [general('dNSName', 'x.example')] },
  })
  assert.deepEqual(warnings(pem(constrained.certificate), registered), [
    'severalAuthorities',
    'sameKeyOtherConstraints',
  ])
  const again = createCertificateAuthority({ subject: name('CN=root'), key: key(0), ...valid })
  assert.deepEqual(warnings(pem(again.certificate), registered), ['severalAuthorities'])
  assert.deepEqual(warnings(pem(root.certificate), [], { publicRoots: new Set([root.certificate.sha256]) }), [
    'publicRoot',
  ])
})

test('a CA whose purposes exclude clients is accepted with a warning', () => {
  const server = authority('CN=server', { key: key(1), extendedKeyUsage: [ExtendedKeyUsage.ServerAuth] })
  assert.deepEqual(warnings(pem(server.certificate)), ['purposeExcludesClients'])
})

test('S21: no answer holds a part of an uploaded private key', () => {
  const text = privateKeyPem(key(1))
  const secret = text.split('\n')[1]!.slice(10, 40)
  for (const upload of [
    text,
    Buffer.from(text).toString('base64'),
    toPem('CERTIFICATE', key(1).export({ format: 'der', type: 'pkcs8' })),
  ]) {
    assert.ok(!JSON.stringify(failure(upload)).includes(secret))
  }
})
