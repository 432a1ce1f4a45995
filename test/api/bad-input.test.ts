import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CallOptions, groupPath, namespaceBody, plantPath, type Reply, testApi } from './support.ts'

/** What an operator gets for each mistake that is easily made: a code, the place, and a sentence that says what to do. */

interface Mistake {
  readonly path: string
  readonly method?: string
  readonly properties?: Readonly<Record<string, unknown>>
  readonly options?: CallOptions
  readonly status: number
  readonly code: string
  readonly target: string
  /** Code of the one entry of `details`; absent: there are none. */
  readonly detail?: string
  readonly says: RegExp
}

const limits = { sealgate: { limits: { maximumThumbprintsPerClient: 2 } } }
const sha256 = 'A'.repeat(64)
const thumbprints = (...allowedThumbprints: string[]) => ({
  clientCertificateAuthentication: { validationScheme: 'ThumbprintMatch', allowedThumbprints },
})
const inThumbprints = 'properties.clientCertificateAuthentication.allowedThumbprints'
const template = (text: string) => ({ topicTemplates: ['plant/#', text] })
const variable = (name: string) => '$'.concat(`{client.${name}}`)

const mistakes: Readonly<Record<string, Mistake>> = {
  'a PEM text that cannot be read': {
    path: 'caCertificates/device-ca',
    properties: { encodedCertificate: '-----BEGIN CERTIFICATE-----\nMIIB!!\n-----END CERTIFICATE-----' },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.encodedCertificate', detail: 'InvalidCertificate' },
    says: /certificate|base64/i,
  },
  'a private key': {
    path: 'caCertificates/device-ca',
    properties: { encodedCertificate: '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----' },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.encodedCertificate', detail: 'PrivateKeyRefused' },
    says: /private key/i,
  },
  'a validation scheme that does not exist': {
    path: 'clients/press',
    properties: { clientCertificateAuthentication: { validationScheme: 'LooksLikeIt' } },
    ...{ status: 400, code: 'InvalidRequest', detail: 'InvalidValue' },
    target: 'properties.clientCertificateAuthentication.validationScheme',
    says: /Write one of .*ThumbprintMatch/,
  },
  'a third thumbprint': {
    path: 'clients/press',
    properties: thumbprints(sha256, 'B'.repeat(64), 'C'.repeat(64)),
    ...{ status: 400, code: 'InvalidRequest', target: inThumbprints, detail: 'TooMany' },
    says: /3 thumbprints are given; at most 2/,
  },
  'a thumbprint of the wrong length': {
    path: 'clients/press',
    properties: thumbprints(sha256, 'B'.repeat(63)),
    ...{ status: 400, code: 'InvalidRequest', target: `${inThumbprints}[1]`, detail: 'InvalidThumbprint' },
    says: /63 hexadecimal digits; write 64 \(SHA-256\) or 40 \(SHA-1\)/,
  },
  'a query with a syntax error': {
    path: 'clientGroups/grp',
    properties: { query: "attributes.floor = 5 und attributes.hall = 'a'" },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.query', detail: 'InvalidQuery' },
    says: /Expected "and", "or" or the end of the query at position 21, found "und/,
  },
  'attributes of more than 4 KB': {
    path: 'clients/press',
    properties: { attributes: { note: 'x'.repeat(4_096) } },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.attributes', detail: 'TooLong' },
    says: /have \d+ bytes; at most 4096/,
  },
  'an attribute that is true': {
    path: 'clients/press',
    properties: { attributes: { active: true } },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.attributes.active', detail: 'InvalidAttribute' },
    says: /Write a text such as "true"/,
  },
  'an attribute that is a fraction': {
    path: 'clients/press',
    properties: { attributes: { temperature: 1.5 } },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.attributes.temperature', detail: 'InvalidAttribute' },
    says: /integer.*write others as text/,
  },
  'an attribute that is an object': {
    path: 'clients/press',
    properties: { attributes: { place: { hall: 1 } } },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.attributes.place', detail: 'InvalidAttribute' },
    says: /integer, a text or a list of texts/,
  },
  'a template with a variable that does not exist': {
    path: 'topicSpaces/line',
    properties: template(`line/${variable('shoeSize')}`),
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.topicTemplates[1]', detail: 'InvalidTopicTemplate' },
    says: /client\.authenticationName/,
  },
  'an authentication name that is there in another case': {
    path: 'clients/other',
    properties: { authenticationName: 'PRESS.example' },
    ...{ status: 409, code: 'Conflict', target: 'properties.authenticationName' },
    says: /client "press" has this authentication name/,
  },
  'a changed authentication name': {
    path: 'clients/press',
    properties: { authenticationName: 'press-2.example' },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.authenticationName', detail: 'Immutable' },
    says: /Leave it out, or delete the client/,
  },
  'a binding to a group that does not exist': {
    path: 'permissionBindings/all-pub',
    properties: { clientGroupName: 'presses', topicSpaceName: 'open', permission: 'Publisher' },
    ...{ status: 400, code: 'InvalidRequest', target: 'properties.clientGroupName', detail: 'UnknownReference' },
    says: /There is no client group "presses"\..*\$all/,
  },
  'deleting a topic space that a binding names': {
    method: 'DELETE',
    path: 'topicSpaces/open',
    ...{ status: 409, code: 'Conflict', target: 'permissionBindings/open-pub', detail: 'Referenced' },
    says: /named by the permission binding open-pub\. Delete it first/,
  },
  'JSON that ends too early': {
    path: 'clients/press',
    options: { body: '{"properties": {"state": "Enabled"' },
    ...{ status: 400, code: 'InvalidRequestContent', target: 'line 1, column 35' },
    says: /Expected "," or "}", found the end/,
  },
  'a body of 20 MB': {
    path: 'clients/press',
    options: { body: `{"properties":{"description":"${'x'.repeat(20 * 1_048_576)}"}}` },
    ...{ status: 413, code: 'RequestContentTooLarge', target: 'Content-Length' },
    says: /larger than 4194304 bytes\. Send a smaller document/,
  },
  'an api-version that is none': {
    method: 'GET',
    path: 'clients/press',
    options: { apiVersion: '2025-02-15-latest' },
    ...{ status: 400, code: 'InvalidApiVersionParameter', target: 'api-version' },
    says: /yyyy-MM-dd|20\d\d-\d\d-\d\d/,
  },
}

async function plantWithPress(t: Parameters<typeof testApi>[0]) {
  const api = await testApi(t)
  const made = async (path: string, properties: unknown) => {
    const reply = await api.call('PUT', path, { body: { location: 'local', properties } })
    assert.equal(reply.status, 201, reply.text)
  }
  await made(plantPath, { ...namespaceBody.properties, ...limits })
  await made(`${plantPath}/clients/press`, { authenticationName: 'press.example' })
  await made(`${plantPath}/topicSpaces/open`, { topicTemplates: ['open/#'] })
  await made(`${plantPath}/permissionBindings/open-pub`, {
    clientGroupName: '$all',
    topicSpaceName: 'open',
    permission: 'Publisher',
  })
  return api
}

interface Detail {
  readonly code: string
  readonly target: string
  readonly message: string
}

function detailsOf(reply: Reply): readonly Detail[] {
  return reply.body.error.details ?? []
}

test('every mistake is answered with its code, its place and what to do', async (t) => {
  const { call } = await plantWithPress(t)
  for (const [name, mistake] of Object.entries(mistakes)) {
    await t.test(name, async () => {
      const { method = 'PUT', path, properties, options = { body: { properties } }, ...expected } = mistake
      const reply = await call(method, `${plantPath}/${path}`, method === 'DELETE' ? {} : options)
      const { code, target, message } = reply.body.error
      assert.deepEqual({ status: reply.status, code, target }, pick(expected), reply.text)
      assert.match(message, expected.says)
      assert.match(message, /[.!]$/)
      assert.deepEqual(
        detailsOf(reply).map((detail) => `${detail.code} ${detail.target}`),
        expected.detail === undefined ? [] : [`${expected.detail} ${expected.target}`],
      )
    })
  }
  // Nothing of it was done.
  const press = await call('GET', `${plantPath}/clients/press`)
  assert.equal(press.body.properties.authenticationName, 'press.example')
})

function pick({ status, code, target }: Pick<Mistake, 'status' | 'code' | 'target'>) {
  return { status, code, target }
}

test('all problems of one document are told at once', async (t) => {
  const { call } = await plantWithPress(t)
  const properties = {
    state: 'Sleeping',
    clientCertificateAuthentication: {
      validationScheme: 'ThumbprintMatch',
      allowedThumbprints: [sha256, 'xyz', 'B'.repeat(12)],
    },
    attributes: { a: true, 'not a key': 1, b: { c: 1 } },
    sealgate: { issuers: ['no-such-ca'], colour: 'red' },
  }
  const reply = await call('PUT', `${plantPath}/clients/press`, { body: { properties } })
  assert.equal(reply.status, 400)
  const targets = detailsOf(reply).map(({ target, code }) => `${target.replace(/^properties\./, '')} ${code}`)
  const certificate = 'clientCertificateAuthentication.allowedThumbprints'
  assert.deepEqual(targets.toSorted(), [
    'attributes.a InvalidAttribute',
    'attributes.b InvalidAttribute',
    'attributes.not a key InvalidAttribute',
    `${certificate} TooMany`,
    `${certificate}[1] InvalidThumbprint`,
    `${certificate}[2] InvalidThumbprint`,
    'sealgate.colour UnknownProperty',
    'sealgate.issuers[0] UnknownReference',
    'state InvalidValue',
  ])
  for (const { message } of detailsOf(reply)) assert.match(message, /[.!]$/)
})

test('all problems of a template are told at once, also below a namespace that is refused', async (t) => {
  const { call } = await plantWithPress(t)
  const resource = (type: string, name: string, properties: unknown, more = {}) => ({
    type: `Microsoft.EventGrid/namespaces${type}`,
    apiVersion: '2025-07-15-preview',
    name,
    properties,
    ...more,
  })
  const resources = [
    resource('', 'hall', { topicSpacesConfiguration: { state: 'On', maximumSessionExpiryInHours: 'long' } }),
    resource('/clients', 'hall/robot', { attributes: { a: true } }),
    resource('/clients', 'hall/crane', { authenticationName: 'crane' }),
    resource('/clients', 'hall/crane-2', { authenticationName: 'CRANE' }),
    resource('/clientGroups', 'hall/cranes', { query: 'attributes.kind = ' }),
    resource('/topicSpaces', 'hall/own', { topicTemplates: [`own/${variable('authenticationName')}`, 'own/#/x'] }),
    resource('/permissionBindings', 'hall/own-pub', {
      clientGroupName: 'nobody',
      topicSpaceName: 'own',
      permission: 'Publish',
    }),
    resource('/clients', 'plant/press', { authenticationName: 'another' }),
    resource('/clients', 'nowhere/press', {}),
  ]
  const path = `${groupPath}/providers/Microsoft.Resources/deployments/hall`
  const body = { properties: { mode: 'Incremental', template: { resources } } }
  const whole = await call('POST', `${path}/validate`, { body })
  assert.equal(whole.status, 400)
  assert.deepEqual(
    detailsOf(whole).map(({ target, code }) => `${target} ${code}`),
    [
      'resources[0].location Required',
      'resources[0].properties.topicSpacesConfiguration.state InvalidValue',
      'resources[0].properties.topicSpacesConfiguration.maximumSessionExpiryInHours InvalidValue',
      'resources[1].properties.attributes.a InvalidAttribute',
      'resources[3].properties.authenticationName NameTaken',
      'resources[7].properties.authenticationName Immutable',
      'resources[8] UnknownReference',
      'resources[4].properties.query InvalidQuery',
      'resources[5].properties.topicTemplates[1] InvalidTopicTemplate',
      'resources[6].properties.permission InvalidValue',
      'resources[6].properties.clientGroupName UnknownReference',
    ],
  )
  const applied = await call('PUT', path, { body })
  assert.deepEqual(detailsOf(applied), detailsOf(whole))
  assert.equal((await call('GET', plantPath.replace('/plant', '/hall'))).status, 404)
})

test('S47 keys that JavaScript reads otherwise are refused in bodies, tags, attributes and templates', async (t) => {
  const { call } = await plantWithPress(t)
  const path = `${groupPath}/providers/Microsoft.Resources/deployments/x`
  const bodies: readonly (readonly [method: string, path: string, body: string])[] = [
    ['PUT', plantPath, '{"location":"local","tags":{"__proto__":{"role":"admin"}}}'],
    ['PUT', `${plantPath}/clients/press`, '{"properties":{"attributes":{"__proto__":{"role":"admin"}}}}'],
    ['PUT', `${plantPath}/clients/press`, '{"__proto__":{"properties":{}}}'],
    ['PUT', `${plantPath}/clients/press`, `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`],
    ['PUT', path, '{"properties":{template:{"resources":[{"__proto__":{"type":"x"}}]}}}'],
    ['PUT', path, '{"properties":{template:{"resources":[],"resources":[]}}}'],
  ]
  for (const [method, at, body] of bodies) {
    const reply = await call(method, at, { body })
    assert.equal(`${reply.status} ${reply.body.error.code}`, '400 InvalidRequestContent', reply.text)
    assert.match(reply.body.error.target, /^line \d+, column \d+$/)
  }
})
