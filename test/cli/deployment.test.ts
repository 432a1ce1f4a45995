import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { sliceTemplate } from '../../src/cli/deployment/slices.ts'
import { type Place, sealgate } from './run.ts'
import { served } from './server.ts'

const type = 'Microsoft.EventGrid/namespaces'

function client(name: string, properties: unknown = {}) {
  return {
    type: `${type}/clients`,
    apiVersion: '2025-02-15',
    name: `plant/${name}`,
    dependsOn: [`[resourceId('${type}', 'plant')]`],
    properties,
  }
}

const namespace = {
  type,
  apiVersion: '2025-07-15-preview',
  name: 'plant',
  location: 'here',
  properties: { topicSpacesConfiguration: { state: 'Enabled' } },
}

function write(place: Place, name: string, content: unknown): void {
  writeFileSync(join(place.directory, name), typeof content === 'string' ? content : JSON.stringify(content))
}

async function fine(place: Place, ...args: readonly string[]): Promise<string> {
  const ran = await sealgate(place, ...args)
  assert.equal(ran.code, 0, `${args.join(' ')}\n${ran.err}`)
  return ran.out
}

test('a template is applied, applied again without a change, and says what a changed one would do', async (t) => {
  const { place } = await served(t)
  write(place, 'plant.json', {
    resources: [namespace, client('press-1', { attributes: { hall: 1 } }), client('press-2')],
  })
  assert.equal(
    await fine(place, 'apply', '-f', 'plant.json', '--dry-run'),
    `+ plant
+ plant/clients/press-1
+ plant/clients/press-2
3 to create, 0 to change, 0 to delete, 0 unchanged
Nothing was written: this was a dry run
`,
  )
  assert.equal(await fine(place, 'namespace', 'list'), 'There are no namespaces.\n')
  assert.match(await fine(place, 'apply', '-f', 'plant.json'), /\nApplied plant\.json\n$/)
  assert.equal(await fine(place, 'apply', '-f', 'plant.json'), 'Nothing to change: plant.json is what there is\n')

  write(place, 'plant.json', { resources: [namespace, client('press-1', { attributes: { hall: 2 } })] })
  assert.equal(
    await fine(place, 'apply', '-f', 'plant.json', '--prune', '--dry-run'),
    `- plant/clients/press-2
~ plant/clients/press-1
    properties.attributes.hall: 1 -> 2
0 to create, 1 to change, 1 to delete, 1 unchanged
Nothing was written: this was a dry run
`,
  )
  const changes = JSON.parse(await fine(place, 'apply', '-f', 'plant.json', '--prune', '-o', 'json')).changes
  assert.deepEqual(changes.map(({ changeType }: { changeType: string }) => changeType).sort(), [
    'Delete',
    'Modify',
    'NoChange',
  ])
  assert.ok(!(await fine(place, 'namespace', 'client', 'list')).includes('press-2'))
})

test('YAML, comments, the standard input and parameters are taken', async (t) => {
  const { place } = await served(t)
  const body = `parameters:
  ns: { type: string }
  hall: { type: int, defaultValue: 1 }
  open: { type: bool, defaultValue: false }
resources:
  - type: ${type}
    apiVersion: 2025-07-15-preview
    name: "[parameters('ns')]"
    location: here
    properties: { topicSpacesConfiguration: { state: "[if(parameters('open'), 'Enabled', 'Disabled')]" } }
  - type: ${type}/clients
    apiVersion: 2025-02-15
    name: "[format('{0}/press', parameters('ns'))]"
    properties: { attributes: { hall: "[parameters('hall')]" } }
outputs:
  name: { type: string, value: "[parameters('ns')]" }
`
  write(place, 'plant.yaml', body)
  write(place, 'values.json', {
    $schema: 'x',
    contentVersion: '1.0.0.0',
    parameters: { ns: { value: 'plant' }, hall: { value: 2 } },
  })
  const applied = await fine(place, 'apply', '-f', 'plant.yaml', '--parameters', '@values.json', 'hall=3', 'open=true')
  assert.match(applied, /Applied plant\.yaml\nname = plant\n$/)
  const shown = JSON.parse(await fine(place, 'namespace', 'client', 'show', 'press', '-o', 'json'))
  assert.deepEqual(shown.properties.attributes, { hall: 3 })
  assert.equal(
    await fine({ ...place, input: body }, 'apply', '-f', '-', '--parameters', 'ns=plant', 'hall=3', 'open=true'),
    'Nothing to change: - is what there is\nname = plant\n',
  )
  write(place, 'comments.json', `{ /* of az */ "resources": [${JSON.stringify(namespace)},] }`)
  await fine(place, 'apply', '-f', 'comments.json')
  const wrong = await sealgate(place, 'apply', '-f', 'plant.yaml', '--parameters', 'ns=plant', 'hall=many')
  assert.deepEqual(
    [wrong.code, wrong.err],
    [2, 'sealgate apply: --parameters hall: the template wants int, found many\n'],
  )
})

test('export is a template that changes nothing where it came from, as JSON and YAML', async (t) => {
  const { place } = await served(t)
  write(place, 'plant.json', { resources: [namespace, client('press', { attributes: { note: 'a\u202eb', hall: 1 } })] })
  await fine(place, 'apply', '-f', 'plant.json')
  const json = await fine(place, 'export')
  assert.equal(JSON.parse(json).resources.length, 2)
  assert.ok(!json.includes('\u202e')) // S63
  write(place, 'printed.json', json)
  for (const form of ['json', 'yaml']) {
    const made = await sealgate(place, 'export', '-o', form, '--out', `exported.${form}`)
    assert.deepEqual(
      [made.code, made.out, made.err],
      [0, '', `Exported plant to exported.${form}; sealgate apply -f exported.${form} makes it again\n`],
    )
    assert.match(await fine(place, 'apply', '-f', `exported.${form}`, '--prune'), /^Nothing to change/)
  }
  assert.match(await fine(place, 'apply', '-f', 'printed.json'), /^Nothing to change/)
  const again = await sealgate(place, 'export', '--out', 'exported.json')
  assert.match(
    again.err,
    /exported\.json exists already; nothing was written\n {2}--out FILE names another, --force replaces it/,
  )
})

test('every problem of a template is named by its place, type and name, and nothing is written', async (t) => {
  const { place } = await served(t)
  write(place, 'bad.json', {
    resources: [namespace, client('press-1', { attributes: { a: 1.5 } }), client('press-2', { state: 'Off' })],
  })
  const bad = await sealgate(place, 'apply', '-f', 'bad.json')
  assert.equal(bad.code, 1)
  const lines = bad.err.split('\n')
  assert.equal(lines[0], 'sealgate apply: 2 problems')
  assert.match(lines[1] ?? '', /^ {2}resources\[1\] \(clients plant\/press-1\)\.properties\.attributes\.a: /)
  assert.match(lines[2] ?? '', /^ {2}resources\[2\] \(clients plant\/press-2\)\.properties\.state: /)
  assert.equal(await fine(place, 'namespace', 'list'), 'There are no namespaces.\n')

  write(place, 'worse.json', {
    resources: [
      { ...namespace, name: "[parameters('x')]" },
      { type: 'Microsoft.Web/sites', name: 'a' },
    ],
  })
  const worse = await sealgate(place, 'apply', '-f', 'worse.json')
  assert.match(
    worse.err,
    /^sealgate apply: worse\.json: 2 problems; nothing was written\n {2}resources\[0\] .*\n {2}resources\[1\] \(sites a\)/,
  )
  write(place, 'broken.json', '{"resources": [}')
  assert.match((await sealgate(place, 'apply', '-f', 'broken.json')).err, /broken\.json, line 1, column 16: /)
  write(place, 'twice.json', '{"resources": [], "resources": []}')
  assert.match((await sealgate(place, 'apply', '-f', 'twice.json')).err, /stands twice/)
  assert.equal((await sealgate(place, 'apply')).code, 2)
})

test('a mistyped property is worth a warning, as the server passes over it', async (t) => {
  const { place } = await served(t)
  write(place, 'typo.json', {
    resources: [
      { ...namespace, properties: { topicSpacesConfiguration: { stat: 'Enabled' } } },
      client('press', { atributes: {} }),
    ],
  })
  const ran = await sealgate(place, 'apply', '-f', 'typo.json', '--dry-run')
  assert.equal(
    ran.err,
    `warning: namespaces plant: properties.topicSpacesConfiguration.stat is not known and has no effect; did you mean state?
warning: clients press: properties.atributes is not known and has no effect; did you mean attributes?
`,
  )
})

test('S21: a template with a private key is not sent', async (t) => {
  const { place } = await served(t)
  await fine(place, 'cert', 'ca', 'Plant')
  const key = readFileSync(join(place.directory, 'ca.key'), 'utf8')
  const ca = { type: `${type}/caCertificates`, name: 'plant/ca', properties: { encodedCertificate: key } }
  write(place, 'key.json', { resources: [namespace, ca] })
  const ran = await sealgate(place, 'apply', '-f', 'key.json')
  assert.equal(ran.code, 1)
  assert.match(ran.err, /key\.json: holds a private key; nothing was sent/)
  assert.ok(!ran.err.includes(key.split('\n')[1] as string))
})

function namesOf(text: string): string[] {
  return (JSON.parse(text).resources as { name: string }[]).map(({ name }) => name)
}

test('a large template is divided by its clients, and each part is a template by itself', () => {
  const group = { type: `${type}/clientGroups`, name: 'plant/all', properties: { query: 'a.type = "b"' } }
  const clients = Array.from({ length: 7 }, (_, index) => client(`press-${index}`))
  const template = { parameters: { a: { '\\"]': [1, '"'] } }, resources: [namespace, ...clients, group], outputs: {} }
  const sliced = sliceTemplate(JSON.stringify(template), { characters: 1_000_000, clients: 3 })
  assert.ok(sliced !== null)
  const slices = [...sliced.slices()]
  assert.deepEqual([sliced.clients, ...slices.map(({ clients: count }) => count)], [7, 3, 3, 1])
  assert.deepEqual(
    slices.map(({ text }) => namesOf(text)),
    [
      ['plant', 'plant/all', 'plant/press-0', 'plant/press-1', 'plant/press-2'],
      ['plant', 'plant/all', 'plant/press-3', 'plant/press-4', 'plant/press-5'],
      ['plant', 'plant/all', 'plant/press-6'],
    ],
  )
  for (const { text } of slices)
    assert.deepEqual({ ...JSON.parse(text), resources: [] }, { ...template, resources: [] })
  assert.equal(slices[2]?.labelOf(2), 'clients plant/press-6')
  assert.equal(sliceTemplate(JSON.stringify({ resources: [namespace] })), null)
  const commented = `{ /* "resources": [1] */ resources : [ // ]\n ${JSON.stringify(client('a'))} , ], }`
  assert.equal([...(sliceTemplate(commented)?.slices() ?? [])].length, 1)
})

test('dividing a text never throws or loops, and keeps every resource once', () => {
  fc.assert(fc.property(fc.string(), (text) => sliceTemplate(text) === null || true))
  fc.assert(
    fc.property(fc.json(), fc.array(fc.json(), { maxLength: 4 }), fc.nat(4), (value, others, count) => {
      const clients = Array.from({ length: count }, (_, index) => JSON.stringify(client(`c-${index}`)))
      const text = `{"x":${value},"resources":[${[...others, ...clients].join(',')}],"y":${value}}`
      const sliced = sliceTemplate(text, { characters: 10, clients: 2 })
      if (count === 0) assert.equal(sliced, null)
      const seen = [...(sliced?.slices() ?? [])].flatMap((slice) =>
        JSON.parse(slice.text).resources.slice(others.length),
      )
      assert.deepEqual(
        seen.map((one: { name: string }) => one.name),
        clients.map((_, index) => `plant/c-${index}`),
      )
    }),
  )
})

test('a template beyond one request is checked whole and applied in parts, with progress', async (t) => {
  const { place } = await served(t)
  const filler = 'x'.repeat(3_900)
  const clients = Array.from({ length: 5_500 }, (_, index) =>
    client(`press-${index}`, { attributes: { note: filler } }),
  )
  write(place, 'large.json', { resources: [namespace, ...clients] })
  const dry = await sealgate(place, 'apply', '-f', 'large.json', '--dry-run')
  assert.equal(dry.code, 0, dry.err)
  assert.match(dry.err, /checked 5,500 of 5,500 clients\n$/)
  assert.equal(await fine(place, 'namespace', 'list'), 'There are no namespaces.\n')
  const ran = await sealgate(place, 'apply', '-f', 'large.json')
  assert.equal(ran.code, 0, ran.err)
  assert.match(ran.out, /^Applied large\.json in 6 parts: 5500 clients\n$/)
  assert.match(ran.err, /applied 5,500 of 5,500 clients\n$/)
  assert.equal(JSON.parse(await fine(place, 'namespace', 'client', 'list', '-o', 'json')).length, 5_500)

  write(place, 'large.json', { resources: [namespace, ...clients, client('bad', { state: 'Off' })] })
  const bad = await sealgate(place, 'apply', '-f', 'large.json')
  assert.equal(bad.code, 1)
  assert.match(bad.err, /\(clients plant\/bad\)\.properties\.state: /)
  assert.ok(!bad.err.includes('applied'))
  assert.match((await sealgate(place, 'apply', '-f', 'large.json', '--prune')).err, /--prune: large\.json is too large/)
})
