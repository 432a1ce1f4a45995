import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRegistry } from '../../src/registry/registry.ts'
import {
  author,
  briefly,
  collection,
  emptyRegistry,
  failure,
  later,
  memoryStore,
  must,
  namespaceBody,
  ns,
  parts,
  plain,
  plantRegistry,
  propertiesOf,
  put,
} from './support.ts'

test('a namespace with groups, topic spaces, bindings and clients is seen by the view and survives a restart', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'clients', 'press-1', { attributes: { hall: 2 } }))
  must(await put(registry, 'clientGroups', 'hall2', { query: 'attributes.hall = 2' }))
  must(await put(registry, 'topicSpaces', 'all', { topicTemplates: ['plant/#'] }))
  must(
    await put(registry, 'permissionBindings', 'hall2-pub', {
      clientGroupName: 'hall2',
      topicSpaceName: 'all',
      permission: 'Publisher',
    }),
  )
  registry.close()
  for (const opened of [registry, await openRegistry(parts(store))]) {
    const view = opened.view.namespaceByName('PLANT')
    assert.ok(view)
    assert.equal(view.name, 'plant')
    assert.ok(view.mqttEnabled)
    assert.equal(view.maximumSessionExpirySeconds, 3600)
    assert.equal(view.limits.maximumQoS, 1)
    assert.equal(view.clientByAuthenticationName('PRESS-1')?.name, 'press-1')
    assert.deepEqual(view.clientByAuthenticationName('press-1')?.attributes, { __proto__: null, hall: 2 })
    assert.equal(view.clientGroups()[0]?.query.text, 'attributes.hall = 2')
    assert.equal(view.topicTemplates('all')[0]?.text, 'plant/#')
    assert.deepEqual(view.permissionBindings(), [
      { name: 'hall2-pub', clientGroupName: 'hall2', topicSpaceName: 'all', permission: 'Publisher' },
    ])
    assert.equal(opened.view.namespaceById(view.id), view)
    assert.deepEqual(opened.view.namespaces(), [view])
  }
})

test('PUT tells created, updated and unchanged; an unchanged one keeps etag and dates', async () => {
  const registry = await plantRegistry()
  const created = must(await put(registry, 'clients', 'a', { description: 'x' }))
  assert.equal(created.change, 'created')
  assert.equal(created.before, null)
  const same = must(await put(registry, 'clients', 'a', { description: 'x', state: 'enabled' }, later))
  assert.equal(same.change, 'unchanged')
  assert.equal(same.resource?.etag, created.resource?.etag)
  const updated = must(await put(registry, 'clients', 'a', { description: 'y' }, later))
  assert.equal(updated.change, 'updated')
  assert.notEqual(updated.resource?.etag, created.resource?.etag)
  assert.notEqual(updated.resource?.etag, '')
  assert.deepEqual(updated.resource?.document.systemData, {
    createdAt: '2026-11-22T00:00:00.000Z',
    createdBy: 'ops',
    createdByType: 'User',
    lastModifiedAt: '2026-11-22T00:01:00.000Z',
    lastModifiedBy: 'ops-2',
    lastModifiedByType: 'Application',
  })
  assert.equal(updated.resource?.uid, created.resource?.uid)
  assert.deepEqual(plain(must(registry.get(ns('plant', 'clients', 'a')))), plain(updated.resource))
})

test('a resource is shown in canonical casing with a provisioning state', async () => {
  const registry = await plantRegistry()
  const changed = must(await put(registry, 'clients', 'Press.1:a_b', {}))
  assert.deepEqual(plain(changed.resource?.document), {
    id: '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant/clients/Press.1:a_b',
    name: 'Press.1:a_b',
    type: 'Microsoft.EventGrid/namespaces/clients',
    systemData: changed.resource?.document.systemData,
    properties: {
      authenticationName: 'Press.1:a_b',
      clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      state: 'Enabled',
      attributes: {},
      provisioningState: 'Succeeded',
    },
  })
})

test('names of client groups ignore case and keep their spelling; names of clients do not', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clientGroups', 'Machines', { query: 'attributes.a = 1' }))
  const again = must(await put(registry, 'clientGroups', 'machines', { query: 'attributes.a = 2' }))
  assert.equal(again.change, 'updated')
  assert.equal(again.resource?.document.name, 'Machines')
  must(await put(registry, 'clients', 'a', { authenticationName: 'one' }))
  assert.equal(must(await put(registry, 'clients', 'A', { authenticationName: 'two' })).change, 'created')
  assert.equal(failure(registry.get(ns('plant', 'clients', 'aA'))).kind, 'notFound')
})

test('a missing namespace is a missing parent; a wrong resource group hides it', async () => {
  const registry = await plantRegistry()
  assert.equal(failure(await registry.put(ns('other', 'clients', 'a'), {}, author)).kind, 'parentNotFound')
  assert.equal(failure(registry.get(ns('other', 'clients', 'a'))).kind, 'parentNotFound')
  assert.equal(failure(registry.get(ns('other'))).kind, 'notFound')
  assert.equal(failure(await registry.delete(ns('plant', 'clients', 'a'), author)).kind, 'notFound')
  assert.equal(failure(registry.list(collection('other', 'clients'), { limit: 5 })).kind, 'parentNotFound')
  assert.equal(failure(registry.get({ ...ns('plant'), resourceGroup: 'x' })).kind, 'notFound')
  assert.ok(registry.get({ ...ns('PLANT'), resourceGroup: 'LOCAL' }).ok)
})

test('S50 a namespace name that is taken is refused without naming the owner', async () => {
  const registry = await plantRegistry()
  const taken = failure(await registry.put({ ...ns('Plant'), resourceGroup: 'secret-group' }, namespaceBody, author))
  assert.equal(taken.kind, 'nameTaken')
  assert.ok(!taken.message.includes('local'))
})

test('S28, S50 deleting a namespace takes its children, and one of the same name is another one', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  for (let index = 0; index < 1_500; index++) void put(registry, 'clients', `c${index}`, {})
  must(await put(registry, 'clients', 'last', { authenticationName: '10.0.0.1' }))
  const first = registry.view.namespaceByName('plant')
  must(await registry.delete(ns('plant'), author))
  assert.equal(registry.view.namespaceByName('plant'), undefined)
  assert.equal(registry.view.namespaces().length, 0)
  must(await registry.put(ns('plant'), namespaceBody, author))
  const second = registry.view.namespaceByName('plant')
  assert.notEqual(first?.id, second?.id)
  assert.equal(second?.clientByAuthenticationName('c7'), undefined)
  assert.equal(second?.clientByUid('c7'), undefined)
  assert.equal(first?.clientByUid(second?.id ?? ''), undefined)
  assert.deepEqual(must(registry.list(collection('plant', 'clients'), { limit: 5 })).resources, [])
  await registry.idle()
  const rest = store.range('', null, 10_000).map(({ key }) => key.split(' ')[0])
  assert.deepEqual([...new Set(rest)].sort(), ['counts', 'format', 'namespace', 'rights', 'trust'])
})

test('a purge that was cut off goes on at the next start', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'clients', 'a', {}))
  const uid = registry.view.namespaceByName('plant')?.id ?? ''
  await store.write({
    put: [{ key: `purge ${uid}`, value: new Uint8Array() }],
    remove: [{ key: `namespace ${uid}` }],
    claim: [],
    release: [{ index: 'namespaceName', value: 'plant', owner: uid }],
  })
  const again = await openRegistry(parts(store))
  await again.idle()
  assert.deepEqual(store.range('client ', null, 10), [])
  assert.equal(store.lookup('authenticationName', `${uid} a`), undefined)
})

test('a list comes in pages in the order of names; a page token stays valid', async () => {
  const registry = await plantRegistry()
  const names = ['a', 'a-1', 'a.1', 'a0', 'b', 'B', 'zz']
  for (const name of names)
    must(await put(registry, 'clients', name, { authenticationName: `x-${name}-${name === 'B'}` }))
  const sorted = [...names].sort()
  const seen: string[] = []
  let after: string | null = null
  do {
    const page: { resources: readonly { document: { name: string } }[]; next: string | null } = must(
      registry.list(collection('plant', 'clients'), { limit: 3, after }),
    )
    seen.push(...page.resources.map(({ document }) => document.name))
    after = page.next
  } while (after !== null)
  assert.deepEqual(seen, sorted)
  const filtered = must(
    registry.list(collection('plant', 'clients'), { limit: 2, where: (name) => name.startsWith('a') }),
  )
  assert.equal(filtered.resources.length, 2)
  assert.equal(filtered.next, 'a-1')
  must(await registry.delete(ns('plant', 'clients', 'a-1'), author))
  const rest = must(registry.list(collection('plant', 'clients'), { limit: 9, after: 'a-1' }))
  assert.deepEqual(rest.resources[0]?.document.name, 'a.1')
})

test('namespaces are listed by subscription and by resource group', async () => {
  const registry = await emptyRegistry()
  for (const name of ['ccc', 'aaa', 'bbb']) must(await registry.put(ns(name), namespaceBody, author))
  const { subscriptionId } = ns('x')
  const first = must(registry.list({ subscriptionId, resourceGroup: 'LOCAL' }, { limit: 2 }))
  assert.deepEqual(
    first.resources.map(({ document }) => document.name),
    ['aaa', 'bbb'],
  )
  const rest = must(registry.list({ subscriptionId, resourceGroup: null }, { limit: 2, after: first.next }))
  assert.deepEqual([rest.resources.length, rest.next], [1, null])
  assert.equal(must(registry.list({ subscriptionId, resourceGroup: 'x' }, { limit: 2 })).resources.length, 0)
})

test('etags: If-Match guards a write, If-None-Match guards a creation', async () => {
  const registry = await plantRegistry()
  const id = ns('plant', 'clients', 'a')
  const missing = failure(await registry.put(id, {}, author, { condition: { ifMatch: '*' } }))
  assert.equal(missing.kind, 'etagMismatch')
  const created = must(await registry.put(id, {}, author, { condition: { ifNoneMatch: '*' } }))
  assert.equal(failure(await registry.put(id, {}, author, { condition: { ifNoneMatch: '*' } })).kind, 'etagMismatch')
  const etag = created.resource?.etag ?? ''
  const body = (description: string) => ({ properties: { description } })
  const [first, second] = await Promise.all([
    registry.put(id, body('one'), author, { condition: { ifMatch: [etag] } }),
    registry.put(id, body('two'), author, { condition: { ifMatch: [etag] } }),
  ])
  assert.ok(first.ok)
  assert.equal(failure(second).kind, 'etagMismatch')
  assert.equal(failure(await registry.delete(id, author, { condition: { ifMatch: [etag] } })).kind, 'etagMismatch')
  const current = must(registry.get(id)).etag
  assert.ok((await registry.delete(id, author, { condition: { ifMatch: ['x', current] } })).ok)
})

test('requests of one turn share a write and each has its own outcome', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  const before = store.revision()
  const outcomes = await Promise.all([
    put(registry, 'clients', 'a', {}),
    put(registry, 'clients', 'b', { authenticationName: 'A' }),
    put(registry, 'clients', 'c', { state: 'maybe' }),
    put(registry, 'clients', 'd', {}),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.value.change : outcome.error.kind)),
    ['created', 'nameTaken', 'invalid', 'created'],
  )
  assert.equal(store.revision() - before, 1n)
})

test('a transaction writes everything or nothing, and tells every problem with its place', async () => {
  const registry = await plantRegistry()
  const change = (type: 'clients' | 'clientGroups', name: string, properties: unknown, label: string) => ({
    kind: 'put' as const,
    id: ns('plant', type, name),
    body: { properties },
    label,
  })
  const refused = await registry.transact(
    [
      change('clients', 'a', {}, 'resources[0]'),
      change('clients', 'b', { authenticationName: 'A' }, 'resources[1]'),
      change('clientGroups', 'ggg', { query: 'nonsense' }, 'resources[2]'),
      change('clientGroups', 'x', { query: 'attributes.a = 1' }, 'resources[3]'),
    ],
    author,
  )
  assert.deepEqual(briefly(refused), [
    'resources[1].properties.authenticationName NameTaken',
    'resources[2].properties.query InvalidQuery',
    'resources[3].name InvalidName',
  ])
  assert.equal(failure(registry.get(ns('plant', 'clients', 'a'))).kind, 'notFound')
  const done = must(
    await registry.transact(
      [change('clients', 'a', {}, ''), { kind: 'delete', id: ns('plant', 'clients', 'a') }],
      author,
    ),
  )
  assert.deepEqual(
    done.map((changed) => changed.change),
    ['created', 'deleted'],
  )
  assert.equal(failure(registry.get(ns('plant', 'clients', 'a'))).kind, 'notFound')
})

test('changes are told with type, name and uid, after they are visible and before the answer', async () => {
  const registry = await plantRegistry()
  const told: string[] = []
  registry.onChange((changes) => {
    for (const { change, type, name } of changes) {
      const visible = type !== 'clients' || registry.get(ns('plant', 'clients', name)).ok
      told.push(`${change} ${type} ${name} ${visible}`)
    }
  })
  const written = put(registry, 'clients', 'a', {}).then(() => told.push('answered'))
  await written
  must(await put(registry, 'clients', 'a', { state: 'Disabled' }))
  must(await put(registry, 'topicSpaces', 'spa', { topicTemplates: ['a'] }))
  must(await registry.delete(ns('plant', 'clients', 'a'), author))
  must(await registry.delete(ns('plant'), author))
  await registry.idle()
  assert.deepEqual(told, [
    'created clients a true',
    'answered',
    'updated clients a true',
    'created topicSpaces spa true',
    'deleted clients a false',
    'deleted namespaces plant true',
  ])
})

test('S40 revisions move with what they stand for, and with nothing else', async () => {
  const registry = await plantRegistry()
  const view = registry.view.namespaceByName('plant')
  assert.ok(view)
  const marks = () => [view.rightsRevision, view.trustRevision] as const
  const moved = async (work: () => Promise<unknown>) => {
    const [rights, trust] = marks()
    await work()
    const now = marks()
    return `${now[0] > rights ? 'rights' : ''}${now[1] > trust ? 'trust' : ''}`
  }
  assert.equal(await moved(() => put(registry, 'clients', 'a', {})), '')
  assert.equal(await moved(() => put(registry, 'clientGroups', 'ggg', { query: 'attributes.a = 1' })), 'rights')
  assert.equal(await moved(() => put(registry, 'clientGroups', 'ggg', { query: 'attributes.a = 1' })), '')
  assert.equal(await moved(() => put(registry, 'topicSpaces', 'sss', { topicTemplates: ['a'] })), 'rights')
  const settings = { properties: { sealgate: { allowSha1Thumbprints: false } } }
  assert.equal(await moved(() => registry.patch(ns('plant'), settings, author)), 'rightstrust')
  assert.equal(await moved(() => registry.patch(ns('plant'), { tags: { a: 'b' } }, author)), '')
  const client = view.clientByResourceName('a')
  must(await put(registry, 'clients', 'a', { state: 'Disabled' }))
  assert.equal(client?.enabled, true)
  assert.equal(view.clientByResourceName('a')?.enabled, false)
  assert.ok((view.clientByUid(client?.uid ?? '')?.revision ?? 0n) > (client?.revision ?? 0n))
})

test('access keys are random, can be made anew, and stand in no document', async () => {
  const registry = await plantRegistry()
  const keys = must(registry.listKeys(ns('plant')))
  assert.notEqual(keys.key1, keys.key2)
  assert.equal(Buffer.from(keys.key1, 'base64').length, 32)
  const changed = must(await registry.regenerateKey(ns('plant'), 'key2', author))
  assert.equal(changed.key1, keys.key1)
  assert.notEqual(changed.key2, keys.key2)
  assert.deepEqual(must(registry.listKeys(ns('plant'))), changed)
  assert.ok(!JSON.stringify(must(registry.get(ns('plant')))).includes(keys.key1))
})

test('a client is found by its authentication name', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', { authenticationName: 'Press.Example' }))
  assert.equal(registry.findClient('plant', 'press.EXAMPLE')?.document.name, 'a')
  assert.equal(registry.findClient('plant', 'other'), undefined)
  assert.equal(registry.findClient('other', 'press.example'), undefined)
})

test('S1 a store of other Unicode tables is indexed anew, and collisions are told', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store, { unicodeVersion: '15.0' }))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'clients', 'old', { authenticationName: 'Alpha' }))
  must(await put(registry, 'clients', 'young', { authenticationName: 'beta' }, later))
  const uid = registry.view.namespaceByName('plant')?.id ?? ''
  // As if the tables of then had kept the two apart and folded the first one differently.
  const young = store.range(`client ${uid} young`, null, 1)[0]
  assert.ok(young)
  const value = new TextEncoder().encode(new TextDecoder().decode(young.value).replace('"beta"', '"ALPHA"'))
  const old = store.lookup('authenticationName', `${uid} alpha`) ?? ''
  await store.write({
    put: [{ key: young.key, value }],
    remove: [],
    claim: [{ index: 'authenticationName', value: `${uid} old-fold`, owner: old }],
    release: [{ index: 'authenticationName', value: `${uid} alpha`, owner: old }],
  })
  registry.close()
  const again = await openRegistry(parts(store, { unicodeVersion: '16.0' }))
  assert.deepEqual(again.report.unicodeVersion, { from: '15.0', to: '16.0' })
  assert.deepEqual(again.report.collisions, [{ namespaceUid: uid, client: 'young', holder: 'old' }])
  assert.equal(again.view.namespaceByName('plant')?.clientByAuthenticationName('alpha')?.name, 'old')
  const third = await openRegistry(parts(store, { unicodeVersion: '16.0' }))
  assert.deepEqual(third.report, { unicodeVersion: null, collisions: [] })
})

test('a store of a later format is refused', async () => {
  const store = memoryStore()
  await store.write({
    put: [{ key: 'format', value: new TextEncoder().encode('{"format":2}') }],
    remove: [],
    claim: [],
    release: [],
  })
  await assert.rejects(openRegistry(parts(store)), /format 2/)
})

test('a property that the document does not write is not lost by GET then PUT', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clientGroups', 'ggg', { query: 'attributes.a = 1', description: 'd' }))
  must(await put(registry, 'clients', 'a', { attributes: { b: ['x'], a: 1 }, description: 'd' }))
  for (const id of [ns('plant'), ns('plant', 'clientGroups', 'ggg'), ns('plant', 'clients', 'a')]) {
    const { document } = must(registry.get(id))
    const again = must(await registry.put(id, JSON.parse(JSON.stringify(document)), later))
    assert.equal(again.change, 'unchanged', document.id)
    assert.deepEqual(propertiesOf(again), document.properties)
  }
})
