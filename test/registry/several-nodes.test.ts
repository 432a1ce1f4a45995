import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { EngineError } from '../../src/ports/engine-error.ts'
import type { Revision } from '../../src/ports/identity.ts'
import type { RegistryStore, RegistryWrite } from '../../src/ports/registry-store.ts'
import { entriesOf } from '../../src/registry/client-index.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import type { ChildType } from '../../src/registry/resource-id.ts'
import { childNameEntry, decodeStored, factsOfKey, Index, type StoredChild } from '../../src/registry/stored.ts'
import { author, failure, memoryStore, must, namespaceBody, ns, parts, put, start } from './support.ts'

/** A store that shows what its indexes hold, and can be made to lose or to fail. */
class WatchedStore implements RegistryStore {
  readonly entries = new Map<string, string>()
  beforeWrite: (() => Promise<void>) | null = null
  afterWrite: (() => void) | null = null
  fault: EngineError | null = null
  readonly #store = memoryStore()

  get(key: string) {
    return this.#store.get(key)
  }
  lookup(index: string, value: string) {
    return this.#store.lookup(index, value)
  }
  range(prefix: string, after: string | null, limit: number) {
    return this.#store.range(prefix, after, limit)
  }
  watch(callback: Parameters<RegistryStore['watch']>[0]) {
    return this.#store.watch(callback)
  }
  revision() {
    return this.#store.revision()
  }

  async write(write: RegistryWrite): Promise<Revision> {
    const before = this.beforeWrite
    this.beforeWrite = null
    await before?.()
    if (this.fault !== null) throw this.fault
    const revision = await this.#store.write(write)
    for (const { index, value, owner } of write.release) {
      if (this.entries.get(`${index} ${value}`) === owner) this.entries.delete(`${index} ${value}`)
    }
    for (const { index, value, owner } of write.claim) this.entries.set(`${index} ${value}`, owner)
    const after = this.afterWrite
    this.afterWrite = null
    after?.()
    return revision
  }
}

async function twoNodes(): Promise<{ store: WatchedStore; one: Registry; two: Registry }> {
  const store = new WatchedStore()
  const one = await openRegistry(parts(store))
  const two = await openRegistry(parts(store, { random: seededRandom(8) }))
  must(await one.put(ns('plant'), namespaceBody, author))
  return { store, one, two }
}

test('two nodes open a new store at the same time', async () => {
  const store = memoryStore()
  const [one, two] = await Promise.all([openRegistry(parts(store)), openRegistry(parts(store))])
  must(await one.put(ns('plant'), namespaceBody, author))
  assert.ok(two.view.namespaceByName('plant'))
})

test('a write that another node overtakes is judged again', async () => {
  const { store, one, two } = await twoNodes()
  store.beforeWrite = async () => {
    must(await put(two, 'clients', 'b', { authenticationName: 'alpha' }))
  }
  const taken = failure(await put(one, 'clients', 'a', { authenticationName: 'ALPHA' }))
  assert.equal(taken.kind, 'nameTaken')
  must(await put(one, 'topicSpaces', 'own', { topicTemplates: ['a'] }))
  store.beforeWrite = async () => {
    must(await two.delete(ns('plant', 'topicSpaces', 'own'), author))
  }
  const binding = { clientGroupName: '$all', topicSpaceName: 'own', permission: 'Publisher' }
  assert.equal(failure(await put(one, 'permissionBindings', 'bind', binding)).kind, 'invalid')
  assert.equal(two.view.namespaceByName('plant')?.clientByAuthenticationName('Alpha')?.name, 'b')
  assert.equal(one.view.namespaceByName('plant')?.clientByAuthenticationName('Alpha')?.name, 'b')
})

test('who is overtaken again and again is told so; a store that cannot write says so; neither changes anything', async () => {
  const { store, one } = await twoNodes()
  store.fault = new EngineError('conflict', 'lost')
  assert.equal(failure(await put(one, 'clients', 'a', {})).kind, 'conflict')
  store.fault = new EngineError('unavailable', 'disk full')
  const [write, refused] = await Promise.all([put(one, 'clients', 'a', {}), put(one, 'clients', 'b', { state: 'x' })])
  const unavailable = failure(write)
  assert.equal(unavailable.kind, 'unavailable')
  assert.match(unavailable.message, /disk full/)
  assert.equal(failure(refused).kind, 'invalid')
  store.fault = null
  assert.equal(must(await put(one, 'clients', 'a', {})).change, 'created')
})

test('a purge that the store refuses is tried again later', async () => {
  const store = new WatchedStore()
  const { clock, advance } = fakeClock(start)
  const registry = await openRegistry(parts(store, { clock }))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'clients', 'a', {}))
  store.afterWrite = () => {
    store.fault = new EngineError('unavailable', 'disk full')
  }
  must(await registry.delete(ns('plant'), author))
  await registry.idle()
  assert.equal(store.range('client ', null, 10).length, 1)
  store.fault = null
  advance(5_000)
  await registry.idle()
  assert.equal(store.range('client ', null, 10).length, 0)
  registry.close()
})

test('an error of another kind is passed on and ends nothing', async () => {
  const { store, one } = await twoNodes()
  const write = store.write.bind(store)
  store.write = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(put(one, 'clients', 'a', {}), TypeError)
  store.write = write
  assert.ok((await put(one, 'clients', 'a', {})).ok)
})

/** Every index entry stands for a record, every record has its entries, and the counts are right. */
function checkIndexes(store: WatchedStore): void {
  const expected = new Map<string, string>()
  const clients = new Map<string, number>()
  for (const { key, value } of store.range('', null, 100_000)) {
    const facts = factsOfKey(key)
    if (facts.kind === 'namespace') {
      const stored = decodeStored(value)
      expected.set(`${Index.NamespaceName} ${stored.name.toLowerCase()}`, stored.uid)
      clients.set(facts.uid, clients.get(facts.uid) ?? 0)
    }
    if (facts.kind !== 'child') continue
    const child = decodeStored(value) as StoredChild
    expected.set(`${Index.ChildName} ${childNameEntry(child.type, child.namespaceUid, child.name)}`, key)
    if (child.type !== 'clients') continue
    clients.set(facts.namespaceUid, (clients.get(facts.namespaceUid) ?? 0) + 1)
    for (const [index, entry] of entriesOf(child)) {
      assert.ok(!expected.has(`${index} ${entry}`), 'two clients with one entry')
      expected.set(`${index} ${entry}`, key)
    }
  }
  assert.deepEqual(new Map([...store.entries].sort()), new Map([...expected].sort()))
  for (const [uid, count] of clients) {
    const record = store.get(`counts ${uid}`)
    assert.deepEqual(record && JSON.parse(new TextDecoder().decode(record.value)), { clients: count })
  }
}

test('whatever two nodes write at once, indexes, counts, references and views stay right', async () => {
  const names = ['aaa', 'AAA', 'bbb']
  const authenticationNames = ['x', 'X', 'CN=x', 'cn=X', '::1', '0:0:0:0:0:0:0:1', undefined]
  const operation = fc.record({
    node: fc.boolean(),
    together: fc.boolean(),
    namespace: fc.constantFrom('plant', 'PLANT', 'works'),
    type: fc.constantFrom(
      'namespaces' as const,
      'clients' as const,
      'clientGroups' as const,
      'topicSpaces' as const,
      'permissionBindings' as const,
    ),
    name: fc.constantFrom(...names),
    other: fc.constantFrom(...names),
    authenticationName: fc.constantFrom(...authenticationNames),
    remove: fc.boolean(),
  })
  const bodyOf = (type: ChildType | 'namespaces', authenticationName: string | undefined, other: string) => {
    switch (type) {
      case 'namespaces':
        return namespaceBody
      case 'clients':
        return { properties: { authenticationName } }
      case 'clientGroups':
        return { properties: { query: `attributes.a = '${other}'` } }
      case 'topicSpaces':
        return { properties: { topicTemplates: [other] } }
      default:
        return { properties: { clientGroupName: other, topicSpaceName: other, permission: 'Publisher' } }
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40 }), async (operations) => {
      const { store, one, two } = await twoNodes()
      let running: Promise<unknown>[] = []
      for (const { node, together, namespace, type, name, other, authenticationName, remove } of operations) {
        const registry = node ? one : two
        const id = type === 'namespaces' ? ns(namespace) : ns(namespace, type, name)
        const done = remove
          ? registry.delete(id, author)
          : registry.put(id, bodyOf(type, authenticationName, other), author)
        running.push(done)
        if (together) continue
        await Promise.all(running)
        running = []
      }
      await Promise.all(running)
      await one.idle()
      await two.idle()
      checkIndexes(store)
      for (const namespace of one.view.namespaces()) {
        const groups = namespace.clientGroups().map((group) => group.name)
        for (const binding of namespace.permissionBindings()) {
          assert.ok(groups.includes(binding.clientGroupName))
          assert.ok(namespace.topicTemplates(binding.topicSpaceName).length > 0)
        }
        const mirror = two.view.namespaceById(namespace.id)
        assert.deepEqual(mirror?.permissionBindings(), namespace.permissionBindings())
        assert.equal(mirror?.rightsRevision, namespace.rightsRevision)
        for (const name of authenticationNames) {
          if (name === undefined) continue
          const client = namespace.clientByAuthenticationName(name)
          assert.equal(mirror?.clientByAuthenticationName(name)?.uid, client?.uid)
          if (client !== undefined) assert.equal(namespace.clientByUid(client.uid), client)
        }
      }
    }),
    { numRuns: 150 },
  )
})
