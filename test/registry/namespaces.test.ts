import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Registry } from '../../src/registry/registry.ts'
import { authority, leafPem, pemOf } from './certificates.ts'
import {
  author,
  briefly,
  emptyRegistry,
  failure,
  later,
  must,
  namespaceBody,
  ns,
  plain,
  plantRegistry,
  problems,
  propertiesOf,
  put,
} from './support.ts'

type Json = Record<string, unknown>

function documentOf(registry: Registry): Json {
  return plain(must(registry.get(ns('plant'))).document) as unknown as Json
}

function configurationOf(registry: Registry): Json {
  return (documentOf(registry)['properties'] as Json)['topicSpacesConfiguration'] as Json
}

const configured = (topicSpacesConfiguration: unknown, more: Json = {}) => ({
  location: 'local',
  ...more,
  properties: { topicSpacesConfiguration },
})

test('EG 2.2 a namespace of nothing but a location has the defaults', async () => {
  const registry = await emptyRegistry()
  const created = must(await registry.put(ns('plant'), { location: 'West Europe' }, author))
  assert.deepEqual(plain(created.resource?.document), {
    id: '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant',
    name: 'plant',
    type: 'Microsoft.EventGrid/namespaces',
    location: 'West Europe',
    tags: {},
    sku: { name: 'Standard', capacity: 1 },
    systemData: plain(created.resource?.document.systemData),
    properties: {
      publicNetworkAccess: 'Enabled',
      inboundIpRules: [],
      topicsConfiguration: { hostname: null },
      topicSpacesConfiguration: {
        state: 'Disabled',
        maximumSessionExpiryInHours: 1,
        maximumClientSessionsPerAuthenticationName: 1,
        hostname: null,
        clientAuthentication: { alternativeAuthenticationNameSources: [] },
      },
      privateEndpointConnections: [],
      provisioningState: 'Succeeded',
      sealgate: { profile: 'event-grid' },
    },
  })
  assert.equal(registry.view.namespaceByName('plant')?.mqttEnabled, false)
})

test('a namespace shows its MQTT host once MQTT is enabled', async () => {
  const registry = await emptyRegistry({ domain: 'mqtt.example' })
  must(await registry.put(ns('Plant'), { location: 'local' }, author))
  assert.equal(configurationOf(registry)['hostname'], null)
  must(await registry.put(ns('plant'), namespaceBody, author))
  assert.equal(configurationOf(registry)['hostname'], 'plant.mqtt.example')
})

test('EG 2.1 namespace names: 3 to 50 letters, digits and hyphens', async () => {
  const registry = await emptyRegistry()
  for (const name of ['abc', 'A-1', 'x'.repeat(50)]) assert.ok((await registry.put(ns(name), namespaceBody, author)).ok)
  for (const name of ['ab', 'x'.repeat(51), 'a_b', 'a.b', 'äöü', 'a b']) {
    assert.deepEqual(briefly(await registry.put(ns(name), namespaceBody, author)), ['name InvalidName'], name)
  }
})

test('a location is required at creation, and fixed from then on', async () => {
  const registry = await emptyRegistry()
  assert.deepEqual(briefly(await registry.put(ns('plant'), {}, author)), ['location Required'])
  must(await registry.put(ns('plant'), { location: 'West Europe' }, author))
  assert.equal(must(await registry.put(ns('plant'), { location: 'westeurope' }, author)).change, 'unchanged')
  assert.equal(must(await registry.put(ns('plant'), {}, author)).change, 'unchanged')
  assert.deepEqual(briefly(await registry.put(ns('plant'), { location: 'north' }, author)), ['location Immutable'])
})

test('EG 2.2 values out of range are refused, all at once', async () => {
  const registry = await emptyRegistry()
  const body = {
    location: 'x',
    tags: { a: 5 },
    sku: { name: 'Premium', capacity: 41 },
    identity: { type: 'Other' },
    properties: {
      publicNetworkAccess: 'maybe',
      minimumTlsVersionAllowed: '1.1',
      isZoneRedundant: 'yes',
      inboundIpRules: [
        { ipMask: '10.0.0.0/8', action: 'Allow' },
        { ipMask: '10.0.0.0/33' },
        { ipMask: 'x', action: 'Deny' },
      ],
      topicSpacesConfiguration: {
        state: 'On',
        maximumSessionExpiryInHours: 9,
        maximumClientSessionsPerAuthenticationName: 0,
        clientAuthentication: {
          alternativeAuthenticationNameSources: ['ClientCertificateDns', 'Dns', 'ClientCertificateDns'],
          customJwtAuthentication: { issuerCertificates: [{ certificateUrl: 'https://vault/x' }] },
          webhookAuthentication: { endpointUrl: 'http://x' },
        },
        routingEnrichments: { static: [{ key: 'Bad Key', value: '' }] },
        customDomains: [{ fullyQualifiedDomainName: 'localhost' }],
      },
    },
  }
  const at = 'properties.topicSpacesConfiguration'
  const found = briefly(await registry.put(ns('plant'), body, author))
  assert.deepEqual(
    [...found].sort(),
    [
      'identity.type InvalidValue',
      'properties.inboundIpRules[1].ipMask InvalidValue',
      'properties.inboundIpRules[2].action InvalidValue',
      'properties.inboundIpRules[2].ipMask InvalidValue',
      'properties.isZoneRedundant InvalidType',
      'properties.minimumTlsVersionAllowed InvalidValue',
      'properties.publicNetworkAccess InvalidValue',
      `${at}.clientAuthentication.alternativeAuthenticationNameSources[1] InvalidValue`,
      `${at}.clientAuthentication.alternativeAuthenticationNameSources[2] InvalidValue`,
      `${at}.clientAuthentication.customJwtAuthentication.encodedIssuerCertificates Required`,
      `${at}.clientAuthentication.customJwtAuthentication.issuerCertificates Unsupported`,
      `${at}.clientAuthentication.customJwtAuthentication.tokenIssuer Required`,
      `${at}.clientAuthentication.webhookAuthentication.azureActiveDirectoryApplicationIdOrUri Required`,
      `${at}.clientAuthentication.webhookAuthentication.azureActiveDirectoryTenantId Required`,
      `${at}.clientAuthentication.webhookAuthentication.endpointUrl InvalidValue`,
      `${at}.clientAuthentication.webhookAuthentication.identity.type Required`,
      `${at}.customDomains[0].fullyQualifiedDomainName InvalidValue`,
      `${at}.maximumClientSessionsPerAuthenticationName InvalidValue`,
      `${at}.maximumSessionExpiryInHours InvalidValue`,
      `${at}.routingEnrichments.static[0].key InvalidValue`,
      `${at}.routingEnrichments.static[0].value InvalidValue`,
      `${at}.state InvalidValue`,
      'sku.capacity InvalidValue',
      'sku.name InvalidValue',
      'tags.a InvalidType',
    ].sort(),
  )
})

test('full lifts the ranges of Azure', async () => {
  const registry = await emptyRegistry({ defaultProfile: 'full' })
  const ranges = {
    state: 'Enabled',
    maximumSessionExpiryInHours: 1_193_047,
    maximumClientSessionsPerAuthenticationName: 5000,
  }
  must(await registry.put(ns('plant'), configured(ranges), author))
  const view = registry.view.namespaceByName('plant')
  assert.equal(view?.maximumSessionExpirySeconds, 0xff_ff_ff_ff)
  assert.equal(view?.maximumClientSessionsPerAuthenticationName, 5000)
  assert.equal(view?.limits.maximumQoS, 2)
})

test('EG 1.1 MQTT cannot be turned off again; leaving the state out keeps it', async () => {
  const registry = await plantRegistry()
  assert.deepEqual(briefly(await registry.put(ns('plant'), configured({ state: 'Disabled' }), author)), [
    'properties.topicSpacesConfiguration.state Immutable',
  ])
  must(await registry.put(ns('plant'), { location: 'local', tags: { a: 'b' } }, author))
  assert.equal(registry.view.namespaceByName('plant')?.mqttEnabled, true)
})

test('PUT replaces: what is left out falls back to its default', async () => {
  const registry = await plantRegistry()
  const full = configured({ maximumSessionExpiryInHours: 4 }, { tags: { a: 'b' }, sku: { capacity: 3 } })
  must(await registry.put(ns('plant'), full, author))
  assert.equal(registry.view.namespaceByName('plant')?.limits.maximumSessions, 30_000)
  must(await registry.put(ns('plant'), { location: 'local' }, author))
  assert.equal(registry.view.namespaceByName('plant')?.maximumSessionExpirySeconds, 3600)
  assert.deepEqual(documentOf(registry)['tags'], {})
  assert.deepEqual(documentOf(registry)['sku'], { name: 'Standard', capacity: 1 })
})

test('a PUT with a version that has no client authentication does not wipe it; a version that has it does', async () => {
  const registry = await plantRegistry()
  const sources = { clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateDns'] } }
  const webhook = {
    endpointUrl: 'https://x.example/',
    azureActiveDirectoryApplicationIdOrUri: 'a',
    azureActiveDirectoryTenantId: 't',
    identity: { type: 'SystemAssigned' },
  }
  const set = configured({ clientAuthentication: { ...sources.clientAuthentication, webhookAuthentication: webhook } })
  const view = registry.view.namespaceByName('plant')
  const state = () => [view?.alternativeAuthenticationNameSources.length, view?.hasWebhookAuthentication]
  must(await registry.put(ns('plant'), set, author, { apiVersion: '2025-07-15-preview' }))
  assert.deepEqual(state(), [1, true])
  must(await registry.put(ns('plant'), { location: 'local' }, author, { apiVersion: '2025-02-15' }))
  assert.deepEqual(state(), [1, true])
  must(await registry.put(ns('plant'), configured(sources), author, { apiVersion: '2023-06-01-preview' }))
  assert.deepEqual(state(), [1, true])
  must(await registry.put(ns('plant'), configured(sources), author, { apiVersion: '2025-07-15-preview' }))
  assert.deepEqual(state(), [1, false])
  must(await registry.put(ns('plant'), { location: 'local' }, author, { apiVersion: '2023-06-01-preview' }))
  assert.deepEqual(state(), [0, false])
  must(await registry.put(ns('plant'), set, author, { apiVersion: null }))
  must(await registry.put(ns('plant'), { location: 'local' }, author))
  assert.deepEqual(state(), [0, false])
})

test('PATCH merges objects, replaces lists and tags, and clears with null', async () => {
  const registry = await plantRegistry()
  const body = configured(
    {
      state: 'Enabled',
      maximumSessionExpiryInHours: 4,
      clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateDns', 'ClientCertificateUri'] },
    },
    { tags: { a: '1', b: '2' } },
  )
  must(await registry.put(ns('plant'), body, author))
  const patch = {
    tags: { c: '3' },
    properties: {
      topicSpacesConfiguration: {
        clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateIp'] },
      },
    },
  }
  must(await registry.patch(ns('plant'), patch, later))
  assert.deepEqual(documentOf(registry)['tags'], { c: '3' })
  const view = registry.view.namespaceByName('plant')
  assert.deepEqual(view?.alternativeAuthenticationNameSources, ['ClientCertificateIp'])
  assert.equal(view?.maximumSessionExpirySeconds, 4 * 3600)
  const cleared = { properties: { topicSpacesConfiguration: { maximumSessionExpiryInHours: null } } }
  must(await registry.patch(ns('plant'), cleared, later))
  assert.equal(view?.maximumSessionExpirySeconds, 3600)
  assert.deepEqual(briefly(await registry.patch(ns('plant'), { location: 'other' }, later)), ['location Immutable'])
  assert.deepEqual(briefly(await registry.patch(ns('plant'), [], later)), [' InvalidType'])
  assert.equal(must(await registry.patch(ns('plant'), {}, later)).change, 'unchanged')
  assert.equal(failure(await registry.patch(ns('other'), {}, later)).kind, 'notFound')
})

test('S66 a PUT without sealgate, or without one of its members, keeps what is stored; null resets', async () => {
  const registry = await plantRegistry()
  const sealgate = async (value: unknown, verb: 'put' | 'patch' = 'put') => {
    const body = value === undefined ? {} : { sealgate: value }
    must(await registry[verb](ns('plant'), { location: 'local', properties: body }, author))
    return (documentOf(registry)['properties'] as Json)['sealgate']
  }
  const limits = { maximumClients: 5, publishesPerSecond: 'none' }
  const all = { profile: 'full', clientIdPolicy: 'prefix', limits, allowedOrigins: ['https://console.example'] }
  assert.deepEqual(await sealgate(all), all)
  for (const verb of ['put', 'patch'] as const) {
    assert.deepEqual(await sealgate(undefined, verb), all)
    assert.deepEqual(await sealgate({}, verb), all)
  }
  const more = { ...all, limits: { ...limits, maximumTopicSpaces: 3 } }
  assert.deepEqual(await sealgate({ limits: { maximumTopicSpaces: 3 } }), more)
  assert.deepEqual(await sealgate({ limits: { maximumTopicSpaces: null } }, 'patch'), all)
  assert.deepEqual(await sealgate({ limits: null, allowedOrigins: null }), {
    profile: 'full',
    clientIdPolicy: 'prefix',
  })
  assert.deepEqual(await sealgate(null), { profile: 'event-grid' })
})

test('settings that do not exist or are out of range are refused by name', async () => {
  const registry = await plantRegistry()
  const sealgate = {
    profil: 'full',
    profile: 'azure',
    limits: { maximumClients: 0, nothing: 1, clientIdPolicy: 'any', dollarTopics: 'yes' },
    clientIdPolicy: 'some',
    notBeforeSkewSeconds: -1,
    allowedOrigins: ['https://x.example/path'],
  }
  const found = briefly(await registry.patch(ns('plant'), { properties: { sealgate } }, author))
  assert.deepEqual(
    [...found].sort(),
    [
      'properties.sealgate.allowedOrigins[0] InvalidValue',
      'properties.sealgate.clientIdPolicy InvalidValue',
      'properties.sealgate.limits.clientIdPolicy UnknownProperty',
      'properties.sealgate.limits.dollarTopics InvalidValue',
      'properties.sealgate.limits.maximumClients InvalidValue',
      'properties.sealgate.limits.nothing InvalidValue',
      'properties.sealgate.notBeforeSkewSeconds InvalidValue',
      'properties.sealgate.profil UnknownProperty',
      'properties.sealgate.profile InvalidValue',
    ].sort(),
  )
  assert.deepEqual(briefly(await registry.patch(ns('plant'), { properties: { sealgate: 'x' } }, author)), [
    'properties.sealgate InvalidType',
  ])
})

test('S48 a second namespace is made with a warning', async () => {
  const registry = await emptyRegistry()
  assert.deepEqual(must(await registry.put(ns('one'), namespaceBody, author)).warnings, [])
  const second = must(await registry.put(ns('two'), namespaceBody, author))
  assert.deepEqual(
    second.warnings.map(({ code }) => code),
    ['SecondNamespace'],
  )
  assert.deepEqual(
    must(await registry.put(ns('three'), namespaceBody, author)).warnings,
    [],
    'nothing changes any more',
  )
  const several = await emptyRegistry()
  const changes = ['one', 'two', 'three', 'four'].map((name) => {
    return { kind: 'put', id: ns(name), body: namespaceBody } as const
  })
  const made = must(await several.transact(changes, author))
  assert.deepEqual(
    made.flatMap(({ warnings }) => warnings.map(({ code }) => code)),
    ['SecondNamespace'],
    'a template of four says it once',
  )
})

test('S50 a custom domain belongs to one namespace', async () => {
  const registry = await plantRegistry()
  const domain = (fullyQualifiedDomainName: string) => configured({ customDomains: [{ fullyQualifiedDomainName }] })
  must(await registry.put(ns('plant'), domain('Mqtt.Example.org'), author))
  const taken = failure(await registry.put(ns('other'), domain('mqtt.example.org'), author))
  assert.equal(taken.kind, 'nameTaken')
  assert.ok(!taken.message.includes('plant'))
  must(await registry.put(ns('plant'), namespaceBody, author))
  assert.ok((await registry.put(ns('other'), domain('mqtt.example.org'), author)).ok)
})

test('isZoneRedundant is fixed once given', async () => {
  const registry = await plantRegistry()
  const zones = (isZoneRedundant: unknown) => ({ location: 'local', properties: { isZoneRedundant } })
  must(await registry.put(ns('plant'), zones(true), author))
  must(await registry.put(ns('plant'), zones(undefined), author))
  assert.deepEqual(briefly(await registry.put(ns('plant'), zones(false), author)), [
    'properties.isZoneRedundant Immutable',
  ])
})

// ---------------------------------------------------------------------------------------------- CA certificates

const works = authority('CN=Works CA,O=Works')

test('EG 2.3 a CA certificate is stored as PEM with its dates, from any spelling', async () => {
  const registry = await plantRegistry()
  const pem = pemOf(works)
  const created = must(await put(registry, 'caCertificates', 'works', { encodedCertificate: pem, description: 'd' }))
  assert.deepEqual(plain(propertiesOf(created)), {
    description: 'd',
    encodedCertificate: pem,
    issueTimeInUtc: '2026-10-23T00:00:00Z',
    expiryTimeInUtc: '2027-11-22T00:00:00Z',
    provisioningState: 'Succeeded',
  })
  const spellings = [
    pem.replaceAll('\n', '\r\n'),
    pem.trimEnd(),
    pem.replaceAll('\n', ''),
    Buffer.from(pem).toString('base64'),
    Buffer.from(works.certificate.der).toString('base64'),
  ]
  for (const encodedCertificate of spellings) {
    const again = must(await put(registry, 'caCertificates', 'WORKS', { encodedCertificate, description: 'd' }))
    assert.equal(again.change, 'unchanged')
  }
  assert.deepEqual(registry.view.namespaceByName('plant')?.caCertificates()[0]?.certificate.der, works.certificate.der)
})

test('EG 2.3 what is no CA certificate is refused with what to send', async () => {
  const registry = await plantRegistry()
  const target = 'properties.encodedCertificate'
  const cases: readonly (readonly [unknown, string])[] = [
    [undefined, `${target} Required`],
    ['', `${target} InvalidCertificate`],
    ['nonsense', `${target} InvalidCertificate`],
    [5, `${target} InvalidType`],
    [pemOf(works) + pemOf(authority('CN=Two')), `${target} InvalidCertificate`],
    [leafPem(works, 'CN=leaf'), `${target} InvalidCertificate`],
    [pemOf(authority('CN=Old', -400, -1)), `${target} InvalidCertificate`],
    ['x'.repeat(70_000), `${target} TooLong`],
  ]
  for (const [encodedCertificate, expected] of cases) {
    assert.deepEqual(briefly(await put(registry, 'caCertificates', 'works', { encodedCertificate })), [expected])
  }
})

test('S21 an upload with a private key is refused and nothing of it is echoed', async () => {
  const registry = await plantRegistry()
  const key = works.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
  const result = await put(registry, 'caCertificates', 'works', { encodedCertificate: pemOf(works) + key })
  assert.equal(problems(result)[0]?.code, 'PrivateKeyRefused')
  assert.ok(!JSON.stringify(result).includes(key.split('\n')[1] ?? ''))
})

test('an expired CA certificate is stored with the flag only, and can be described later', async () => {
  const registry = await plantRegistry()
  const encodedCertificate = pemOf(authority('CN=Old', -400, -1))
  const expired = problems(await put(registry, 'caCertificates', 'old', { encodedCertificate }))
  assert.match(expired[0]?.message ?? '', /allowExpired/)
  must(await put(registry, 'caCertificates', 'old', { encodedCertificate, sealgate: { allowExpired: true } }))
  must(await put(registry, 'caCertificates', 'old', { encodedCertificate, description: 'x', sealgate: null }))
  const soon = pemOf(authority('CN=Soon', -1, 1))
  must(await put(registry, 'caCertificates', 'soon', { encodedCertificate: soon }))
  const nextWeek = { ...author, at: (author.at + 7 * 86_400_000) as typeof author.at }
  must(await put(registry, 'caCertificates', 'soon', { encodedCertificate: soon, description: 'y' }, nextWeek))
})

test('S13 a second CA, a known key and a public root are registered with warnings', async () => {
  const root = authority('CN=Public')
  const registry = await plantRegistry({ publicRoots: new Set([root.certificate.sha256]) })
  const codes = async (name: string, encodedCertificate: string) =>
    must(await put(registry, 'caCertificates', name, { encodedCertificate })).warnings.map(({ code }) => code)
  assert.deepEqual(await codes('works', pemOf(works)), [])
  assert.deepEqual(await codes('public', pemOf(root)), ['severalAuthorities', 'publicRoot'])
  assert.deepEqual(await codes('public', pemOf(root)), [])
})

test('EG 9 at most ten CA certificates, and the certificate of one is not registered twice', async () => {
  const registry = await plantRegistry()
  for (let index = 0; index < 10; index++) {
    must(await put(registry, 'caCertificates', `ca-${index}`, { encodedCertificate: pemOf(authority(`CN=${index}`)) }))
  }
  assert.equal(
    failure(await put(registry, 'caCertificates', 'more', { encodedCertificate: pemOf(works) })).kind,
    'quotaExceeded',
  )
  must(await put(registry, 'caCertificates', 'ca-1', { encodedCertificate: pemOf(works) }))
  assert.equal(problems(await put(registry, 'caCertificates', 'ca-2', { encodedCertificate: pemOf(works) })).length, 1)
})

test('the query of a webhook’s address is kept and never shown; what was shown may be sent back', async () => {
  const registry = await plantRegistry()
  const webhook = (endpointUrl: string) =>
    configured({
      clientAuthentication: {
        webhookAuthentication: {
          endpointUrl,
          azureActiveDirectoryApplicationIdOrUri: 'a',
          azureActiveDirectoryTenantId: 't',
          identity: { type: 'SystemAssigned' },
        },
      },
    })
  const put = async (url: string) => must(await registry.put(ns('plant'), webhook(url), author)).change
  assert.equal(await put('https://x.example/hook?code=s3cret'), 'updated')
  assert.ok(!JSON.stringify(documentOf(registry)).includes('s3cret'))
  assert.ok(JSON.stringify(documentOf(registry)).includes('"https://x.example/hook"'))
  assert.equal(await put('https://x.example/hook'), 'unchanged', 'it still has its query')
  assert.equal(await put('https://x.example/hook?code=other'), 'updated')
  assert.equal(await put('https://x.example/elsewhere'), 'updated')
  assert.equal(await put('https://x.example/hook'), 'updated')
})
