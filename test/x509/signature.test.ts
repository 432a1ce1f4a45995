import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import { publicKeyInfo } from '../../src/x509/certificate-writer.ts'
import { key, openssl, parse, search, verdict } from './kit.ts'

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
