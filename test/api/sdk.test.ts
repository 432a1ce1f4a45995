import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientSecretCredential } from '@azure/identity'
import { err } from '../../src/base/result.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { sdks } from './sdk.ts'
import {
  administratorToken,
  deviceAuthority,
  groupPath,
  namespaceBody,
  pemOf,
  plantPath,
  serverCa,
  testApi,
  version,
} from './support.ts'

interface Failure {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly statusCode?: number
  readonly details?: { readonly error?: Failed; readonly body?: { readonly error?: Failed } }
}
interface Failed {
  readonly code: string
  readonly target?: string
  readonly details?: readonly { readonly code: string; readonly target?: string }[]
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work
  } catch (error) {
    return error as Failure
  }
  return assert.fail('it was done')
}

/** Codes as users of the SDK see them: `err.statusCode`, `err.code`. */
async function coded(work: Promise<unknown>): Promise<string> {
  const { statusCode, code } = await failureOf(work)
  return `${statusCode} ${code}`
}

const client = `${plantPath}/clients/press-1`
const ids = (count: number) =>
  Array.from({ length: count }, (_, n) => `${groupPath}/providers/Microsoft.EventGrid/namespaces/line-${n + 1}`)

for (const make of sdks) {
  const { name } = make({ endpoint: 'https://localhost', apiVersion: version })

  test(`${name}: create, replace, get, patch, probe and delete, each in one request`, async (t) => {
    const { endpoint, entries } = await testApi(t)
    const sdk = make({ endpoint, apiVersion: version })
    const made = await sdk.put(plantPath, namespaceBody)
    assert.equal(made.id, plantPath)
    assert.equal(made.properties?.['provisioningState'], 'Succeeded')
    await sdk.put(plantPath, namespaceBody)
    const patched = await sdk.patch(plantPath, { tags: { site: 'north' } })
    assert.deepEqual({ ...patched.tags }, { site: 'north' })
    assert.equal((await sdk.put(client, { properties: { authenticationName: 'press-1' } })).name, 'press-1')
    assert.equal((await sdk.get(client)).properties?.['state'], 'Enabled')
    assert.equal(await sdk.exists(client), true)
    await sdk.delete(client)
    await sdk.delete(client)
    assert.equal(await sdk.exists(client), false)
    await sdk.delete(plantPath)
    const audited = entries.filter(({ event }) => event === 'audit').map(({ facts }) => `${facts['outcome']}`)
    assert.deepEqual(audited, ['created', 'unchanged', 'updated', 'created', 'deleted', 'deleted'])
  })

  test(`${name}: a list of three pages, and one that is filtered`, async (t) => {
    const { endpoint } = await testApi(t)
    const sdk = make({ endpoint, apiVersion: version })
    for (const id of ids(5)) await sdk.put(id, namespaceBody)
    assert.deepEqual(await sdk.pages('local', null, 2), [['line-1', 'line-2'], ['line-3', 'line-4'], ['line-5']])
    assert.deepEqual(await sdk.pages('LOCAL', "name ne 'line-2' and contains(name,'line')", 3), [
      ['line-1', 'line-3', 'line-4'],
      ['line-5'],
    ])
  })

  test(`${name}: refusals carry status, code and every problem`, async (t) => {
    const { endpoint, plant } = await testApi(t)
    await plant()
    const sdk = make({ endpoint, apiVersion: version })
    assert.equal(await coded(sdk.get(client)), '404 ResourceNotFound')
    const bad = await failureOf(
      sdk.put(client, {
        properties: {
          clientCertificateAuthentication: { validationScheme: 'ByLooks' },
          attributes: { 'not a key': 1 },
        },
      }),
    )
    assert.equal(`${bad.name} ${bad.statusCode} ${bad.code}`, 'RestError 400 InvalidRequest')
    const targets = ['properties.attributes.not a key', 'properties.clientCertificateAuthentication.validationScheme']
    for (const target of targets) assert.ok(bad.message.includes(`${target}: `), bad.message)
    // The newest generation keeps code and message of a failed PUT and drops the rest.
    const error = bad.details?.error ?? bad.details?.body?.error
    if (!name.endsWith(' 8')) assert.deepEqual(error?.details?.map(({ target }) => target).sort(), targets)
    await sdk.put(client, { properties: { authenticationName: 'Alpha' } })
    const clash = sdk.put(`${plantPath}/clients/press-2`, { properties: { authenticationName: 'ALPHA' } })
    assert.equal(await coded(clash), '409 Conflict')
    const stranger = make({ endpoint, apiVersion: version, token: 'sgt_nobody' })
    assert.equal(await coded(stranger.get(client)), '401 InvalidAuthenticationToken')
  })

  test(`${name}: a reader may read and not write`, async (t) => {
    const { endpoint, plant, call } = await testApi(t)
    await plant()
    const made = await call('POST', '/sealgate/tokens', { body: { name: 'viewer', role: 'reader' } })
    assert.equal(made.status, 201, made.text)
    const sdk = make({ endpoint, apiVersion: version, token: made.body.token })
    assert.equal((await sdk.get(plantPath)).name, 'plant')
    assert.equal(await coded(sdk.put(client, {})), '403 AuthorizationFailed')
    assert.equal(await coded(sdk.delete(client)), '403 AuthorizationFailed')
  })

  test(`${name}: 429 with Retry-After is waited for, an error 500 or 503 is tried again, PUT included`, async (t) => {
    const failing = new Set(['broken', 'away'])
    const flaky = (registry: Registry): Registry =>
      new Proxy(registry, {
        get(target, property) {
          if (property !== 'put') {
            const member = Reflect.get(target, property)
            return typeof member === 'function' ? member.bind(target) : member
          }
          return async (...args: Parameters<Registry['put']>) => {
            const resource = args[0].child?.name ?? ''
            if (!failing.delete(resource)) return target.put(...args)
            if (resource === 'broken') throw new Error('a bug of ours')
            return err({ kind: 'unavailable', message: 'The store is away.' } as const)
          }
        },
      })
    const { endpoint, plant, entries } = await testApi(t, {
      registry: flaky,
      limits: { requestBurst: 6, requestsPerSecond: 2 },
    })
    await plant()
    const sdk = make({ endpoint, apiVersion: version })
    assert.equal((await sdk.put(`${plantPath}/clients/broken`, {})).name, 'broken')
    assert.equal(entries.filter(({ event }) => event === 'apiRequestFailed').length, 1)
    assert.equal((await sdk.put(`${plantPath}/clients/away`, {})).name, 'away')
    // Five requests so far: of the next ones some are too many, and all are answered.
    const answers = await Promise.all([1, 2, 3].map(() => sdk.get(plantPath)))
    assert.deepEqual(
      answers.map((answer) => answer.name),
      ['plant', 'plant', 'plant'],
    )
  })
}

test('EG: a stable version does not wipe what it cannot express', async (t) => {
  const { endpoint } = await testApi(t)
  const sources = ['ClientCertificateDns']
  const preview = sdks[2]?.({ endpoint, apiVersion: '2025-07-15-preview' })
  const stable = sdks[1]?.({ endpoint, apiVersion: '2025-02-15' })
  const configuration = { state: 'Enabled', clientAuthentication: { alternativeAuthenticationNameSources: sources } }
  await preview?.put(plantPath, { location: 'local', properties: { topicSpacesConfiguration: configuration } })
  await stable?.put(plantPath, { location: 'local', properties: { topicSpacesConfiguration: { state: 'Enabled' } } })
  const seen = (await stable?.get(plantPath))?.properties?.['topicSpacesConfiguration'] as typeof configuration
  assert.deepEqual([...seen.clientAuthentication.alternativeAuthenticationNameSources], sources)
})

test('S66 a PUT of a stock SDK, which cannot send properties.sealgate, keeps it; null resets it', async (t) => {
  const { endpoint, call, plant } = await testApi(t)
  await plant()
  const ca = { properties: { encodedCertificate: pemOf(deviceAuthority('Device CA')) } }
  assert.equal((await call('PUT', `${plantPath}/caCertificates/device-ca`, { body: ca })).status, 201)
  const bound = { properties: { sealgate: { issuers: ['device-ca'] } } }
  assert.equal((await call('PUT', client, { body: bound })).status, 201)
  const issuers = async () => (await call('GET', client)).body.properties.sealgate?.issuers
  for (const make of sdks)
    await make({ endpoint, apiVersion: version }).put(client, { properties: { state: 'Disabled' } })
  assert.deepEqual(await issuers(), ['device-ca'])
  await call('PUT', client, { body: { properties: { sealgate: null } } })
  assert.equal(await issuers(), undefined)
})

test('@azure/identity signs in at the token endpoint, and revoking ends the sign-in at once', async (t) => {
  const { endpoint, call, plant } = await testApi(t)
  await plant()
  const made = await call('POST', '/sealgate/tokens', {
    body: { name: 'ops', kind: 'servicePrincipal', role: 'contributor' },
  })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.token, undefined)
  const credential = new ClientSecretCredential(made.body.tenantId, made.body.clientId, made.body.clientSecret, {
    authorityHost: endpoint,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: serverCa },
  })
  for (const scope of ['https://management.azure.com/.default', `${endpoint}/.default`]) {
    const { token, expiresOnTimestamp } = await credential.getToken(scope)
    assert.ok(expiresOnTimestamp > Date.now())
    assert.equal((await call('PUT', client, { body: {}, token })).status, scope.startsWith(endpoint) ? 200 : 201)
  }
  await assert.rejects(credential.getToken('https://graph.microsoft.com/.default'), /invalid_scope/)
  const { token } = await credential.getToken('https://management.azure.com/.default')
  assert.equal((await call('DELETE', `/sealgate/tokens/${made.body.id}`)).status, 200)
  assert.equal((await call('GET', client, { token })).body.error.code, 'InvalidAuthenticationToken')
  assert.notEqual(token, administratorToken)
})
