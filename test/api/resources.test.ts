import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupPath, namespaceBody, plantPath, testApi } from './support.ts'

test('EG: a namespace is made, read, patched and deleted with one answer each', async (t) => {
  const { call } = await testApi(t)
  const made = await call('PUT', plantPath, { body: namespaceBody })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.id, plantPath)
  assert.equal(made.body.type, 'Microsoft.EventGrid/namespaces')
  assert.equal(made.body.properties.provisioningState, 'Succeeded')
  assert.equal(made.headers['location'], undefined)
  assert.equal(made.headers['azure-asyncoperation'], undefined)
  assert.match(String(made.headers['content-type']), /^application\/json; charset=utf-8$/)
  const again = await call('PUT', plantPath, { body: namespaceBody })
  assert.equal(again.status, 200)
  const patched = await call('PATCH', plantPath, { body: { tags: { site: 'north' } } })
  assert.equal(patched.status, 200, patched.text)
  assert.deepEqual(patched.body.tags, { site: 'north' })
  assert.equal((await call('GET', plantPath)).body.tags.site, 'north')
  assert.equal((await call('HEAD', plantPath)).status, 204)
  assert.equal((await call('DELETE', plantPath)).status, 200)
  assert.equal((await call('DELETE', plantPath)).status, 204)
  assert.equal((await call('HEAD', plantPath)).status, 404)
  const gone = await call('GET', plantPath)
  assert.equal(gone.status, 404)
  assert.equal(gone.body.error.code, 'ResourceNotFound')
})

test('paths match in any casing with slashes repeated, and answers have the canonical one', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  const odd = `//SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000//resourcegroups/LOCAL/Providers/microsoft.eventgrid/NameSpaces/PLANT`
  const made = await call('PUT', `${odd}/CLIENTS/Press:1`, { body: {} })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.body.id, `${plantPath}/clients/Press:1`)
  assert.equal(made.body.name, 'Press:1')
  assert.equal((await call('GET', `${plantPath}/clients/Press%3A1`)).status, 200)
  assert.equal((await call('GET', `${plantPath}/clients/press%3A1`)).status, 404, 'client names keep their case')
  assert.equal((await call('GET', `${plantPath}/clients/Press:1/`)).status, 200)
})

test('a list comes in pages whose links stay valid, filtered by name', async (t) => {
  const { call, plant, endpoint } = await testApi(t)
  await plant()
  for (const n of [1, 2, 3, 4, 5]) {
    assert.equal((await call('PUT', `${plantPath}/clients/press-${n}`, { body: {} })).status, 201)
  }
  const names = async (first: string): Promise<string[][]> => {
    const pages: string[][] = []
    for (let path: string | null = first; path !== null; ) {
      const answer: Awaited<ReturnType<typeof call>> = await call('GET', path, {
        apiVersion: path === first ? '2025-02-15' : null,
      })
      assert.equal(answer.status, 200, answer.text)
      pages.push(answer.body.value.map(({ name }: { name: string }) => name))
      const link: string | undefined = answer.body.nextLink
      assert.ok(link === undefined || link.startsWith(`${endpoint}/`), link)
      path = link === undefined ? null : link.slice(endpoint.length)
    }
    return pages
  }
  const three = [['press-1', 'press-2'], ['press-3', 'press-4'], ['press-5']]
  assert.deepEqual(await names(`${plantPath}/clients?$top=2`), three)
  assert.deepEqual(await names(`${plantPath}/clients?%24top=2`), three)
  const filter = encodeURIComponent("contains(namE,'PRESS') and not (name eq 'press-2')")
  assert.deepEqual(await names(`${plantPath}/clients?%24filter=${filter}&$top=3`), [
    ['press-1', 'press-3', 'press-4'],
    ['press-5'],
  ])
  assert.deepEqual(await names(`${groupPath}/providers/Microsoft.EventGrid/namespaces`), [['plant']])
})
