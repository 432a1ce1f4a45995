import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupPath, namespaceBody, plantPath, subscriptionId, testApi } from './support.ts'

const groups = `/subscriptions/${subscriptionId}/resourcegroups`
const deployments = `${groupPath}/providers/Microsoft.Resources/deployments`

test('az cloud register and login: metadata, discovery, tenants and subscriptions', async (t) => {
  const { call, endpoint } = await testApi(t)
  const open = (path: string) => call('GET', path, { token: null, apiVersion: null })
  const old = (await open('/metadata/endpoints?api-version=2015-01-01')).body
  assert.equal(old.authentication.loginEndpoint, `${endpoint}/adfs`)
  assert.equal(old.authentication.audiences[0], endpoint)
  const current = (await open('/metadata/endpoints?api-version=2022-09-01')).body
  assert.equal(current.resourceManager, `${endpoint}/`)
  for (const path of ['/adfs', '/adfs/adfs', `/${subscriptionId}/v2.0`]) {
    const { body } = await open(`${path}/.well-known/openid-configuration`)
    assert.ok(body.token_endpoint.startsWith(`${endpoint}/`), path)
    const token = await call('POST', body.token_endpoint.slice(endpoint.length), {
      token: null,
      apiVersion: null,
      body: 'grant_type=x',
    })
    assert.equal(token.body.error, 'unsupported_grant_type', body.token_endpoint)
  }
  const subscriptions = await call('GET', '/subscriptions', { apiVersion: '2019-11-01' })
  assert.equal(subscriptions.body.value[0].subscriptionId, subscriptionId)
  assert.equal(subscriptions.body.value[0].state, 'Enabled')
  assert.equal((await call('GET', '/tenants')).body.value.length, 1)
  assert.equal((await call('GET', '/subscriptions', { token: null })).status, 401)
})

test('az resource: the provider offers types and versions, the stable one among them', async (t) => {
  const { call } = await testApi(t)
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.EventGrid`
  for (const [method, where] of [
    ['GET', path],
    ['POST', `${path}/register`],
  ] as const) {
    const { body } = await call(method, where)
    assert.equal(body.registrationState, 'Registered')
    const types = body.resourceTypes as { resourceType: string; apiVersions: string[] }[]
    const clients = types.find(({ resourceType }) => resourceType === 'namespaces/clients')
    assert.equal(
      clients?.apiVersions.find((version) => !version.endsWith('-preview')),
      '2025-02-15',
    )
  }
  assert.equal((await call('GET', path.replace('EventGrid', 'Storage'))).status, 404)
  const operations = await call('GET', '/providers/Microsoft.EventGrid/operations')
  assert.ok(
    operations.body.value.some(
      ({ name }: { name: string }) => name === 'Microsoft.EventGrid/namespaces/caCertificates/write',
    ),
  )
})

test('az group: made, found in any casing, listed and deleted with what is in it', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const made = await call('PUT', `${groups}/Plant7`, { body: { location: 'onprem', tags: { a: 'b' } } })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.id, `/subscriptions/${subscriptionId}/resourceGroups/Plant7`)
  assert.equal((await call('PUT', `${groups}/PLANT7`, { body: { location: 'onprem' } })).body.name, 'Plant7')
  assert.equal((await call('HEAD', `${groups}/plant7`)).status, 204)
  assert.equal((await call('HEAD', `${groups}/plant8`)).status, 404)
  assert.equal((await call('GET', `${groups}/plant8`)).body.error.code, 'ResourceGroupNotFound')
  const inside = `/subscriptions/${subscriptionId}/resourceGroups/plant7/providers/Microsoft.EventGrid/namespaces/line`
  const namespace = await call('PUT', inside, { body: namespaceBody })
  assert.equal(namespace.body.id, inside.replace('/plant7/', '/Plant7/'))
  const listed = await call('GET', groups)
  assert.deepEqual(
    listed.body.value.map(({ name }: { name: string }) => name),
    ['local', 'Plant7'],
  )
  assert.equal((await call('DELETE', `${groups}/plant7`)).status, 200)
  assert.equal((await call('HEAD', `${groups}/plant7`)).status, 404)
  assert.equal((await call('GET', plantPath)).status, 200, 'other groups stay')
  assert.equal(
    (await call('PUT', `${groups}/a%20b`, { body: { location: 'x' } })).body.error.code,
    'InvalidResourceName',
  )
})

test('az resource list: by group, by type, with what is expanded', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const list = async (filter: string) => {
    const path = `/subscriptions/${subscriptionId}/resources?$filter=${encodeURIComponent(filter)}&$expand=createdTime,provisioningState`
    return (await call('GET', path)).body.value as { id: string; createdTime: string; provisioningState: string }[]
  }
  const [one] = await list("resourceGroup eq 'LOCAL' and resourceType eq 'Microsoft.EventGrid/namespaces'")
  assert.equal(one?.id, plantPath)
  assert.equal(one?.provisioningState, 'Succeeded')
  assert.ok(Date.parse(one?.createdTime ?? '') > 0)
  assert.deepEqual(await list("resourceGroup eq 'other'"), [])
})

/** As az sends it: the text of the file between keys that have no quotes. */
const azBody = (file: string, parameters: object, mode = 'Incremental') =>
  `{"properties": {"parameters": ${JSON.stringify(parameters)}, "mode": "${mode}", template:${file}}}`

const templateFile = `{
  // a comment
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": { "ns": { "type": "string", "defaultValue": "plant" }, "secret": { "type": "secureString", "defaultValue": "" } },
  "resources": [
    {
      "type": "Microsoft.EventGrid/namespaces",
      "apiVersion": "2025-07-15-preview",
      "name": "[parameters('ns')]",
      "location": "[resourceGroup().location]",
      "properties": { "topicSpacesConfiguration": { "state": "Enabled" } }
    },
    /* another comment */
    {
      "type": "Microsoft.EventGrid/namespaces/clients",
      "apiVersion": "2025-07-15-preview",
      "name": "[format('{0}/{1}', parameters('ns'), 'press-1')]",
      "dependsOn": ["[resourceId('Microsoft.EventGrid/namespaces', parameters('ns'))]"],
      "properties": { "attributes": { "hall": 2 } },
    }
  ],
  "outputs": { "name": { "type": "string", "value": "[parameters('ns')]" } }
}`

test('az deployment group create: validated, applied in one write, kept, and applied again without a change', async (t) => {
  const { call, audited } = await testApi(t)
  const body = azBody(templateFile, { ns: { value: 'plant9' }, secret: { value: 'hush' } })
  const valid = await call('POST', `${deployments}/first/validate`, { body })
  assert.equal(valid.status, 200, valid.text)
  assert.equal((await call('GET', plantPath.replace(/plant$/, 'plant9'))).status, 404, 'validate writes nothing')
  const done = await call('PUT', `${deployments}/first`, { body })
  assert.equal(done.status, 201, done.text)
  assert.equal(done.body.properties.provisioningState, 'Succeeded')
  assert.equal(done.body.properties.outputs.name.value, 'plant9')
  assert.equal(done.body.properties.outputResources.length, 2)
  assert.ok(!done.text.includes('hush'), 'a secure parameter is not shown')
  assert.equal(
    (await call('GET', `${plantPath.replace(/plant$/, 'plant9')}/clients/press-1`)).body.properties.attributes.hall,
    2,
  )
  assert.deepEqual((await call('GET', `${deployments}/FIRST`)).body, done.body)
  assert.equal((await call('GET', deployments)).body.value.length, 1)
  assert.equal((await call('GET', `${deployments}/second`)).body.error.code, 'DeploymentNotFound')
  assert.deepEqual(
    audited().map(({ outcome }) => outcome),
    ['created', 'created', 'applied'],
  )
  const again = await call('POST', `${deployments}/first/whatIf`, { body })
  assert.deepEqual(
    again.body.properties.changes.map(({ changeType }: { changeType: string }) => changeType),
    ['NoChange', 'NoChange'],
  )
})

test('a template is wrong in several places: all of them are told, and nothing is written', async (t) => {
  const { call } = await testApi(t)
  const wrong = templateFile.replace('"hall": 2 }', '"hall": true }, "state": "On"')
  const refused = await call('PUT', `${deployments}/bad`, { body: azBody(wrong, {}) })
  assert.equal(refused.status, 400, refused.text)
  assert.ok(refused.body.error.details.length >= 2, refused.text)
  assert.equal((await call('GET', plantPath)).status, 404)
  const syntax = await call('POST', `${deployments}/bad/validate`, { body: azBody('{"resources":[', {}) })
  assert.equal(syntax.body.error.code, 'InvalidRequestContent')
  assert.match(syntax.body.error.target, /^line \d+, column \d+$/)
  const twice = await call('POST', `${deployments}/bad/validate`, {
    body: azBody('{"resources":[],"resources":[]}', {}),
  })
  assert.equal(twice.status, 400)
})

test('mode Complete deletes what the template does not name; whatIf says so first', async (t) => {
  const { call } = await testApi(t)
  const body = (mode: string) => azBody(templateFile, {}, mode)
  assert.equal((await call('PUT', `${deployments}/d`, { body: body('Incremental') })).status, 201)
  await call('PUT', `${plantPath}/clients/stray`, { body: {} })
  const planned = await call('POST', `${deployments}/d/whatIf`, { body: body('Complete') })
  const changes = planned.body.properties.changes as { changeType: string; resourceId: string }[]
  assert.deepEqual(
    changes
      .filter(({ changeType }) => changeType !== 'NoChange')
      .map(({ changeType, resourceId }) => `${changeType} ${resourceId}`),
    [`Delete ${plantPath}/clients/stray`],
  )
  assert.equal((await call('PUT', `${deployments}/d`, { body: body('Complete') })).status, 201)
  assert.equal((await call('GET', `${plantPath}/clients/stray`)).status, 404)
})

test('a large template is taken up to its own limit', async (t) => {
  const { call } = await testApi(t)
  const padded = templateFile.replace('// a comment', `// ${'x'.repeat(6 * 1_048_576)}`)
  assert.equal((await call('PUT', `${deployments}/large`, { body: azBody(padded, {}) })).status, 201)
  const limited = await testApi(t, { limits: { templateBytes: 1_000 } })
  assert.equal((await limited.call('PUT', `${deployments}/large`, { body: azBody(templateFile, {}) })).status, 413)
})

test('keys are listed, made anew one at a time, and never stored by a cache', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const before = await call('POST', `${plantPath}/listKeys`)
  assert.equal(before.headers['cache-control'], 'no-store')
  const after = await call('POST', `${plantPath}/regenerateKey`, { body: { keyName: 'key2' } })
  assert.equal(after.body.key1, before.body.key1)
  assert.notEqual(after.body.key2, before.body.key2)
  assert.ok(!(await call('GET', plantPath)).text.includes(before.body.key1))
  const domains = await call('POST', `${plantPath}/validateCustomDomainOwnership`)
  assert.deepEqual(domains.body, {
    customDomainsForTopicsConfiguration: [],
    customDomainsForTopicSpacesConfiguration: [],
  })
  assert.deepEqual((await call('GET', `${plantPath}/privateEndpointConnections`)).body, { value: [] })
})
