import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finish } from '../../src/base/steps.ts'
import { decodeListInSteps } from '../../src/x509/crl-upload.ts'
import { createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { authority, from, key, openssl, pem } from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const revoked = Array.from({ length: 3_000 }, (_, i) => ({ serialNumber: BigInt(i + 1), revokedAt: from(-90) }))
const list = createRevocationList({ issuer: root, thisUpdate: from(-60), nextUpdate: from(60), crlNumber: 1n, revoked })
const small = createRevocationList({
  issuer: root,
  thisUpdate: from(-60),
  nextUpdate: from(60),
  crlNumber: 1n,
  revoked: [],
})

function decode(upload: Uint8Array | string) {
  return finish(decodeListInSteps(Buffer.from(upload)))
}

function kind(upload: Uint8Array | string): string {
  const decoded = decode(upload)
  return decoded.ok ? 'ok' : decoded.error.kind
}

test('a list is read from DER, PEM with any line ends, and base64, with text around it', () => {
  for (const der of [small, list]) {
    const text = toPem('X509 CRL', der)
    const base64 = Buffer.from(der).toString('base64')
    for (const upload of [
      der,
      text,
      text.replaceAll('\n', '\r\n'),
      `Certificate Revocation List (CRL):\n    Version 2\n${text}`,
      base64,
      `${base64}\n`,
      base64.replace(/.{77}/g, '$&\n'),
    ]) {
      const decoded = decode(upload)
      assert.ok(decoded.ok, decoded.ok ? '' : decoded.error.kind)
      assert.deepEqual(Buffer.from(decoded.value.der), Buffer.from(der))
      assert.equal(decoded.value.issuer, null)
    }
  }
})

test('the certificate of the CA may stand beside the list, on either side', () => {
  const text = toPem('X509 CRL', small)
  for (const upload of [text + pem(root.certificate), pem(root.certificate) + text]) {
    const decoded = decode(upload)
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value.issuer, root.certificate.der)
  }
})

test('what openssl writes is read', () => {
  const made = openssl(['crl', '-inform', 'DER', '-text', '-in', 'list.der'], { 'list.der': list })
  assert.equal(kind(made.output), 'ok')
})

test('what is no list is told by name', () => {
  const text = toPem('X509 CRL', small)
  assert.equal(kind(''), 'empty')
  assert.equal(kind(text.slice(0, -10)), 'unterminated')
  assert.equal(kind(text.slice(0, 200)), 'unterminated')
  assert.equal(kind(text + text), 'severalLists')
  assert.equal(kind(pem(root.certificate)), 'certificate')
  assert.equal(kind('hello'), 'notAList')
  assert.equal(kind('<html>'), 'notAList')
  assert.equal(kind('-----BEGIN X509 CRL-----\n****\n-----END X509 CRL-----\n'), 'notAList')
  assert.equal(kind('-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n'), 'empty')
})

test('S21: a private key is refused before anything is read, wherever it stands', () => {
  const filler = 'x'.repeat(300_000)
  for (const upload of ['-----BEGIN PRIVATE KEY-----\n', `${filler}-----BEGIN EC PRIVATE KEY-----`]) {
    assert.equal(kind(upload), 'privateKey')
  }
  // Across the border of two steps.
  assert.equal(kind(`${'x'.repeat(262_144 - 5)}PRIVATE KEY`), 'privateKey')
})

test('S25: a large list is decoded in many short steps', () => {
  const large = Buffer.alloc(8 * 1_048_576, 0x30)
  const text = `-----BEGIN X509 CRL-----\n${large.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
  let steps = 0
  for (const _ of decodeListInSteps(Buffer.from(text))) steps++
  assert.ok(steps >= text.length / 262_144, `${steps}`)
})
