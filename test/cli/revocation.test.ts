import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import { createRevocationList } from '../../src/x509/issue.ts'
import { deviceAuthority, deviceCertificate, pemOf } from '../api/support.ts'
import { type Place, sealgate } from './run.ts'
import { served } from './server.ts'

async function fine(place: Place, ...args: readonly string[]): Promise<string> {
  const ran = await sealgate(place, ...args)
  assert.equal(ran.code, 0, `${args.join(' ')}\n${ran.err}`)
  return ran.out
}

const data = async (place: Place, ...args: readonly string[]) => JSON.parse(await fine(place, ...args, '-o', 'json'))

const root = deviceAuthority('Plant CA')
const office = deviceAuthority('Office CA')

function list(issuer: typeof root, crlNumber: bigint, count: number): Uint8Array {
  const now = Math.floor(Date.now() / 1000)
  const at = (offset: number) => unixSeconds(now + offset)
  const revoked = Array.from({ length: count }, (_, i) => ({ serialNumber: BigInt(i + 1), revokedAt: at(-60) }))
  return createRevocationList({ issuer, thisUpdate: at(-60), nextUpdate: at(3_600), crlNumber, revoked })
}

async function plant(
  t: Parameters<typeof served>[0],
): Promise<{ place: Place; file: (name: string, content: string | Uint8Array) => string }> {
  const { place } = await served(t)
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(place.directory, name), content)
    return name
  }
  await fine(place, 'namespace', 'create', '-g', 'local', '-n', 'plant', '--location', 'here')
  await fine(place, 'namespace', 'ca-certificate', 'create', 'plant-ca', '--certificate', file('ca.pem', pemOf(root)))
  return { place, file }
}

test('namespace deny-entry: made from a certificate or a serial number, listed, shown, deleted', async (t) => {
  const { place, file } = await plant(t)
  const entry = ['namespace', 'deny-entry']
  const certificate = file('press-7.pem', deviceCertificate(root, 'press-7'))
  const made = await data(place, ...entry, 'create', 'lost-7', '--certificate', certificate, '--description', 'stolen')
  assert.equal(made.properties.certificateSubject, 'CN=press-7')
  await fine(place, ...entry, 'create', 'lost-8', '--ca-certificate-name', 'plant-ca', '--serial-number', '4b:e1')
  assert.match(await fine(place, ...entry, 'list'), /lost-7 +CN=press-7[\s\S]*lost-8 .*0x4be1/)
  assert.match(await fine(place, ...entry, 'show', 'lost-8'), /serialNumber +0x4be1/)
  await fine(place, ...entry, 'update', 'lost-7', '--description', 'found')
  assert.equal(
    (await data(place, ...entry, 'show', 'lost-7')).properties.publicKeySha256,
    made.properties.publicKeySha256,
  )
  // S24: what may be meant in two ways is shown before anything is stored.
  const asked = await sealgate(
    place,
    ...entry,
    'create',
    'lost-9',
    '--ca-certificate-name',
    'plant-ca',
    '--serial-number',
    '10',
  )
  assert.equal(asked.code, 1)
  assert.match(asked.err, /Write 0x10 for the former, 0xa for the latter/)
  await fine(place, ...entry, 'delete', 'lost-7', '--yes')
  assert.doesNotMatch(await fine(place, ...entry, 'list'), /lost-7/)
})

test('namespace revocation-list: small and large, DER and PEM, of a CA that is not registered too', async (t) => {
  const { place, file } = await plant(t)
  const lists = ['namespace', 'revocation-list']
  const small = await data(place, ...lists, 'create', 'plant-ca', '--list', file('1.crl', list(root, 1n, 2)))
  assert.equal(small.properties.revokedCertificates, 2)
  const many = list(root, 2n, 60_000)
  assert.ok(many.length > 1_100_000)
  const large = await data(
    place,
    ...lists,
    'update',
    'plant-ca',
    '--list',
    file('2.crl', many),
    '--description',
    'weekly',
  )
  assert.equal(large.properties.revokedCertificates, 60_000)
  assert.equal(large.properties.description, 'weekly')
  const foreign = ['--list', file('office.crl', list(office, 1n, 60_000))]
  const alone = await sealgate(place, ...lists, 'create', 'office', ...foreign)
  assert.equal(alone.code, 1)
  assert.match(alone.err, /CN=Office CA, and no CA certificate of that name is registered/)
  const issuer = ['--issuer-certificate', file('office.pem', pemOf(office))]
  assert.equal(
    (await data(place, ...lists, 'create', 'office', ...foreign, ...issuer)).properties.issuer,
    'CN=Office CA',
  )
  assert.match(await fine(place, ...lists, 'list'), /office +CN=Office CA[\s\S]*plant-ca +CN=Plant CA .* 60000 +weekly/)
  const older = await sealgate(place, ...lists, 'update', 'plant-ca', '--list', '1.crl')
  assert.match(older.err, /The list in use is newer/)
  await fine(place, ...lists, 'update', 'plant-ca', '--list', '1.crl', '--allow-older', 'true')
  const secret = file('key.crl', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
  const key = await sealgate(place, ...lists, 'create', 'x-1', '--list', secret)
  assert.match(key.err, /holds a private key; nothing was sent/)
})

test('export and apply carry entries and lists over; pruning leaves them', async (t) => {
  const { place, file } = await plant(t)
  await fine(
    place,
    'namespace',
    'deny-entry',
    'create',
    'lost-7',
    '--certificate',
    file('p.pem', deviceCertificate(root, 'p-7')),
  )
  await fine(place, 'namespace', 'revocation-list', 'create', 'plant-ca', '--list', file('1.crl', list(root, 1n, 2)))
  const exported = await fine(place, 'export')
  file('all.json', exported)
  await fine(place, 'namespace', 'deny-entry', 'delete', 'lost-7', '--yes')
  await fine(place, 'namespace', 'revocation-list', 'delete', 'plant-ca', '--yes')
  await fine(place, 'apply', '-f', 'all.json')
  assert.deepEqual(JSON.parse(await fine(place, 'export')), JSON.parse(exported))
  const { resources, ...head } = JSON.parse(exported) as { resources: { type: string }[] }
  file('bare.json', JSON.stringify({ ...head, resources: resources.filter(({ type }) => !/sealgate/.test(type)) }))
  await fine(place, 'apply', '-f', 'bare.json', '--prune')
  assert.deepEqual(JSON.parse(await fine(place, 'export')), JSON.parse(exported))
})

test('cert revoke keeps the list of a CA: made, added to, signed anew; openssl reads it', async (t) => {
  const { place } = await plant(t)
  const cert = (...args: readonly string[]) => data(place, 'cert', ...args)
  await cert('ca', 'Hall CA', '--out', 'hall.pem')
  for (const name of ['a', 'b']) await cert('issue', name, '--ca', 'hall.pem')
  assert.equal((await cert('revoke', 'a.pem', '--ca', 'hall.pem')).revoked, 1)
  const second = await cert('revoke', 'a.pem', 'b.pem', '--ca', 'hall.pem')
  assert.deepEqual([second.crlNumber, second.revoked, second.added.length], ['0x2', 2, 1])
  const third = await cert('revoke', '--ca', 'hall.pem', '--days', '30')
  assert.deepEqual([third.crlNumber, third.revoked], ['0x3', 2])
  assert.match(readFileSync(join(place.directory, 'hall.crl'), 'utf8'), /^-----BEGIN X509 CRL-----\n/)
  const foreign = await sealgate(place, 'cert', 'revoke', 'ca.pem', '--ca', 'hall.pem')
  assert.match(foreign.err, /issued by CN=Plant CA, which only that CA can revoke/)
  writeFileSync(join(place.directory, 'other.crl'), list(office, 1n, 1))
  const other = await sealgate(place, 'cert', 'revoke', '--ca', 'hall.pem', '--list', 'other.crl')
  assert.match(other.err, /no list of this CA/)
})
