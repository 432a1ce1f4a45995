import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { deviceAuthority, deviceCertificate, pemOf } from '../api/support.ts'
import { type Place, sealgate, sealgateProcess } from './run.ts'
import { served } from './server.ts'

async function fine(place: Place, ...args: readonly string[]): Promise<string> {
  const ran = await sealgate(place, ...args)
  assert.equal(ran.code, 0, `${args.join(' ')}\n${ran.err}`)
  return ran.out
}

async function refused(place: Place, code: number, ...args: readonly string[]): Promise<string> {
  const ran = await sealgate(place, ...args)
  assert.deepEqual([ran.code, ran.out], [code, ''], ran.err)
  return ran.err
}

const data = async (place: Place, ...args: readonly string[]) => JSON.parse(await fine(place, ...args, '-o', 'json'))

const enabled = ['--topic-spaces-configuration', '{state:Enabled}']
const plant = ['namespace', 'create', '-g', 'local', '-n', 'plant', '--location', 'here', ...enabled]

test("the commands of Azure's quickstart work as they are written there", async (t) => {
  const { place } = await served(t)
  const ns = ['-g', 'local', '--namespace-name', 'plant']
  const thumbprint = 'ab'.repeat(32)
  await fine(place, ...plant)
  for (const name of ['client1', 'client2']) {
    await fine(
      place,
      ...['namespace', 'client', 'create', ...ns, '-n', name, '--authentication-name', `${name}-authnID`],
      ...[
        '--client-certificate-authentication',
        `{validationScheme:ThumbprintMatch,allowed-thumbprints:[${thumbprint}]}`,
      ],
    )
  }
  // The shell takes the quotes of ['contosotopics/topic1'] away.
  await fine(
    place,
    'namespace',
    'topic-space',
    'create',
    ...ns,
    '-n',
    'space',
    '--topic-templates',
    '[contosotopics/topic1]',
  )
  for (const permission of ['publisher', 'subscriber']) {
    await fine(
      place,
      ...[
        'namespace',
        'permission-binding',
        'create',
        ...ns,
        '-n',
        `binding-${permission}`,
        '--client-group-name',
        '$all',
      ],
      ...['--permission', permission, '--topic-space-name', 'space'],
    )
  }
  assert.equal(
    await fine(place, 'namespace', 'permission-binding', 'list', ...ns),
    `NAME                CLIENT GROUP  PERMISSION  TOPIC SPACE
binding-publisher   $all          Publisher   space
binding-subscriber  $all          Subscriber  space
`,
  )
  assert.equal(
    await fine(place, 'namespace', 'client', 'list', ...ns),
    `NAME     AUTHENTICATION NAME  STATE    VALIDATION SCHEME  ATTRIBUTES
client1  client1-authnID      Enabled  ThumbprintMatch    -
client2  client2-authnID      Enabled  ThumbprintMatch    -
`,
  )
})

test('namespace and resource group may be left out where there is one', async (t) => {
  const { place } = await served(t)
  assert.match(
    await refused(place, 1, 'namespace', 'client', 'list'),
    /there is no namespace yet\n {2}sealgate namespace create/,
  )
  await fine(place, ...plant)
  await fine(place, 'namespace', 'client', 'create', 'press-7', '--attributes', "{'role':'press','hall':2}")
  const shown = await data(place, 'namespace', 'client', 'show', 'press-7')
  assert.deepEqual(shown.properties.attributes, { role: 'press', hall: 2 })
  assert.equal((await data(place, 'namespace', 'show')).name, 'plant')

  await fine(place, 'namespace', 'create', 'mill')
  assert.equal(
    await refused(place, 2, 'namespace', 'client', 'list'),
    'sealgate namespace client list: there are 2 namespaces: mill, plant\n  Say which with --namespace-name NAME\n',
  )
  const environment = { SEALGATE_NAMESPACE: 'PLANT' }
  assert.match(await fine({ ...place, environment }, 'namespace', 'client', 'list'), /press-7/)
  assert.match(
    await refused(place, 1, 'namespace', 'client', 'list', '--namespace-name', 'plent'),
    /Did you mean plant\?/,
  )
})

test('an update reads, changes and writes back; what is not named stays', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant, '--tags', 'site=north', 'floor=2')
  const client = ['namespace', 'client']
  await fine(
    place,
    ...[...client, 'create', 'press-7', '--description', 'the old press', '--attributes', 'hall=2', 'role=press'],
    ...['--client-certificate-authentication', 'validation-scheme=dnsmatchesauthenticationname'],
  )
  await fine(place, ...client, 'update', 'press-7', '--state', 'disabled', '--attributes', 'hall=3')
  await fine(
    place,
    ...client,
    'update',
    '-n',
    'press-7',
    '--set',
    'properties.attributes.line=4',
    '--remove',
    'properties.description',
  )
  const { properties } = await data(place, ...client, 'show', 'press-7')
  assert.deepEqual(properties, {
    authenticationName: 'press-7',
    clientCertificateAuthentication: { validationScheme: 'DnsMatchesAuthenticationName' },
    state: 'Disabled',
    attributes: { hall: 3, role: 'press', line: 4 },
    provisioningState: 'Succeeded',
  })
  // Another scheme replaces the whole, so that thumbprints do not stay behind.
  await fine(
    place,
    ...[...client, 'update', 'press-7', '--client-certificate-authentication'],
    `{validation-scheme:ThumbprintMatch,allowed-thumbprints:[${'AB'.repeat(32)}]}`,
  )
  await fine(
    place,
    ...client,
    'update',
    'press-7',
    '--client-certificate-authentication',
    '{validation-scheme:SubjectMatchesAuthenticationName}',
  )

  const configuration = [
    '--topic-spaces-configuration',
    'client-authentication.alternative-authentication-name-sources=[ClientCertificateDns]',
  ]
  await fine(place, 'namespace', 'update', ...configuration, '--limits', 'maximumQoS=1', '--profile', 'event-grid')
  await fine(
    place,
    'namespace',
    'update',
    '--topic-spaces-configuration',
    '{maximum-session-expiry-in-hours:4}',
    '--limits',
    'topicAliasMaximum=5',
  )
  const namespace = await data(place, 'namespace', 'show')
  assert.deepEqual(namespace.tags, { site: 'north', floor: '2' })
  const { state, maximumSessionExpiryInHours, clientAuthentication } = namespace.properties.topicSpacesConfiguration
  assert.deepEqual([state, maximumSessionExpiryInHours], ['Enabled', 4])
  assert.deepEqual(clientAuthentication.alternativeAuthenticationNameSources, ['ClientCertificateDns'])
  assert.deepEqual(namespace.properties.sealgate, {
    profile: 'event-grid',
    limits: { maximumQoS: 1, topicAliasMaximum: 5 },
  })
  assert.match(
    await refused(place, 2, ...client, 'update', 'press-7'),
    /nothing to change\n {2}Flags of the properties: --client-certificate/,
  )
})

test('every kind is updated without losing what it is', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  writeFileSync(join(place.directory, 'ca.pem'), pemOf(deviceAuthority('Plant CA')))
  const kinds: readonly (readonly [kind: string, create: readonly string[], update: readonly string[]])[] = [
    ['ca-certificate', ['--certificate', 'ca.pem'], []],
    ['client', ['--attributes', 'hall=2'], ['--issuers', 'one-thing']],
    ['client-group', ['--group-query', 'attributes.hall = 2'], ['--group-query', 'attributes.hall = 3']],
    ['topic-space', ['--topic-templates', 'a', 'b'], ['--topic-templates', '[0]=c']],
  ]
  for (const [kind, create, change] of kinds) {
    await fine(place, 'namespace', kind, 'create', 'one-thing', ...create)
    const before = (await data(place, 'namespace', kind, 'show', 'one-thing')).properties
    await fine(place, 'namespace', kind, 'update', 'one-thing', '--description', 'told', ...change)
    const after = (await data(place, 'namespace', kind, 'show', 'one-thing')).properties
    assert.equal(after.description, 'told')
    if (change.length === 0)
      assert.deepEqual({ ...after, description: undefined }, { ...before, description: undefined })
  }
  assert.deepEqual((await data(place, 'namespace', 'topic-space', 'show', 'one-thing')).properties.topicTemplates, [
    'c',
    'b',
  ])
  assert.deepEqual((await data(place, 'namespace', 'client', 'show', 'one-thing')).properties.sealgate, {
    issuers: ['one-thing'],
  })
  const binding = ['--client-group-name', 'one-thing', '--topic-space-name', 'one-thing', '--permission', 'SUBSCRIBER']
  await fine(place, 'namespace', 'permission-binding', 'create', 'one-thing', ...binding)
  await fine(place, 'namespace', 'permission-binding', 'update', 'one-thing', '--permission', 'publisher')
  assert.equal(
    (await data(place, 'namespace', 'permission-binding', 'show', 'one-thing')).properties.permission,
    'Publisher',
  )
})

test('a change that somebody else made meanwhile is not overwritten', async (t) => {
  const { place, call } = await served(t)
  await fine(place, ...plant)
  await fine(place, 'namespace', 'client', 'create', 'press-7')
  const path =
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant/clients/press-7'
  const read = await call('GET', path)
  await fine(place, 'namespace', 'client', 'update', 'press-7', '--attributes', 'hall=1')
  const late = await call('PUT', path, { body: read.body, headers: { 'if-match': String(read.headers['etag']) } })
  assert.equal(late.status, 412)
})

test('a client is found by its authentication name, in any spelling that is the same', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  await fine(place, 'namespace', 'client', 'create', 'press-7', '--authentication-name', 'Press-7.Example')
  const show = ['namespace', 'client', 'show']
  assert.equal((await data(place, ...show, '--authentication-name', 'press-7.EXAMPLE')).name, 'press-7')
  assert.match(
    await refused(place, 1, ...show, '--authentication-name', 'nobody'),
    /no client with the authentication name nobody in namespace plant/,
  )
  assert.equal(
    await refused(place, 1, ...show, 'press-7.example'),
    'sealgate namespace client show: there is no client press-7.example in namespace plant\n  press-7.example is the authentication name of the client press-7\n',
  )
  assert.match(await refused(place, 1, ...show, 'pres-7'), /Did you mean press-7\?/)
  assert.match(await refused(place, 1, 'namespace', 'topic-space', 'show', 'x'), /There is no topic space at all/)
})

test('a CA certificate is a file, a text or base64, and comes back as what it says', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  const authority = deviceAuthority('Plant CA')
  const pem = pemOf(authority)
  writeFileSync(join(place.directory, 'ca.pem'), pem)
  writeFileSync(join(place.directory, 'ca.der'), authority.certificate.der)
  const ca = ['namespace', 'ca-certificate']
  const forms = ['ca.pem', '@ca.pem', 'ca.der', pem, pem.replaceAll('\n', ''), Buffer.from(pem).toString('base64')]
  for (const form of forms) {
    const ran = await sealgate(place, ...ca, 'create', '-n', 'plant-ca', '--certificate', form)
    assert.equal(ran.code, 0, ran.err)
  }
  const shown = await fine(place, ...ca, 'show', 'plant-ca')
  assert.match(shown, /^subject +CN=Plant CA$/m)
  assert.match(shown, /^thumbprint +[0-9A-F]{64}$/m)
  assert.ok(!shown.includes('BEGIN'))
  writeFileSync(join(place.directory, 'leaf.pem'), deviceCertificate(authority, 'press-7'))
  assert.match(
    await refused(place, 1, ...ca, 'create', '-n', 'leaf', '--certificate', 'leaf.pem'),
    /encodedCertificate: CN=press-7 is a leaf/,
  )
})

test('S21: a private key is refused before anything is sent', async (t) => {
  const { place, entries } = await served(t)
  await fine(place, ...plant)
  await fine(place, 'cert', 'ca', 'Plant')
  const key = readFileSync(join(place.directory, 'ca.key'), 'utf8')
  writeFileSync(join(place.directory, 'both.pem'), readFileSync(join(place.directory, 'ca.pem'), 'utf8') + key)
  const before = entries.length
  for (const form of ['ca.key', 'both.pem', key]) {
    const err = await refused(
      place,
      1,
      'namespace',
      'ca-certificate',
      'create',
      '-n',
      'plant-ca',
      '--certificate',
      form,
    )
    assert.match(err, /holds a private key; nothing was sent/)
    assert.ok(!err.includes(key.split('\n')[1] as string))
  }
  assert.equal(entries.length, before)
})

test('warnings of the server are shown beside the result', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  for (const name of ['one', 'two']) writeFileSync(join(place.directory, `${name}.pem`), pemOf(deviceAuthority(name)))
  await fine(place, 'namespace', 'ca-certificate', 'create', '-n', 'one', '--certificate', 'one.pem')
  const second = await sealgate(
    place,
    'namespace',
    'ca-certificate',
    'create',
    '-n',
    'two',
    '--certificate',
    'two.pem',
    '-o',
    'json',
  )
  assert.match(second.err, /^warning: Any of 2 CAs can now assert every name/)
  assert.equal(JSON.parse(second.out).warnings, undefined)
})

test('prefixes of flags, letter case and aliases are those of az', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  const space = ['namespace', 'topic-space']
  await fine(place, ...space, 'create', '--topic-space-name', 'own', '--topic-template', 'a/#', 'b/+', '--no-wait')
  assert.deepEqual((await data(place, ...space, 'show', '-n', 'own')).properties.topicTemplates, ['a/#', 'b/+'])
  await fine(place, ...space, 'update', '-n', 'own', '--topic-templ=[c/#]')
  assert.deepEqual((await data(place, ...space, 'show', '-n', 'own')).properties.topicTemplates, ['c/#'])
  assert.match(await refused(place, 2, ...space, 'create', '--na', 'own'), /--na may be --name, --namespace-name/)
  assert.match(await refused(place, 2, ...space, 'create', '--nonsense'), /unknown option '--nonsense'/)
  assert.match(
    await refused(place, 2, 'namespace', 'client-group', 'create', 'all', '--query', 'x = 1'),
    /--query is unknown\n +Did you mean --group-query\?/,
  )
  assert.match(
    await refused(place, 2, 'namespace', 'client', 'update', 'lamp', '--authentication-name', 'other'),
    /--authentication-name is fixed when it is created\n +Delete it and create it again/,
  )
  assert.match(
    await refused(place, 2, 'namespace', 'topic-spaces', 'list'),
    /unknown command 'topic-spaces'\n\(Did you mean topic-space\?\)/,
  )
})

test('what is missing or wrong on the command line ends with exit code 2 and says what is', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  const cases: readonly (readonly [string, RegExp])[] = [
    ['client-group create presses', /--group-query is missing/],
    ['permission-binding create x', /--client-group-name, --permission, --topic-space-name are missing/],
    ['client show', /which client\? --name is missing/],
    ['client create one -n two', /two names are given: one and two/],
    ['client create one --state on', /--state: on is none of Enabled, Disabled/],
    [
      'client create one --client-certificate-authentication {validationSchem:x}',
      /there is no validationSchem; did you mean validationScheme\?/,
    ],
    ['client list --top 101', /--top 101: expected a number from 1 to 100/],
    ['regenerate-key', /--key-name/],
    ['create', /--name is missing/],
  ]
  for (const [line, message] of cases) {
    assert.match(await refused(place, 2, 'namespace', ...line.split(' ')), message, line)
  }
})

test('the server names each problem of a document at its place', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  const err = await refused(
    place,
    1,
    ...['namespace', 'topic-space', 'create', 'own', '--topic-templates', 'a/#/b', 'ok/#', 'c/$' + '{client.nme}'],
  )
  assert.match(
    err,
    /^sealgate namespace topic-space create: 2 problems\n {2}properties\.topicTemplates\[0\]: .*\n {2}properties\.topicTemplates\[2\]: /,
  )
})

test('lists follow all pages, filter and stop where they are told', async (t) => {
  const { place, call } = await served(t)
  await fine(place, ...plant)
  const path =
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant/clients'
  for (let index = 0; index < 25; index++) {
    const made = await call('PUT', `${path}/press-${String(index).padStart(2, '0')}`, { body: {} })
    assert.equal(made.status, 201)
  }
  const names = async (...args: readonly string[]) =>
    (await data(place, 'namespace', 'client', 'list', ...args)).map(({ name }: { name: string }) => name)
  assert.equal((await names('--top', '10')).length, 25)
  assert.deepEqual(await names('--max-items', '2'), ['press-00', 'press-01'])
  assert.deepEqual(await names('--filter', "contains(name,'2')"), [
    'press-02',
    'press-12',
    'press-20',
    'press-21',
    'press-22',
    'press-23',
    'press-24',
  ])
  assert.equal(
    await fine(place, 'namespace', 'client', 'list', '--filter', "name eq 'x'"),
    'There are no clients that fit.\n',
  )
})

test('a delete asks where somebody can answer, and a second one is done already', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  await fine(place, 'namespace', 'client', 'create', 'press-7')
  assert.equal(
    await refused({ ...place, confirms: false }, 1, 'namespace', 'delete', '-n', 'plant'),
    'sealgate namespace delete: nothing was deleted\n',
  )
  assert.equal(
    await fine({ ...place, confirms: true }, 'namespace', 'client', 'delete', 'press-7'),
    'Deleted client press-7\n',
  )
  const again = await sealgate(place, 'namespace', 'client', 'delete', 'press-7')
  assert.deepEqual([again.code, again.out, again.err], [0, '', 'note: there was no client press-7\n'])
  assert.equal(
    await fine({ ...place, confirms: false }, 'namespace', 'delete', 'plant', '--yes'),
    'Deleted namespace plant with everything in it\n',
  )
})

test('what is bound is not deleted, and the binding is named', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  await fine(place, 'namespace', 'topic-space', 'create', 'own', '--topic-templates', 'a')
  await fine(
    place,
    'namespace',
    'permission-binding',
    'create',
    'own-pub',
    '--client-group-name',
    '$all',
    '--topic-space-name',
    'own',
    '--permission',
    'Publisher',
  )
  assert.match(await refused(place, 1, 'namespace', 'topic-space', 'delete', 'own'), /own-pub/)
})

test('access keys are listed and made anew', async (t) => {
  const { place } = await served(t)
  await fine(place, ...plant)
  const before = await data(place, 'namespace', 'list-key', '--namespace-name', 'plant')
  const after = await data(place, 'namespace', 'regenerate-key', '-n', 'plant', '--key-name', 'key2')
  assert.equal(after.key1, before.key1)
  assert.notEqual(after.key2, before.key2)
})

test('a resource group that does not exist is answered with those that do', async (t) => {
  const { place } = await served(t)
  assert.match(
    await refused(place, 1, 'namespace', 'create', '-g', 'elsewhere', '-n', 'plant'),
    /Resource group 'elsewhere' could not be found\.\n {2}There is local; --resource-group NAME says which/,
  )
})

test('the program itself does the same', async (t) => {
  const { place } = await served(t)
  const made = await sealgateProcess(place, 'namespace', 'create', 'plant')
  assert.equal(made.code, 0, made.err)
  assert.equal(
    made.out,
    `Created namespace plant

Its MQTT broker is off. To turn it on:
  sealgate namespace update --name plant --topic-spaces-configuration state=Enabled
`,
  )
  const shown = await sealgateProcess(place, 'namespace', 'show', '--output', 'yaml')
  assert.match(shown.out, /^name: plant$/m)
  assert.equal((await sealgateProcess(place, 'namespace', 'show', 'mill')).code, 1)
  assert.equal((await sealgateProcess(place, 'namespace', 'shw')).code, 2)
})
