import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { readPem } from '../../src/x509/pem.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { connectDevice } from './device.ts'
import {
  deviceAuthority,
  deviceCertificate,
  groupPath,
  namespaceBody,
  pemOf,
  plantPath,
  type TestApi,
  testApi,
} from './support.ts'

const authority = deviceAuthority('Device CA', 4_000)
/** The same subject, another key. */
const successor = deviceAuthority('Device CA', 4_000)

async function plant(api: TestApi, ...clients: readonly string[]): Promise<void> {
  await api.plant()
  for (const [name, ca] of Object.entries({ 'device-ca': authority, 'device-ca-2': successor })) {
    const body = { properties: { encodedCertificate: pemOf(ca) } }
    assert.equal((await api.call('PUT', `${plantPath}/caCertificates/${name}`, { body })).status, 201)
  }
  for (const name of clients) {
    const body = { properties: { authenticationName: name } }
    assert.equal((await api.call('PUT', `${plantPath}/clients/${name}`, { body })).status, 201)
  }
}

const sha256Of = (pem: string) => {
  const read = readPem(pem)
  assert.ok(read.ok)
  return thumbprintsOf(read.value.certificates[0]!).sha256
}
const useOf = async ({ call }: TestApi, name: string) =>
  (await call('GET', `${plantPath}/caCertificates/${name}/use`)).body

test('a CA certificate tells its clients, live sessions and last use', async (t) => {
  const api = await testApi(t)
  await plant(api, 'press', 'saw', 'drill')
  assert.deepEqual(await useOf(api, 'device-ca'), { clients: 0, liveSessions: 0, lastUsedAt: null })
  const before = Date.now()
  const press = await connectDevice(api, deviceCertificate(authority, 'press'), 'one')
  await connectDevice(api, deviceCertificate(authority, 'saw'), 'two', 'saw')
  await connectDevice(api, deviceCertificate(successor, 'drill'), 'three', 'drill')
  const { lastUsedAt, ...use } = await useOf(api, 'DEVICE-ca')
  assert.deepEqual(use, { clients: 2, liveSessions: 2 })
  assert.ok(Date.parse(lastUsedAt) >= before - 1 && Date.parse(lastUsedAt) <= Date.now())
  press.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await useOf(api, 'device-ca')).liveSessions, 1)
  assert.equal((await api.call('GET', `${plantPath}/caCertificates/none/use`)).status, 404)
})

test('a CA certificate that a template takes away is audited with whom it carried', async (t) => {
  const api = await testApi(t)
  await plant(api, 'press')
  await connectDevice(api, deviceCertificate(authority, 'press'), 'one')
  const done = await api.call('PUT', `${groupPath}/providers/Microsoft.Resources/deployments/d`, {
    body: {
      properties: {
        mode: 'Complete',
        template: {
          resources: [
            {
              type: 'Microsoft.EventGrid/namespaces',
              apiVersion: '2025-07-15-preview',
              name: 'plant',
              ...namespaceBody,
            },
          ],
        },
      },
    },
  })
  assert.equal(done.status, 201, done.text)
  const audits = api.audited().filter(({ action }) => String(action).endsWith('caCertificates/delete'))
  assert.deepEqual(
    audits.map(({ outcome, inUse }) => {
      const { clients, liveSessions } = (inUse ?? {}) as { clients?: number; liveSessions?: number }
      return [outcome, clients, liveSessions]
    }),
    [
      ['deleted', 1, 1],
      ['deleted', undefined, undefined],
    ],
  )
})

test('a CA certificate in use is not deleted with ifUnused; a plain DELETE does it and the audit says whom it carried', async (t) => {
  const api = await testApi(t)
  await plant(api, 'press')
  await connectDevice(api, deviceCertificate(authority, 'press'), 'one')
  const path = `${plantPath}/caCertificates/device-ca`
  for (const query of ['ifUnused', 'ifUnused=', 'ifUnused=yes', 'ifUnused=1', 'ifUnused=false&ifUnused=ture']) {
    const misspelt = await api.call('DELETE', `${path}?${query}`)
    assert.deepEqual([misspelt.status, misspelt.body.error.code], [400, 'InvalidQueryParameter'], query)
  }
  const kept = await api.call('DELETE', `${path}?ifUnused=true`)
  assert.equal(kept.status, 409)
  assert.equal(kept.body.error.code, 'CaCertificateInUse')
  assert.match(kept.body.error.message, /1 connected sessions .* 1 clients/)
  assert.equal((await api.call('GET', path)).status, 200)
  assert.equal(
    (await api.call('DELETE', `${plantPath}/caCertificates/device-ca-2?ifUnused=true`)).status,
    200,
    'unused',
  )
  assert.equal((await api.call('DELETE', path)).status, 200)
  const audits = api.audited().filter(({ action }) => String(action).endsWith('caCertificates/delete'))
  assert.deepEqual(
    audits.map(({ outcome, inUse }) => [outcome, inUse === undefined ? null : (inUse as { clients: number }).clients]),
    [
      ['deleted', null],
      ['deleted', 1],
    ],
  )
  assert.equal((await api.call('DELETE', `${path}?ifUnused=true`)).status, 204, 'it is gone')
})

test('the certificates of a client are listed, the one in use first, with the thumbprint that each is', async (t) => {
  const api = await testApi(t)
  await plant(api)
  const [old, young] = [deviceCertificate(authority, 'gauge'), deviceCertificate(authority, 'gauge')]
  const body = {
    properties: {
      authenticationName: 'gauge',
      clientCertificateAuthentication: {
        validationScheme: 'ThumbprintMatch',
        allowedThumbprints: [sha256Of(old), sha256Of(young)],
      },
    },
  }
  const path = `${plantPath}/clients/gauge`
  assert.equal((await api.call('PUT', path, { body })).status, 201)
  const list = async () => (await api.call('GET', `${path}/certificates`)).body.value
  assert.deepEqual(await list(), [])
  await connectDevice(api, old, 'one', 'gauge')
  const [seen] = await list()
  assert.equal(seen.thumbprint, 'primary')
  assert.equal(seen.caCertificateName, null)
  assert.equal(seen.subject, 'CN=gauge')
  const read = readPem(old)
  const parsed = read.ok ? parseCertificate(read.value.certificates[0]!) : null
  assert.ok(parsed?.ok)
  assert.equal(Date.parse(seen.notAfter) / 1000, parsed.value.notAfter)
  await connectDevice(api, young, 'one', 'gauge')
  const both = await list()
  assert.deepEqual(
    both.map(({ sha256, thumbprint }: { sha256: string; thumbprint: string }) => [sha256, thumbprint]),
    [
      [sha256Of(young), 'secondary'],
      [sha256Of(old), 'primary'],
    ],
  )
})

test('clients whose certificate expires soon are listed in order of expiry, in pages', async (t) => {
  const api = await testApi(t)
  const days = { e: 40, c: 20, a: 2, b: 10, d: 29 }
  await plant(api, ...Object.keys(days))
  for (const [name, left] of Object.entries(days)) {
    await connectDevice(api, deviceCertificate(authority, name, left), name, name)
  }
  const path = `${plantPath}/expiringClients`
  const names = async (query: string) =>
    (await api.call('GET', `${path}${query}`)).body.value.map(({ name }: { name: string }) => name)
  assert.deepEqual(await names(''), ['a', 'b', 'c', 'd'], '30 days when nothing is said')
  assert.deepEqual(await names('?within=49h'), ['a'])
  const first = await api.call('GET', `${path}?within=100d&$top=3`)
  assert.equal(first.body.value[0].certificate.caCertificateName, 'device-ca')
  assert.ok(first.body.nextLink.includes('within=100d'))
  const rest = await api.call('GET', first.body.nextLink.slice(api.endpoint.length), { apiVersion: null })
  assert.deepEqual(
    rest.body.value.map(({ name }: { name: string }) => name),
    ['d', 'e'],
  )
  for (const query of ['?within=soon', '?within=30', '?within=999999d', '?expired=perhaps']) {
    assert.equal((await api.call('GET', `${path}${query}`)).body.error.code, 'InvalidQueryParameter', query)
  }
})

test('a reader may see all of it, a token without the action may not', async (t) => {
  const api = await testApi(t)
  await plant(api, 'press')
  const made = async (name: string, body: object) =>
    (await api.call('POST', '/sealgate/tokens', { body: { name, ...body } })).body
  const reader = await made('reads', { role: 'reader' })
  assert.ok(typeof reader.token === 'string', JSON.stringify(reader))
  for (const path of ['caCertificates/device-ca/use', 'clients/press/certificates', 'expiringClients']) {
    assert.equal((await api.call('GET', `${plantPath}/${path}`, { token: reader.token })).status, 200, path)
    assert.equal((await api.call('GET', `${plantPath}/${path}`, { token: null })).status, 401, path)
  }
})

test('metrics count by namespace what expires within 1, 7, 14 and 30 days; no label names a client (S64)', async (t) => {
  let id = ''
  const api = await testApi(t, {
    expiryFigures: () => [
      {
        namespace: id as never,
        clients: { 1: 1, 7: 2, 14: 3, 30: 4 },
      },
    ],
  })
  await plant(api)
  id = api.registry.view.namespaceByName('plant')!.id
  const { text } = await api.call('GET', '/metrics', { apiVersion: null })
  assert.match(text, /^sealgate_clients_expiring\{namespace="plant",within="7d"\} 2$/m)
})
