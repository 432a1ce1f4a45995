import assert from 'node:assert/strict'
import { constants, sign } from 'node:crypto'
import { test } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import { publicKeyInfo, type Signer } from '../../src/x509/certificate-writer.ts'
import { readRevocationList } from '../../src/x509/crl.ts'
import { constructed } from '../../src/x509/der.ts'
import { element, integer, nullValue, objectIdentifier, sequence } from '../../src/x509/der-writer.ts'
import { writeRevocationList } from '../../src/x509/issue.ts'
import {
  authorityExtensions,
  forge,
  forgeAuthority,
  key,
  name,
  now,
  openssl,
  parse,
  rsaKey,
  search,
  verdict,
} from './kit.ts'

const publicPem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(publicKeyInfo(key(2))).toString('base64')}\n-----END PUBLIC KEY-----\n`

test('signatures with SHA-1 are refused below the anchor; the anchor itself may bear one', () => {
  const config =
    '[ca]\nbasicConstraints=critical,CA:TRUE\n[leaf]\nkeyUsage=digitalSignature\n[req]\ndistinguished_name=d\n[d]\n'
  const made = openssl(
    [
      'req',
      '-x509',
      '-sha1',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'k.pem',
      '-subj',
      '/CN=old',
      '-days',
      '3650',
      '-extensions',
      'ca',
      '-config',
      'c.cnf',
      '-outform',
      'DER',
      '-out',
      'c.der',
    ],
    { 'c.cnf': config },
    ['c.der', 'k.pem'],
  )
  const old = parse(made.written['c.der']!)
  assert.equal(old.signatureAlgorithm.oid, '1.2.840.113549.1.1.5')
  const at = { now: unixSeconds(old.notBefore + 3600) }
  const issue = (digest: string) =>
    openssl(
      [
        'x509',
        '-new',
        '-force_pubkey',
        'p.pem',
        '-subj',
        '/CN=dev',
        '-CA',
        'c.der',
        '-CAform',
        'DER',
        '-CAkey',
        'k.pem',
        '-CAcreateserial',
        digest,
        '-days',
        '10',
        '-outform',
        'DER',
        '-out',
        'l.der',
      ],
      { 'c.der': made.written['c.der']!, 'k.pem': made.written['k.pem']!, 'p.pem': publicPem },
      ['l.der'],
    ).written['l.der']!
  assert.equal(verdict(search(issue('-sha256'), [], [old], at)), 'ok')
  const found = search(issue('-sha1'), [], [old], at)
  assert.ok(!found.ok && found.error.kind === 'certificateTooWeak')
  assert.match(found.error.presented, /SHA-1/)
})

test('RSASSA-PSS, RSA with SHA-384 and SHA-512, ECDSA on every curve, Ed25519 and Ed448 are verified', () => {
  const algorithms: readonly (readonly string[])[] = [
    ['-newkey', 'rsa:2048', '-sha256'],
    ['-newkey', 'rsa:2048', '-sha384'],
    ['-newkey', 'rsa:2048', '-sha512'],
    ['-newkey', 'rsa:2048', '-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
    ['-newkey', 'rsa:2048', '-sha512', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:20'],
    ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048', '-sha384'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha512'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha256'],
    ['-newkey', 'ed25519'],
    ['-newkey', 'ed448'],
  ]
  const config = '[ca]\nbasicConstraints=critical,CA:TRUE\n[req]\ndistinguished_name=d\n[d]\n'
  for (const algorithm of algorithms) {
    const made = openssl(
      [
        'req',
        '-x509',
        ...algorithm,
        '-nodes',
        '-keyout',
        'k.pem',
        '-subj',
        '/CN=root',
        '-days',
        '10',
        '-extensions',
        'ca',
        '-config',
        'c.cnf',
        '-outform',
        'DER',
        '-out',
        'c.der',
      ],
      { 'c.cnf': config },
      ['c.der', 'k.pem'],
    )
    const digest = algorithm.filter((word) => /^-sha/.test(word))
    const padding = algorithm.flatMap((word, index) => (word === '-sigopt' ? [word, algorithm[index + 1]!] : []))
    const signed = openssl(
      [
        'x509',
        '-new',
        '-force_pubkey',
        'p.pem',
        '-subj',
        '/CN=dev',
        '-CA',
        'c.der',
        '-CAform',
        'DER',
        '-CAkey',
        'k.pem',
        '-CAcreateserial',
        ...digest,
        ...padding,
        '-days',
        '10',
        '-outform',
        'DER',
        '-out',
        'l.der',
      ],
      { 'c.der': made.written['c.der']!, 'k.pem': made.written['k.pem']!, 'p.pem': publicPem },
      ['l.der'],
    )
    const anchor = parse(made.written['c.der']!)
    const der = signed.written['l.der']!
    assert.equal(
      verdict(search(der, [], [anchor], { now: unixSeconds(anchor.notBefore + 3600) })),
      'ok',
      algorithm.join(' '),
    )
    const broken = Uint8Array.from(der)
    broken[broken.length - 1]! ^= 1
    assert.notEqual(
      verdict(search(broken, [], [anchor], { now: unixSeconds(anchor.notBefore + 3600) })),
      'ok',
      algorithm.join(' '),
    )
  }
})

/** RSASSA-PSS-params with these members; what is not named is left at its default. */
function pssSigner(
  members: readonly Uint8Array[],
  options: { readonly hash: string; readonly saltLength: number },
): Signer {
  const privateKey = rsaKey()
  return {
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.10'), sequence(...members)),
    sign: (data) =>
      sign(options.hash, data, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: options.saltLength,
      }),
  }
}

const sha = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', sha512: '2.16.840.1.101.3.4.2.3' }
const hashMember = (oid: string) => element(constructed(0), sequence(objectIdentifier(oid), nullValue()))
const maskMember = (oid: string, generator = '1.2.840.113549.1.1.8') =>
  element(constructed(1), sequence(objectIdentifier(generator), sequence(objectIdentifier(oid))))
const saltMember = (length: number) => element(constructed(2), integer(length))
const trailerMember = (value: number) => element(constructed(3), integer(value))

test('RFC 4055 3.1: RSASSA-PSS with one hash of SHA-2 throughout and the salt that is named, nothing else', () => {
  const ca = forgeAuthority({ subject: name('CN=pss'), key: rsaKey(), extensions: authorityExtensions() })
  const outcome = (members: readonly Uint8Array[], options = { hash: 'sha256', saltLength: 32 }) =>
    verdict(search(forge({ issuer: ca, signer: pssSigner(members, options) }), [], [ca.certificate]))
  const good = [hashMember(sha.sha256), maskMember(sha.sha256)]
  assert.equal(outcome([...good, saltMember(32)]), 'ok')
  assert.equal(outcome([...good, saltMember(32), trailerMember(1)]), 'ok')
  assert.equal(outcome(good, { hash: 'sha256', saltLength: 20 }), 'ok')
  assert.equal(outcome([...good, saltMember(20)]), 'issuerNotRegistered') // this name, but not this key
  assert.equal(outcome(good), 'issuerNotRegistered')
  for (const members of [
    [],
    [hashMember(sha.sha1), maskMember(sha.sha1), saltMember(20)],
    [hashMember(sha.sha256), maskMember(sha.sha1), saltMember(32)],
    [hashMember(sha.sha256), maskMember(sha.sha512), saltMember(32)],
    [hashMember(sha.sha256), maskMember(sha.sha256, '1.2.3'), saltMember(32)],
    [hashMember(sha.sha256), saltMember(32)],
    [...good, saltMember(513)],
    [...good, saltMember(32), trailerMember(2)],
    [...good, saltMember(32), nullValue()],
  ]) {
    assert.equal(outcome(members), 'certificateTooWeak')
  }
})

test('revocation lists may be signed with RSASSA-PSS', () => {
  const ca = forgeAuthority({ subject: name('CN=pss'), key: rsaKey(), extensions: authorityExtensions() })
  const signer = pssSigner([hashMember(sha.sha256), maskMember(sha.sha256), saltMember(32)], {
    hash: 'sha256',
    saltLength: 32,
  })
  const der = writeRevocationList(
    { issuer: ca.certificate.subject.der, thisUpdate: now, nextUpdate: null, entries: [], extensions: [] },
    signer,
  )
  const read = (bytes: Uint8Array) =>
    readRevocationList({ der: bytes, authority: ca.certificate, now, skewSeconds: 0, inUse: null })
  assert.ok(read(der).ok)
  const changed = Uint8Array.from(der)
  changed[changed.length - 1] = changed[changed.length - 1]! ^ 1
  const refused = read(changed)
  assert.ok(!refused.ok && refused.error.kind === 'signature')
})
