import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { FakePeer } from '../support/fake-transport.ts'
import { connectDevice } from './device.ts'
import { deviceAuthority, deviceCertificate, groupPath, pemOf, plantPath, type TestApi, testApi } from './support.ts'

const authority = deviceAuthority('Device CA')
const stranger = deviceAuthority('Stranger CA')

async function devices(api: TestApi): Promise<void> {
  await api.plant()
  const ca = await api.call('PUT', `${plantPath}/caCertificates/device-ca`, {
    body: { properties: { encodedCertificate: pemOf(authority) } },
  })
  assert.equal(ca.status, 201, ca.text)
  const client = await api.call('PUT', `${plantPath}/clients/press`, {
    body: { properties: { authenticationName: 'press' } },
  })
  assert.equal(client.status, 201, client.text)
}

/** Everything that is stored, as one digest. */
function stateOf({ engine }: TestApi): string {
  const digest = createHash('sha256')
  for (const { key, value, revision } of engine.registry.range('', null, 10_000))
    digest.update(`${key} ${revision} `).update(value)
  return digest.digest('hex')
}

test('S62 explain answers what the listener would, proves no key and leaves no trace but the audit', async (t) => {
  const api = await testApi(t)
  await devices(api)
  const { call } = api
  const before = stateOf(api)
  const accepted = await call('POST', `${plantPath}/explain`, {
    body: { certificate: deviceCertificate(authority, 'press'), username: 'press', clientId: 'c-1' },
  })
  assert.equal(accepted.status, 200, accepted.text)
  assert.equal(accepted.body.outcome, 'accepted')
  assert.equal(accepted.body.keyProven, false)
  assert.equal(accepted.body.caCertificateName, 'device-ca')
  assert.equal(accepted.body.method, 'CACertificate')
  assert.ok(accepted.body.steps.length > 2)
  const refused = await call('POST', `${plantPath}/explain`, {
    body: { certificate: deviceCertificate(stranger, 'press'), username: 'press' },
  })
  assert.equal(refused.body.code, 'issuerNotRegistered')
  assert.ok(refused.body.remedy.length > 10)
  const none = await call('POST', `${plantPath}/explain`, { body: { username: 'press' } })
  assert.equal(none.body.code, 'noCertificate')
  assert.equal(stateOf(api), before)
  assert.equal((await call('GET', `${plantPath}/decisions`)).body.value.length, 0)
  assert.equal((await call('GET', `${plantPath}/sessions`)).body.value.length, 0)
  const audits = api.audited().filter(({ action }) => action === 'Microsoft.EventGrid/namespaces/explain/action')
  assert.deepEqual(
    audits.map(({ outcome }) => outcome),
    ['accepted', 'issuerNotRegistered', 'noCertificate'],
  )
})

test('S62 explain asks for sessions, wills and topics, and opens, reserves and counts nothing', async (t) => {
  const api = await testApi(t)
  await devices(api)
  const { call } = api
  const before = stateOf(api)
  const ask = async (more: Readonly<Record<string, string>>) => {
    const certificate = deviceCertificate(authority, 'press')
    return call('POST', `${plantPath}/explain`, { body: { certificate, username: 'press', clientId: 'c-1', ...more } })
  }
  for (const [more, code, action] of [
    [{}, null, 'connect'],
    [{ willTopic: 'status/press' }, 'willNotAuthorized', 'connect'],
    [{ publishTo: 'machines/press' }, 'publishNotAuthorized', 'publish'],
    [{ subscribeTo: '$share/g/machines/#' }, 'subscribeNotAuthorized', 'subscribe'],
  ] as const) {
    const { status, body, text } = await ask(more)
    assert.equal(status, 200, text)
    assert.deepEqual([body.code, body.action], [code, action])
    assert.equal(body.authenticationName, 'press')
  }
  for (const field of ['willTopic', 'publishTo', 'subscribeTo']) {
    const { status, body } = await ask({ [field]: 'machines/#/state' })
    assert.equal(status, 400)
    assert.equal(body.error.details[0].target, field)
  }
  assert.equal(stateOf(api), before)
  assert.equal((await call('GET', `${plantPath}/sessions`)).body.value.length, 0)
  assert.equal((await call('GET', `${plantPath}/decisions`)).body.value.length, 0)
})

test('S62 explain needs a token of this namespace and is limited in rate', async (t) => {
  const api = await testApi(t, { limits: { explainBurst: 2, explainsPerSecond: 0.01 } })
  await devices(api)
  assert.equal((await api.call('POST', `${plantPath}/explain`, { body: {}, token: null })).status, 401)
  const statuses: number[] = []
  for (let n = 0; n < 3; n++) statuses.push((await api.call('POST', `${plantPath}/explain`, { body: {} })).status)
  assert.deepEqual(statuses, [200, 200, 429])
})

test('S21 a private key is refused and leaves no part of itself anywhere', async (t) => {
  const api = await testApi(t)
  await devices(api)
  const secret = 'MC4CAQAwBQYDK2VwBCIEIJ3mVd1Q8VQe0000000000000000000000000000000'
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`
  for (const body of [{ certificate: key }, { certificate: deviceCertificate(authority, 'press'), chain: key }]) {
    const reply = await api.call('POST', `${plantPath}/explain`, { body })
    assert.equal(reply.status, 400)
    assert.equal(reply.body.error.details[0].code, 'PrivateKeyRefused')
    assert.ok(!reply.text.includes(secret))
  }
  const upload = await api.call('PUT', `${plantPath}/caCertificates/key-ca`, {
    body: { properties: { encodedCertificate: key + pemOf(authority) } },
  })
  assert.equal(upload.body.error.details[0].code, 'PrivateKeyRefused')
  const stored = api.engine.registry.range('', null, 10_000).map(({ value }) => Buffer.from(value).toString('utf8'))
  assert.ok(![...stored, JSON.stringify(api.entries), upload.text].some((text) => text.includes(secret)))
})

test('S60 a token in the username of a question is not shown again', async (t) => {
  const api = await testApi(t)
  await devices(api)
  const token = `eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`
  const reply = await api.call('POST', `${plantPath}/explain`, { body: { username: token } })
  assert.equal(reply.status, 200)
  assert.ok(!reply.text.includes('a'.repeat(40)), reply.text)
})

test('export is a template that changes nothing where it came from', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  for (let n = 0; n < 30; n++)
    await call('PUT', `${plantPath}/clients/press-${n}`, { body: { properties: { attributes: { n } } } })
  await call('PUT', `${plantPath}/topicSpaces/open`, { body: { properties: { topicTemplates: ['open/#'] } } })
  const exported = await call('GET', `${plantPath}/export`)
  assert.equal(exported.status, 200)
  assert.equal(exported.body.resources.length, 32)
  const body = { properties: { mode: 'Complete', template: exported.body } }
  const planned = await call('POST', `${groupPath}/providers/Microsoft.Resources/deployments/again/whatIf`, { body })
  assert.equal(planned.status, 200, planned.text)
  const types = planned.body.properties.changes.map(({ changeType }: { changeType: string }) => changeType)
  assert.deepEqual([...new Set(types)], ['NoChange'])
  assert.equal((await call('GET', `${plantPath}x/export`)).status, 404)
})

test('a client is found by its authentication name in any spelling', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  await call('PUT', `${plantPath}/clients/press-1`, { body: { properties: { authenticationName: 'Prësse 1' } } })
  const find = async (name: string) => {
    const reply = await call('GET', `${plantPath}/clients?authenticationName=${encodeURIComponent(name)}`)
    return reply.body.value.map((client: { name: string }) => client.name)
  }
  assert.deepEqual(await find('PRE\u0308SSE 1'), ['press-1'])
  assert.deepEqual(await find('press-1'), [])
})

test('decisions are listed newest first, in pages, by code and by name', async (t) => {
  const api = await testApi(t, { settings: {} })
  await devices(api)
  const { call, endpoint } = api
  await connectDevice(api, deviceCertificate(authority, 'press'), 'first')
  await connectDevice(api, deviceCertificate(stranger, 'press'), 'second')
  await connectDevice(api, deviceCertificate(authority, 'press'), 'third', 'nobody')
  const path = `${plantPath}/decisions`
  const codes = async (query: string) =>
    (await call('GET', `${path}${query}`)).body.value.map(({ code }: { code: string | null }) => code)
  assert.deepEqual(await codes(''), ['clientNotFound', 'issuerNotRegistered', null])
  assert.deepEqual(await codes('?code=issuernotregistered'), ['issuerNotRegistered'])
  assert.deepEqual(await codes('?name=NOBODY'), ['clientNotFound'])
  assert.deepEqual(await codes('?outcome=accepted'), [null])
  const first = await call('GET', `${path}?$top=2`)
  const second = await call('GET', first.body.nextLink.slice(endpoint.length), { apiVersion: null })
  assert.equal(second.body.value.length, 1)
  assert.equal(second.body.nextLink, undefined)
  const [newest] = first.body.value
  assert.equal(newest.clientId, 'third')
  assert.equal(newest.remoteAddress, '192.0.2.7')
  assert.equal(newest.count, 1)
  assert.ok(newest.remedy.length > 10 && newest.steps.length > 0)
  assert.deepEqual((await call('GET', '/sealgate/decisions')).body.value, [])
})

test('sessions are listed in pages and closed by their Client Identifier, whatever it holds', async (t) => {
  const api = await testApi(t)
  await devices(api)
  const { call, endpoint } = api
  const properties = { topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 5 } }
  assert.equal((await call('PATCH', plantPath, { body: { properties } })).status, 200)
  const certificate = deviceCertificate(authority, 'press')
  const odd = 'a/b c%?ü'
  const peers = new Map<string, FakePeer>()
  for (const clientId of ['x', odd, 'y']) peers.set(clientId, await connectDevice(api, certificate, clientId))
  const path = `${plantPath}/sessions`
  const first = await call('GET', `${path}?$top=2&authenticationName=PRESS`)
  const names = (reply: typeof first) => reply.body.value.map(({ clientId }: { clientId: string }) => clientId)
  assert.deepEqual(names(first), [odd, 'x'])
  assert.deepEqual(names(await call('GET', first.body.nextLink.slice(endpoint.length), { apiVersion: null })), ['y'])
  assert.equal(first.body.value[0].online, true)
  assert.equal(first.body.value[0].authenticationName, 'press')
  const closed = await call('POST', `${path}/${encodeURIComponent(odd)}/close`)
  assert.equal(closed.status, 200, closed.text)
  assert.notEqual(peers.get(odd)?.ended, null)
  assert.deepEqual(names(await call('GET', path)), ['x', 'y'])
  assert.equal((await call('POST', `${path}/${encodeURIComponent(odd)}/close`)).status, 404)
})
