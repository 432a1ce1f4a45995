import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import {
  createCertificateAuthority,
  createRevocationList,
  createSelfSigned,
  createSigningRequest,
  generalNameOfText,
  generatePrivateKey,
  issueCertificate,
  keyTypes,
  privateKeyPem,
} from '../../src/x509/issue.ts'
import { checkThumbprintCertificate } from '../../src/x509/path.ts'
import { toPem } from '../../src/x509/pem.ts'
import { authority, from, general, key, name, noSkew, now, openssl, pem, search, valid, verdict } from './kit.ts'

const names = [
  general('dNSName', 'dev.example'),
  general('iPAddress', '10.0.0.7'),
  general('iPAddress', '2001:db8::1'),
  general('uniformResourceIdentifier', 'urn:dev:7'),
  general('rfc822Name', 'dev@x.example'),
]

test('root, intermediate and leaf of every key type pass our path rules and openssl verify -x509_strict', () => {
  for (const type of keyTypes) {
    const root = createCertificateAuthority({
      subject: name('CN=Root,O=Acme'),
      key: type,
      ...valid,
      pathLenConstraint: 1,
    })
    const middle = createCertificateAuthority({
      subject: name('CN=Issuing,O=Acme'),
      key: type,
      issuer: root,
      ...valid,
      pathLenConstraint: 0,
      extendedKeyUsage: [ExtendedKeyUsage.ClientAuth],
    })
    const { certificate: leaf } = issueCertificate({
      issuer: middle,
      subject: name('CN=dev,O=Acme'),
      key: type,
      subjectAltNames: names,
      ...valid,
    })
    assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate])), 'ok', type)
    const run = openssl(
      [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslclient',
        '-attime',
        `${now}`,
        '-CAfile',
        'root.pem',
        '-untrusted',
        'middle.pem',
        'leaf.pem',
      ],
      {
        'root.pem': pem(root.certificate),
        'middle.pem': pem(middle.certificate),
        'leaf.pem': pem(leaf),
      },
    )
    assert.equal(run.output, 'leaf.pem: OK\n', type)
  }
})

test('openssl prints the names, dates and extensions that were asked for', () => {
  const root = authority('CN=Root', {
    key: key(0),
    nameConstraints: { permitted: [general('dNSName', 'x.example')], excluded: [general('dNSName', 'y.x.example')] },
  })
  const { certificate } = issueCertificate({
    issuer: root,
    subject: name('CN=dev\\, 1,OU=Ünit,C=DE'),
    key: key(1),
    serialNumber: 0xabcdefn,
    subjectAltNames: names,
    ...valid,
  })
  const show = (file: string, ...what: readonly string[]) =>
    openssl(['x509', '-in', 'a.pem', '-noout', ...what], { 'a.pem': file }).output
  const text = show(
    pem(certificate),
    '-subject',
    '-issuer',
    '-serial',
    '-dates',
    '-nameopt',
    'RFC2253,-esc_msb,utf8',
    '-ext',
    'subjectAltName,extendedKeyUsage,keyUsage,basicConstraints',
  )
  assert.match(text, /subject=CN=dev\\, 1,OU=Ünit,C=DE/)
  assert.match(text, /issuer=CN=Root/)
  assert.match(text, /serial=ABCDEF/)
  assert.match(text, /notBefore=Jan 15 08:00:00 2026 GMT/)
  assert.match(text, /notAfter=Jan 15 08:00:00 2028 GMT/)
  assert.match(
    text,
    /DNS:dev.example, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:1, URI:urn:dev:7, email:dev@x.example/,
  )
  assert.match(text, /TLS Web Client Authentication/)
  assert.match(text, /critical\n\s+Digital Signature\n/)
  assert.match(text, /critical\n\s+CA:FALSE/)
  const rootText = show(pem(root.certificate), '-ext', 'nameConstraints,keyUsage,basicConstraints')
  assert.match(rootText, /Permitted:\n\s+DNS:x.example\n\s+Excluded:\n\s+DNS:y.x.example/)
  assert.match(rootText, /Certificate Sign, CRL Sign/)
})

test('validity beyond 2049 is written as GeneralizedTime', () => {
  const far = authority('CN=Root', { key: key(0), notAfter: from(40 * 365 * 86_400) })
  assert.match(
    openssl(['x509', '-in', 'a.pem', '-noout', '-enddate'], { 'a.pem': pem(far.certificate) }).output,
    /2067|2066/,
  )
})

test('a leaf with an empty subject carries a critical subjectAltName', () => {
  const root = authority('CN=Root', { key: key(0) })
  const { certificate } = issueCertificate({
    issuer: root,
    subject: name(''),
    key: key(1),
    subjectAltNames: names,
    ...valid,
  })
  assert.equal(certificate.subjectAltNameCritical, true)
  assert.equal(verdict(search(certificate, [], [root.certificate])), 'ok')
})

test('a self-signed leaf verifies with its own key and passes the thumbprint rules', () => {
  for (const type of keyTypes) {
    const { certificate } = createSelfSigned({ subject: name('CN=dev'), key: type, ...valid })
    assert.equal(checkThumbprintCertificate(certificate, now, noSkew), null)
    const run = openssl(
      ['verify', '-partial_chain', '-check_ss_sig', '-attime', `${now}`, '-CAfile', 'a.pem', 'a.pem'],
      { 'a.pem': pem(certificate) },
    )
    assert.equal(run.status, 0, run.output)
  }
})

test('a request holds subject, names and key, and openssl verifies its signature', () => {
  for (const type of keyTypes) {
    const privateKey = generatePrivateKey(type)
    const der = createSigningRequest({ subject: name('CN=dev,O=Acme'), privateKey, subjectAltNames: names })
    const run = openssl(['req', '-in', 'a.csr', '-noout', '-verify', '-text'], {
      'a.csr': toPem('CERTIFICATE REQUEST', der),
    })
    assert.match(run.output, /verify OK/)
    assert.match(run.output, /O = Acme, CN = dev/)
    assert.match(run.output, /DNS:dev.example/)
  }
  const bare = createSigningRequest({ subject: name('CN=dev'), privateKey: key(0) })
  assert.match(
    openssl(['req', '-in', 'a.csr', '-noout', '-verify'], { 'a.csr': toPem('CERTIFICATE REQUEST', bare) }).output,
    /verify OK/,
  )
})

test('a certificate for the key of a request needs the public half only', () => {
  const root = authority('CN=Root', { key: key(0) })
  const { output } = openssl(['pkey', '-in', 'k.pem', '-pubout'], { 'k.pem': privateKeyPem(key(1)) })
  assert.match(output, /BEGIN PUBLIC KEY/)
  const issued = issueCertificate({ issuer: root, subject: name('CN=dev'), key: key(1), ...valid })
  const again = issueCertificate({
    issuer: root,
    subject: name('CN=dev'),
    key: issued.certificate.publicKey!,
    ...valid,
  })
  assert.equal(again.privateKey, null)
  assert.deepEqual(again.certificate.subjectPublicKeyInfo, issued.certificate.subjectPublicKeyInfo)
})

test('a revocation list is verified by openssl and revokes what it lists', () => {
  for (const type of keyTypes) {
    const root = authority('CN=Root', { key: type })
    const { certificate } = issueCertificate({ issuer: root, subject: name('CN=dev'), key: key(1), ...valid })
    const list = (revoked: boolean) =>
      toPem(
        'X509 CRL',
        createRevocationList({
          issuer: root,
          thisUpdate: from(-60),
          nextUpdate: from(3600),
          crlNumber: 7n,
          revoked: revoked ? [{ serialNumber: certificate.serialNumber, revokedAt: from(-90) }] : [],
        }),
      )
    const verify = (revoked: boolean) =>
      openssl(
        ['verify', '-crl_check', '-attime', `${now}`, '-CAfile', 'root.pem', '-CRLfile', 'list.pem', 'leaf.pem'],
        { 'root.pem': pem(root.certificate), 'list.pem': list(revoked), 'leaf.pem': pem(certificate) },
      ).output
    assert.equal(verify(false), 'leaf.pem: OK\n', type)
    assert.match(verify(true), /certificate revoked/, type)
  }
})

test('private keys are written as PKCS #8', () => {
  for (const type of keyTypes) {
    const made = generatePrivateKey(type)
    const text = privateKeyPem(made)
    assert.match(text, /^-----BEGIN PRIVATE KEY-----/)
    assert.ok(createPrivateKey(text).equals(made))
    assert.equal(openssl(['pkey', '-in', 'k.pem', '-noout'], { 'k.pem': text }).status, 0)
  }
})

test('names that a certificate cannot carry are refused', () => {
  assert.deepEqual(generalNameOfText('dNSName', 'straße.example'), { ok: false, error: { kind: 'notAscii' } })
  assert.deepEqual(generalNameOfText('dNSName', 'my device'), { ok: false, error: { kind: 'notAscii' } })
  assert.deepEqual(generalNameOfText('iPAddress', '10.0.0.256'), { ok: false, error: { kind: 'notAnIpAddress' } })
  assert.deepEqual(generalNameOfText('rfc822Name', ''), { ok: false, error: { kind: 'empty' } })
})

test('serial numbers are positive, 16 octets and different each time', () => {
  const root = authority('CN=Root', { key: key(0) })
  const serials = Array.from(
    { length: 50 },
    () => issueCertificate({ issuer: root, subject: name('CN=dev'), key: key(1), ...valid }).certificate.serialNumber,
  )
  assert.equal(new Set(serials).size, 50)
  for (const serial of serials) assert.equal(serial >> 126n, 1n)
})
