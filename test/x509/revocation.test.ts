import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Certificate } from '../../src/x509/certificate.ts'
import { readRevocationList } from '../../src/x509/crl.ts'
import { denyKeysOf } from '../../src/x509/deny.ts'
import { DenyList } from '../../src/x509/deny-list.ts'
import { type CertificateAuthority, createCertificateAuthority, createRevocationList } from '../../src/x509/issue.ts'
import { checkThumbprintCertificate } from '../../src/x509/path.ts'
import { type RegisteredRevocationList, Revocation } from '../../src/x509/revocation.ts'
import { authority, forge, from, key, name, noSkew, now, parse, search, valid, verdict } from './kit.ts'

const root = authority('CN=root', { key: key(0) })
const hall = authority('CN=hall', { key: key(1), issuer: root })
const leaf = parse(forge({ issuer: hall, serialNumber: 77n }))
const path = { sent: [hall.certificate], anchors: [root.certificate] }

function listOf(
  issuer: CertificateAuthority,
  revoked: readonly bigint[],
  nextUpdate = from(3600),
): RegisteredRevocationList {
  const der = createRevocationList({
    issuer,
    thisUpdate: from(-7200),
    nextUpdate,
    crlNumber: 1n,
    revoked: revoked.map((serialNumber) => ({ serialNumber, revokedAt: from(-7200) })),
  })
  const read = readRevocationList({ der, authority: issuer.certificate, now, skewSeconds: 0, inUse: null })
  assert.ok(read.ok)
  return { name: 'list', authority: issuer.certificate, list: read.value }
}

function revocation({
  denied = [],
  lists = [],
  refuseStale = false,
}: {
  readonly denied?: readonly Parameters<DenyList['set']>[1][]
  readonly lists?: readonly RegisteredRevocationList[]
  readonly refuseStale?: boolean
}): Revocation {
  const denyList = new DenyList()
  for (const [index, keys] of denied.entries()) denyList.set(`entry-${index}`, keys)
  return new Revocation({ denyList, lists, refuseStale })
}

function judge(certificate: Certificate, parts: Parameters<typeof revocation>[0], more = path): string {
  return verdict(search(certificate, more.sent, more.anchors, { revocation: revocation(parts) }))
}

test('S22: a certificate is denied by issuer and serial number, by its content or by its key', () => {
  const { issuerAndSerialNumber, tbsCertificate, publicKey } = denyKeysOf(leaf)
  for (const keys of [{ issuerAndSerialNumber }, { tbsCertificate }, { publicKey }]) {
    assert.equal(judge(leaf, { denied: [keys] }), 'certificateRevoked')
  }
  const other = parse(forge({ issuer: hall, serialNumber: 78n, key: key(5) }))
  assert.equal(judge(other, { denied: [{ issuerAndSerialNumber, tbsCertificate, publicKey }] }), 'ok')
})

test('S23: every certificate of a path can be denied, the anchor included', () => {
  for (const { certificate } of [hall, root]) {
    assert.equal(judge(leaf, { denied: [denyKeysOf(certificate)] }), 'certificateRevoked')
  }
})

test('S23: the cross-certificate of a denied key is denied, that of a denied certificate leads on', () => {
  const cross = createCertificateAuthority({
    subject: name('CN=hall'),
    key: hall.privateKey,
    issuer: authority('CN=other root', { key: key(2) }),
    ...valid,
  })
  const { publicKey, tbsCertificate } = denyKeysOf(hall.certificate)
  const otherRoot = authority('CN=other root', { key: key(2) })
  const both = { sent: [hall.certificate, cross.certificate], anchors: [root.certificate, otherRoot.certificate] }
  assert.equal(judge(leaf, {}, both), 'ok')
  assert.equal(judge(leaf, { denied: [{ publicKey }] }, both), 'certificateRevoked')
  assert.equal(judge(leaf, { denied: [{ tbsCertificate }] }, both), 'ok')
  assert.equal(judge(leaf, { denied: [{ tbsCertificate }] }), 'certificateRevoked')
})

test('S23: a certificate that is accepted by thumbprint can be denied, or be on the list of the CA that signed it', () => {
  const check = (parts: Parameters<typeof revocation>[0]) =>
    checkThumbprintCertificate(leaf, now, noSkew, revocation(parts))?.kind ?? 'ok'
  assert.equal(check({}), 'ok')
  assert.equal(check({ denied: [denyKeysOf(leaf)] }), 'certificateRevoked')
  assert.equal(check({ lists: [listOf(hall, [77n])] }), 'certificateRevoked')
  const impostor = authority('CN=hall', { key: key(3) })
  assert.equal(check({ lists: [listOf(impostor, [77n])] }), 'ok', 'that CA has not signed it')
})

test('S25: a list judges what its CA issued: leaves, and intermediates below the anchor', () => {
  assert.equal(judge(leaf, { lists: [listOf(hall, [77n])] }), 'certificateRevoked')
  assert.equal(judge(leaf, { lists: [listOf(hall, [78n])] }), 'ok')
  assert.equal(judge(leaf, { lists: [listOf(root, [hall.certificate.serialNumber])] }), 'certificateRevoked')
  assert.equal(judge(leaf, { lists: [listOf(root, [77n])] }), 'ok', 'the serial numbers of another CA')
})

test('S25: of two CAs with one name the list of one says nothing about the other', () => {
  const twin = authority('CN=hall', { key: key(3), issuer: root })
  assert.equal(judge(leaf, { lists: [listOf(twin, [77n])] }), 'ok')
  assert.equal(judge(leaf, { lists: [listOf(twin, [77n]), listOf(hall, [77n])] }), 'certificateRevoked')
})

test('S25: a registered intermediate that its root revokes is an anchor no more', () => {
  const registered = { sent: [], anchors: [hall.certificate, root.certificate] }
  assert.equal(judge(leaf, {}, registered), 'ok')
  assert.equal(
    judge(leaf, { lists: [listOf(root, [hall.certificate.serialNumber])] }, registered),
    'certificateRevoked',
  )
})

test('S26: an absent list changes nothing, a stale one still revokes what it lists', () => {
  const stale = (revoked: readonly bigint[]) => listOf(hall, revoked, from(-1))
  assert.equal(judge(leaf, { lists: [] }), 'ok')
  assert.equal(judge(leaf, { lists: [], refuseStale: true }), 'ok')
  assert.equal(judge(leaf, { lists: [stale([])] }), 'ok')
  assert.equal(judge(leaf, { lists: [stale([77n])] }), 'certificateRevoked')
  assert.equal(judge(leaf, { lists: [stale([])], refuseStale: true }), 'revocationUnknown')
  assert.equal(judge(leaf, { lists: [stale([77n])], refuseStale: true }), 'certificateRevoked')
})

test('S25: a stale list refuses those of its CA alone, and a registered CA needs none', () => {
  const twin = authority('CN=hall', { key: key(3), issuer: root })
  assert.equal(judge(leaf, { lists: [listOf(twin, [], from(-1))], refuseStale: true }), 'ok')
  const registered = { sent: [], anchors: [hall.certificate] }
  assert.equal(judge(leaf, { lists: [listOf(root, [], from(-1))], refuseStale: true }, registered), 'ok')
  assert.equal(judge(leaf, { lists: [listOf(root, [], from(-1))], refuseStale: true }), 'revocationUnknown')
})

test('a denied certificate is told so although it has expired as well', () => {
  const expired = parse(forge({ issuer: hall, notAfter: from(-1) }))
  assert.equal(judge(expired, {}), 'certificateExpired')
  assert.equal(judge(expired, { denied: [denyKeysOf(expired)] }), 'certificateRevoked')
})

test('the account names what was asked, and since when a list is stale', () => {
  const asked = revocation({ denied: [denyKeysOf(root.certificate)], lists: [listOf(hall, [], from(-1))] })
  assert.match(
    asked.account([leaf, hall.certificate], now) ?? '',
    /^not on the deny list; not on revocation list list of \S+Z, stale since \S+Z$/,
  )
  assert.equal(Revocation.none.account([leaf], now), null)
  assert.equal(revocation({ lists: [listOf(root, [])] }).account([leaf], now), null)
})

test('an acceptance rests on a list only where a stale one would refuse it', () => {
  const lists = [listOf(hall, [], from(600)), listOf(root, [], from(300))]
  assert.equal(revocation({ lists }).freshUntil([leaf, hall.certificate]), null)
  assert.equal(revocation({ lists, refuseStale: true }).freshUntil([leaf, hall.certificate]), from(300))
  assert.equal(revocation({ lists, refuseStale: true }).freshUntil([leaf]), from(600))
  assert.deepEqual(revocation({ lists }).turns(), [from(601), from(301)])
})

test('an entry of a deny list that is set again denies what it says now, and one of two entries is enough', () => {
  const denyList = new DenyList()
  const { publicKey, tbsCertificate } = denyKeysOf(leaf)
  denyList.set('a', { publicKey })
  denyList.set('b', { publicKey })
  denyList.set('a', { tbsCertificate: '00'.repeat(32) })
  assert.deepEqual(denyList.find(leaf), { entry: 'b', by: 'public key' })
  denyList.delete('b')
  assert.equal(denyList.find(leaf), null)
  denyList.set('a', { tbsCertificate }, 'shown')
  assert.deepEqual(denyList.find(leaf), { entry: 'shown', by: 'certificate' })
  assert.equal(denyList.size, 1)
})
