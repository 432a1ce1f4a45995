import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { parseThumbprint, thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { forge, openssl, pem } from './kit.ts'

const sha256 = 'AB'.repeat(32)
const sha1 = 'CD'.repeat(20)

test('64 hexadecimal digits are SHA-256, 40 are SHA-1, in any case and with any separators', () => {
  const colons = sha256.replace(/..(?=.)/g, '$&:')
  for (const text of [
    sha256,
    sha256.toLowerCase(),
    colons,
    colons.replaceAll(':', ' '),
    colons.replaceAll(':', '-'),
    ` ${sha256}\r\n`,
    `sha256 Fingerprint=${colons}`,
    `SHA256 Fingerprint=${colons}\n`,
  ]) {
    assert.deepEqual(parseThumbprint(text), { ok: true, value: { algorithm: 'sha256', hex: sha256 } })
  }
  assert.deepEqual(parseThumbprint(sha1.toLowerCase()), { ok: true, value: { algorithm: 'sha1', hex: sha1 } })
})

test('other lengths and other characters are refused with their place', () => {
  assert.deepEqual(parseThumbprint(''), { ok: false, error: { kind: 'wrongLength', digits: 0 } })
  assert.deepEqual(parseThumbprint(sha256.slice(1)), { ok: false, error: { kind: 'wrongLength', digits: 63 } })
  assert.deepEqual(parseThumbprint('AB'.repeat(16)), { ok: false, error: { kind: 'wrongLength', digits: 32 } })
  assert.deepEqual(parseThumbprint(`0x${sha256}`), { ok: false, error: { kind: 'notHexadecimal', at: 1 } })
  assert.deepEqual(parseThumbprint('ＡＢ'), { ok: false, error: { kind: 'notHexadecimal', at: 0 } })
  assert.equal(parseThumbprint('A'.repeat(100_000)).ok, false)
})

test('S10: thumbprints are hashes of the DER bytes, as openssl and Node compute them', () => {
  const der = forge({})
  const ours = thumbprintsOf(der)
  assert.equal(ours.sha256, new X509Certificate(der).fingerprint256.replaceAll(':', ''))
  assert.equal(ours.sha1, new X509Certificate(der).fingerprint.replaceAll(':', ''))
  for (const algorithm of ['sha256', 'sha1'] as const) {
    const { output } = openssl(['x509', '-in', 'a.pem', '-noout', '-fingerprint', `-${algorithm}`], {
      'a.pem': pem(der),
    })
    assert.deepEqual(parseThumbprint(output), { ok: true, value: { algorithm, hex: ours[algorithm] } })
  }
})
