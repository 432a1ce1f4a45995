import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { signed, signerOf } from '../../src/x509/certificate-writer.ts'
import {
  isStale,
  maximumCrlEntries,
  maximumCrlOctets,
  type RevocationListRequest,
  readRevocationList,
  readRevocationListInSteps,
} from '../../src/x509/crl.ts'
import { Tag } from '../../src/x509/der.ts'
import {
  concat,
  element,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  time,
} from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { type CertificateAuthority, createRevocationList, writeRevocationList } from '../../src/x509/issue.ts'
import { timed } from '../support/processor-time.ts'
import { authority, authorityExtensions, forgeAuthority, from, key, name, now, openssl, parse } from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const nothing: readonly { readonly serialNumber: bigint; readonly revokedAt: ReturnType<typeof from> }[] = []

function list(options: Partial<Parameters<typeof createRevocationList>[0]> = {}): Uint8Array {
  return createRevocationList({
    issuer: root,
    thisUpdate: from(-60),
    nextUpdate: from(3600),
    crlNumber: 7n,
    revoked: nothing,
    ...options,
  })
}

function read(der: Uint8Array, options: Partial<RevocationListRequest> = {}) {
  return readRevocationList({ der, authority: root.certificate, now, skewSeconds: 0, inUse: null, ...options })
}

function kind(der: Uint8Array, options: Partial<RevocationListRequest> = {}): string {
  const found = read(der, options)
  return found.ok ? 'ok' : found.error.kind
}

/** A list from parts, signed as it should be. */
function made(
  fields: Partial<Parameters<typeof writeRevocationList>[0]>,
  issuer: CertificateAuthority = root,
): Uint8Array {
  return writeRevocationList(
    {
      issuer: issuer.certificate.subject.der,
      thisUpdate: from(-60),
      nextUpdate: from(3600),
      entries: [],
      extensions: [],
      ...fields,
    },
    signerOf(issuer.privateKey),
  )
}

const entry = (serialNumber: bigint, ...more: readonly Uint8Array[]) =>
  sequence(integer(serialNumber), time(from(-90)), ...more)
const entryExtension = (oid: string, critical: boolean, value: Uint8Array) =>
  sequence(
    sequence(objectIdentifier(oid), critical ? Uint8Array.of(1, 1, 0xff) : new Uint8Array(0), octetString(value)),
  )

test('a list of the CA revokes the serial numbers on it and no others', () => {
  const serials = [1n, 127n, 128n, 255n, 256n, (1n << 159n) - 1n]
  const found = read(list({ revoked: serials.map((serialNumber) => ({ serialNumber, revokedAt: from(-90) })) }))
  assert.ok(found.ok)
  assert.equal(found.value.revokedCount, serials.length)
  assert.equal(found.value.crlNumber, 7n)
  assert.equal(found.value.thisUpdate, from(-60))
  assert.equal(found.value.nextUpdate, from(3600))
  for (const serial of serials) assert.ok(found.value.revokes(serial), `${serial}`)
  for (const serial of [0n, 2n, -1n, 129n, 1n << 159n]) assert.ok(!found.value.revokes(serial), `${serial}`)
})

test('lists that openssl ca makes are read, with and without extensions', () => {
  const config =
    '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n[ca_ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n[req]\ndistinguished_name=d\n[d]\n'
  const ca = openssl(
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'k.pem',
      '-subj',
      '/CN=o',
      '-days',
      '10',
      '-extensions',
      'ca_ext',
      '-config',
      'c.cnf',
      '-outform',
      'DER',
      '-out',
      'c.der',
    ],
    { 'c.cnf': config },
    ['c.der', 'k.pem'],
  ).written
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(ca['c.der']!).toString('base64')}\n-----END CERTIFICATE-----\n`
  const index =
    'R\t300101000000Z\t260101000000Z,keyCompromise\t0A11\tunknown\t/CN=a\nR\t300101000000Z\t260101000000Z\tFF\tunknown\t/CN=b\nV\t300101000000Z\t\t0B\tunknown\t/CN=c\n'
  for (const extensions of ['crl_extensions=x', '']) {
    const files = {
      'c.cnf': config
        .replace('crl_extensions=x', extensions)
        .replace('crlnumber=number', extensions === '' ? '' : 'crlnumber=number'),
      'k.pem': ca['k.pem']!,
      'c.pem': pem,
      'index.txt': index,
      number: '1000\n',
    }
    const pemList = openssl(
      ['ca', '-gencrl', '-config', 'c.cnf', '-keyfile', 'k.pem', '-cert', 'c.pem', '-out', 'l.pem'],
      files,
      ['l.pem'],
    ).written['l.pem']!
    const der = new Uint8Array(
      Buffer.from(
        Buffer.from(pemList)
          .toString('latin1')
          .replace(/-----[^-]*-----/g, ''),
        'base64',
      ),
    )
    const certificate = parse(ca['c.der']!)
    const found = read(der, { authority: certificate, now: certificate.notBefore, skewSeconds: 3600 })
    assert.ok(found.ok, found.ok ? '' : found.error.kind)
    assert.equal(found.value.crlNumber, extensions === '' ? null : 0x1000n)
    assert.ok(found.value.revokes(0x0a11n))
    assert.ok(found.value.revokes(0xffn))
    assert.ok(!found.value.revokes(0x0bn))
  }
})

test('S25: the list must be issued and signed by this CA; of two CAs with one name, by the right one', () => {
  const other = authority('CN=other', { key: key(1) })
  const twin = authority('CN=root', { key: key(1) })
  assert.equal(kind(list({ issuer: other })), 'issuerMismatch')
  assert.equal(kind(list({ issuer: twin })), 'signature')
  assert.equal(kind(list({ issuer: twin }), { authority: twin.certificate }), 'ok')
  const changed = Uint8Array.from(list())
  changed[changed.length - 1]! ^= 1
  assert.equal(kind(changed), 'signature')
})

test('S25: every kind of key signs lists, and a changed list fails with each', () => {
  for (const type of ['P-384', 'RSA-2048', 'Ed25519'] as const) {
    const ca = authority('CN=ca', { key: type })
    const der = list({ issuer: ca, revoked: [{ serialNumber: 5n, revokedAt: from(-90) }] })
    assert.equal(kind(der, { authority: ca.certificate }), 'ok', type)
    const at = Buffer.from(der).lastIndexOf(Buffer.from([2, 1, 5]))
    const changed = Uint8Array.from(der)
    changed[at + 2] = 6
    assert.equal(kind(changed, { authority: ca.certificate }), 'signature', type)
  }
})

test('S25: a CA with keyUsage needs cRLSign, one without does not', () => {
  const bare = forgeAuthority({
    subject: name('CN=b'),
    key: key(1),
    extensions: [extension.basicConstraints(true, null)],
  })
  assert.equal(kind(made({}, bare), { authority: bare.certificate }), 'ok')
  const only = forgeAuthority({
    subject: name('CN=b'),
    key: key(1),
    extensions: [extension.basicConstraints(true, null), extension.keyUsage(['keyCertSign'])],
  })
  assert.equal(kind(made({}, only), { authority: only.certificate }), 'cRLSignMissing')
})

test('S25: thisUpdate is not in the future, but for the skew', () => {
  assert.equal(kind(list({ thisUpdate: from(0) })), 'ok')
  assert.equal(kind(list({ thisUpdate: from(1) })), 'notYetValid')
  assert.equal(kind(list({ thisUpdate: from(300) }), { skewSeconds: 300 }), 'ok')
})

test('S25: neither thisUpdate nor cRLNumber goes back', () => {
  const inUse = { thisUpdate: from(-60), crlNumber: 7n }
  assert.equal(kind(list(), { inUse }), 'ok')
  assert.equal(kind(list({ crlNumber: 8n }), { inUse }), 'ok')
  assert.equal(kind(list({ crlNumber: 6n }), { inUse }), 'older')
  assert.equal(kind(list({ thisUpdate: from(-61), crlNumber: 8n }), { inUse }), 'older')
  assert.equal(kind(made({}), { inUse }), 'older')
  assert.equal(kind(list(), { inUse: { thisUpdate: from(-60), crlNumber: null } }), 'ok')
})

test('S25: delta, partial and indirect lists and unknown critical extensions are refused', () => {
  const withExtension = (oid: string, critical: boolean, value: Uint8Array) =>
    kind(made({ extensions: [{ oid, critical, value }] }))
  assert.equal(withExtension('2.5.29.27', true, integer(1)), 'delta')
  assert.equal(withExtension('2.5.29.28', true, sequence()), 'partialOrIndirect')
  assert.equal(withExtension('1.2.3.4', true, nullValue()), 'unknownCriticalExtension')
  assert.equal(withExtension('1.2.3.4', false, nullValue()), 'ok')
  const withEntry = (...more: readonly Uint8Array[]) => kind(made({ entries: [entry(5n, ...more)] }))
  assert.equal(withEntry(entryExtension('2.5.29.29', true, sequence())), 'partialOrIndirect')
  assert.equal(withEntry(entryExtension('1.2.3.4', true, nullValue())), 'unknownCriticalExtension')
  assert.equal(withEntry(entryExtension('2.5.29.21', false, Uint8Array.of(Tag.Enumerated, 1, 8))), 'delta')
  assert.equal(withEntry(entryExtension('2.5.29.21', false, Uint8Array.of(Tag.Enumerated, 1, 6))), 'ok')
  assert.equal(withEntry(entryExtension('2.5.29.24', false, nullValue())), 'ok')
})

test('RFC 5280 5.1: malformed lists are refused', () => {
  const der = list({ revoked: [{ serialNumber: 5n, revokedAt: from(-90) }] })
  for (let length = 0; length < der.length; length++) assert.equal(kind(der.subarray(0, length)), 'malformed')
  assert.equal(kind(concat([der, Uint8Array.of(0)])), 'malformed')
  assert.equal(
    kind(
      made({
        extensions: [
          { oid: '1.2.3', critical: false, value: nullValue() },
          { oid: '1.2.3', critical: false, value: nullValue() },
        ],
      }),
    ),
    'malformed',
  )
  assert.equal(kind(made({ entries: [sequence(integer(5))] })), 'malformed')
  assert.equal(kind(made({ entries: [sequence(integer(5), time(from(0)), nullValue())] })), 'malformed')
  const signer = signerOf(root.privateKey)
  const { der: issuer } = root.certificate.subject
  const tbs = (...pieces: readonly Uint8Array[]) => kind(signed(sequence(...pieces), signer))
  assert.equal(tbs(integer(1), signer.algorithm, issuer, time(from(-60))), 'ok')
  assert.equal(tbs(signer.algorithm, issuer, time(from(-60)), time(from(60)), sequence(entry(1n))), 'ok')
  assert.equal(tbs(integer(0), signer.algorithm, issuer, time(from(-60))), 'malformed')
  assert.equal(tbs(integer(1), signer.algorithm, issuer, time(from(-60)), time(from(60)), sequence()), 'malformed')
  assert.equal(
    tbs(signer.algorithm, issuer, time(from(-60)), sequence(entry(1n, entryExtension('1.2.3', false, nullValue())))),
    'malformed',
  )
  assert.equal(tbs(integer(1), sequence(objectIdentifier('1.2.840.10045.4.3.3')), issuer, time(from(-60))), 'malformed')
})

test('RFC 5280 5.2.3: a cRLNumber is not negative and has at most 20 octets', () => {
  assert.equal(kind(list({ crlNumber: 2n ** 159n - 1n })), 'ok')
  assert.equal(kind(list({ crlNumber: 2n ** 159n })), 'malformed')
  assert.equal(kind(list({ crlNumber: -1n })), 'malformed')
})

test('what nobody signed, or anybody may sign, is not read in one long piece: issuer and extensions are bounded', () => {
  const attribute = sequence(objectIdentifier('2.5.4.3'), element(Tag.Utf8String, Uint8Array.of(0x61)))
  const long = sequence(concat(Array.from({ length: 10_000 }, () => element(Tag.Set, attribute))))
  const named = read(
    writeRevocationList(
      { issuer: long, thisUpdate: from(-60), nextUpdate: null, entries: [], extensions: [] },
      signerOf(root.privateKey),
    ),
  )
  assert.ok(!named.ok && named.error.kind === 'malformed')
  assert.match(named.error.reason, /^issuer: longer/)
  const short = writeRevocationList(
    { issuer: name('CN=other').der, thisUpdate: from(-60), nextUpdate: null, entries: [], extensions: [] },
    signerOf(root.privateKey),
  )
  assert.equal(kind(short), 'issuerMismatch')
  const extensions = Array.from({ length: 10_000 }, (_, i) => ({
    oid: `1.2.3.${i}`,
    critical: false,
    value: nullValue(),
  }))
  assert.equal(kind(made({ extensions })), 'malformed')
  assert.equal(kind(made({ extensions: extensions.slice(0, 100) })), 'ok')
})

test('lists signed with SHA-1 or a weak key are refused', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  const ca = forgeAuthority({ subject: name('CN=w'), key: weak, extensions: authorityExtensions() })
  assert.equal(kind(made({}, ca), { authority: ca.certificate }), 'weakSignature')
  const sha1 = { ...signerOf(root.privateKey), algorithm: sequence(objectIdentifier('1.2.840.10045.4.1')) }
  assert.equal(
    kind(
      writeRevocationList(
        { issuer: root.certificate.subject.der, thisUpdate: from(-60), nextUpdate: null, entries: [], extensions: [] },
        sha1,
      ),
    ),
    'weakSignature',
  )
})

test('S26: a stale list is told as such and still revokes', () => {
  const found = read(list({ nextUpdate: from(10), revoked: [{ serialNumber: 5n, revokedAt: from(-90) }] }))
  assert.ok(found.ok)
  assert.equal(isStale(found.value, from(10)), false)
  assert.equal(isStale(found.value, from(11)), true)
  assert.ok(found.value.revokes(5n))
  assert.equal(isStale({ nextUpdate: null }, from(11)), false)
})

test('S25: a list above 32 MiB or above a million entries is refused', () => {
  assert.equal(kind(new Uint8Array(maximumCrlOctets + 1)), 'tooLarge')
})

test('S25: a million entries are read in steps, none of them longer than 50 ms', () => {
  const one = entry(0x1000_0000n)
  const many = (count: number) => {
    const entries = new Uint8Array(one.length * count)
    const at = one.length - 15 - 4 // the four octets of the serial number
    for (let i = 0; i < count; i++) {
      entries.set(one, i * one.length)
      new DataView(entries.buffer).setUint32(i * one.length + at, 0x1000_0000 + i)
    }
    return made({ entries: [entries] })
  }
  const der = many(maximumCrlEntries)
  const read = () => {
    const steps = readRevocationListInSteps({ der, authority: root.certificate, now, skewSeconds: 0, inUse: null })
    let longest = 0
    for (let count = 1; ; count++) {
      const { value: step, ms } = timed(() => steps.next())
      longest = Math.max(longest, ms)
      if (step.done !== true) continue
      assert.ok(step.value.ok)
      assert.equal(step.value.value.revokedCount, maximumCrlEntries)
      assert.ok(step.value.value.revokes(BigInt(0x1000_0000 + maximumCrlEntries - 1)))
      assert.ok(!step.value.value.revokes(BigInt(0x1000_0000 + maximumCrlEntries)))
      return { count, longest }
    }
  }
  // A step that does too much does it each time; what else the processor had to do does not come back.
  let { count, longest } = read()
  for (let again = 0; again < 4 && longest >= 50; again++) longest = Math.min(longest, read().longest)
  assert.ok(count > 200, `${count} steps`)
  assert.ok(longest < 50, `${longest} ms`)
  assert.equal(kind(many(maximumCrlEntries + 1)), 'tooManyEntries')
})

test('an element that is no list is refused', () => {
  assert.equal(kind(element(Tag.OctetString, new Uint8Array(10))), 'malformed')
  assert.equal(kind(root.certificate.der), 'malformed')
})
