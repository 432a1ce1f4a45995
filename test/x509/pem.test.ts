import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { maximumPemLength, readCertificateFile, readPem, toPem } from '../../src/x509/pem.ts'
import { timedWarm } from '../support/processor-time.ts'
import { forge, key, openssl, pem } from './kit.ts'

const der = forge({})
const text = pem(der)

function kind(input: string): string {
  const read = readPem(input)
  return read.ok ? `${read.value.certificates.length} certificates` : read.error.kind
}

function base64(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString('base64')
}

test('a certificate is read in every spelling that people paste', () => {
  const spellings: Readonly<Record<string, string>> = {
    'as openssl writes it': text,
    'without the last newline': text.trimEnd(),
    CRLF: text.replaceAll('\n', '\r\n'),
    'CR only': text.replaceAll('\n', '\r'),
    'newlines squeezed out': text.replaceAll('\n', ''),
    'newlines as spaces': text.replaceAll('\n', ' '),
    'newlines written out': text.replaceAll('\n', '\\n'),
    'CRLF written out': text.replaceAll('\n', '\\r\\n'),
    'indented lines': text.replaceAll('\n', '\n    '),
    'one long line': toPem('CERTIFICATE', der)
      .replace(/\n(?!-)/g, '')
      .replace('-----M', '-----\nM'),
    'text around it': `subject=CN = leaf\nissuer=CN = leaf\n${text}\nthe end\n`,
    'byte order mark': `\ufeff${text}`,
    'X509 label': text.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'),
    'base64 of PEM': base64(text),
    'base64 of PEM in lines': base64(text).replace(/.{76}/g, '$&\n'),
    'base64 of DER': base64(der),
    'base64 of DER without padding': base64(der).replace(/=+$/, ''),
    'base64 of DER in lines': `${base64(der).replace(/.{64}/g, '$&\r\n')}\r\n`,
  }
  for (const [spelling, input] of Object.entries(spellings)) {
    const read = readPem(input)
    assert.ok(read.ok, spelling)
    assert.deepEqual(
      read.value.certificates.map((certificate) => [...certificate]),
      [[...der]],
      spelling,
    )
  }
})

test('what is written reads back, for every length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const certificate = Uint8Array.from([0x30, 0x30, 0x30, ...bytes])
      const read = readPem(toPem('CERTIFICATE', certificate))
      assert.ok(read.ok)
      assert.deepEqual([...read.value.certificates[0]!], [...certificate])
    }),
  )
})

test('all certificates of a bundle are read in order, other blocks are named only', () => {
  const other = forge({ serialNumber: 2n })
  const request = toPem('CERTIFICATE REQUEST', der)
  const read = readPem(`${text}${request}${pem(other)}`)
  assert.ok(read.ok)
  assert.deepEqual(
    read.value.certificates.map((certificate) => [...certificate]),
    [[...der], [...other]],
  )
  assert.deepEqual(read.value.otherLabels, ['CERTIFICATE REQUEST'])
  assert.deepEqual(readPem(request), { ok: false, error: { kind: 'noCertificate', labels: ['CERTIFICATE REQUEST'] } })
})

test('S21: a private key in any form is refused, and no part of it is in the answer', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  const secret = pkcs8.toString('base64').slice(100, 160)
  const inputs = [
    privateKey.export({ format: 'pem', type: 'pkcs8' }),
    privateKey.export({ format: 'pem', type: 'pkcs1' }),
    key(0).export({ format: 'pem', type: 'sec1' }),
    privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
    `${text}${privateKey.export({ format: 'pem', type: 'pkcs8' })}`,
    `${privateKey.export({ format: 'pem', type: 'pkcs8' })}${text}`,
    `${privateKey.export({ format: 'pem', type: 'pkcs8' })}`.slice(0, 400),
    base64(`${privateKey.export({ format: 'pem', type: 'pkcs8' })}`),
    base64(pkcs8),
    base64(privateKey.export({ format: 'der', type: 'pkcs1' })),
    base64(key(0).export({ format: 'der', type: 'sec1' })),
    base64(privateKey.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })),
    base64(pkcs8.subarray(0, 600)),
    toPem('CERTIFICATE', pkcs8),
  ]
  for (const input of inputs) {
    const read = readPem(`${input}`)
    assert.deepEqual(read, { ok: false, error: { kind: 'privateKey' } })
    assert.ok(!JSON.stringify(read).includes(secret))
  }
  assert.equal(readCertificateFile(pkcs8).ok, false)
})

test('S21: a PKCS #12 file is refused as the private key that it holds', () => {
  const args = ['pkcs12', '-export', '-inkey', 'k.pem', '-in', 'c.pem', '-passout', 'pass:x', '-out', 'x.p12']
  const files = { 'k.pem': key(9).export({ format: 'pem', type: 'pkcs8' }) as string, 'c.pem': text }
  const p12 = openssl(args, files, ['x.p12']).written['x.p12']!
  assert.equal(kind(base64(p12)), 'privateKey')
  assert.deepEqual(readCertificateFile(p12), { ok: false, error: { kind: 'privateKey' } })
})

test('each mistake is told apart', () => {
  assert.equal(kind(''), 'empty')
  assert.equal(kind(' \n'), 'empty')
  assert.equal(kind('hello, world'), 'notPem')
  assert.equal(kind('AAAA'), 'notPem')
  assert.equal(kind(text.slice(0, -30)), 'unterminated')
  assert.equal(kind(text.replace('END CERTIFICATE', 'END SOMETHING')), 'unterminated')
  assert.equal(kind(text.replace('MII', 'M*I')), 'badBase64')
  assert.equal(kind('-----BEGIN CERTIFICATE----------END CERTIFICATE-----'), 'badBase64')
  assert.equal(kind('-----BEGIN CERTIFICATE-----A-----END CERTIFICATE-----'), 'badBase64')
  assert.equal(kind('x'.repeat(maximumPemLength + 1)), 'tooLarge')
})

test('S21: 64 KiB of block beginnings are read in less than 5 ms', () => {
  for (const piece of ['-----BEGIN', '-----BEGIN ', '-----BEGIN CERTIFICATE-----', '-----BEGIN A-----', '-', '\\n']) {
    const input = piece.repeat(Math.floor(maximumPemLength / piece.length))
    const { ms } = timedWarm(() => readPem(input))
    assert.ok(ms < 5, `${piece}: ${ms} ms`)
  }
})

test('a file may be DER itself', () => {
  const read = readCertificateFile(der)
  assert.ok(read.ok)
  assert.deepEqual(read.value.certificates, [der])
  assert.ok(readCertificateFile(Buffer.from(text)).ok)
  assert.ok(!readCertificateFile(new Uint8Array(maximumPemLength + 1)).ok)
})

test('readPem is total', () => {
  const piece = fc.constantFrom(
    '-----',
    'BEGIN ',
    'END ',
    'CERTIFICATE',
    '\n',
    'MIIB',
    '=',
    ' ',
    'ü',
    text,
    base64(der),
  )
  fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => void readPem(pieces.join(''))))
})
