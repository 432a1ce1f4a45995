import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Registry } from '../../src/registry/registry.ts'
import { author, briefly, failure, must, ns, plantRegistry, problems, propertiesOf, put } from './support.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: topic templates

async function boundRegistry(more: Parameters<typeof plantRegistry>[0] = {}): Promise<Registry> {
  const registry = await plantRegistry(more)
  must(await put(registry, 'clientGroups', 'Machines', { query: "attributes.role = 'machine'" }))
  must(await put(registry, 'topicSpaces', 'Own', { topicTemplates: ['plant/${client.authenticationName}/#'] }))
  must(await put(registry, 'permissionBindings', 'bind-1', binding('Machines', 'Own', 'Publisher')))
  return registry
}

function binding(clientGroupName: unknown, topicSpaceName: unknown, permission: unknown) {
  return { clientGroupName, topicSpaceName, permission }
}

test('EG 2.5 a client group has a query; a wrong one is refused with position and expectation', async () => {
  const registry = await plantRegistry()
  assert.deepEqual(briefly(await put(registry, 'clientGroups', 'ggg', {})), ['properties.query Required'])
  assert.deepEqual(briefly(await put(registry, 'clientGroups', 'ggg', { query: 5 })), ['properties.query InvalidType'])
  const [problem] = problems(await put(registry, 'clientGroups', 'ggg', { query: 'attributes.a == 1' }))
  assert.equal(problem?.code, 'InvalidQuery')
  assert.match(problem?.message ?? '', /Expected an integer, 'text' or "text" at position 14, found "= 1"/)
  assert.match(
    problems(await put(registry, 'clientGroups', 'ggg', { query: '('.repeat(4000) }))[0]?.message ?? '',
    /32/,
  )
})

test('EG 2.5 $all is built in: it can be bound, not made, changed or deleted', async () => {
  const registry = await boundRegistry()
  const [problem] = problems(await put(registry, 'clientGroups', '$all', { query: 'attributes.a = 1' }))
  assert.match(problem?.message ?? '', /built in/)
  assert.equal(failure(await registry.delete(ns('plant', 'clientGroups', '$all'), author)).kind, 'notFound')
  must(await put(registry, 'permissionBindings', 'bind-2', binding('$all', 'own', 'subscriber')))
  assert.deepEqual(
    registry.view
      .namespaceByName('plant')
      ?.clientGroups()
      .map(({ name }) => name),
    ['Machines'],
  )
})

test('EG 2.6 a topic space has one to ten templates; each wrong one is told', async () => {
  const registry = await plantRegistry()
  const space = (topicTemplates: unknown) => put(registry, 'topicSpaces', 'sss', { topicTemplates })
  assert.deepEqual(briefly(await space(undefined)), ['properties.topicTemplates Required'])
  assert.deepEqual(briefly(await space([])), ['properties.topicTemplates Required'])
  assert.deepEqual(briefly(await put(registry, 'topicSpaces', 'sss', { description: 5 })), [
    'properties.description InvalidType',
    'properties.topicTemplates Required',
  ])
  assert.deepEqual(briefly(await space('a/#')), ['properties.topicTemplates InvalidType'])
  assert.deepEqual(briefly(await space(Array(11).fill('a'))), ['properties.topicTemplates TooMany'])
  assert.ok((await space(Array(10).fill('a'))).ok)
  const wrong = [
    'a/#',
    'a+',
    '${client.name}',
    '$SYS/#',
    'a'.repeat(257),
    Array(16).fill('a').join('/'),
    '$share/g/a',
    7,
  ]
  assert.deepEqual(briefly(await space(wrong)), [
    'properties.topicTemplates[7] InvalidType',
    ...[1, 2, 3, 4, 5, 6].map((index) => `properties.topicTemplates[${index}] InvalidTopicTemplate`),
  ])
})

test('S43 full lets a template name $ literally, and nobody publish below $SYS', async () => {
  const registry = await plantRegistry({ defaultProfile: 'full' })
  must(await put(registry, 'topicSpaces', 'sys', { topicTemplates: ['$SYS/#'] }))
  must(await put(registry, 'topicSpaces', 'own', { topicTemplates: ['$own/a'] }))
  must(await put(registry, 'permissionBindings', 'sys-sub', binding('$all', 'sys', 'Subscriber')))
  must(await put(registry, 'permissionBindings', 'own-pub', binding('$all', 'own', 'Publisher')))
  assert.deepEqual(briefly(await put(registry, 'permissionBindings', 'sys-pub', binding('$all', 'sys', 'Publisher'))), [
    'properties.topicSpaceName Forbidden',
  ])
  assert.deepEqual(briefly(await put(registry, 'topicSpaces', 'own', { topicTemplates: ['a', '$SYS'] })), [
    'properties.topicTemplates[1] Forbidden',
  ])
  assert.equal(problems(await put(registry, 'topicSpaces', 'share', { topicTemplates: ['$share/g/a'] })).length, 1)
})

test('EG 2.7 a binding names an existing group and topic space, in any case, and is shown with their spelling', async () => {
  const registry = await boundRegistry()
  const created = must(await put(registry, 'permissionBindings', 'bind-2', binding('machines', 'OWN', 'subscriber')))
  assert.deepEqual(propertiesOf(created), {
    clientGroupName: 'Machines',
    topicSpaceName: 'Own',
    permission: 'Subscriber',
    provisioningState: 'Succeeded',
  })
  assert.deepEqual(briefly(await put(registry, 'permissionBindings', 'bind-3', {})), [
    'properties.clientGroupName Required',
    'properties.topicSpaceName Required',
    'properties.permission Required',
  ])
  const unknown = problems(await put(registry, 'permissionBindings', 'bind-3', binding('nobody', 'nothing', 'Both')))
  assert.deepEqual(
    unknown.map(({ target, code }) => `${target} ${code}`),
    [
      'properties.permission InvalidValue',
      'properties.clientGroupName UnknownReference',
      'properties.topicSpaceName UnknownReference',
    ],
  )
  assert.match(unknown[1]?.message ?? '', /\$all, Machines/)
})

test('EG 2.7 a group or topic space that is bound is not deleted; the refusal names the bindings', async () => {
  const registry = await boundRegistry()
  must(await put(registry, 'permissionBindings', 'bind-2', binding('$all', 'Own', 'Subscriber')))
  const space = failure(await registry.delete(ns('plant', 'topicSpaces', 'own'), author))
  assert.deepEqual(space.kind === 'referenced' && space.by, ['bind-1', 'bind-2'])
  const group = failure(await registry.delete(ns('plant', 'clientGroups', 'MACHINES'), author))
  assert.deepEqual(group.kind === 'referenced' && group.by, ['bind-1'])
  assert.match(group.message, /bind-1/)
  must(await registry.delete(ns('plant', 'permissionBindings', 'bind-1'), author))
  must(await registry.delete(ns('plant', 'clientGroups', 'machines'), author))
})

test('of a deletion and a binding that come together, one is refused', async () => {
  const registry = await boundRegistry()
  must(await registry.delete(ns('plant', 'permissionBindings', 'bind-1'), author))
  const both = await Promise.all([
    registry.delete(ns('plant', 'clientGroups', 'machines'), author),
    put(registry, 'permissionBindings', 'bind-2', binding('machines', 'own', 'Publisher')),
  ])
  assert.deepEqual(
    both.map((result) => (result.ok ? result.value.change : result.error.kind)),
    ['deleted', 'invalid'],
  )
})

test('EG 9 groups, topic spaces and bindings have limits', async () => {
  const registry = await plantRegistry()
  const limits = { maximumClientGroups: 1, maximumTopicSpaces: 1, maximumPermissionBindings: 1 }
  must(await registry.patch(ns('plant'), { properties: { sealgate: { limits } } }, author))
  const resources = [
    ['clientGroups', { query: 'attributes.a = 1' }],
    ['topicSpaces', { topicTemplates: ['a'] }],
    ['permissionBindings', binding('$all', 'one', 'Publisher')],
  ] as const
  for (const [type, properties] of resources) {
    must(await put(registry, type, 'one', properties))
    const refused = failure(await put(registry, type, 'two', properties))
    assert.equal(refused.kind, 'quotaExceeded')
    must(await put(registry, type, 'ONE', { ...properties, description: 'again' }))
  }
})

test('EG 2.1 names of groups, topic spaces, bindings and CA certificates: 3 to 50 letters, digits and hyphens', async () => {
  const registry = await boundRegistry()
  for (const name of ['ab', 'x'.repeat(51), 'a_b', 'a.b', '']) {
    assert.deepEqual(briefly(await put(registry, 'clientGroups', name, { query: 'attributes.a = 1' })), [
      'name InvalidName',
    ])
    assert.deepEqual(briefly(await put(registry, 'topicSpaces', name, { topicTemplates: ['a'] })), ['name InvalidName'])
    assert.deepEqual(briefly(await put(registry, 'permissionBindings', name, {})), ['name InvalidName'])
    assert.deepEqual(briefly(await put(registry, 'caCertificates', name, {})), ['name InvalidName'])
  }
})

test('types without settings of ours refuse them by name', async () => {
  const registry = await boundRegistry()
  const sealgate = { later: true }
  assert.deepEqual(briefly(await put(registry, 'clientGroups', 'ggg', { query: 'attributes.a = 1', sealgate })), [
    'properties.sealgate.later UnknownProperty',
  ])
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: topic templates
