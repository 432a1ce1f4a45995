import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { authorize } from '../../src/auth/authorize.ts'
import { compileRights } from '../../src/auth/rights.ts'
import type { TopicFilter, TopicName } from '../../src/mqtt/topic.ts'
import { applyDeployment } from '../../src/registry/deployment/apply.ts'
import { exportTemplate } from '../../src/registry/deployment/export.ts'
import { readTemplate } from '../../src/registry/deployment/template.ts'
import { parseJson } from '../../src/registry/strict-json.ts'
import { authority, pemOf } from '../registry/certificates.ts'
import { author, emptyRegistry, must, ns, plain } from '../registry/support.ts'

const file = join(import.meta.dirname, '..', '..', 'examples', 'plant.json')

function read(template: unknown, parameters: unknown = {}) {
  const deployment = readTemplate(template, parameters)
  assert.ok(deployment.ok, deployment.ok ? '' : JSON.stringify(deployment.error))
  return deployment.value
}

async function plant() {
  const template = parseJson(readFileSync(file, 'utf8'), 'template')
  assert.ok(template.ok)
  const parameters = {
    deviceCa: { value: pemOf(authority('CN=Plant CA')) },
    dashboardThumbprint: { value: 'ab'.repeat(32) },
  }
  const registry = await emptyRegistry({ defaultProfile: 'full' })
  const applied = must(await applyDeployment(registry, read(template.value, parameters), author))
  return { registry, applied }
}

test('examples/plant.json gives each the rights that its page promises, and nothing else', async () => {
  const { registry } = await plant()
  const view = registry.view.namespaceByName('plant')
  assert.ok(view !== undefined)
  const may = (client: string, action: 'publish' | 'subscribe', topic: string): boolean => {
    const found = view.clientByResourceName(client)
    assert.ok(found !== undefined)
    const { uid, authenticationName, foldedName } = found
    const rights = compileRights({ kind: 'registryClient', uid, authenticationName, foldedName }, view)
    const judged =
      action === 'publish'
        ? authorize(rights, action, topic as TopicName)
        : authorize(rights, action, topic as TopicFilter)
    return judged.outcome === 'allowed'
  }
  const table: readonly (readonly [string, 'publish' | 'subscribe', string, boolean])[] = [
    ['press-1', 'publish', 'plant/press-1.plant.example/telemetry/force', true],
    ['press-1', 'publish', 'plant/press-1.plant.example/telemetry/temperature', true],
    ['press-1', 'publish', 'plant/press-1.plant.example/telemetry/pressure', false],
    ['press-1', 'publish', 'plant/press-2.plant.example/telemetry/force', false],
    ['press-1', 'subscribe', 'plant/notices', true],
    ['press-1', 'subscribe', 'plant/notices/hall-2', true],
    ['press-1', 'subscribe', 'plant/notices/hall-7', false],
    ['press-1', 'subscribe', 'plant/notices/#', false],
    ['press-1', 'subscribe', 'plant/+/telemetry/#', false],
    // Hall 7 is beyond what the group's query takes in.
    ['press-2', 'publish', 'plant/press-2.plant.example/telemetry/temperature', false],
    ['press-2', 'subscribe', 'plant/notices/hall-7', true],
    ['dashboard', 'subscribe', 'plant/+/telemetry/force', true],
    ['dashboard', 'subscribe', 'plant/#', false],
    ['dashboard', 'publish', 'plant/dashboard/telemetry/force', false],
  ]
  for (const [client, action, topic, allowed] of table) {
    assert.equal(may(client, action, topic), allowed, `${client} ${action} ${topic}`)
  }
})

test('examples/plant.json exported and applied again changes nothing', async () => {
  const { registry, applied } = await plant()
  assert.ok(applied.changes.every(({ change }) => change === 'created'))
  const exported = must(exportTemplate(registry, ns('plant')))
  const again = must(await applyDeployment(registry, read(plain(exported)), author, { prune: true }))
  assert.equal(again.changes.length, applied.changes.length)
  assert.ok(again.changes.every(({ change }) => change === 'unchanged'))
})
