import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiDocument } from '../../src/api/openapi.ts'
import { routes } from '../../src/api/routes.ts'
import { deviceAuthority, groupPath, namespaceBody, pemOf, plantPath, testApi } from './support.ts'

type Schema = Readonly<Record<string, unknown>>

const document = openApiDocument(routes, '0.0.0') as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

test('every operation of the OpenAPI document has a name of its own, and every reference leads somewhere', () => {
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map(({ operationId }) => operationId))
  assert.equal(new Set(ids).size, routes.length)
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
  const used = new Set(references)
  for (const name of used) assert.ok(name !== undefined && name in document.components.schemas, name)
  const unused = Object.keys(document.components.schemas).filter((name) => !used.has(name))
  assert.deepEqual(unused, [])
})

test('no two rows of the table claim the same method and path', () => {
  const keys = routes.map(({ method, path }) => `${method} ${path.toLowerCase().replaceAll(/\{\w+\}/g, '{}')}`)
  assert.deepEqual(
    keys.filter((key, index) => keys.indexOf(key) !== index),
    [],
  )
})

/** Members of an answer that its schema does not name. */
function unknownMembers(value: unknown, schema: Schema, path: string): readonly string[] {
  const reference = schema['$ref']
  if (typeof reference === 'string') {
    return unknownMembers(value, document.components.schemas[reference.split('/').at(-1) ?? ''] ?? {}, path)
  }
  if (Array.isArray(value)) {
    const items = schema['items'] as Schema | undefined
    return items === undefined ? [] : value.flatMap((item, index) => unknownMembers(item, items, `${path}[${index}]`))
  }
  const properties = schema['properties'] as Readonly<Record<string, Schema>> | undefined
  if (typeof value !== 'object' || value === null || properties === undefined) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const known = properties[name]
    return known === undefined ? [`${path}.${name}`] : unknownMembers(member, known, `${path}.${name}`)
  })
}

test('the document names every member that answers have', async (t) => {
  const { call } = await testApi(t)
  const template = { resources: [] }
  const properties = { encodedCertificate: pemOf(deviceAuthority('Device CA')) }
  const asked: readonly (readonly [id: string, method: string, path: string, body?: object])[] = [
    ['Namespaces_CreateOrUpdate', 'PUT', plantPath, namespaceBody],
    ['CaCertificates_CreateOrUpdate', 'PUT', `${plantPath}/caCertificates/device-ca`, { properties }],
    ['Clients_CreateOrUpdate', 'PUT', `${plantPath}/clients/a`, { properties: { attributes: { a: 1 } } }],
    [
      'ClientGroups_CreateOrUpdate',
      'PUT',
      `${plantPath}/clientGroups/grp`,
      { properties: { query: 'attributes.a = 1' } },
    ],
    ['TopicSpaces_CreateOrUpdate', 'PUT', `${plantPath}/topicSpaces/open`, { properties: { topicTemplates: ['a'] } }],
    [
      'PermissionBindings_CreateOrUpdate',
      'PUT',
      `${plantPath}/permissionBindings/one`,
      { properties: { clientGroupName: 'grp', topicSpaceName: 'open', permission: 'Publisher' } },
    ],
    ['Clients_ListByNamespace', 'GET', `${plantPath}/clients`],
    ['Namespaces_ListSharedAccessKeys', 'POST', `${plantPath}/listKeys`],
    ['ResourceGroups_Get', 'GET', groupPath],
    ['Sealgate_Explain', 'POST', `${plantPath}/explain`, { username: 'a' }],
    ['Tokens_Create', 'POST', '/sealgate/tokens', { name: 'ci', role: 'reader' }],
    ['Tokens_List', 'GET', '/sealgate/tokens'],
    [
      'Deployments_CreateOrUpdate',
      'PUT',
      `${groupPath}/providers/Microsoft.Resources/deployments/d`,
      { properties: { template } },
    ],
  ]
  for (const [id, method, path, body] of asked) {
    const reply = await call(method, path, body === undefined ? {} : { body })
    assert.ok(reply.status < 300, reply.text)
    const route = routes.find((row) => row.id === id)
    const schema = route?.answers[reply.status]
    assert.ok(typeof schema === 'string', `${id} ${reply.status}`)
    assert.deepEqual(unknownMembers(reply.body, { $ref: schema }, ''), [], id)
  }
  const served = await call('GET', '/openapi.json', { token: null })
  assert.equal(served.body.openapi, '3.1.0')
  assert.equal(Object.keys(served.body.paths).length, new Set(routes.map(({ path }) => path)).size)
})
