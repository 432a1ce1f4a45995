import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { matchesAction, parseScope } from '../../src/api/access/role.ts'
import { unixMillis } from '../../src/base/time.ts'
import type { Revision } from '../../src/ports/identity.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { etagOf } from '../../src/registry/resource.ts'
import {
  administratorToken,
  groupPath,
  namespaceBody,
  plantPath,
  subscriptionId,
  type TestApi,
  testApi,
} from './support.ts'

const clients = `${plantPath}/clients`

async function tokenOf({ call }: TestApi, body: object, by = administratorToken): Promise<string> {
  const made = await call('POST', '/sealgate/tokens', { body, token: by })
  assert.equal(made.status, 201, made.text)
  return made.body.token
}

test('S65 the store holds the hash of a token and never the token; no list shows it again', async (t) => {
  const api = await testApi(t)
  const token = await tokenOf(api, { name: 'ci', role: 'contributor' })
  assert.match(token, /^sgt_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/)
  const secret = token.slice(-43)
  const listed = await api.call('GET', '/sealgate/tokens')
  assert.equal(listed.body.value.length, 1)
  const stored = api.engine.registry.range('', null, 10_000).map(({ value }) => Buffer.from(value).toString('utf8'))
  const everything = [listed.text, ...stored, JSON.stringify(api.entries)].join('\n')
  assert.ok(!everything.includes(secret))
  assert.ok(!everything.includes(administratorToken))
})

test('a token is refused once its time is over, and once it is revoked', async (t) => {
  const time = fakeClock(unixMillis(Date.now()))
  const api = await testApi(t, { clock: time.clock })
  const { call } = api
  const token = await tokenOf(api, { name: 'short', role: 'reader', expiresInDays: 1 })
  const listed = (await call('GET', '/sealgate/tokens')).body.value[0]
  assert.equal((await call('GET', groupPath, { token })).status, 200)
  time.advance(86_400_000)
  const over = await call('GET', groupPath, { token })
  assert.equal(`${over.status} ${over.body.error.code}`, '401 ExpiredAuthenticationToken')
  const other = await tokenOf(api, { name: 'other', role: 'reader', expiresInDays: null })
  time.advance(86_400_000)
  assert.equal((await call('GET', groupPath, { token: other })).status, 200)
  const id = other.split('_')[1]
  assert.equal((await call('DELETE', `/sealgate/tokens/${id}`)).status, 200)
  assert.equal((await call('DELETE', `/sealgate/tokens/${id}`)).status, 204)
  assert.equal((await call('GET', groupPath, { token: other })).body.error.code, 'InvalidAuthenticationToken')
  assert.equal((await call('GET', `/sealgate/tokens/${listed.id}`)).body.name, 'short')
})

test('401 tells where to get a token, in the form that clients do not repeat', async (t) => {
  const { call, endpoint } = await testApi(t)
  const header = String((await call('GET', plantPath, { token: null })).headers['www-authenticate'])
  assert.ok(header.startsWith(`Bearer authorization_uri="${endpoint}/`), header)
  assert.ok(!header.includes('claims'))
})

test('403 names the action and the scope', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const token = await tokenOf(api, { name: 'viewer', role: 'reader' })
  const { status, body } = await api.call('PUT', `${clients}/a`, { body: {}, token })
  assert.equal(status, 403)
  assert.ok(body.error.message.includes("'Microsoft.EventGrid/namespaces/clients/write'"))
  assert.ok(body.error.message.includes(plantPath))
})

test('S69 a request that its caller may not make is audited with who tried what, wherever it is found out', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const token = await tokenOf(api, { name: 'viewer', role: 'reader' })
  const writer = await tokenOf(api, { name: 'writer', role: 'contributor', scope: `${plantPath}x` })
  const template = {
    resources: [
      { type: 'Microsoft.EventGrid/namespaces/clients', apiVersion: '2025-02-15', name: 'plant/a', properties: {} },
    ],
  }
  const deployment = `${groupPath}/providers/Microsoft.Resources/deployments/d`
  assert.equal((await api.call('PUT', `${clients}/a`, { body: {}, token })).status, 403)
  assert.equal((await api.call('POST', '/sealgate/tokens', { body: { name: 'x', role: 'owner' }, token })).status, 403)
  assert.equal((await api.call('DELETE', plantPath, { token: writer })).status, 403)
  assert.equal((await api.call('PUT', deployment, { body: { properties: { template } }, token })).status, 403)
  const denied = api.audited().filter(({ outcome }) => outcome === 'denied')
  assert.deepEqual(
    denied.map(({ principal, role, action }) => `${principal} ${role} ${action}`),
    [
      'viewer reader Microsoft.EventGrid/namespaces/clients/write',
      'viewer reader Sealgate/tokens/write',
      'writer contributor Microsoft.EventGrid/namespaces/delete',
      'viewer reader Microsoft.Resources/deployments/write',
    ],
  )
  for (const facts of denied) {
    assert.equal(typeof facts['requestId'], 'string')
    assert.equal(facts['remoteAddress'], '127.0.0.1')
    assert.ok(String(facts['resource']).startsWith('/subscriptions/'))
  }
  const levels = api.entries.filter(({ event, facts }) => event === 'audit' && facts['outcome'] === 'denied')
  assert.ok(levels.every(({ level }) => level === 'warn'))
})

test('roles: what a reader, a contributor and an owner may do', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const tokens = {
    reader: await tokenOf(api, { name: 'r', role: 'reader' }),
    contributor: await tokenOf(api, { name: 'c', role: 'contributor' }),
    owner: await tokenOf(api, { name: 'o', role: 'owner' }),
  }
  const may = async (method: string, path: string, body?: object) => {
    const allowed: string[] = []
    for (const [role, token] of Object.entries(tokens)) {
      const { status } = await api.call(method, path, { token, ...(body === undefined ? {} : { body }) })
      if (status !== 403) allowed.push(role)
    }
    return allowed.join(' ')
  }
  assert.equal(await may('GET', plantPath), 'reader contributor owner')
  assert.equal(await may('POST', `${plantPath}/explain`, {}), 'reader contributor owner')
  assert.equal(await may('GET', `${plantPath}/export`), 'reader contributor owner')
  assert.equal(await may('PUT', `${clients}/a`, {}), 'contributor owner')
  assert.equal(await may('POST', `${plantPath}/listKeys`), 'contributor owner')
  assert.equal(await may('POST', `${plantPath}/sessions/x/close`), 'contributor owner')
  assert.equal(await may('GET', '/sealgate/tokens'), 'owner')
  assert.equal(await may('POST', '/sealgate/tokens', { name: 'x', role: 'reader' }), 'owner')
})

test('S69 trust and rights are actions of their own: a contributor without them writes clients only', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const without = ['caCertificates', 'permissionBindings'].map((type) => `Microsoft.EventGrid/namespaces/${type}/*`)
  const token = await tokenOf(api, {
    name: 'registrar',
    role: 'contributor',
    notActions: without.map((action) => action.replace('/*', '/write')),
  })
  const put = (path: string, body: object) => api.call('PUT', `${plantPath}/${path}`, { body, token })
  assert.equal((await put('clients/a', {})).status, 201)
  assert.equal((await put('caCertificates/ca-1', {})).body.error.code, 'AuthorizationFailed')
  assert.equal((await put('permissionBindings/b-1', {})).body.error.code, 'AuthorizationFailed')
  // Nor by way of a template.
  const template = {
    resources: [
      { type: 'Microsoft.EventGrid/namespaces/clients', apiVersion: '2025-02-15', name: 'plant/b', properties: {} },
      {
        type: 'Microsoft.EventGrid/namespaces/permissionBindings',
        apiVersion: '2025-02-15',
        name: 'plant/b-1',
        properties: { clientGroupName: '$all', topicSpaceName: 'x', permission: 'Publisher' },
      },
    ],
  }
  const deployed = await api.call('PUT', `${groupPath}/providers/Microsoft.Resources/deployments/d`, {
    body: { properties: { mode: 'Incremental', template } },
    token,
  })
  assert.equal(deployed.status, 403, deployed.text)
  assert.equal((await api.call('GET', `${clients}/b`)).status, 404, 'nothing of it was written')
})

test('a scope holds: one namespace, seen in lists, and nothing beside it', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const other = plantPath.replace(/plant$/, 'plant-2')
  await api.call('PUT', other, { body: namespaceBody })
  const token = await tokenOf(api, {
    name: 'tenant',
    role: 'contributor',
    scope: plantPath.toUpperCase().replace(/PLANT$/, 'plant'),
  })
  const status = async (method: string, path: string, body?: object) =>
    (await api.call(method, path, { token, ...(body === undefined ? {} : { body }) })).status
  assert.equal(await status('PUT', `${clients}/a`, {}), 201)
  assert.equal(await status('PUT', `${other}/clients/a`, {}), 403)
  assert.equal(await status('GET', `${other}/clients`), 403)
  // S62: also no questions about others.
  assert.equal(await status('POST', `${other}/explain`, {}), 403)
  const namespaces = await api.call('GET', `${groupPath}/providers/Microsoft.EventGrid/namespaces`, { token })
  assert.deepEqual(
    namespaces.body.value.map(({ name }: { name: string }) => name),
    ['plant'],
  )
  const groups = await api.call('GET', `/subscriptions/${subscriptionId}/resourceGroups`, { token })
  assert.deepEqual(
    groups.body.value.map(({ name }: { name: string }) => name),
    ['local'],
  )
  assert.equal(await status('PUT', `${groupPath}x`, { location: 'local' }), 403)
  assert.equal(await status('GET', '/metrics'), 403)
})

test('nobody hands on more than they have: scope, time, actions that were taken', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const owner = await tokenOf(api, {
    name: 'owner',
    role: 'owner',
    scope: plantPath,
    expiresInDays: 5,
    notActions: ['*/listKeys/action'],
  })
  const beyond = await api.call('POST', '/sealgate/tokens', {
    body: { name: 'more', role: 'reader', scope: groupPath },
    token: owner,
  })
  assert.equal(beyond.status, 403, beyond.text)
  const made = await api.call('POST', '/sealgate/tokens', {
    body: { name: 'child', role: 'owner', expiresInDays: null },
    token: owner,
  })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.scope, plantPath)
  assert.deepEqual(made.body.notActions, ['*/listKeys/action'])
  const days = (Date.parse(made.body.expiresAt) - Date.now()) / 86_400_000
  assert.ok(days > 4.9 && days < 5.1)
  assert.equal((await api.call('POST', `${plantPath}/listKeys`, { token: made.body.token })).status, 403)
  // What lies outside of its scope does not exist for it.
  const admins = await api.call('POST', '/sealgate/tokens', { body: { name: 'wide', role: 'reader' } })
  assert.equal((await api.call('GET', `/sealgate/tokens/${admins.body.id}`, { token: owner })).status, 404)
  assert.equal((await api.call('DELETE', `/sealgate/tokens/${admins.body.id}`, { token: owner })).status, 204)
  assert.equal((await api.call('GET', groupPath, { token: admins.body.token })).status, 200)
})

test('S65 failed attempts are limited per source, and a valid token is never locked out by them', async (t) => {
  const { call } = await testApi(t, { limits: { failureBurst: 3, failuresPerSecond: 0.01 } })
  const statuses: number[] = []
  for (let n = 0; n < 5; n++) statuses.push((await call('GET', plantPath, { token: `guess-${n}` })).status)
  assert.deepEqual(statuses, [401, 401, 401, 429, 429])
  const refused = await call('GET', plantPath, { token: 'guess' })
  assert.equal(refused.body.error.code, 'TooManyRequests')
  assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/)
  assert.equal((await call('GET', groupPath)).status, 200)
})

test('the token endpoint takes a secret in the form or as Basic, and is as patient as with tokens', async (t) => {
  const { call } = await testApi(t, { limits: { failureBurst: 2, failuresPerSecond: 0.01 } })
  const made = await call('POST', '/sealgate/tokens', {
    body: { name: 'ops', kind: 'servicePrincipal', role: 'reader' },
  })
  const { clientId, clientSecret } = made.body
  const ask = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    call('POST', '/adfs/oauth2/token', {
      token: null,
      apiVersion: null,
      body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  const byName = await ask({ client_id: 'OPS', client_secret: clientSecret })
  assert.equal(byName.status, 200, byName.text)
  assert.equal(byName.body.token_type, 'Bearer')
  assert.ok(byName.body.expires_in > 3_590)
  const basic = Buffer.from(`${clientId}:${encodeURIComponent(clientSecret)}`).toString('base64')
  assert.equal((await ask({}, { authorization: `Basic ${basic}` })).status, 200)
  // The secret itself is no token.
  assert.equal((await call('GET', groupPath, { token: clientSecret })).status, 401)
  assert.equal((await ask({ client_id: 'ops', client_secret: 'x' })).body.error, 'invalid_client')
  assert.equal((await ask({ client_id: 'ops', client_secret: 'x' })).status, 429)
  assert.equal((await ask({ client_id: 'ops', client_secret: clientSecret })).status, 200)
  assert.equal((await ask({ grant_type: 'password' })).body.error, 'unsupported_grant_type')
})

test('audit: each write and each token tells who, what, from where; no secret in it', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const token = await tokenOf(api, { name: 'ci', role: 'contributor' })
  const made = await api.call('PUT', `${clients}/a`, { body: {}, token })
  await api.call('PUT', `${clients}/a`, { body: { properties: { state: 'Disabled' } }, token })
  await api.call('PUT', `${clients}/a`, { body: { properties: { authenticationName: 'b' } }, token })
  await api.call('DELETE', `${clients}/a`, { token })
  const keys = await api.call('POST', `${plantPath}/regenerateKey`, { body: { keyName: 'key1' }, token })
  const writes = api.audited().filter((facts) => facts['principal'] === 'ci')
  assert.deepEqual(
    writes.map(({ action, outcome }) => `${String(action).replace('Microsoft.EventGrid/namespaces/', '')} ${outcome}`),
    [
      'clients/write created',
      'clients/write updated',
      'clients/write invalid',
      'clients/delete deleted',
      'regenerateKey/action key1 made anew',
    ],
  )
  const [, second] = writes
  assert.equal(`"${second?.['revisionBefore']}"`, made.headers['etag'])
  assert.notEqual(second?.['revisionAfter'], second?.['revisionBefore'])
  assert.equal(second?.['remoteAddress'], '127.0.0.1')
  assert.equal(second?.['role'], 'contributor')
  assert.ok(!JSON.stringify(api.entries).includes(keys.body.key1))
  // Who made what stands in the resource as well.
  assert.equal(made.body.systemData.createdBy, 'ci')
  assert.equal(made.body.systemData.createdByType, 'Key')
})

test('a name is held by one token at a time', async (t) => {
  const api = await testApi(t)
  const body = { name: 'ci', role: 'reader' }
  const both = await Promise.all([1, 2].map(() => api.call('POST', '/sealgate/tokens', { body })))
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409])
  const id = both.find(({ status }) => status === 201)?.body.id
  assert.equal((await api.call('POST', '/sealgate/tokens', { body: { ...body, name: 'CI' } })).status, 409)
  await api.call('DELETE', `/sealgate/tokens/${id}`)
  assert.equal((await api.call('POST', '/sealgate/tokens', { body: { ...body, name: 'CI' } })).status, 201)
  assert.equal((await api.call('POST', '/sealgate/tokens', { body: { ...body, name: 'Administrator' } })).status, 400)
})

test('the token endpoint, which is open to all, reads a small form only', async (t) => {
  const { call } = await testApi(t)
  const form = `grant_type=client_credentials&client_id=${'x'.repeat(20_000)}`
  assert.equal((await call('POST', '/adfs/oauth2/token', { token: null, apiVersion: null, body: form })).status, 413)
})

test('action patterns: a star stands for any text', () => {
  const yes = [
    ['*', 'a/b'],
    ['*/read', 'a/b/read'],
    ['a/*', 'A/b/write'],
    ['a/*/write', 'a/b/c/write'],
    ['a*b*c', 'aXbYc'],
  ] as const
  const no = [
    ['*/read', 'a/b/write'],
    ['a/*/write', 'a/write'],
    ['a', 'ab'],
    ['a*a', 'a'],
    ['a*b*b', 'ab'],
  ] as const
  for (const [pattern, action] of yes) assert.ok(matchesAction(pattern, action), `${pattern} ${action}`)
  for (const [pattern, action] of no) assert.ok(!matchesAction(pattern, action), `${pattern} ${action}`)
  const stars = `${'*a'.repeat(128)}b`
  assert.ok(!matchesAction(stars, 'a'.repeat(4_096)))
})

test('scopes are read in any casing and written in one', () => {
  assert.equal(parseScope('/SUBSCRIPTIONS/s/resourcegroups/G/'), '/subscriptions/s/resourceGroups/G')
  assert.equal(parseScope('/subscriptions/s'), '/subscriptions/s')
  for (const bad of ['', '/', 's', '/subscriptions/', '/subscriptions/s/resourceGroups', `${plantPath}/clients/a`]) {
    assert.equal(parseScope(bad), null, bad)
  }
})

const webhook = {
  endpointUrl: 'https://identity.example/check?code=secret',
  azureActiveDirectoryApplicationIdOrUri: 'a',
  azureActiveDirectoryTenantId: 't',
  identity: { type: 'SystemAssigned' },
}
const withTrust = (trust: object) => ({
  location: 'local',
  properties: { topicSpacesConfiguration: { state: 'Enabled', clientAuthentication: trust } },
})

test('S69 whose tokens and which webhook are believed is an action of its own', async (t) => {
  const api = await testApi(t)
  await api.plant()
  const token = await tokenOf(api, {
    name: 'registrar',
    role: 'contributor',
    notActions: ['Microsoft.EventGrid/namespaces/clientAuthentication/write'],
  })
  const apiVersion = '2025-07-15-preview'
  const put = (body: object, by = token) => api.call('PUT', plantPath, { body, token: by, apiVersion })
  const patch = (body: object) => api.call('PATCH', plantPath, { body, token, apiVersion })
  assert.equal((await put(withTrust({}))).status, 200, 'what has nothing to do with it')
  assert.equal((await put(withTrust({ webhookAuthentication: webhook }))).body.error.code, 'AuthorizationFailed')
  assert.equal((await put(withTrust({ webhookAuthentication: webhook }), administratorToken)).status, 200)
  const shown = (await api.call('GET', plantPath, { apiVersion })).body
  const trust = shown.properties.topicSpacesConfiguration.clientAuthentication
  assert.equal(trust.webhookAuthentication.endpointUrl, 'https://identity.example/check', 'its query may be a secret')
  assert.equal((await put(shown)).status, 200, 'sent back as it was shown')
  assert.equal((await patch({ tags: { a: 'b' } })).status, 200)
  for (const changed of [
    { ...webhook, endpointUrl: 'https://evil.example/' },
    { ...webhook, endpointUrl: 'https://identity.example/check?code=mine' },
    undefined,
  ]) {
    const refused = await put(withTrust(changed === undefined ? {} : { webhookAuthentication: changed }))
    assert.equal(refused.status, 403, JSON.stringify(changed))
  }
  const removed = {
    properties: { topicSpacesConfiguration: { clientAuthentication: { webhookAuthentication: null } } },
  }
  assert.equal((await patch(removed)).status, 403)
  const deploy = (body: object) =>
    api.call('PUT', `${groupPath}/providers/Microsoft.Resources/deployments/d`, {
      body: {
        properties: {
          mode: 'Incremental',
          template: {
            resources: [{ type: 'Microsoft.EventGrid/namespaces', apiVersion, name: 'plant', ...body }],
          },
        },
      },
      token,
    })
  assert.equal((await deploy(withTrust({}))).status, 403)
  assert.equal((await deploy(withTrust({ webhookAuthentication: trust.webhookAuthentication }))).status, 201)
  const after = (await api.call('GET', plantPath, { apiVersion })).body.properties.topicSpacesConfiguration
  assert.deepEqual(after.clientAuthentication, trust)
})

/** What others do between the look at a change and its write. */
const lookedAtThen = (meanwhile: () => Promise<void>) => (registry: Registry) =>
  new Proxy(registry, {
    get(target, name: keyof Registry) {
      const member = target[name]
      if (name !== 'rehearse') return typeof member === 'function' ? member.bind(target) : member
      return async (...given: Parameters<Registry['rehearse']>) => {
        const looked = await target.rehearse(...given)
        await meanwhile()
        return looked
      }
    },
  })

test('S69 a change of trust that fails when it is looked at is not written when it would succeed', async (t) => {
  let meanwhile = async (): Promise<void> => {}
  const api = await testApi(t, { registry: lookedAtThen(() => meanwhile()) })
  await api.plant()
  const token = await tokenOf(api, {
    name: 'registrar',
    role: 'contributor',
    notActions: ['Microsoft.EventGrid/namespaces/clientAuthentication/write'],
  })
  const apiVersion = '2025-07-15-preview'
  const call = (body: object, headers = {}) => api.call('PUT', plantPath, { body, token, apiVersion, headers })
  // The revision that an own harmless change is going to have is no secret.
  const next = `"${etagOf((api.engine.registry.revision() + 1n) as Revision)}"`
  meanwhile = async () => {
    meanwhile = async () => {}
    const { status } = await api.call('PATCH', plantPath, { body: { tags: { a: 'b' } }, apiVersion })
    assert.equal(status, 200)
  }
  const refused = await call(withTrust({ webhookAuthentication: webhook }), { 'if-match': next })
  assert.equal(refused.status, 412, refused.text)
  const { body, headers } = await api.call('GET', plantPath, { apiVersion })
  assert.equal(headers['etag'], next, 'it would have succeeded')
  assert.equal(body.properties.topicSpacesConfiguration.clientAuthentication?.webhookAuthentication, undefined)
})

test('S69 a template is applied to the namespaces that were looked at, not to what an administrator made of them since', async (t) => {
  let meanwhile = async (): Promise<void> => {}
  const api = await testApi(t, { registry: lookedAtThen(() => meanwhile()) })
  await api.plant()
  const token = await tokenOf(api, {
    name: 'registrar',
    role: 'contributor',
    notActions: ['Microsoft.EventGrid/namespaces/clientAuthentication/write'],
  })
  const apiVersion = '2025-07-15-preview'
  const before = { webhookAuthentication: { ...webhook, endpointUrl: 'https://old.example/' } }
  const after = { webhookAuthentication: { ...webhook, endpointUrl: 'https://new.example/' } }
  const administrator = async (trust: object, tags = {}) => {
    const { status } = await api.call('PUT', plantPath, { body: { ...withTrust(trust), tags }, apiVersion })
    assert.equal(status, 200)
  }
  const deploy = () =>
    api.call('PUT', `${groupPath}/providers/Microsoft.Resources/deployments/d`, {
      body: {
        properties: {
          mode: 'Incremental',
          template: {
            resources: [
              { type: 'Microsoft.EventGrid/namespaces', apiVersion, name: 'Plant', ...withTrust(before) },
              { type: 'Microsoft.EventGrid/namespaces/clients', apiVersion, name: 'plant/c', properties: {} },
            ],
          },
        },
      },
      token,
    })
  const trustNow = async () => {
    const { body } = await api.call('GET', plantPath, { apiVersion })
    return body.properties.topicSpacesConfiguration.clientAuthentication.webhookAuthentication.endpointUrl
  }
  await administrator(before)
  meanwhile = async () => {
    meanwhile = async () => {}
    await administrator(after)
  }
  const refused = await deploy()
  assert.equal(refused.status, 403, refused.text)
  assert.equal(await trustNow(), 'https://new.example/', 'the trust of before does not come back')
  assert.equal((await api.call('GET', `${plantPath}/clients/c`)).status, 404, 'all of it or nothing')

  await administrator(before)
  meanwhile = async () => {
    meanwhile = async () => {}
    await administrator(before, { line: '7' })
  }
  const looked = await deploy()
  assert.equal(looked.status, 201, 'a harmless change is looked at again')

  let changes = 0
  meanwhile = () => administrator(before, { line: String(++changes) })
  const conflict = await deploy()
  assert.equal(conflict.status, 409, conflict.text)
  assert.equal(changes, 3)
  const [audited] = api.audited().filter(({ outcome }) => outcome === 'conflict')
  assert.equal(audited?.['action'], 'Microsoft.Resources/deployments/write')
})

test('what a deployment would change is shown to whoever may read it', async (t) => {
  const api = await testApi(t)
  await api.plant()
  await api.call('PUT', `${clients}/a`, { body: { properties: {} } })
  const token = await tokenOf(api, {
    name: 'blind',
    role: 'contributor',
    notActions: ['Microsoft.EventGrid/namespaces/clients/read'],
  })
  const template = (type: string) => ({
    resources: [
      {
        type: `Microsoft.EventGrid/namespaces/${type}`,
        apiVersion: '2025-02-15',
        name: 'plant/abc',
        properties: { topicTemplates: ['a'] },
      },
    ],
  })
  const whatIf = (type: string, by: string) =>
    api.call('POST', `${groupPath}/providers/Microsoft.Resources/deployments/d/whatIf`, {
      body: { properties: { mode: 'Incremental', template: template(type) } },
      token: by,
    })
  assert.equal((await whatIf('topicSpaces', token)).status, 200)
  const refused = await whatIf('clients', token)
  assert.equal(refused.status, 403)
  assert.match(refused.body.error.message, /clients\/read/)
  assert.equal((await whatIf('clients', administratorToken)).status, 200)
})

test('names of places are those of what the caller may see', async (t) => {
  const api = await testApi(t)
  const path = (name: string) => plantPath.replace(/plant$/, name)
  for (const [name, location] of Object.entries({ mine: 'here', theirs: 'secretplace' })) {
    await api.call('PUT', path(name), { body: { ...namespaceBody, location } })
  }
  const places = async (token: string) => {
    const { body } = await api.call('GET', `/subscriptions/${subscriptionId}/locations`, { token })
    return body.value.map(({ name }: { name: string }) => name)
  }
  const token = await tokenOf(api, { name: 'narrow', role: 'reader', scope: path('mine') })
  assert.deepEqual(await places(administratorToken), ['here', 'local', 'secretplace'])
  assert.deepEqual(await places(token), ['here', 'local'])
})
