import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { unixMillis } from '../../src/base/time.ts'
import { applyTemplates } from '../../src/main/apply-templates.ts'
import { StartError } from '../../src/main/start-error.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const now = unixMillis(Date.UTC(2027, 0, 1))

async function setUp(t: TestContext) {
  const directory = temporaryDirectory(t)
  const { clock } = fakeClock(now)
  const engine = createMemoryWorld().engine('n' as NodeId, clock)
  const registry = await openRegistry({ store: engine.registry, random: seededRandom(1), clock })
  const entries: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[] = []
  const log = {
    write: (_level: string, event: string, facts: Readonly<Record<string, unknown>>) =>
      void entries.push({ event, facts }),
  }
  return {
    registry,
    entries,
    async apply(...files: (readonly [name: string, text: string])[]): Promise<void> {
      for (const [name, text] of files) writeFileSync(join(directory, name), text)
      await applyTemplates(
        registry,
        files.map(([name]) => join(directory, name)),
        { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'local' },
        clock,
        log,
      )
    },
  }
}

function linesOf(promise: Promise<void>): Promise<readonly string[]> {
  return promise.then(
    () => assert.fail('applied'),
    (error: unknown) => {
      assert.ok(error instanceof StartError, String(error))
      return error.lines.map((line) => line.replace(/^--apply \S*\//, ''))
    },
  )
}

const namespace = (name: string): string =>
  JSON.stringify({
    resources: [
      { type: 'Microsoft.EventGrid/namespaces', apiVersion: '2025-02-15', name, location: 'local', properties: {} },
    ],
  })

test('JSON may hold what Azure tools accept, comments for one; YAML is read by its ending', async (t) => {
  const { apply, registry } = await setUp(t)
  await apply(
    ['one.json', `// a comment\n${namespace('name-one')}`],
    [
      'two.yaml',
      'resources:\n- {type: Microsoft.EventGrid/namespaces, apiVersion: "2025-02-15", name: name-two, location: l, properties: {}}\n',
    ],
  )
  assert.deepEqual(
    registry.view
      .namespaces()
      .map(({ name }) => name)
      .sort(),
    ['name-one', 'name-two'],
  )
})

test('S47: a key that stands twice is refused in JSON and in YAML, with its place', async (t) => {
  const { apply } = await setUp(t)
  assert.match(
    (await linesOf(apply(['a.json', '{"resources": [],\n "resources": []}'])))[0] ?? '',
    /^a\.json: line 2, column \d+: /,
  )
  assert.match(
    (await linesOf(apply(['a.yml', 'resources: []\nresources: []\n'])))[0] ?? '',
    /^a\.yml: Map keys must be unique at line 2/,
  )
  assert.match((await linesOf(apply(['b.json', '{"__proto__": {}}'])))[0] ?? '', /^b\.json: /)
  assert.match((await linesOf(apply(['b.yml', '__proto__: {}\n'])))[0] ?? '', /^b\.yml: /)
})

test('a YAML document that grows when it is read is refused', async (t) => {
  const { apply } = await setUp(t)
  const levels = Array.from(
    { length: 12 },
    (_, i) =>
      `l${i}: &l${i} [${
        i === 0
          ? 'x'
          : Array(9)
              .fill(`*l${i - 1}`)
              .join(',')
      }]`,
  )
  assert.match((await linesOf(apply(['bomb.yml', levels.join('\n')])))[0] ?? '', /^bomb\.yml: Excessive alias count/)
})

test('a template whose parameters want values is refused with the command that takes them', async (t) => {
  const { apply, registry } = await setUp(t)
  const template = JSON.parse(namespace("[parameters('plant')]"))
  const lines = await linesOf(
    apply(['plant.json', JSON.stringify({ parameters: { plant: { type: 'string' } }, ...template })]),
  )
  assert.equal(lines[0], 'plant.json: parameters.plant: The parameter "plant" has no default: give a value.')
  assert.match(lines[1] ?? '', /^plant\.json: resources\[0\]\.name: .*The parameter "plant" has no value\.$/)
  assert.match(lines.at(-1) ?? '', /sealgate apply -f \S*plant\.json --parameters NAME=VALUE$/)
  assert.deepEqual(registry.view.namespaces(), [])
})

test('nothing is applied while a later file cannot be read', async (t) => {
  const { apply, registry } = await setUp(t)
  assert.match(
    (await linesOf(apply(['good.json', namespace('name-one')], ['bad.json', '{'])))[0] ?? '',
    /^bad\.json: line 1/,
  )
  assert.deepEqual(registry.view.namespaces(), [])
})

test('S67: an unchanged file is passed over, a changed one applied', async (t) => {
  const { apply, entries } = await setUp(t)
  await apply(['one.json', namespace('name-one')])
  await apply(['one.json', namespace('name-one')])
  await apply(['one.json', namespace('name-two')])
  assert.deepEqual(
    entries.filter(({ event }) => event === 'applied').map(({ facts }) => [facts['skipped'], facts['created']]),
    [
      [false, 1],
      [true, 0],
      [false, 1],
    ],
  )
})

test('S13: warnings of the registry reach the log', async (t) => {
  const { apply, entries } = await setUp(t)
  const template = JSON.parse(namespace('name-one')) as { resources: unknown[] }
  for (const [i, encodedCertificate] of rootCertificates.slice(0, 2).entries()) {
    template.resources.push({
      type: 'Microsoft.EventGrid/namespaces/caCertificates',
      apiVersion: '2025-02-15',
      name: `name-one/root-${i}`,
      properties: { encodedCertificate },
    })
  }
  await apply(['one.json', JSON.stringify(template)])
  assert.ok(entries.some(({ event, facts }) => event === 'applyWarning' && facts['resource'] === 'root-1'))
})
