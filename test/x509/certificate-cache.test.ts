import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CertificateCache } from '../../src/x509/certificate-cache.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { authority, forge, general, key, leafExtensions, name, search, verdict } from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const middle = authority('CN=middle', { key: key(1), issuer: root })

test('equal bytes are read once, and a verdict with the cache is the verdict without', () => {
  const cache = new CertificateCache()
  const other = authority('CN=root', { key: key(3) })
  for (const issuer of [middle, authority('CN=middle', { key: key(4), issuer: root })]) {
    const leaf = forge({ issuer })
    for (const anchors of [[root.certificate], [other.certificate], [root.certificate, other.certificate]]) {
      const without = search(leaf, [middle.certificate], anchors)
      for (let i = 0; i < 3; i++)
        assert.equal(verdict(search(leaf, [middle.certificate], anchors, { cache })), verdict(without))
    }
  }
  const first = cache.read(middle.certificate.der)
  const second = cache.read(Uint8Array.from(middle.certificate.der))
  assert.ok(first.ok && second.ok)
  assert.equal(first.value, second.value)
})

/** Counts the signatures that were verified and could be remembered. */
class CountingCache extends CertificateCache {
  verified = 0
  override rememberSignature(...answer: Parameters<CertificateCache['rememberSignature']>): void {
    this.verified++
    super.rememberSignature(...answer)
  }
}

test('the second device below a known intermediate costs one signature', () => {
  const cache = new CountingCache()
  const signatures = () => {
    const before = cache.verified
    const leaf = forge({ issuer: middle, subject: name('CN=x') })
    assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate], { cache })), 'ok')
    return cache.verified - before
  }
  assert.equal(signatures(), 2)
  assert.equal(signatures(), 1)
})

test('S15: what others have sent makes no budget last longer', () => {
  const cache = new CertificateCache()
  const leaf = forge({ issuer: middle })
  const tight = { limits: { signatureVerifications: 1 } }
  const cold = verdict(search(leaf, [middle.certificate], [root.certificate], tight))
  assert.equal(cold, 'chainInvalid searchLimit')
  assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate], { cache })), 'ok')
  assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate], { ...tight, cache })), cold)
})

test('S15: what one peer sent is not offered to another', () => {
  const cache = new CertificateCache()
  const leaf = forge({ issuer: middle })
  assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate], { cache })), 'ok')
  assert.equal(verdict(search(leaf, [], [root.certificate], { cache })), 'issuerNotRegistered')
})

test('the cache is bounded, the least recently used certificate goes first, and large ones are not kept', () => {
  const cache = new CertificateCache(3)
  const certificates = [1n, 2n, 3n, 4n].map((serialNumber) => forge({ serialNumber }))
  const [a, b, c, d] = certificates as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  for (const der of [a, b, c]) cache.read(der)
  const kept = cache.read(a)
  cache.read(d)
  assert.equal(cache.size, 3)
  const again = cache.read(a)
  assert.ok(kept.ok && again.ok && kept.value === again.value)
  const names = Array.from({ length: 300 }, (_, index) => general('dNSName', `${index}.device.example`))
  assert.ok(cache.read(forge({ extensions: leafExtensions(extension.subjectAltName(names, false)) })).ok)
  assert.equal(cache.read(new Uint8Array(10)).ok, false)
  assert.equal(cache.size, 3)
})
