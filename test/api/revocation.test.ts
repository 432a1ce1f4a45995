import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import { type CertificateAuthority, createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { deviceAuthority, deviceCertificate, pemOf, plantPath, type TestApi, testApi } from './support.ts'

const root = deviceAuthority('Plant CA')
const other = deviceAuthority('Office CA')
const denyPath = `${plantPath}/sealgateDenyEntries`
const listPath = `${plantPath}/sealgateRevocationLists`

function listOf(issuer: CertificateAuthority, crlNumber: bigint, count = 0): Uint8Array {
  const now = unixSeconds(Math.floor(Date.now() / 1000))
  const at = (offset: number) => unixSeconds(now + offset)
  const revoked = Array.from({ length: count }, (_, i) => ({ serialNumber: BigInt(i + 1), revokedAt: at(-60) }))
  return createRevocationList({ issuer, thisUpdate: at(-60), nextUpdate: at(3_600), crlNumber, revoked })
}

async function plant(api: TestApi): Promise<void> {
  await api.plant()
  const body = { properties: { encodedCertificate: pemOf(root) } }
  assert.equal((await api.call('PUT', `${plantPath}/caCertificates/plant-ca`, { body })).status, 201)
}

test('a deny entry and a revocation list are resources like the others: made, read, listed, deleted, audited', async (t) => {
  const api = await testApi(t)
  await plant(api)
  const { call } = api
  const entry = { properties: { encodedCertificate: deviceCertificate(root, 'press-7') } }
  const list = { properties: { encodedRevocationList: toPem('X509 CRL', listOf(root, 1n, 3)) } }
  for (const [path, body] of [
    [`${denyPath}/lost-7`, entry],
    [`${listPath}/plant-ca`, list],
  ] as const) {
    const made = await call('PUT', path, { body })
    assert.equal(made.status, 201, made.text)
    assert.equal(made.body.id, path)
    const read = await call('GET', path)
    assert.deepEqual(read.body, made.body)
    assert.equal((await call('PUT', path, { body: read.body })).status, 200, 'what was read can be written')
    const collection = path.slice(0, path.lastIndexOf('/'))
    assert.deepEqual((await call('GET', collection)).body.value, [read.body])
    assert.equal((await call('DELETE', path)).status, 200)
    assert.equal((await call('DELETE', path)).status, 204)
  }
  const actions = api.audited().map(({ action }) => String(action).replace('Microsoft.EventGrid/namespaces/', ''))
  for (const type of ['sealgateDenyEntries', 'sealgateRevocationLists']) {
    assert.ok(actions.includes(`${type}/write`) && actions.includes(`${type}/delete`), actions.join())
  }
})

test('a large list is uploaded as it is: DER, PEM, and PEM with the certificate of the CA', async (t) => {
  const api = await testApi(t)
  await plant(api)
  const upload = (body: unknown, query = '', name = 'plant-ca') =>
    api.call('POST', `${listPath}/${name}/upload${query}`, { body })
  const made = await upload(listOf(root, 1n, 5_000))
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.properties.revokedCertificates, 5_000)
  assert.equal(made.body.properties.encodedRevocationList, undefined, 'a document holds no list')
  const again = await upload(toPem('X509 CRL', listOf(root, 2n, 1)))
  assert.equal(again.status, 200, again.text)
  const older = await upload(listOf(root, 1n))
  assert.equal(older.status, 400)
  assert.match(older.body.error.message, /newer/)
  assert.equal((await upload(listOf(root, 1n), '?allowOlder=true')).status, 200)
  const foreign = toPem('X509 CRL', listOf(other, 1n))
  assert.equal((await upload(foreign, '', 'office')).status, 400)
  assert.equal((await upload(foreign + pemOf(other), '', 'office')).status, 201)
  assert.equal((await upload(undefined, '', 'nothing')).status, 400)
})

test('a list that is too large is refused before it is read', async (t) => {
  const api = await testApi(t, { limits: { listBytes: 10_000 } })
  await plant(api)
  const refused = await api.call('POST', `${listPath}/plant-ca/upload`, { body: listOf(root, 1n, 1_000) })
  assert.equal(refused.status, 413)
})

test('S69: deny entries and revocation lists are actions of their own, also by way of an upload or a template', async (t) => {
  const api = await testApi(t)
  await plant(api)
  const types = ['sealgateDenyEntries', 'sealgateRevocationLists']
  const notActions = types.map((type) => `Microsoft.EventGrid/namespaces/${type}/write`)
  const made = await api.call('POST', '/sealgate/tokens', {
    body: { name: 'registrar', role: 'contributor', notActions },
  })
  const { token } = made.body
  const refused = async (method: string, path: string, body: unknown) => {
    const answer = await api.call(method, path, { body, token })
    assert.equal(answer.status, 403, `${path}: ${answer.text}`)
  }
  assert.equal((await api.call('PUT', `${plantPath}/clients/a`, { body: {}, token })).status, 201)
  await refused('PUT', `${denyPath}/lost-7`, {})
  await refused('PUT', `${listPath}/plant-ca`, {})
  await refused('POST', `${listPath}/plant-ca/upload`, listOf(root, 1n))
  const resource = (type: string) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: 'plant/x-1',
    properties: { encodedCertificate: deviceCertificate(root, 'press-7') },
  })
  const deployments = `${plantPath.split('/providers/')[0]}/providers/Microsoft.Resources/deployments/d`
  for (const type of types) {
    const template = { resources: [resource(type)] }
    await refused('PUT', deployments, { properties: { mode: 'Incremental', template } })
  }
  const reader = await api.call('POST', '/sealgate/tokens', { body: { name: 'reader', role: 'reader' } })
  assert.equal((await api.call('GET', denyPath, { token: reader.body.token })).status, 200)
})
