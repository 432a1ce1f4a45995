import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { Certificate } from '../../src/x509/certificate.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { type CertificateAuthority, createCertificateAuthority } from '../../src/x509/issue.ts'
import { timedWarm } from '../support/processor-time.ts'
import {
  authority,
  authorityExtensions,
  forge,
  forgeAuthority,
  general,
  key,
  leafExtensions,
  name,
  search,
  valid,
  verdict,
} from './kit.ts'

/** No decision may take longer, whatever a stranger sends; processor time, the best of some runs. */
const maximumMs = 20

const root = authority('CN=root', { key: key(0) })

/** Authorities 1 to n, each issued by the one before it. */
function ladder(length: number): CertificateAuthority[] {
  const steps = [root]
  for (let i = 1; i <= length; i++) steps.push(authority(`CN=step ${i}`, { key: key(i % 8), issuer: steps[i - 1]! }))
  return steps
}

test('a path holds six certificates at most, leaf and anchor included', () => {
  const steps = ladder(5)
  const sent = steps.slice(1).map(({ certificate }) => certificate)
  assert.equal(verdict(search(forge({ issuer: steps[4]! }), sent, [root.certificate])), 'ok')
  const found = search(forge({ issuer: steps[5]! }), sent, [root.certificate])
  assert.equal(verdict(found), 'chainInvalid pathTooLong')
  const short = { limits: { pathLength: 3 } }
  assert.equal(verdict(search(forge({ issuer: steps[1]! }), sent, [root.certificate], short)), 'ok')
  assert.notEqual(verdict(search(forge({ issuer: steps[2]! }), sent, [root.certificate], short)), 'ok')
})

test('the first ten sent certificates are considered, the rest is not read', () => {
  const middle = authority('CN=middle', { key: key(1), issuer: root })
  const leaf = forge({ issuer: middle })
  const junk = Array.from({ length: 9 }, () => new Uint8Array(10))
  assert.equal(verdict(search(leaf, [...junk, middle.certificate], [root.certificate])), 'ok')
  assert.equal(
    verdict(search(leaf, [...junk, new Uint8Array(10), middle.certificate], [root.certificate])),
    'issuerNotRegistered',
  )
})

test('64 KiB of sent certificates are considered, the rest is not read', () => {
  const middle = authority('CN=middle', { key: key(1), issuer: root })
  const leaf = forge({ issuer: middle })
  const room = 65_536 - middle.certificate.der.length
  assert.equal(verdict(search(leaf, [new Uint8Array(room), middle.certificate], [root.certificate])), 'ok')
  assert.equal(
    verdict(search(leaf, [new Uint8Array(room + 1), middle.certificate], [root.certificate])),
    'issuerNotRegistered',
  )
})

test('cross-signed cycles end at once', () => {
  const a0 = authority('CN=A', { key: key(1) })
  const b0 = authority('CN=B', { key: key(2) })
  const a = createCertificateAuthority({ subject: name('CN=A'), key: key(1), issuer: b0, ...valid })
  const b = createCertificateAuthority({ subject: name('CN=B'), key: key(2), issuer: a0, ...valid })
  const { value: found, ms } = timedWarm(() =>
    search(forge({ issuer: a }), [a.certificate, b.certificate], [root.certificate]),
  )
  assert.equal(verdict(found), 'issuerNotRegistered')
  assert.ok(!found.ok && found.error.signatureVerifications <= 4)
  assert.ok(ms < maximumMs, `${ms} ms`)
})

test('a cycle does not hide the way out of it', () => {
  const a0 = authority('CN=A', { key: key(1) })
  const b = createCertificateAuthority({ subject: name('CN=B'), key: key(2), issuer: a0, ...valid })
  const a = createCertificateAuthority({ subject: name('CN=A'), key: key(1), issuer: b, ...valid })
  const aUp = createCertificateAuthority({ subject: name('CN=A'), key: key(1), issuer: root, ...valid })
  assert.equal(
    verdict(search(forge({ issuer: a }), [a.certificate, b.certificate, aUp.certificate], [root.certificate])),
    'ok',
  )
})

test('190 sent certificates, 100 CAs of one name, and every CA signing every other are decided within the limits', () => {
  const crowd = (sameKey: boolean, sameName: boolean, count: number): Certificate[] =>
    Array.from({ length: count }, (_, index) => {
      const from = {
        subject: name(sameName ? 'CN=many' : `CN=many ${index}`),
        key: key(sameKey ? 1 : 10 + (index % 12)),
      }
      const up = {
        subject: name(sameName ? 'CN=many' : `CN=many ${(index + 1) % count}`),
        key: key(sameKey ? 1 : 10 + ((index + 1) % 12)),
      }
      return forgeAuthority({
        ...from,
        serialNumber: BigInt(index + 1),
        extensions: authorityExtensions(),
        issuer: {
          certificate: forgeAuthority({ ...up, extensions: authorityExtensions() }).certificate,
          privateKey: up.key,
        },
      }).certificate
    })
  for (const [sameKey, sameName] of [
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    const sent = crowd(sameKey, sameName, sameName ? 100 : 190)
    const issuer = { certificate: sent[0]!, privateKey: key(sameKey ? 1 : 10) }
    const leaf = forge({ issuer, issuerName: sent[0]!.subject.der })
    const { value: found, ms } = timedWarm(() => search(leaf, sent, [root.certificate]))
    assert.ok(!found.ok)
    assert.ok(found.error.signatureVerifications <= 32)
    assert.ok(ms < maximumMs, `${sameKey} ${sameName}: ${ms} ms`)
  }
})

test('100 registered CAs of one name: at most 32 signatures, and the key identifier finds the right one', () => {
  const anchors = Array.from({ length: 100 }, (_, index) => authority('CN=many', { key: key(10 + index) }))
  const certificates = anchors.map(({ certificate }) => certificate)
  const named = forge({
    issuer: anchors[99]!,
    extensions: leafExtensions(extension.authorityKeyIdentifier(anchors[99]!.certificate.subjectKeyIdentifier!)),
  })
  assert.equal(verdict(search(named, [], certificates)), 'ok')
  const unnamed = forge({ issuer: anchors[99]! })
  const { value: found, ms } = timedWarm(() => search(unnamed, [], certificates))
  assert.equal(verdict(found), 'chainInvalid searchLimit')
  assert.ok(!found.ok && found.error.signatureVerifications === 32)
  assert.ok(ms < maximumMs, `${ms} ms`)
})

test('expensive keys use the budget up sooner: ten P-521 issuers of one name cost no more than any others', () => {
  const keys = Array.from({ length: 10 }, () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey)
  const sent = keys.map((privateKey) =>
    forgeAuthority({ subject: name('CN=slow'), key: privateKey, extensions: authorityExtensions() }),
  )
  const other = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey
  const leaf = forge({ issuer: { certificate: sent[0]!.certificate, privateKey: other } })
  const { value: found, ms } = timedWarm(() =>
    search(
      leaf,
      sent.map(({ certificate }) => certificate),
      [root.certificate],
    ),
  )
  assert.equal(verdict(found), 'chainInvalid searchLimit')
  assert.ok(!found.ok && found.error.signatureVerifications <= 6)
  assert.ok(ms < 4 * maximumMs, `${ms} ms`)
})

test('names times constraints are bounded, and a use that fits is not', () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => general('dNSName', `${index}.x`))
  const bases = Array.from({ length: 900 }, (_, index) => general('dNSName', `${index}.y`))
  const constrained = createCertificateAuthority({
    subject: name('CN=c'),
    key: key(1),
    ...valid,
    nameConstraints: { excluded: bases },
  })
  const leaf = (count: number) =>
    forge({ issuer: constrained, extensions: leafExtensions(extension.subjectAltName(names(count), false)) })
  assert.equal(verdict(search(leaf(32), [], [constrained.certificate])), 'ok')
  const { value: found, ms } = timedWarm(() => search(leaf(1_500), [], [constrained.certificate]))
  assert.equal(verdict(found), 'chainInvalid searchLimit')
  assert.ok(ms < maximumMs, `${ms} ms`)
})

test('a limit never turns a refusal into an acceptance', () => {
  const middle = authority('CN=middle', { key: key(1), issuer: root })
  const leaf = forge({ issuer: middle })
  for (const limits of [
    { signatureVerifications: 0 },
    { signatureVerifications: 1 },
    { signatureWork: 0 },
    { candidates: 0 },
    { candidates: 1 },
    { pathLength: 1 },
    { pathLength: 2 },
    { sentCertificates: 0 },
    { sentOctets: 0 },
  ]) {
    assert.equal(search(leaf, [middle.certificate], [root.certificate], { limits }).ok, false, JSON.stringify(limits))
  }
})

test('a limit of one certificate leaves no room for an anchor', () => {
  const leaf = forge({ issuer: root })
  assert.equal(verdict(search(leaf, [], [root.certificate], { limits: { pathLength: 2 } })), 'ok')
  assert.equal(search(leaf, [], [root.certificate], { limits: { pathLength: 1 } }).ok, false)
})

test('long names, long lists of purposes and many ways at once cost no more than the limits', () => {
  const long = nameOfCommonName('\0'.repeat(5_000))
  const purposes = Array.from({ length: 300 }, (_, index) => `1.3.6.1.4.1.55555.${index}`)
  const extensions = authorityExtensions(null, extension.extendedKeyUsage(purposes))
  const crowd = Array.from({ length: 10 }, (_, index) =>
    forgeAuthority({ subject: long, key: key(10 + index), extensions }),
  )
  // Everybody signs everybody: all have one name, so each may have issued each.
  const sent = crowd.map(({ privateKey }, index) => {
    const above = crowd[(index + 1) % crowd.length]!
    return forge({ issuer: { ...above }, subject: long, key: privateKey, extensions })
  })
  const leaf = forge({ issuer: crowd[0]!, extensions: leafExtensions() })
  const { value: found, ms } = timedWarm(() => search(leaf, sent, [root.certificate]))
  assert.ok(!found.ok)
  assert.ok(ms < maximumMs, `${ms} ms`)
})
