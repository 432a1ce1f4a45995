import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyDeployment, planDeployment } from '../../src/registry/deployment/apply.ts'
import { exportTemplate } from '../../src/registry/deployment/export.ts'
import { type Deployment, readTemplate } from '../../src/registry/deployment/template.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { authority, pemOf } from './certificates.ts'
import { author, emptyRegistry, failure, later, memoryStore, must, ns, parts, plain, problems } from './support.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: topic templates

const ca = pemOf(authority('CN=Works CA,O=Works'))
const version = '2025-07-15-preview'
const inWorks = (name: string) => `[format('{0}/{1}', parameters('works'), '${name}')]`
const works = "[resourceId('Microsoft.EventGrid/namespaces', parameters('works'))]"

/** A namespace with two CAs' worth of everything that a template can say. */
function worksTemplate(): Record<string, unknown> {
  const child = (type: string, name: string, properties: unknown, dependsOn = [works]) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: version,
    name: inWorks(name),
    dependsOn,
    properties,
  })
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    parameters: { works: { type: 'string', defaultValue: 'works-mqtt', minLength: 3 } },
    variables: { kind: "[concat('robot', '')]" },
    resources: [
      child(
        'permissionBindings',
        'robots-pub',
        { clientGroupName: 'robots', topicSpaceName: 'own', permission: 'publisher' },
        ["[resourceId('Microsoft.EventGrid/namespaces/clientGroups', parameters('works'), 'robots')]", 'own'],
      ),
      child('permissionBindings', 'all-sub', {
        clientGroupName: '$all',
        topicSpaceName: 'everything',
        permission: 'Subscriber',
      }),
      {
        type: 'Microsoft.EventGrid/namespaces',
        apiVersion: version,
        name: "[parameters('works')]",
        location: 'hall',
        tags: { site: '[[literal]', "[it's": 'x' },
        sku: { name: 'Standard', capacity: 2 },
        properties: {
          publicNetworkAccess: 'Enabled',
          topicSpacesConfiguration: {
            state: 'Enabled',
            maximumSessionExpiryInHours: 4,
            maximumClientSessionsPerAuthenticationName: 3,
            clientAuthentication: {
              alternativeAuthenticationNameSources: ['ClientCertificateDns', 'ClientCertificateSubject'],
            },
          },
          sealgate: { limits: { maximumCaCertificates: 3, publishesPerSecond: 'none' }, clientIdPolicy: 'reserved' },
        },
      },
      child('caCertificates', 'works-ca', { description: 'issues robots', encodedCertificate: ca }),
      child('clients', 'robot-1', {
        authenticationName: 'robot-1.works.example',
        clientCertificateAuthentication: { validationScheme: 'DnsMatchesAuthenticationName' },
        attributes: { kind: "[variables('kind')]", hall: 2, signals: ['[[temp]', 'force'] },
        sealgate: { issuers: ['Works-CA'] },
      }),
      child('clients', 'screen', {
        clientCertificateAuthentication: { validationScheme: 'ThumbprintMatch', allowedThumbprints: ['ab'.repeat(32)] },
      }),
      child('clientGroups', 'robots', { query: "attributes.kind = 'robot' and attributes.hall <= 4" }),
      child('topicSpaces', 'own', { topicTemplates: ['works/${client.authenticationName}/telemetry/#'] }),
      child('topicSpaces', 'everything', { topicTemplates: ['works/+/telemetry/#'] }),
    ],
    outputs: { id: { type: 'string', value: works }, secret: { type: 'secureString', value: 'x' } },
  }
}

function read(json: unknown, parameters: unknown = {}): Deployment {
  const deployment = readTemplate(json, parameters)
  assert.ok(deployment.ok, deployment.ok ? '' : JSON.stringify(deployment.error))
  return deployment.value
}

function refused(json: unknown, parameters: unknown = {}): readonly string[] {
  const deployment = readTemplate(json, parameters)
  assert.ok(!deployment.ok, 'it was read')
  return deployment.error.map(({ target, code, message }) => `${target} ${code}: ${message}`)
}

function summary(registry: Registry, namespace: string): readonly string[] {
  const { resources } = must(exportTemplate(registry, ns(namespace)))
  return resources.map(({ type, name }) => `${type.split('/').at(-1)} ${name}`)
}

test('a template makes a namespace with everything in it, in one write', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  const before = store.revision()
  const applied = must(await applyDeployment(registry, read(worksTemplate()), author))
  assert.equal(store.revision() - before, 1n)
  assert.deepEqual(
    applied.changes.map(({ change, id }) => `${change} ${id.child?.name ?? id.namespace}`),
    ['works-mqtt', 'works-ca', 'robot-1', 'screen', 'robots', 'own', 'everything', 'robots-pub', 'all-sub'].map(
      (name) => `created ${name}`,
    ),
  )
  assert.deepEqual(plain(applied.outputs), {
    id: {
      type: 'string',
      value:
        '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/works-mqtt',
    },
  })
  const view = registry.view.namespaceByName('works-mqtt')
  assert.ok(view)
  assert.deepEqual(view.alternativeAuthenticationNameSources, ['ClientCertificateDns', 'ClientCertificateSubject'])
  assert.equal(view.maximumSessionExpirySeconds, 4 * 3600)
  assert.equal(view.limits.maximumCaCertificates, 3)
  assert.equal(view.limits.publishesPerSecond, null)
  assert.equal(view.limits.clientIdPolicy, 'reserved')
  assert.equal(view.limits.maximumSessions, 20_000)
  assert.equal(view.caCertificates()[0]?.name, 'works-ca')
  assert.deepEqual(view.clientByAuthenticationName('ROBOT-1.works.example')?.issuers, ['works-ca'])
  assert.deepEqual(view.clientByResourceName('screen')?.allowedThumbprints, ['AB'.repeat(32)])
  assert.deepEqual(view.clientByResourceName('robot-1')?.attributes['signals'], ['[temp]', 'force'])
})

test('a template applies, exports and applies again without a change, here and elsewhere', async () => {
  const registry = await emptyRegistry()
  must(await applyDeployment(registry, read(worksTemplate()), author))
  const again = must(await applyDeployment(registry, read(worksTemplate()), later))
  assert.deepEqual([...new Set(again.changes.map(({ change }) => change))], ['unchanged'])
  const exported = plain(must(exportTemplate(registry, ns('WORKS-mqtt'))))
  const back = must(await applyDeployment(registry, read(exported), later))
  assert.deepEqual([...new Set(back.changes.map(({ change }) => change))], ['unchanged'])
  const elsewhere = await emptyRegistry({ defaultProfile: 'full' })
  must(await applyDeployment(elsewhere, read(exported), author))
  assert.deepEqual(plain(must(exportTemplate(elsewhere, ns('works-mqtt')))), exported)
  assert.equal(elsewhere.view.namespaceByName('works-mqtt')?.limits.maximumQoS, 1)
  assert.ok(!JSON.stringify(exported).includes(must(registry.listKeys(ns('works-mqtt'))).key1))
})

test('S67 the same content from the same source is applied once, also after a restart', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  const source = 'works.json'
  must(await applyDeployment(registry, read(worksTemplate()), author, { source }))
  must(await registry.put(ns('works-mqtt', 'clients', 'screen'), { properties: { state: 'Disabled' } }, later))
  must(await registry.delete(ns('works-mqtt', 'caCertificates', 'works-ca'), later))
  registry.close()
  const restarted = await openRegistry(parts(store))
  assert.ok(must(await applyDeployment(restarted, read(worksTemplate()), author, { source })).skipped)
  assert.equal(restarted.view.namespaceByName('works-mqtt')?.clientByResourceName('screen')?.enabled, false)
  assert.deepEqual(restarted.view.namespaceByName('works-mqtt')?.caCertificates(), [])
  const parameters = { works: { value: 'works-mqtt' } }
  assert.ok(!must(await applyDeployment(restarted, read(worksTemplate(), parameters), author, { source })).skipped)
  assert.equal(restarted.view.namespaceByName('works-mqtt')?.clientByResourceName('screen')?.enabled, true)
  assert.ok(!must(await applyDeployment(restarted, read(worksTemplate()), author, { source: 'other' })).skipped)
  assert.ok(!must(await applyDeployment(restarted, read(worksTemplate()), author)).skipped)
})

test('S67 a template with one bad resource writes nothing and tells everything that is wrong', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  const template = worksTemplate()
  const resources = template['resources'] as Record<string, unknown>[]
  resources[8] = { ...resources[8], properties: { topicTemplates: ['a+'] } }
  resources[1] = { ...resources[1], properties: { clientGroupName: 'nobody', topicSpaceName: 'own', permission: 'x' } }
  const before = store.revision()
  const result = await applyDeployment(registry, read(template), author, { source: 'f' })
  assert.deepEqual(
    problems(result).map(({ target, code }) => `${target} ${code}`),
    [
      'resources[8].properties.topicTemplates[0] InvalidTopicTemplate',
      'resources[1].properties.permission InvalidValue',
      'resources[1].properties.clientGroupName UnknownReference',
    ],
  )
  assert.equal(store.revision(), before)
  assert.equal(registry.view.namespaces().length, 0)
})

test('a namespace that is wrong does not make each of its children wrong too', async () => {
  const registry = await emptyRegistry()
  const template = worksTemplate()
  const resources = template['resources'] as Record<string, unknown>[]
  resources[2] = { ...resources[2], location: null }
  const found = problems(await applyDeployment(registry, read(template), author))
  assert.deepEqual(
    found.map(({ target, code }) => `${target} ${code}`),
    ['resources[2].location Required'],
  )
})

test('a dry run tells the differences and writes nothing', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await applyDeployment(registry, read(worksTemplate()), author))
  const template = worksTemplate()
  const resources = template['resources'] as Record<string, unknown>[]
  resources[6] = { ...resources[6], properties: { query: "attributes.kind = 'crane'", description: 'new' } }
  const before = store.revision()
  const plan = must(await planDeployment(registry, read(template), later))
  assert.equal(store.revision(), before)
  const changed = plan.changes.filter(({ change }) => change !== 'unchanged')
  assert.equal(changed.length, 1)
  assert.deepEqual(changed[0]?.differences, [
    {
      path: 'properties.query',
      before: "attributes.kind = 'robot' and attributes.hall <= 4",
      after: "attributes.kind = 'crane'",
    },
    { path: 'properties.description', before: undefined, after: 'new' },
  ])
})

test('pruning deletes the children that the template does not name, in an order that works', async () => {
  const registry = await emptyRegistry()
  must(await applyDeployment(registry, read(worksTemplate()), author))
  const template = worksTemplate()
  const resources = template['resources'] as Record<string, unknown>[]
  // The binding moves to a new group, the client changes its resource name and keeps its authentication name.
  resources[0] = {
    ...resources[0],
    dependsOn: [],
    properties: { clientGroupName: 'cranes', topicSpaceName: 'own', permission: 'Publisher' },
  }
  resources[4] = { ...resources[4], name: inWorks('robot-one') }
  resources[6] = { ...resources[6], name: inWorks('cranes') }
  resources.splice(1, 1)
  must(await applyDeployment(registry, read(template), author, { prune: true }))
  assert.deepEqual(summary(registry, 'works-mqtt'), [
    'namespaces works-mqtt',
    'caCertificates works-mqtt/works-ca',
    'clients works-mqtt/robot-one',
    'clients works-mqtt/screen',
    'clientGroups works-mqtt/cranes',
    'topicSpaces works-mqtt/everything',
    'topicSpaces works-mqtt/own',
    'permissionBindings works-mqtt/robots-pub',
  ])
})

test('resources may be nested, symbolic, conditional and depend on each other by any name', async () => {
  const template = {
    languageVersion: '2.0',
    parameters: { withGroup: { type: 'bool', defaultValue: false } },
    resources: {
      works: {
        type: 'Microsoft.EventGrid/namespaces',
        apiVersion: version,
        name: 'works',
        location: 'x',
        resources: [
          { type: 'topicSpaces', apiVersion: version, name: 'own', properties: { topicTemplates: ['a'] } },
          {
            type: 'Microsoft.EventGrid/namespaces/clients',
            apiVersion: version,
            name: 'a',
            dependsOn: ['works', 'Microsoft.EventGrid/namespaces/works'],
          },
        ],
      },
      group: {
        condition: "[parameters('withGroup')]",
        type: 'microsoft.eventgrid/Namespaces/clientGroups',
        apiVersion: version,
        name: 'works/ggg',
        properties: { query: "[if(parameters('withGroup'), 'attributes.a = 1', variables('none'))]" },
      },
      binding: {
        type: 'Microsoft.EventGrid/namespaces/permissionBindings',
        apiVersion: version,
        name: 'works/all-sub',
        dependsOn: ['group', 'own'],
        properties: { clientGroupName: '$all', topicSpaceName: 'own', permission: 'Subscriber' },
      },
    },
  }
  const registry = await emptyRegistry()
  must(await applyDeployment(registry, read(template), author))
  assert.deepEqual(summary(registry, 'works'), [
    'namespaces works',
    'clients works/a',
    'topicSpaces works/own',
    'permissionBindings works/all-sub',
  ])
  must(await applyDeployment(registry, read(template, { withGroup: { value: true } }), author))
  assert.equal(summary(registry, 'works').length, 5)
})

test('what a template cannot say is refused with its place, all of it at once', () => {
  assert.deepEqual(
    refused({
      functions: [],
      parameters: {
        a: { type: 'string' },
        b: { type: 'int', defaultValue: 5, maxValue: 4 },
        c: { type: 'string', defaultValue: 'x', allowedValues: ['y', 'z'] },
        d: { type: 'text' },
        e: { type: 'array', defaultValue: 'x' },
      },
      resources: [
        { type: 'Microsoft.Storage/accounts', name: 'x', apiVersion: version },
        { type: 'Microsoft.EventGrid/namespaces', name: 'a/b', apiVersion: 'new', copy: {} },
        { type: 'Microsoft.EventGrid/namespaces/clients', name: "[concat('a']", apiVersion: version },
        { type: 'Microsoft.EventGrid/namespaces/clients', name: "[uniqueString('a')]" },
        { name: 'x' },
        { type: 'Microsoft.EventGrid/namespaces', name: 'one', dependsOn: ['two'] },
      ],
    }).map((line) => line.split(':')[0]),
    [
      'functions Unsupported',
      'parameters.a Required',
      'parameters.b InvalidValue',
      'parameters.c InvalidValue',
      'parameters.d.type InvalidValue',
      'parameters.e InvalidValue',
      'resources[0].type UnsupportedResourceType',
      'resources[1].copy Unsupported',
      'resources[1].name InvalidName',
      'resources[1].apiVersion InvalidValue',
      'resources[2].name InvalidExpression',
      'resources[3].name InvalidExpression',
      'resources[4].type Required',
      'resources[5].dependsOn[0] UnknownReference',
    ],
  )
  assert.match(refused([])[0] ?? '', /InvalidTemplate/)
  assert.match(refused({})[0] ?? '', /resources Required/)
  assert.match(refused(JSON.parse('{"resources":[],"__proto__":{}}'))[0] ?? '', /__proto__ InvalidJson/)
  assert.match(refused({ resources: [] }, { x: { value: 1 } })[0] ?? '', /no parameter "x"/)
})

test('circles and doubled resources are refused', () => {
  const client = (name: string, dependsOn: string[]) => ({
    type: 'Microsoft.EventGrid/namespaces/clients',
    apiVersion: version,
    name: `works/${name}`,
    dependsOn,
  })
  assert.match(refused({ resources: [client('a', ['b']), client('b', ['a'])] })[0] ?? '', /circle/)
  assert.match(refused({ resources: [client('a', []), client('a', [])] })[0] ?? '', /resources\[1\].*resources\[0\]/)
  assert.ok(readTemplate({ resources: [client('a', []), client('A', [])] }).ok)
  const chain = Array.from({ length: 20_000 }, (_, index) => client(`c${index}`, index === 0 ? [] : [`c${index - 1}`]))
  assert.ok(readTemplate({ resources: chain.reverse() }).ok)
})

test('other resource types are passed over on request', () => {
  const template = { resources: [{ type: 'Microsoft.Storage/accounts', name: 'x', apiVersion: version, kind: 'y' }] }
  const context = { subscriptionId: 's', resourceGroup: 'g', location: 'l', ignoreUnsupported: true }
  const read = readTemplate({ resources: [{ type: 'Microsoft.Storage/accounts', name: 'x' }] }, {}, context)
  assert.ok(read.ok)
  assert.deepEqual(read.value.ignoredTypes, ['Microsoft.Storage/accounts'])
  assert.ok(!readTemplate(template, {}, context).ok)
})

test('a template over a namespace of another resource group is refused', async () => {
  const registry = await emptyRegistry()
  must(await registry.put({ ...ns('works'), resourceGroup: 'other' }, { location: 'x' }, author))
  const resources = [{ type: 'Microsoft.EventGrid/namespaces', name: 'works', location: 'x', apiVersion: version }]
  assert.equal(failure(await applyDeployment(registry, read({ resources }), author)).kind, 'invalid')
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: topic templates
