import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { authorityExtensions, clientExtensions, issued, type KeyPair, openssl, selfSigned } from './openssl.ts'
import { type SealgateProcess, serve } from './sealgate.ts'

/**
 * Azure's articles on client certificates, statement by statement: docs/event-grid-authentication.md, which is made from
 * the names of these tests. Certificates from openssl, both versions of MQTT, and the management API as Azure has it.
 */

const directory = mkdtempSync(join(tmpdir(), 'sealgate-ega-'))
let sealgate: SealgateProcess
let ready: Awaited<ReturnType<typeof serve>>['ready']
let root: KeyPair
let intermediate: KeyPair
let stranger: KeyPair

before(async () => {
  root = selfSigned(directory, 'root', '/CN=Plant Root', ['keyUsage=critical,keyCertSign,cRLSign'])
  intermediate = issued(directory, 'intermediate', '/CN=Plant Intermediate', root, authorityExtensions)
  stranger = selfSigned(directory, 'stranger', '/CN=Plant Intermediate', ['keyUsage=critical,keyCertSign,cRLSign'])
  const started = await serve(directory)
  sealgate = started.sealgate
  ready = started.ready
  const properties = { topicSpacesConfiguration: { state: 'Enabled' }, sealgate: { profile: 'event-grid' } }
  await written('', { location: 'local', properties })
  await sources()
  await authority('intermediate', intermediate)
  await written('/topicSpaces/own', { properties: { topicTemplates: [ownTopic] } })
  const binding = { clientGroupName: '$all', topicSpaceName: 'own', permission: 'Publisher' }
  await written('/permissionBindings/own', { properties: binding })
})

after(async () => {
  assert.equal(await sealgate?.stop(), 0)
  rmSync(directory, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the topic template
const ownTopic = 'own/${client.authenticationName}'

interface Answer {
  readonly status: number
  readonly body: { readonly properties?: Readonly<Record<string, unknown>>; readonly value?: readonly Decision[] } & {
    readonly error?: { readonly code: string; readonly message: string }
  }
}

interface Decision {
  readonly code: string | null
  readonly outcome: string
  readonly authenticationName: string | null
  readonly nameSource: string | null
  readonly clientId: string
}

const namespacePath =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant'

function api(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const [plain, query = ''] = path.split('?')
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...ready.https,
        method,
        path: `${namespacePath}${plain}?api-version=2025-07-15-preview${query === '' ? '' : `&${query}`}`,
        ca: readFileSync(ready.caFile),
        headers: {
          authorization: `Bearer ${readFileSync(ready.tokenFile, 'utf8').trim()}`,
          'content-length': Buffer.byteLength(text),
          ...(text === '' ? {} : { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        let answer = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          answer += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: answer === '' ? {} : JSON.parse(answer) }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(text)
  })
}

async function written(path: string, body: unknown): Promise<Answer> {
  const answer = await api('PUT', path, body)
  assert.ok(answer.status === 200 || answer.status === 201, `${path}: ${JSON.stringify(answer.body)}`)
  return answer
}

async function refused(path: string, body: unknown): Promise<string> {
  const answer = await api('PUT', path, body)
  assert.equal(answer.status, 400, `${path}: ${JSON.stringify(answer.body)}`)
  return JSON.stringify(answer.body.error)
}

async function authority(name: string, pair: KeyPair): Promise<void> {
  await written(`/caCertificates/${name}`, { properties: { encodedCertificate: pair.certificate } })
}

async function sources(...names: readonly string[]): Promise<void> {
  const clientAuthentication = { alternativeAuthenticationNameSources: names }
  const configuration = { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 10, clientAuthentication }
  const properties = { topicSpacesConfiguration: configuration }
  const { status, body } = await api('PATCH', '', { properties })
  assert.equal(status, 200, JSON.stringify(body))
}

type Scheme = 'Subject' | 'Dns' | 'Uri' | 'Ip' | 'Email'

async function client(name: string, authenticationName: string, scheme: Scheme | readonly string[]): Promise<void> {
  const clientCertificateAuthentication =
    typeof scheme === 'string'
      ? { validationScheme: `${scheme}MatchesAuthenticationName` }
      : { validationScheme: 'ThumbprintMatch', allowedThumbprints: scheme }
  await written(`/clients/${name}`, { properties: { authenticationName, clientCertificateAuthentication } })
}

let serial = 0

/** A leaf with just these names; by default below the registered intermediate. */
function leaf(commonName: string, alternatives: readonly string[] = [], issuer: KeyPair = intermediate): KeyPair {
  const names = alternatives.length === 0 ? [] : [`subjectAltName=${alternatives.join(',')}`]
  return issued(directory, `leaf-${serial++}`, `/CN=${commonName}`, issuer, [...clientExtensions, ...names])
}

function thumbprintOf(pair: KeyPair, hash: 'sha256' | 'sha1' = 'sha256'): string {
  const said = openssl(directory, 'x509', '-in', pair.certificateFile, '-noout', '-fingerprint', `-${hash}`)
  return said.slice(said.indexOf('=') + 1).trim()
}

function options(pair: KeyPair | null, username: string | null, version: 4 | 5): IClientOptions {
  return {
    protocol: 'mqtts',
    ...ready.mqtts,
    ca: readFileSync(ready.caFile),
    protocolVersion: version,
    reconnectPeriod: 0,
    clientId: `c-${serial++}`,
    ...(pair === null ? {} : { cert: pair.certificate, key: pair.key }),
    ...(username === null ? {} : { username }),
  }
}

async function decisionOf(clientId: string): Promise<Decision> {
  const { body } = await api('GET', '/decisions?$top=100')
  const decision = body.value?.find((one) => one.clientId === clientId)
  assert.ok(decision !== undefined, `no decision about ${clientId}`)
  return decision
}

/** The client that it became, or the code of the refusal. Both versions of MQTT have to agree. */
async function attempt(pair: KeyPair | null, username: string | null): Promise<string> {
  const found: string[] = []
  for (const version of [4, 5] as const) {
    const asked = options(pair, username, version)
    const connack = await mqtt.connectAsync(asked).then(
      async (connected) => {
        await connected.endAsync()
        return 0
      },
      (error: { readonly code: number }) => error.code,
    )
    const decision = await decisionOf(asked.clientId ?? '')
    const isAccepted = decision.outcome === 'accepted'
    assert.equal(connack, isAccepted ? 0 : version === 4 ? 5 : 0x87)
    found.push(isAccepted ? `${decision.authenticationName} by ${decision.nameSource}` : String(decision.code))
  }
  assert.equal(found[0], found[1], 'MQTT 3.1.1 and 5.0 are judged alike')
  return found[0] ?? ''
}

test('EGA-1 EGA-3 EGA-15: a certificate of a registered CA and the name as Username are enough; without a certificate nothing is', async () => {
  await client('press-1', 'press-1', 'Subject')
  assert.equal(await attempt(leaf('press-1'), 'press-1'), 'press-1 by UserName')
  assert.equal(await attempt(null, 'press-1'), 'noCertificate')
})

test('EGA-2: one decision per connection; what is published later is judged as that client, whatever it says', async () => {
  await client('press-2', 'press-2', 'Subject')
  const asked = options(leaf('press-2'), 'press-2', 5)
  const connected = await mqtt.connectAsync(asked)
  for (let i = 0; i < 3; i++) await connected.publishAsync('own/press-2', 'x', { qos: 1 })
  await assert.rejects(connected.publishAsync('own/press-1', 'x', { qos: 1 }), { code: 0x87 })
  const { body } = await api('GET', '/decisions?$top=100&outcome=accepted')
  assert.equal(body.value?.filter(({ clientId }) => clientId === asked.clientId).length, 1)
  await connected.endAsync()
})

test('EGA-4 EGA-13 EGA-14: a self-signed certificate is known by its exact thumbprint, SHA-256 or SHA-1, and by nothing else', async () => {
  const own = selfSigned(directory, 'gauge', '/CN=whatever')
  const other = selfSigned(directory, 'gauge-2', '/CN=whatever')
  for (const hash of ['sha256', 'sha1'] as const) {
    await client(`gauge-${hash}`, `gauge-${hash}`, [thumbprintOf(own, hash)])
    assert.equal(await attempt(own, `gauge-${hash}`), `gauge-${hash} by UserName`)
    assert.equal(await attempt(other, `gauge-${hash}`), 'thumbprintMismatch')
  }
})

test('EGA-5: a token where no issuer is configured is refused as an unknown method, certificate or not', async () => {
  const asked = options(leaf('press-1'), 'press-1', 5)
  const properties = { authenticationMethod: 'OAUTH2-JWT', authenticationData: Buffer.from('e30.e30.x') }
  await assert.rejects(mqtt.connectAsync({ ...asked, properties }), { code: 0x8c })
  assert.equal((await decisionOf(asked.clientId ?? '')).code, 'authenticationMethodUnsupported')
})

test('EGA-6 EGA-7: before its root is registered a certificate is refused, from then on accepted', async () => {
  await client('press-6', 'press-6', 'Subject')
  const direct = leaf('press-6', [], root)
  assert.equal(await attempt(direct, 'press-6'), 'issuerNotRegistered')
  await authority('root', root)
  assert.equal(await attempt(direct, 'press-6'), 'press-6 by UserName')
  assert.equal((await api('DELETE', '/caCertificates/root')).status, 200)
  assert.equal(await attempt(direct, 'press-6'), 'issuerNotRegistered')
})

test('EGA-8 EGA-9 EGA-40: the intermediate alone is enough; a root alone is not, unless the client sends the intermediate', async () => {
  await client('press-8', 'press-8', 'Subject')
  const below = leaf('press-8')
  assert.equal(await attempt(below, 'press-8'), 'press-8 by UserName')
  assert.equal((await api('DELETE', '/caCertificates/intermediate')).status, 200)
  await authority('root', root)
  try {
    assert.notEqual(await attempt(below, 'press-8'), 'press-8 by UserName')
    const withChain = { ...below, certificate: below.certificate + intermediate.certificate }
    assert.equal(await attempt(withChain, 'press-8'), 'press-8 by UserName')
  } finally {
    await authority('intermediate', intermediate)
    await api('DELETE', '/caCertificates/root')
  }
})

/** The same name in each of the five fields, and nowhere else. */
const fields: readonly (readonly [Scheme, string, string])[] = [
  ['Subject', 'f.example', ''],
  ['Dns', 'dns.example', 'DNS:dns.example'],
  ['Uri', 'urn:dev:7', 'URI:urn:dev:7'],
  ['Ip', '192.0.2.7', 'IP:192.0.2.7'],
  ['Email', 'e@x.example', 'email:e@x.example'],
]

test('EGA-10 EGA-11: each of the five fields is the one that is compared, and only that one', async () => {
  for (const [scheme, name, alternative] of fields) {
    await client(`field-${scheme}`, name, scheme)
    const carrier = scheme === 'Subject' ? leaf(name) : leaf('something else', [alternative])
    assert.equal(await attempt(carrier, name), `${name} by UserName`, scheme)
    // The name is in the certificate, in another field; the field has another name.
    const elsewhere = scheme === 'Subject' ? leaf('other', [`DNS:${name}`]) : leaf(name, ['DNS:other.example'])
    assert.equal(await attempt(elsewhere, name), 'nameMismatch', scheme)
  }
})

test('EGA-12: the right name of a CA that is not registered, though it is called the same, is refused', async () => {
  assert.equal(await attempt(leaf('press-1', [], stranger), 'press-1'), 'issuerNotRegistered')
  assert.equal(await attempt(selfSigned(directory, 'own-1', '/CN=press-1'), 'press-1'), 'issuerNotRegistered')
})

test('EGA-16: without Username and without sources the name is missing; an empty Username is none', async () => {
  await sources()
  assert.equal(await attempt(leaf('press-1'), null), 'usernameRequired')
  assert.equal(await attempt(leaf('press-1'), ''), 'usernameRequired')
})

test('EGA-17 EGA-18: a source that the namespace has chosen gives the name; one that does not exist is refused', async () => {
  await sources('ClientCertificateSubject')
  assert.equal(await attempt(leaf('press-1'), null), 'press-1 by ClientCertificateSubject')
  const clientAuthentication = { alternativeAuthenticationNameSources: ['ClientCertificateSerial'] }
  const body = { properties: { topicSpacesConfiguration: { clientAuthentication } } }
  const { status } = await api('PATCH', '', body)
  assert.equal(status, 400)
  await sources()
})

test('EGA-19 EGA-20: of two fields with names the one that was chosen first decides who it is', async () => {
  await client('alpha', 'Alpha', 'Subject')
  await client('bravo', 'bravo.example', 'Dns')
  const both = leaf('Alpha', ['DNS:bravo.example'])
  await sources('ClientCertificateDns', 'ClientCertificateSubject')
  assert.equal(await attempt(both, null), 'bravo.example by ClientCertificateDns')
  await sources('ClientCertificateSubject', 'ClientCertificateDns')
  assert.equal(await attempt(both, null), 'Alpha by ClientCertificateSubject')
  await sources()
})

test('EGA-21 EGA-22: an empty DNS field leads to the subject; a name in neither is denied, and an unknown DNS name is not passed over', async () => {
  await sources('ClientCertificateDns', 'ClientCertificateSubject')
  assert.equal(await attempt(leaf('Alpha'), null), 'Alpha by ClientCertificateSubject')
  assert.equal(await attempt(leaf('nobody'), null), 'clientNotFound')
  assert.equal(await attempt(leaf('Alpha', ['DNS:unknown.example']), null), 'clientNotFound')
  await sources()
})

test('EGA-23: a thumbprint client is named by its Username or by a field of its certificate, and not found without', async () => {
  const own = selfSigned(directory, 'named', '/CN=named')
  await client('named', 'named', [thumbprintOf(own)])
  assert.equal(await attempt(own, 'named'), 'named by UserName')
  assert.equal(await attempt(own, null), 'usernameRequired')
  await sources('ClientCertificateSubject')
  assert.equal(await attempt(own, null), 'named by ClientCertificateSubject')
  await sources()
})

test('EGA-24 EGA-25 EGA-26 EGA-27 EGA-28: each field is a source by itself; an IPv6 address in any spelling', async () => {
  for (const [scheme, name, alternative] of fields) {
    await sources(`ClientCertificate${scheme}`)
    const carrier = scheme === 'Subject' ? leaf(name) : leaf('something else', [alternative])
    assert.equal(await attempt(carrier, null), `${name} by ClientCertificate${scheme}`)
  }
  await client('six', '2001:db8:0:0:0:0:0:6', 'Ip')
  await sources('ClientCertificateIp')
  assert.equal(await attempt(leaf('x', ['IP:2001:db8::6']), null), '2001:db8:0:0:0:0:0:6 by ClientCertificateIp')
  await client('whole', 'CN=press-24,O=Acme', 'Subject')
  await sources('ClientCertificateSubject')
  const organization = issued(directory, 'whole', '/O=Acme/CN=press-24', intermediate, clientExtensions)
  assert.equal(await attempt(organization, null), 'CN=press-24,O=Acme by ClientCertificateSubject')
  await sources()
})

test('EGA-29: client names have 1 to 128 of their characters, and Press and press are two', async () => {
  await client('a:b.c_d-9', 'a-name', 'Subject')
  await client('n'.repeat(128), 'long', 'Subject')
  await client('Press', 'capital', 'Subject')
  await client('press', 'small', 'Subject')
  for (const name of ['n'.repeat(129), 'with%20space', 'a%2Cb', '%C3%BC'])
    await refused(`/clients/${name}`, { properties: {} })
})

test('EGA-30 EGA-36: without an authentication name it is the client name, without a scheme the subject is compared', async () => {
  const { body } = await written('/clients/plain', { properties: {} })
  assert.equal(body.properties?.['authenticationName'], 'plain')
  assert.deepEqual(body.properties?.['clientCertificateAuthentication'], {
    validationScheme: 'SubjectMatchesAuthenticationName',
  })
  assert.equal(await attempt(leaf('plain'), 'plain'), 'plain by UserName')
  await client('umlaut', 'Förderband 7 / Süd', 'Subject')
  const utf8 = issued(directory, 'utf8', '/CN=ignored', intermediate, clientExtensions)
  assert.equal(await attempt(utf8, 'Förderband 7 / Süd'), 'nameMismatch')
  await client('longest', 'x'.repeat(128), 'Subject')
  for (const authenticationName of ['', 'x'.repeat(129), 'zero\u200bwidth', 'line\nbreak'])
    assert.match(await refused('/clients/bad', { properties: { authenticationName } }), /authenticationName/)
})

test('EGA-31: an authentication name is taken whatever its case', async () => {
  await client('one', 'Same.Name', 'Subject')
  const answer = await api('PUT', '/clients/two', { properties: { authenticationName: 'sAME.nAME' } })
  assert.ok(answer.status === 400 || answer.status === 409, JSON.stringify(answer))
})

test('EGA-32 EGA-33: case does not matter to get in; the registered spelling is the identity', async () => {
  await client('spelled', 'Spelled.One', 'Subject')
  const shouting = leaf('SPELLED.ONE')
  assert.equal(await attempt(shouting, 'spelled.one'), 'Spelled.One by UserName')
  const connected: MqttClient = await mqtt.connectAsync(options(shouting, 'spelled.one', 5))
  await connected.publishAsync('own/Spelled.One', 'x', { qos: 1 })
  await assert.rejects(connected.publishAsync('own/spelled.one', 'x', { qos: 1 }), { code: 0x87 })
  await connected.endAsync()
})

test('EGA-34: an authentication name stays', async () => {
  await client('fixed', 'fixed', 'Subject')
  assert.match(await refused('/clients/fixed', { properties: { authenticationName: 'changed' } }), /authenticationName/)
})

test('EGA-35 EGA-37 EGA-38: six schemes and no other; thumbprints with their own scheme only, one or two', async () => {
  const print = (digit: string): string => digit.repeat(64)
  const scheme = (validationScheme: string, allowedThumbprints?: readonly string[]) => ({
    properties: { clientCertificateAuthentication: { validationScheme, allowedThumbprints } },
  })
  for (const field of ['Subject', 'Dns', 'Uri', 'Ip', 'Email']) {
    const name = `${field}MatchesAuthenticationName`
    const authenticationName = field === 'Ip' ? '192.0.2.35' : `scheme-${field.toLowerCase()}`
    const { properties } = scheme(name)
    await written(`/clients/scheme-${field}`, { properties: { ...properties, authenticationName } })
    assert.match(await refused(`/clients/wrong-${field}`, scheme(name, [print('a')])), /allowedThumbprints/)
  }
  assert.match(await refused('/clients/wrong', scheme('Anything')), /validationScheme/)
  await written('/clients/one-print', scheme('ThumbprintMatch', [print('a')]))
  await written('/clients/two-prints', scheme('ThumbprintMatch', [print('a'), print('b')]))
  for (const list of [undefined, [], [print('a'), print('b'), print('c')]])
    assert.match(await refused('/clients/wrong', scheme('ThumbprintMatch', list)), /allowedThumbprints/)
  const [first, second] = [selfSigned(directory, 'first', '/CN=r'), selfSigned(directory, 'second', '/CN=r')]
  await client('rotating', 'rotating', [thumbprintOf(first), thumbprintOf(second)])
  for (const pair of [first, second]) assert.equal(await attempt(pair, 'rotating'), 'rotating by UserName')
})

test('EGA-39: one certificate serves two thumbprint clients, which the Username tells apart; by name it cannot', async () => {
  const shared = selfSigned(directory, 'shared', '/CN=shared')
  for (const name of ['left', 'right']) {
    await client(name, name, [thumbprintOf(shared)])
    assert.equal(await attempt(shared, name), `${name} by UserName`)
  }
  assert.equal(await attempt(leaf('press-1'), 'press-2'), 'nameMismatch')
})

test('EGA-41: names of CA certificates', async () => {
  const body = { properties: { encodedCertificate: root.certificate } }
  for (const name of ['ab', 'x'.repeat(51), 'a_b', 'a.b', 'with%20space'])
    await refused(`/caCertificates/${name}`, body)
  for (const name of ['abc', 'A-9'.repeat(16)]) {
    await written(`/caCertificates/${name}`, body)
    assert.equal((await api('DELETE', `/caCertificates/${name}`)).status, 200)
  }
})

test('EGA-42 EGA-44: PEM on one line is read, shown with its dates, and after its deletion nobody below it gets in', async () => {
  const oneLine = stranger.certificate.replaceAll('\n', '')
  await written('/caCertificates/one-line', { properties: { encodedCertificate: oneLine } })
  const { body } = await api('GET', '/caCertificates/one-line')
  const dates = openssl(directory, 'x509', '-in', stranger.certificateFile, '-noout', '-enddate').trim()
  assert.equal(
    Date.parse(String(body.properties?.['expiryTimeInUtc'])),
    Date.parse(dates.slice(dates.indexOf('=') + 1)),
  )
  const below = leaf('press-1', [], stranger)
  assert.equal(await attempt(below, 'press-1'), 'press-1 by UserName')
  const connected = await mqtt.connectAsync(options(below, 'press-1', 5))
  const ended = new Promise<number>((resolve) =>
    connected.once('disconnect', ({ reasonCode }) => resolve(reasonCode ?? -1)),
  )
  assert.equal((await api('DELETE', '/caCertificates/one-line')).status, 200)
  assert.equal(await ended, 0x87)
  assert.equal(await attempt(below, 'press-1'), 'issuerNotRegistered')
  assert.equal((await api('GET', '/caCertificates/one-line')).status, 404)
})

test('EGA-43: the certificate of the article, its name as common name and as DNS name below an intermediate', async () => {
  await client('client1-authnID', 'client1-authnID', 'Subject')
  assert.equal(
    await attempt(leaf('client1-authnID', ['DNS:client1-authnID']), 'client1-authnID'),
    'client1-authnID by UserName',
  )
})

test('EGA-45: TLS 1.2 and 1.3 over TCP and WebSocket; no plain MQTT, no TLS 1.1', async () => {
  const pair = leaf('press-1')
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const tls = { ...options(pair, 'press-1', 5), minVersion: version, maxVersion: version }
    await (await mqtt.connectAsync(tls)).endAsync()
    const { cert, key, ca } = tls
    const overWebSocket = { ...tls, protocol: 'wss' as const, ...ready.wss, path: '/mqtt', clientId: `c-${serial++}` }
    await (await mqtt.connectAsync({ ...overWebSocket, wsOptions: { cert, key, ca } })).endAsync()
  }
  const old = connectTls({
    ...ready.mqtts,
    ca: readFileSync(ready.caFile),
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  await assert.rejects(new Promise((resolve, reject) => old.once('error', reject).once('secureConnect', resolve)))
  const plain = connectTcp(ready.mqtts)
  plain.write(Buffer.from('100d00044d51545404020000000161', 'hex'))
  const received = await new Promise<Buffer>((resolve) => {
    const chunks: Buffer[] = []
    plain
      .on('data', (chunk) => chunks.push(chunk))
      .on('close', () => resolve(Buffer.concat(chunks)))
      .on('error', () => {})
  })
  assert.notEqual(received[0], 0x20, 'a CONNACK in the clear')
})

test('EGA-46: a client that has the CA file verifies the server, one that trusts public CAs only does not', async () => {
  await (await mqtt.connectAsync(options(leaf('press-1'), 'press-1', 5))).endAsync()
  const { ca: _, ...publicOnly } = options(leaf('press-1'), 'press-1', 5)
  await assert.rejects(mqtt.connectAsync(publicOnly), /self-signed certificate|unable to (?:get local issuer|verify)/)
})

test('EGA-47: the handshake is completed with any certificate or none; CONNECT is judged by the one of its handshake', async () => {
  for (const pair of [selfSigned(directory, 'anything', '/CN=anything'), null]) {
    const socket = connectTls({
      ...ready.mqtts,
      ca: readFileSync(ready.caFile),
      ...(pair === null ? {} : { cert: pair.certificate, key: pair.key }),
    })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    socket.destroy()
  }
  assert.equal(await attempt(selfSigned(directory, 'anything-2', '/CN=press-1'), 'press-1'), 'issuerNotRegistered')
  assert.equal(await attempt(leaf('press-1'), 'press-1'), 'press-1 by UserName')
})
