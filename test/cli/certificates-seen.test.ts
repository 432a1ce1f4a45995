import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { unixMillis } from '../../src/base/time.ts'
import { connectDevice } from '../api/device.ts'
import { deviceAuthority, deviceCertificate, pemOf, plantPath } from '../api/support.ts'
import { sealgate } from './run.ts'
import { served } from './server.ts'

const authority = deviceAuthority('Device CA', 20)
const successor = deviceAuthority('Device CA', 4_000)

async function plant(t: TestContext, ...clients: readonly string[]) {
  const { place: directory, ...api } = await served(t)
  const place = { ...directory, now: unixMillis(Date.now()) }
  await api.plant()
  for (const [name, ca] of Object.entries({ old: authority, new: successor })) {
    const body = { properties: { encodedCertificate: pemOf(ca) } }
    await api.call('PUT', `${plantPath}/caCertificates/${name}`, { body })
  }
  for (const name of clients) {
    await api.call('PUT', `${plantPath}/clients/${name}`, { body: { properties: { authenticationName: name } } })
  }
  return { place, api }
}

test('a CA certificate that is in use is deleted with --force only', async (t) => {
  const { place, api } = await plant(t, 'press')
  await connectDevice(api, deviceCertificate(authority, 'press'), 'press')
  const shown = await sealgate(place, 'namespace', 'ca-certificate', 'show', 'old')
  assert.match(shown.out, /^clients last seen with it +1$/m)
  assert.match(shown.out, /^connected sessions that rest on it +1$/m)
  assert.match(shown.out, /^last used +2\d{3}-/m)
  const asJson = await sealgate(place, 'namespace', 'ca-certificate', 'show', 'new', '-o', 'json')
  assert.deepEqual(JSON.parse(asJson.out).use, { clients: 0, liveSessions: 0, lastUsedAt: null })

  const kept = await sealgate(place, 'namespace', 'ca-certificate', 'delete', 'old', '--yes')
  assert.equal(kept.code, 1)
  assert.match(kept.err, /"old" is in use: 1 connected sessions rest on it, 1 clients were last seen with it/)
  assert.match(kept.err, /--force/)
  assert.ok(!kept.err.includes('ifUnused'), 'that is the API’s word')
  const unused = await sealgate(place, 'namespace', 'ca-certificate', 'delete', 'new', '--yes')
  assert.deepEqual([unused.code, unused.out], [0, 'Deleted CA certificate new\n'])
  const forced = await sealgate(place, 'namespace', 'ca-certificate', 'delete', 'old', '--yes', '--force')
  assert.deepEqual([forced.code, forced.out], [0, 'Deleted CA certificate old\n'])
})

test('a rotation from one CA to another of the same subject: both at once, the devices move, the old one goes', async (t) => {
  const { place, api } = await plant(t, 'press', 'saw')
  const both = ['press', 'saw']
  const onOld = new Map<string, Awaited<ReturnType<typeof connectDevice>>>()
  for (const name of both) {
    onOld.set(name, await connectDevice(api, deviceCertificate(authority, name), name, name))
  }
  const use = async (name: string) =>
    JSON.parse((await sealgate(place, 'namespace', 'ca-certificate', 'show', name, '-o', 'json')).out).use
  assert.equal((await use('old')).clients, 2)
  const moved = []
  for (const [index, name] of both.entries()) {
    moved.push(await connectDevice(api, deviceCertificate(successor, name), name, name))
    assert.equal((await use('old')).clients, 1 - index)
    assert.equal((await use('new')).clients, 1 + index)
  }
  const gone = await sealgate(place, 'namespace', 'ca-certificate', 'delete', 'old', '--yes')
  assert.equal(gone.code, 0, gone.err)
  assert.deepEqual(
    moved.map(({ ended }) => ended),
    [null, null],
    'nobody noticed',
  )
  const late = await connectDevice(api, deviceCertificate(authority, 'press'), 'press', 'press')
  assert.notEqual(late.ended, null, 'a certificate of the old one is no longer accepted')
})

test('a secondary thumbprint is promoted once it is the one in use', async (t) => {
  const { place, api } = await plant(t)
  const certificates = ['one', 'two'].map((name) => {
    const pem = deviceCertificate(authority, 'gauge')
    writeFileSync(join(place.directory, `${name}.pem`), pem)
    return pem
  })
  const client = ['namespace', 'client'] as const
  const fingerprints = []
  for (const name of ['one', 'two']) {
    fingerprints.push((await sealgate(place, 'cert', 'fingerprint', `${name}.pem`)).out.trim())
  }
  const thumbprints = (list: readonly string[]) =>
    `{validation-scheme:ThumbprintMatch,allowed-thumbprints:[${list.join(',')}]}`
  const made = await sealgate(
    place,
    ...[...client, 'create', 'gauge', '--client-certificate-authentication', thumbprints(fingerprints.slice(0, 1))],
  )
  assert.equal(made.code, 0, made.err)
  const promote = () => sealgate(place, ...client, 'update', 'gauge', '--promote-secondary')
  assert.match((await promote()).err, /client gauge has no secondary thumbprint/)
  await sealgate(place, ...client, 'update', 'gauge', '--client-certificate-authentication', thumbprints(fingerprints))
  assert.match((await promote()).err, /does not use its secondary thumbprint: it was not seen with a certificate yet/)
  await connectDevice(api, certificates[0]!, 'gauge', 'gauge')
  assert.match((await promote()).err, new RegExp(`does not use its secondary thumbprint: .* ${fingerprints[0]}`))
  await connectDevice(api, certificates[1]!, 'gauge', 'gauge')
  const shown = await sealgate(place, ...client, 'show', 'gauge')
  assert.match(shown.out, new RegExp(`${fingerprints[1]} \\(in use\\) +secondary`))
  assert.match(shown.out, new RegExp(`${fingerprints[0]} +primary`))
  const promoted = await promote()
  assert.deepEqual([promoted.code, promoted.out], [0, 'Updated client gauge in namespace plant\n'])
  const after = JSON.parse((await sealgate(place, ...client, 'show', 'gauge', '-o', 'json')).out)
  assert.deepEqual(after.properties.clientCertificateAuthentication.allowedThumbprints, [fingerprints[1]])
  assert.equal(after.certificates[0].thumbprint, 'primary')
})

test('what expires soon is listed: clients and CA certificates, soonest first', async (t) => {
  const { place, api } = await plant(t, 'press', 'saw', 'drill')
  for (const [name, days] of Object.entries({ press: 20, saw: 1, drill: 300 })) {
    await connectDevice(api, deviceCertificate(successor, name, days), name, name)
  }
  const clients = await sealgate(place, 'namespace', 'client', 'list', '--expiring', '30d')
  const rows = clients.out.trim().split('\n')
  assert.match(rows[0] ?? '', /^NAME +AUTHENTICATION NAME +VALID UNTIL +LEFT +SUBJECT +LAST SEEN +CA CERTIFICATE$/)
  assert.deepEqual(
    rows.slice(1).map((row) => row.split(/ +/)[0]),
    ['saw', 'press'],
  )
  assert.match(rows[1] ?? '', / 2[34] h +CN=saw /)
  assert.match(rows[2] ?? '', / (19|20) d +CN=press .* new$/)
  const asJson = await sealgate(
    place,
    'namespace',
    'client',
    'list',
    '--expiring',
    '400d',
    '--max-items',
    '2',
    '-o',
    'json',
  )
  assert.deepEqual(
    JSON.parse(asJson.out).map(({ name }: { name: string }) => name),
    ['saw', 'press'],
  )
  const cas = await sealgate(place, 'namespace', 'ca-certificate', 'list', '--expiring', '30d')
  assert.match(cas.out, /^NAME .*\nold +2\S+Z +(19|20) d +-\n$/)
  const none = await sealgate(place, 'namespace', 'client', 'list', '--expiring', '1h')
  assert.equal(none.out, 'There are no clients whose certificate expires within 1h.\n')
  for (const wrong of [['--expiring', 'soon'], ['--expired'], ['--expiring', '3d', '--filter', "name eq 'a'"]]) {
    assert.equal((await sealgate(place, 'namespace', 'client', 'list', ...wrong)).code, 2, wrong.join(' '))
  }
})
