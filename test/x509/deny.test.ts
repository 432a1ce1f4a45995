import assert from 'node:assert/strict'
import { test } from 'node:test'
import { denyKeysOf, parseSerialNumber } from '../../src/x509/deny.ts'
import { DerReader } from '../../src/x509/der.ts'
import { bitString, integer, sequence } from '../../src/x509/der-writer.ts'
import { createCertificateAuthority } from '../../src/x509/issue.ts'
import { authority, forge, key, name, parse, search, valid, verdict } from './kit.ts'

const root = authority('CN=root', { key: key(0) })

/** Order of the group of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The same certificate with the other signature that ECDSA allows. */
function malleate(der: Uint8Array): Uint8Array {
  const certificate = new DerReader(der).sequence('certificate')
  const content = certificate.raw('content')
  const algorithm = certificate.raw('algorithm')
  const pair = new DerReader(certificate.wholeBitString('signature')).sequence('pair')
  const r = pair.integer('r')
  const s = pair.integer('s')
  return sequence(content, algorithm, bitString(sequence(integer(r), integer(order - s))))
}

test('S22: a certificate whose signature was turned over still verifies, has a new fingerprint and the same deny keys', () => {
  const der = forge({ issuer: root })
  const other = malleate(der)
  assert.equal(verdict(search(other, [], [root.certificate])), 'ok')
  assert.notEqual(parse(other).sha256, parse(der).sha256)
  assert.deepEqual(denyKeysOf(parse(other)), denyKeysOf(parse(der)))
})

test('S23: a cross-certificate has the deny key of the key that it keeps alive', () => {
  const middle = authority('CN=middle', { key: key(1), issuer: root })
  const cross = createCertificateAuthority({
    subject: name('CN=other'),
    key: key(1),
    issuer: authority('CN=foreign', { key: key(2) }),
    ...valid,
  })
  const [one, two] = [denyKeysOf(middle.certificate), denyKeysOf(cross.certificate)]
  assert.equal(one.publicKey, two.publicKey)
  assert.notEqual(one.tbsCertificate, two.tbsCertificate)
  assert.notEqual(one.issuerAndSerialNumber, two.issuerAndSerialNumber)
})

test('S24: serial numbers are hexadecimal and compared as integers; bare decimal digits are ambiguous', () => {
  const read = (text: string) => {
    const parsed = parseSerialNumber(text)
    return parsed.ok ? [parsed.value.serialNumber, parsed.value.ambiguous] : null
  }
  assert.deepEqual(read('10'), [0x10n, true])
  assert.deepEqual(read('0x10'), [0x10n, false])
  assert.deepEqual(read('00:10'), [0x10n, false])
  assert.deepEqual(read('1a'), [0x1an, false])
  assert.deepEqual(read(' AB:CD:EF\n'), [0xabcdefn, false])
  assert.deepEqual(read('7'), [7n, false])
  assert.deepEqual(read('-0x5'), [-5n, false])
  for (const text of ['', '0x', ':10', '10:', '1::0', '0x10:20', '-10', '10h', '１０', 'a'.repeat(200)])
    assert.equal(read(text), null, text)
})
