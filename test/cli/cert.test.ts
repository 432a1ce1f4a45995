import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Certificate, parseCertificate } from '../../src/x509/certificate.ts'
import { formatDistinguishedName, nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { createSelfSigned } from '../../src/x509/issue.ts'
import { findPath } from '../../src/x509/path.ts'
import { readPem, toPem } from '../../src/x509/pem.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { openssl } from '../e2e/openssl.ts'
import { noSkew, now as pathTime, valid } from '../x509/kit.ts'
import { sealgate, sealgateProcess, temporaryPlace } from './run.ts'

function certificates(directory: string, file: string): Certificate[] {
  const contents = readPem(readFileSync(join(directory, file), 'utf8'))
  assert.ok(contents.ok)
  return contents.value.certificates.map((der) => {
    const parsed = parseCertificate(der)
    assert.ok(parsed.ok)
    return parsed.value
  })
}

function certificate(directory: string, file: string): Certificate {
  const [first] = certificates(directory, file)
  assert.ok(first !== undefined)
  return first
}

function modeOf(directory: string, file: string): number {
  return statSync(join(directory, file)).mode & 0o777
}

async function made(t: TestContext, ...lines: readonly string[]): Promise<string> {
  const place = temporaryPlace(t)
  for (const line of lines) {
    const ran = await sealgate(place, 'cert', ...line.split(' '))
    assert.equal(ran.code, 0, ran.err)
  }
  return place.directory
}

test('a CA and a client certificate are one line each, and openssl agrees', async (t) => {
  const place = temporaryPlace(t)
  const { directory } = place
  const ca = await sealgateProcess(place, 'cert', 'ca', 'Plant CA')
  assert.equal(ca.code, 0, ca.err)
  const issued = await sealgateProcess(place, 'cert', 'issue', 'press-7', '--dns', 'press-7.plant.example')
  assert.equal(issued.code, 0, issued.err)
  assert.match(issued.out, /namespace client create --name press-7\.plant\.example --authentication-name/)
  assert.match(openssl(directory, 'verify', '-CAfile', 'ca.pem', 'press-7.pem'), /press-7\.pem: OK/)
  const key = openssl(directory, 'pkey', '-in', 'press-7.key', '-pubout')
  assert.equal(openssl(directory, 'x509', '-in', 'press-7.pem', '-noout', '-pubkey'), key)
  assert.deepEqual(certificate(directory, 'press-7.pem').extendedKeyUsage, ['1.3.6.1.5.5.7.3.2'])
})

test('S21: private keys go into files of mode 0600 and nowhere else', async (t) => {
  const place = temporaryPlace(t)
  const outputs: string[] = []
  for (const line of [
    'ca Plant',
    'issue press-7',
    'self-signed gauge',
    'csr probe -o json',
    'inspect ca.pem press-7.pem',
  ]) {
    const ran = await sealgate(place, 'cert', ...line.split(' '))
    assert.equal(ran.code, 0, ran.err)
    outputs.push(ran.out, ran.err)
  }
  for (const file of ['ca.key', 'press-7.key', 'gauge.key', 'probe.key']) {
    assert.equal(modeOf(place.directory, file), 0o600, file)
    const [, secret = ''] = readFileSync(join(place.directory, file), 'utf8').split('\n')
    assert.ok(secret.length === 64)
    assert.ok(!outputs.join('').includes(secret))
  }
  assert.ok(!outputs.join('').includes('PRIVATE KEY'))
})

test('a file that exists is left alone without --force, and then both are replaced', async (t) => {
  const place = temporaryPlace(t)
  writeFileSync(join(place.directory, 'gauge.key'), 'mine')
  const refused = await sealgate(place, 'cert', 'self-signed', 'gauge')
  assert.deepEqual(refused, {
    code: 1,
    out: '',
    err: 'sealgate cert self-signed: gauge.key exists already; nothing was written\n  --out FILE names another, --force replaces it\n',
  })
  assert.equal(readFileSync(join(place.directory, 'gauge.key'), 'utf8'), 'mine')
  assert.equal((await sealgate(place, 'cert', 'self-signed', 'gauge', '--force')).code, 0)
  assert.match(readFileSync(join(place.directory, 'gauge.key'), 'utf8'), /^-----BEGIN PRIVATE KEY-----/)
  assert.equal(modeOf(place.directory, 'gauge.key'), 0o600)
})

test('an intermediate issues, and --chain puts it behind the leaf without the root', async (t) => {
  const directory = await made(
    t,
    'ca Root',
    'ca Intermediate --ca ca.pem --out sub.pem --path-length 0',
    'issue press-7 --ca sub.pem --chain',
  )
  const [leaf, intermediate, ...more] = certificates(directory, 'press-7.pem')
  assert.ok(leaf !== undefined && intermediate !== undefined && more.length === 0)
  assert.deepEqual(intermediate.der, certificate(directory, 'sub.pem').der)
  assert.equal(intermediate.basicConstraints?.pathLenConstraint, 0)
  const found = findPath({
    leaf,
    sent: [intermediate.der],
    anchors: [certificate(directory, 'ca.pem')],
    now: pathTime,
    skew: noSkew,
  })
  assert.ok(found.ok)
})

test('a name that reads as a distinguished name is one, as it is when a client is registered', async (t) => {
  const directory = await made(t, 'ca CN=Plant,O=Acme', 'issue CN=press-7,OU=hall,O=Acme', 'issue ../x/7')
  assert.equal(formatDistinguishedName(certificate(directory, 'ca.pem').subject), 'CN=Plant,O=Acme')
  assert.equal(formatDistinguishedName(certificate(directory, 'press-7.pem').subject), 'CN=press-7,OU=hall,O=Acme')
  // A file name never leaves the directory.
  assert.equal(formatDistinguishedName(certificate(directory, 'x-7.pem').subject), 'CN=../x/7')
})

test('every kind of alternative name, key and date is what was asked for', async (t) => {
  const directory = await made(
    t,
    'ca Plant --key-type Ed25519 --days 30',
    'issue --out a.pem --dns a.example --uri urn:a --ip 2001:db8::1 --email a@b.example --key-type P-384',
    'issue b --key-type RSA-2048 --not-before 2026-01-01 --not-after 2027-06-30T12:00:00+02:00 --usage none',
  )
  const a = certificate(directory, 'a.pem')
  assert.deepEqual(
    a.subjectAltNames.map(({ kind }) => kind),
    ['dNSName', 'uniformResourceIdentifier', 'iPAddress', 'rfc822Name'],
  )
  assert.equal(a.subjectAltNameCritical, true) // RFC 5280 4.2.1.6: its subject is empty
  assert.deepEqual(a.publicKeyFacts, { kind: 'EC', curve: 'P-384' })
  const b = certificate(directory, 'b.pem')
  assert.equal(b.notBefore, Date.UTC(2026, 0, 1) / 1_000)
  assert.equal(b.notAfter, Date.UTC(2027, 5, 30, 10) / 1_000)
  assert.equal(b.extendedKeyUsage, null)
  assert.equal(b.publicKeyFacts.kind, 'RSA')
  assert.equal(certificate(directory, 'ca.pem').notAfter, 1_800_000_000 + 30 * 86_400)
})

test('a request is signed for the names that the signer gives, not for those that it asks for', async (t) => {
  const place = temporaryPlace(t)
  const { directory } = place
  await sealgate(place, 'cert', 'ca', 'Plant')
  openssl(
    directory,
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'own.key'],
    ...['-out', 'own.csr', '-subj', '/CN=own', '-addext', 'subjectAltName=DNS:admin.example'],
  )
  const plain = await sealgate(place, 'cert', 'issue', '--csr', 'own.csr')
  assert.equal(plain.code, 0, plain.err)
  assert.match(plain.err, /alternative names that the request asks for are not taken over/)
  assert.deepEqual(certificate(directory, 'own.pem').subjectAltNames, [])
  assert.equal(formatDistinguishedName(certificate(directory, 'own.pem').subject), 'CN=own')
  const named = await sealgate(place, 'cert', 'issue', 'press-7', '--csr', 'own.csr', '--dns', 'press-7.example')
  assert.equal(named.code, 0, named.err)
  assert.equal(named.err, '')
  const pub = openssl(directory, 'pkey', '-in', 'own.key', '-pubout')
  assert.equal(openssl(directory, 'x509', '-in', 'press-7.pem', '-noout', '-pubkey'), pub)
})

test('a request whose signature is wrong is refused', async (t) => {
  const place = temporaryPlace(t)
  await sealgate(place, 'cert', 'ca', 'Plant')
  await sealgate(place, 'cert', 'csr', 'own')
  const file = join(place.directory, 'own.csr')
  const der = Buffer.from(readFileSync(file, 'utf8').replace(/-----.*-----/g, ''), 'base64')
  for (const change of [der.length - 1, der.indexOf('own')]) {
    const changed = Buffer.from(der)
    changed[change] = (changed[change] ?? 0) ^ 1
    writeFileSync(file, toPem('CERTIFICATE REQUEST', changed))
    const ran = await sealgate(place, 'cert', 'issue', '--csr', 'own.csr')
    assert.equal(ran.code, 1)
    assert.match(ran.err, /own\.csr: its signature is wrong/)
  }
})

test('what cannot sign is refused with what to do', async (t) => {
  const place = temporaryPlace(t)
  for (const line of ['ca Plant', 'ca Other --out other.pem', 'issue leaf']) {
    assert.equal((await sealgate(place, 'cert', ...line.split(' '))).code, 0)
  }
  const cases: readonly (readonly [line: string, code: number, err: RegExp])[] = [
    ['issue a --ca leaf.pem', 1, /leaf\.pem: CN=leaf is no CA certificate/],
    ['issue a --ca ca.pem --ca-key other.key', 1, /other\.key is not the private key of ca\.pem/],
    ['issue a --ca missing.pem', 1, /missing\.pem: no such file/],
    ['issue', 2, /a name is missing/],
    ['issue a --days 0', 2, /--days 0/],
    ['issue a --days 5 --not-after 2030-01-01', 2, /say the same/],
    ['issue a --not-after tomorrow', 2, /expected a date/],
    ['issue a --ip 1.2.3', 2, /not an IPv4 or IPv6 address/],
    ['issue a --dns straße.example', 2, /A-label/],
    ['issue CN=a,XX=b', 2, /looks like a distinguished name but is none/],
    ['issue a --key-type DSA', 2, /Allowed choices are P-256/],
    ['issue a --key other.key --key-type P-256', 2, /leave --key-type out/],
    ['isue a', 2, /Did you mean issue\?/],
  ]
  for (const [line, code, err] of cases) {
    const ran = await sealgate(place, 'cert', ...line.split(' '))
    assert.equal(ran.code, code, line)
    assert.match(ran.err, err)
    assert.equal(ran.out, '')
  }
})

test('a CA key that others can read is refused', { skip: process.platform === 'win32' }, async (t) => {
  const place = temporaryPlace(t)
  await sealgate(place, 'cert', 'ca', 'Plant')
  chmodSync(join(place.directory, 'ca.key'), 0o644)
  const ran = await sealgate(place, 'cert', 'issue', 'press-7')
  assert.deepEqual(
    [ran.code, ran.err],
    [1, 'sealgate cert issue: ca.key: other users can read this private key; chmod 600 ca.key\n'],
  )
})

test('fingerprint prints the thumbprint alone, or compares it in any spelling', async (t) => {
  const place = temporaryPlace(t)
  await sealgate(place, 'cert', 'self-signed', 'gauge')
  const { sha256, sha1 } = thumbprintsOf(certificate(place.directory, 'gauge.pem').der)
  assert.equal((await sealgate(place, 'cert', 'fingerprint', 'gauge.pem')).out, `${sha256}\n`)
  assert.equal((await sealgate(place, 'cert', 'fingerprint', 'gauge.pem', '--algorithm', 'sha1')).out, `${sha1}\n`)
  const said = openssl(place.directory, 'x509', '-in', 'gauge.pem', '-noout', '-fingerprint', '-sha256').trim()
  assert.equal((await sealgate(place, 'cert', 'fingerprint', 'gauge.pem', '--matches', said)).code, 0)
  const other = await sealgate(place, 'cert', 'fingerprint', 'gauge.pem', '--matches', 'ab'.repeat(32))
  assert.equal(other.code, 1)
  const piped = await sealgate(
    { ...place, input: readFileSync(join(place.directory, 'gauge.pem'), 'utf8') },
    ...['cert', 'fingerprint', '-'],
  )
  assert.equal(piped.out, `${sha256}\n`)
})

test('S21: a file that holds a key too is read past it, and a key alone is refused', async (t) => {
  const place = temporaryPlace(t)
  await sealgate(place, 'cert', 'self-signed', 'gauge')
  const read = (file: string) => readFileSync(join(place.directory, file), 'utf8')
  writeFileSync(join(place.directory, 'both.pem'), read('gauge.key') + read('gauge.pem'))
  const both = await sealgate(place, 'cert', 'inspect', 'both.pem', '-o', 'json')
  assert.equal(both.code, 0)
  assert.equal(both.err, 'note: both.pem holds a private key too; it was not read\n')
  const alone = await sealgate(place, 'cert', 'inspect', 'gauge.key')
  assert.deepEqual([alone.code, alone.out], [1, ''])
  assert.match(alone.err, /holds a private key and no certificate; it was not read/)
})

test('S63: nothing that a certificate says moves the cursor or hides', async (t) => {
  const place = temporaryPlace(t)
  const names = ['\u001b]0;x\u0007', 'a\u009b31m', 'evil\u202etxt.exe', 'two\nlines', '<img onerror>', '=HYPERLINK(']
  for (const [index, name] of names.entries()) {
    const { certificate: made } = createSelfSigned({ subject: nameOfCommonName(name), ...valid })
    writeFileSync(join(place.directory, `${index}.pem`), toPem('CERTIFICATE', made.der))
  }
  for (const form of ['table', 'json', 'yaml']) {
    for (const [index] of names.entries()) {
      const ran = await sealgate(place, 'cert', 'inspect', `${index}.pem`, '-o', form)
      assert.equal(ran.code, 0)
      // Line ends are the only controls.
      assert.doesNotMatch(ran.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }
  }
  const { out } = await sealgate(place, 'cert', 'inspect', '3.pem', '-o', 'json')
  assert.equal(JSON.parse(out).subject, 'CN=two\\0Alines')
})

test('inspect prints what a person wants to know', async (t) => {
  const place = temporaryPlace(t)
  await sealgate(place, 'cert', 'ca', 'Plant CA')
  await sealgate(place, 'cert', 'issue', 'Press 7', '--dns', 'p7.example', '--dns', 'P7.example', '--days', '10')
  const { out } = await sealgate(place, 'cert', 'inspect', 'Press-7.pem')
  const { sha256, sha1 } = thumbprintsOf(certificate(place.directory, 'Press-7.pem').der)
  assert.equal(
    out.replace(/Serial number .*/, 'Serial number   …'),
    `Press-7.pem
  Subject         CN=Press 7
  Compared as     2.5.4.3=press 7
  Issuer          CN=Plant CA
  Serial number   …
  Valid           2027-01-15T07:00:00Z to 2027-01-25T08:00:00Z, 10 days left
  Key             EC P-256
  Signature       ECDSA with SHA-256
  CA certificate  no
  Key usage       digitalSignature
  Purposes        clientAuth

  What the validation schemes compare with the authentication name:
    SCHEME                            NAME IN THIS CERTIFICATE
    SubjectMatchesAuthenticationName  CN=Press 7
                                      Press 7
    DnsMatchesAuthenticationName      p7.example
                                      P7.example
    UriMatchesAuthenticationName      -
    IpMatchesAuthenticationName       -
    EmailMatchesAuthenticationName    -
    ThumbprintMatch                   ${sha256}
                                      ${sha1} (SHA-1)

  As a client below a registered CA  nothing in it stands in the way
  As a client by its thumbprint      nothing in it stands in the way
`,
  )
})

test('inspect says what is wrong with a certificate before anybody connects with it', async (t) => {
  const place = temporaryPlace(t)
  for (const line of ['ca Plant', 'issue old --not-before 2020-01-01 --not-after 2021-01-01 --usage serverAuth']) {
    assert.equal((await sealgate(place, 'cert', ...line.split(' '))).code, 0)
  }
  const { out } = await sealgate(place, 'cert', 'inspect', 'old.pem', '-o', 'json')
  assert.deepEqual(JSON.parse(out).problems, {
    asClient: [
      'certificateExpired: it ended at 2021-01-01T00:00:00Z',
      'purposeNotAllowed: expected extKeyUsage with clientAuth, or none, found extKeyUsage serverAuth',
    ],
    asThumbprintClient: ['certificateExpired: it ended at 2021-01-01T00:00:00Z'],
    asCaCertificate: null,
  })
})
