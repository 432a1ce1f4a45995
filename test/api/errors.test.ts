import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CallOptions,
  deviceAuthority,
  groupPath,
  namespaceBody,
  pemOf,
  plantPath,
  type Reply,
  testApi,
  version,
} from './support.ts'

const clients = `${plantPath}/clients`
const spaces = `${plantPath}/topicSpaces`

type Row = readonly [
  situation: string,
  method: string,
  path: string,
  options: CallOptions,
  status: number,
  code: string,
  target?: string,
]

const stranger = '/subscriptions/11111111-1111-1111-1111-111111111111'

/** What is asked of a server with the namespace `plant`, the client `press` and a bound topic space. */
const table: readonly Row[] = [
  ['no Authorization', 'GET', plantPath, { token: null }, 401, 'AuthenticationFailed'],
  ['a bad token', 'GET', plantPath, { token: 'x' }, 401, 'InvalidAuthenticationToken'],
  [
    'a token of another scheme',
    'GET',
    plantPath,
    { token: null, headers: { authorization: 'Basic eDp5' } },
    401,
    'InvalidAuthenticationToken',
  ],
  ['unknown subscription', 'GET', `${stranger}/resourceGroups`, {}, 404, 'SubscriptionNotFound'],
  [
    'unknown resource group',
    'PUT',
    plantPath.replace('/local/', '/nowhere/'),
    { body: namespaceBody },
    404,
    'ResourceGroupNotFound',
  ],
  ['GET of a missing resource', 'GET', `${clients}/nobody`, {}, 404, 'ResourceNotFound'],
  ['PATCH of a missing resource', 'PATCH', `${plantPath}x`, { body: {} }, 404, 'ResourceNotFound'],
  ['POST to a missing resource', 'POST', `${plantPath}x/listKeys`, {}, 404, 'ResourceNotFound'],
  ['PUT below a missing namespace', 'PUT', `${plantPath}x/clients/a`, { body: {} }, 404, 'ParentResourceNotFound'],
  ['list below a missing namespace', 'GET', `${plantPath}x/clients`, {}, 404, 'ParentResourceNotFound'],
  ['no api-version', 'GET', plantPath, { apiVersion: null }, 400, 'MissingApiVersionParameter', 'api-version'],
  [
    'malformed api-version',
    'GET',
    plantPath,
    { apiVersion: 'latest' },
    400,
    'InvalidApiVersionParameter',
    'api-version',
  ],
  [
    'api-version twice',
    'GET',
    `${plantPath}?api-version=2025-02-15`,
    {},
    400,
    'InvalidApiVersionParameter',
    'api-version',
  ],
  [
    'a month that does not exist',
    'GET',
    plantPath,
    { apiVersion: '2025-13-01' },
    400,
    'InvalidApiVersionParameter',
    'api-version',
  ],
  ['unknown type segment', 'GET', `${plantPath}/topics/t`, {}, 404, 'InvalidResourceType'],
  [
    'unknown provider',
    'GET',
    `${groupPath}/providers/Microsoft.Storage/accounts/a`,
    {},
    404,
    'InvalidResourceNamespace',
  ],
  ['a path that leads nowhere', 'GET', '/nothing/here', {}, 404, 'NotFound'],
  ['unsupported method', 'PATCH', `${clients}/press`, { body: {} }, 405, 'MethodNotAllowed'],
  [
    'malformed JSON',
    'PUT',
    `${clients}/a`,
    { body: '{"properties":' },
    400,
    'InvalidRequestContent',
    'line 1, column 15',
  ],
  ['JSON that is no object', 'PUT', `${clients}/a`, { body: '[]' }, 400, 'InvalidRequestContent'],
  ['no content', 'PUT', `${clients}/a`, {}, 400, 'InvalidRequestContent'],
  [
    'content that is not UTF-8',
    'PUT',
    `${clients}/a`,
    { body: Buffer.from([0x7b, 0xff, 0x7d]) },
    400,
    'InvalidRequestContent',
  ],
  ['S47 a key twice', 'PUT', `${clients}/a`, { body: '{"tags":{},"tags":{}}' }, 400, 'InvalidRequestContent'],
  [
    'S47 __proto__',
    'PUT',
    `${clients}/a`,
    { body: '{"properties":{"attributes":{"__proto__":{"role":"admin"}}}}' },
    400,
    'InvalidRequestContent',
  ],
  [
    'wrong type of a property',
    'PUT',
    `${clients}/a`,
    { body: { properties: [] } },
    400,
    'InvalidRequestContent',
    'properties',
  ],
  ['bad name', 'PUT', `${spaces}/x`, { body: {} }, 400, 'InvalidResourceName', 'name'],
  ['no location', 'PUT', `${plantPath}-2`, { body: {} }, 400, 'LocationRequired', 'location'],
  ['another location', 'PUT', plantPath, { body: { location: 'moon' } }, 409, 'InvalidResourceLocation', 'location'],
  [
    'an authentication name of another case',
    'PUT',
    `${clients}/b`,
    { body: { properties: { authenticationName: 'PRESS' } } },
    409,
    'Conflict',
    'properties.authenticationName',
  ],
  [
    'another authentication name',
    'PUT',
    `${clients}/press`,
    { body: { properties: { authenticationName: 'x' } } },
    400,
    'InvalidRequest',
    'properties.authenticationName',
  ],
  [
    'unknown scheme',
    'PUT',
    `${clients}/a`,
    { body: { properties: { clientCertificateAuthentication: { validationScheme: 'Looks' } } } },
    400,
    'InvalidRequest',
    'properties.clientCertificateAuthentication.validationScheme',
  ],
  [
    'unreadable PEM',
    'PUT',
    `${plantPath}/caCertificates/ca-1`,
    { body: { properties: { encodedCertificate: 'x' } } },
    400,
    'InvalidRequest',
    'properties.encodedCertificate',
  ],
  [
    'a query that ends too early',
    'PUT',
    `${plantPath}/clientGroups/grp`,
    { body: { properties: { query: 'attributes.a =' } } },
    400,
    'InvalidRequest',
    'properties.query',
  ],
  [
    'unknown variable',
    'PUT',
    `${spaces}/bad`,
    { body: { properties: { topicTemplates: ['a/$'.concat('{client.shoe}')] } } },
    400,
    'InvalidRequest',
    'properties.topicTemplates[0]',
  ],
  [
    'a binding to a missing group',
    'PUT',
    `${plantPath}/permissionBindings/two`,
    { body: { properties: { clientGroupName: 'none', topicSpaceName: 'open', permission: 'Publisher' } } },
    400,
    'InvalidRequest',
    'properties.clientGroupName',
  ],
  ['deleting a bound topic space', 'DELETE', `${spaces}/open`, {}, 409, 'Conflict'],
  ['another ETag', 'PUT', `${clients}/press`, { body: {}, headers: { 'if-match': '"0"' } }, 412, 'PreconditionFailed'],
  [
    'a resource that should not be',
    'PUT',
    `${clients}/press`,
    { body: {}, headers: { 'if-none-match': '*' } },
    412,
    'PreconditionFailed',
  ],
  [
    'an If-Match that is no ETag',
    'PUT',
    `${clients}/press`,
    { body: {}, headers: { 'if-match': 'x' } },
    400,
    'InvalidHeaderValue',
    'If-Match',
  ],
  ['$top of 0', 'GET', `${clients}?$top=0`, {}, 400, 'InvalidQueryParameter', '$top'],
  ['$top of 101', 'GET', `${clients}?$top=101`, {}, 400, 'InvalidQueryParameter', '$top'],
  ['a foreign $skiptoken', 'GET', `${clients}?$skiptoken=***`, {}, 400, 'InvalidSkipToken', '$skiptoken'],
  [
    'a filter by another property',
    'GET',
    `${clients}?$filter=state%20eq%20'x'`,
    {},
    400,
    'InvalidFilterInQueryString',
    '$filter',
  ],
  [
    'a filter that ends too early',
    'GET',
    `${clients}?$filter=name%20eq`,
    {},
    400,
    'InvalidFilterInQueryString',
    '$filter',
  ],
  [
    'a key that does not exist',
    'POST',
    `${plantPath}/regenerateKey`,
    { body: { keyName: 'key3' } },
    400,
    'InvalidRequest',
    'keyName',
  ],
  [
    'content encoding',
    'PUT',
    `${clients}/a`,
    { body: '{}', headers: { 'content-encoding': 'gzip' } },
    415,
    'UnsupportedMediaType',
    'Content-Encoding',
  ],
  ['a path that is not percent-encoded well', 'GET', `${clients}/%zz`, {}, 400, 'InvalidRequestUri'],
  ['deleting the configured group', 'DELETE', groupPath, {}, 409, 'Conflict'],
]

function isArmError(reply: Reply): void {
  const { code, message } = reply.body?.error ?? {}
  assert.match(String(reply.headers['content-type']), /^application\/json/)
  assert.ok(typeof code === 'string' && typeof message === 'string' && message.length > 0, reply.text)
  assert.match(message, /[.!?]$/, message)
}

test('every refusal has its status, its code and its place, in the shape of Azure', async (t) => {
  const { call, plant } = await testApi(t, { limits: { failureBurst: 1_000 } })
  await plant()
  await call('PUT', `${clients}/press`, { body: {} })
  await call('PUT', `${spaces}/open`, { body: { properties: { topicTemplates: ['open/#'] } } })
  const properties = { clientGroupName: '$all', topicSpaceName: 'open', permission: 'Publisher' }
  assert.equal((await call('PUT', `${plantPath}/permissionBindings/one`, { body: { properties } })).status, 201)
  for (const [situation, method, path, options, status, code, target] of table) {
    await t.test(situation, async () => {
      const reply = await call(method, path, options)
      assert.equal(`${reply.status} ${reply.body?.error?.code}`, `${status} ${code}`, reply.text)
      isArmError(reply)
      if (target !== undefined) assert.equal(reply.body.error.target, target, reply.text)
    })
  }
})

test('a resource that is not there is deleted already', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  for (const path of [`${clients}/nobody`, `${plantPath}x`, `${plantPath}x/clients/a`]) {
    const reply = await call('DELETE', path)
    assert.equal(reply.status, 204)
    assert.equal(reply.text, '')
  }
})

test('a quota answers 403 and names the limit', async (t) => {
  const { call } = await testApi(t)
  const properties = { sealgate: { limits: { maximumClients: 1 } } }
  await call('PUT', plantPath, { body: { location: 'local', properties } })
  assert.equal((await call('PUT', `${clients}/one`, { body: {} })).status, 201)
  const reply = await call('PUT', `${clients}/two`, { body: {} })
  assert.equal(
    `${reply.status} ${reply.body.error.code} ${reply.body.error.target}`,
    '403 QuotaExceeded maximumClients',
  )
})

test('a content beyond the limit is refused with 413 before it is read, and the connection goes on', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const huge = JSON.stringify({ properties: { description: 'x'.repeat(20 * 1_048_576) } })
  const reply = await call('PUT', `${clients}/a`, { body: huge })
  assert.equal(reply.status, 413)
  assert.equal(reply.body.error.code, 'RequestContentTooLarge')
  isArmError(reply)
  // Of unknown length: found out while it comes.
  const chunked = await call('PUT', `${clients}/a`, {
    body: huge,
    headers: { 'transfer-encoding': 'chunked' },
  }).catch((error: NodeJS.ErrnoException) => error)
  if (!(chunked instanceof Error)) assert.equal(chunked.status, 413)
  assert.equal((await call('GET', plantPath)).status, 200)
})

test('what a client sends back of a resource is no harm: read-only and unknown members are passed over', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const made = await call('PUT', `${clients}/press`, { body: { location: 'local', extra: 1 } })
  assert.equal(made.status, 201, made.text)
  const again = await call('PUT', `${clients}/press`, { body: made.body })
  assert.equal(again.status, 200, again.text)
  assert.equal(again.headers['etag'], made.headers['etag'])
})

test('an ETag that was read allows the write it was read for, once', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const made = await call('PUT', `${clients}/press`, { body: {}, headers: { 'if-none-match': '*' } })
  const etag = String(made.headers['etag'])
  const write = () =>
    call('PUT', `${clients}/press`, { body: { properties: { state: 'Disabled' } }, headers: { 'if-match': etag } })
  assert.equal((await write()).status, 200)
  assert.equal((await write()).status, 412)
  assert.equal((await call('DELETE', `${clients}/press`, { headers: { 'if-match': etag } })).status, 412)
})

test('S13 a second CA is registered with a warning in the answer and in the audit log', async (t) => {
  const { call, plant, audited } = await testApi(t)
  await plant()
  const put = (name: string) =>
    call('PUT', `${plantPath}/caCertificates/${name}`, {
      body: { properties: { encodedCertificate: pemOf(deviceAuthority(name)) } },
    })
  const first = await put('first-ca')
  assert.equal(first.status, 201, first.text)
  const second = await put('second-ca')
  assert.deepEqual(
    second.body.warnings
      .map(({ code }: { code: string }) => code)
      .filter((code: string) => code === 'severalAuthorities'),
    ['severalAuthorities'],
  )
  assert.ok(String(audited().at(-1)?.['warnings']).includes('severalAuthorities'))
})

test('any version of the past and the future is taken', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  for (const apiVersion of ['2023-06-01-preview', '2025-02-15', '2031-01-31-PREVIEW', version]) {
    assert.equal((await call('GET', plantPath, { apiVersion })).status, 200, apiVersion)
  }
})
