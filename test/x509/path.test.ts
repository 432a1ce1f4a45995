import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { createCertificateAuthority, issueCertificate } from '../../src/x509/issue.ts'
import { authority, day, forge, from, key, name, search, valid, verdict, year } from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const middle = authority('CN=middle', { key: key(1), issuer: root })
const leaf = issueCertificate({ issuer: middle, subject: name('CN=dev'), key: key(2), ...valid }).certificate
const direct = issueCertificate({ issuer: root, subject: name('CN=dev'), key: key(2), ...valid }).certificate

test('a registered root, a registered intermediate, or both together accept a leaf', () => {
  assert.equal(verdict(search(direct, [], [root.certificate])), 'ok')
  assert.equal(verdict(search(leaf, [], [middle.certificate])), 'ok')
  assert.equal(verdict(search(leaf, [middle.certificate], [root.certificate])), 'ok')
  const both = search(leaf, [], [root.certificate, middle.certificate])
  assert.ok(both.ok)
  assert.equal(both.value.anchor, middle.certificate)
  assert.equal(both.value.certificates.length, 2)
})

test('a registered root and a leaf whose intermediate is not sent: the missing issuer is named', () => {
  const found = search(leaf, [], [root.certificate])
  assert.ok(!found.ok && found.error.kind === 'issuerNotRegistered')
  assert.equal(found.error.presented, 'CN=middle')
  assert.equal(found.error.expected, 'CN=root')
  assert.equal(found.error.provenPath, false)
})

test('sent certificates may come in any order, with junk and duplicates among them', () => {
  const stranger = authority('CN=stranger', { key: key(5) }).certificate
  const second = authority('CN=second', { key: key(3), issuer: middle })
  const deep = issueCertificate({ issuer: second, subject: name('CN=dev'), key: key(2), ...valid }).certificate
  const junk = Uint8Array.of(0x30, 0x03, 0x02, 0x01)
  for (const sent of [
    [second.certificate, middle.certificate, root.certificate],
    [root.certificate, junk, middle.certificate, stranger, second.certificate, second.certificate],
    [deep, middle.certificate, new Uint8Array(0), second.certificate],
  ]) {
    const found = search(deep, sent, [root.certificate])
    assert.ok(found.ok)
    assert.deepEqual(
      found.value.certificates.map(({ sha256 }) => sha256),
      [deep, second.certificate, middle.certificate, root.certificate].map(({ sha256 }) => sha256),
    )
  }
})

test('no certificate leads anywhere when no CA is registered, and the operator is told that', () => {
  const found = search(leaf, [middle.certificate, root.certificate], [])
  assert.ok(!found.ok && found.error.kind === 'issuerNotRegistered')
  assert.match(found.error.expected, /there is none/)
})

test('S16: a self-issued copy of an anchor without its pathLenConstraint does not lift it', () => {
  const anchor = authority('CN=a', { key: key(0), pathLenConstraint: 0 })
  const copy = createCertificateAuthority({ subject: name('CN=a'), key: key(0), issuer: anchor, ...valid })
  const below = authority('CN=below', { key: key(1), issuer: copy })
  const deep = forge({ issuer: below })
  assert.equal(
    verdict(search(deep, [below.certificate, copy.certificate], [anchor.certificate])),
    'chainInvalid pathLenConstraint',
  )
})

test('S16: an anchor is a registered certificate byte for byte, its re-issue with the same key is not', () => {
  const reissued = createCertificateAuthority({
    subject: name('CN=root'),
    key: key(0),
    ...valid,
    notAfter: from(2 * year),
  })
  const expired = authority('CN=root', { key: key(0), notBefore: from(-year), notAfter: from(-day) })
  assert.equal(verdict(search(direct, [reissued.certificate], [expired.certificate])), 'issuerExpired')
})

test('two CAs with one name and different keys are both tried', () => {
  const other = authority('CN=root', { key: key(4) })
  const bare = forge({ issuer: root })
  for (const anchors of [
    [root, other],
    [other, root],
  ]) {
    assert.equal(
      verdict(
        search(
          bare,
          [],
          anchors.map(({ certificate }) => certificate),
        ),
      ),
      'ok',
    )
  }
})

test('a registered CA of the same name but with another key is told apart from an unknown issuer', () => {
  const other = authority('CN=root', { key: key(4) })
  const found = search(direct, [], [other.certificate])
  assert.ok(!found.ok && found.error.kind === 'issuerNotRegistered')
  assert.deepEqual(found.error.sameNameOtherKey, [other.certificate])
  assert.match(found.error.presented, /another key/)
})

test('a changed certificate fails at its signature', () => {
  const der = Uint8Array.from(direct.der)
  const at = Buffer.from(der).indexOf('dev')
  der.set(Buffer.from('dex'), at)
  const found = search(der, [], [root.certificate])
  assert.equal(verdict(found), 'chainInvalid signature')
  assert.ok(!found.ok && !found.error.provenPath)
})

test('S11: only accepted anchors end a path, the others still serve as intermediates', () => {
  const other = authority('CN=other', { key: key(5) })
  const leafOfOther = issueCertificate({ issuer: other, subject: name('CN=dev'), key: key(2), ...valid }).certificate
  const anchors = [root.certificate, other.certificate]
  const refused = search(leafOfOther, [], anchors, { accepted: new Set([root.certificate]) })
  assert.ok(!refused.ok && refused.error.kind === 'issuerNotAllowed')
  assert.equal(refused.error.expected, 'CN=root')
  assert.equal(refused.error.presented, 'CN=other')
  assert.equal(refused.error.provenPath, true)
  const over = search(leaf, [], [root.certificate, middle.certificate], { accepted: new Set([root.certificate]) })
  assert.ok(over.ok)
  assert.equal(over.value.anchor, root.certificate)
  assert.equal(over.value.certificates.length, 3)
})

test('registered intermediates fill a gap that the client leaves', () => {
  assert.equal(verdict(search(leaf, [], [root.certificate], { registered: [middle.certificate] })), 'ok')
})

test('the path ends with the first of its certificates, the anchor included', () => {
  const brief = authority('CN=brief', { key: key(1), notAfter: from(day) })
  const found = search(forge({ issuer: brief }), [], [brief.certificate])
  assert.ok(found.ok)
  assert.equal(found.value.notAfter, from(day))
})

test('an expired intermediate and an expired anchor are told as issuerExpired, whose certificate it is included', () => {
  const past = { notBefore: from(-year), notAfter: from(-1) }
  const oldMiddle = authority('CN=middle', { key: key(1), issuer: root, ...past })
  const found = search(leaf, [oldMiddle.certificate], [root.certificate])
  assert.ok(!found.ok && found.error.kind === 'issuerExpired')
  assert.equal(found.error.position, 1)
  assert.equal(found.error.registered, false)
  assert.equal(found.error.provenPath, true)
  const oldRoot = authority('CN=root', { key: key(0), ...past })
  const atRoot = search(direct, [], [oldRoot.certificate])
  assert.ok(!atRoot.ok && atRoot.error.kind === 'issuerExpired' && atRoot.error.registered)
  const young = authority('CN=root', { key: key(0), notBefore: from(1) })
  assert.equal(verdict(search(direct, [], [young.certificate])), 'chainInvalid issuerNotYetValid')
})

test('an expired way does not hide a valid one', () => {
  const old = authority('CN=middle', { key: key(1), issuer: root, notBefore: from(-year), notAfter: from(-1) })
  const foreign = authority('CN=foreign', { key: key(5) })
  const cross = authority('CN=middle', { key: key(1), issuer: foreign })
  for (const sent of [
    [old, cross, middle],
    [middle, cross, old],
    [cross, old, middle],
  ]) {
    assert.equal(
      verdict(
        search(
          leaf,
          sent.map(({ certificate }) => certificate),
          [root.certificate],
        ),
      ),
      'ok',
    )
  }
})

test('a self-signed leaf is told to be one', () => {
  const own = forge({ subject: name('CN=Alpha'), key: key(2) })
  const found = search(own, [], [root.certificate])
  assert.ok(!found.ok && found.error.kind === 'issuerNotRegistered')
  assert.equal(found.error.selfSigned, true)
})

test('of several faults the one that helps most is told', () => {
  // Right but for an expired intermediate, with a stranger's certificate of the same name beside it.
  const expired = authority('CN=middle', { key: key(1), issuer: root, notBefore: from(-year), notAfter: from(-1) })
  const stranger = authority('CN=middle', { key: key(6) })
  assert.equal(verdict(search(leaf, [stranger.certificate, expired.certificate], [root.certificate])), 'issuerExpired')
  // Expired and of an unknown issuer: a new certificate is needed anyway.
  assert.equal(
    verdict(search(forge({ issuer: stranger, notAfter: from(-1) }), [], [root.certificate])),
    'certificateExpired',
  )
  // Not for clients and of an unknown issuer: the issuer comes first.
  const foreign = forge({ issuer: stranger, extensions: [extension.extendedKeyUsage([ExtendedKeyUsage.ServerAuth])] })
  assert.equal(verdict(search(foreign, [], [root.certificate])), 'issuerNotRegistered')
  // A CA that is accepted comes before one that is not.
  const other = authority('CN=other', { key: key(5) })
  const crossed = authority('CN=middle', { key: key(1), issuer: other })
  const found = search(leaf, [crossed.certificate, expired.certificate], [other.certificate, root.certificate], {
    accepted: new Set([root.certificate]),
  })
  assert.equal(verdict(found), 'issuerExpired')
})

test('a sent certificate that holds the name of the missing issuer but cannot be read is told', () => {
  const broken = forge({
    subject: name('CN=middle'),
    issuer: root,
    key: key(1),
    extensions: [extension.basicConstraints(true, null), extension.basicConstraints(true, null)],
  })
  const found = search(leaf, [broken], [root.certificate])
  assert.ok(!found.ok && found.error.kind === 'certificateMalformed')
  assert.match(found.error.presented, /twice/)
})
