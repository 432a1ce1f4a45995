import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  childId,
  childTypes,
  formatResourceId,
  fullType,
  namespaceId,
  parseFullType,
  parseResourceId,
} from '../../src/registry/resource-id.ts'

const address = { subscriptionId: 'sub', resourceGroup: 'Group', namespace: 'Plant' }

function read(path: string): unknown {
  const id = parseResourceId(path)
  return id.ok ? id.value : id.error.kind
}

test('a path is read whatever its case, encoding and slashes are; names keep their case', () => {
  const client = childId(address, 'clients', 'A:b')
  for (const path of [
    formatResourceId(client),
    '//subscriptions/sub/resourcegroups/Group/providers/microsoft.eventgrid/NAMESPACES/Plant/Clients/A%3ab/',
    '/SUBSCRIPTIONS/sub//resourceGroups/Group/Providers/Microsoft.EventGrid/namespaces/Plant/clients/A:b',
  ]) {
    assert.deepEqual(read(path), client)
  }
  assert.deepEqual(
    read('/subscriptions/sub/resourceGroups/Group/providers/Microsoft.EventGrid/namespaces/Plant'),
    namespaceId(address),
  )
  assert.deepEqual(read(`${formatResourceId(namespaceId(address))}/topicspaces`), { ...address, type: 'topicSpaces' })
})

test('what is no resource is told apart: malformed or of an unknown type', () => {
  const plant = formatResourceId(namespaceId(address))
  assert.equal(read(`${plant}/topics/x`), 'unknownType')
  assert.equal(read(`${plant}/clients/x/y/z`), 'unknownType')
  assert.equal(read(`${plant}/clients/x/y`), 'unknownType')
  for (const path of [
    '',
    '/',
    '/subscriptions/sub',
    plant.replace('EventGrid', 'Storage'),
    `${plant}/clients/%zz`,
    `${plant}/clients/a%2fb`,
  ]) {
    assert.equal(read(path), 'malformed', path)
  }
  assert.equal(read('/subscriptions/sub/resourceGroups/g/providers/Microsoft.EventGrid/namespaces'), 'malformed')
})

test('each id is read as it was written', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'B', '-', '.', ':', '_', '0'), minLength: 1 })
  fc.assert(
    fc.property(fc.constantFrom(...childTypes), name, name, (type, namespace, child) => {
      const id = childId({ ...address, namespace }, type, child)
      assert.deepEqual(read(formatResourceId(id)), id)
      assert.equal(parseFullType(fullType(type).toUpperCase()), type)
    }),
  )
  assert.equal(parseFullType('Microsoft.EventGrid/namespaces/topics'), null)
  assert.equal(parseFullType('Microsoft.EventGrid'), null)
})
