import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import mqtt, { type MqttClient } from 'mqtt'
import { temporaryDirectory } from '../listeners/door.ts'
import { authorityExtensions, clientExtensions, issued, type KeyPair, selfSigned } from './openssl.ts'
import { type SealgateProcess, serve, template } from './sealgate.ts'

/** Two namespaces on one port that are alike in everything but their name: SNI decides, and nothing crosses over. */

let sealgate: SealgateProcess
let ready: Awaited<ReturnType<typeof serve>>['ready']
let directory: string
let device: KeyPair
let ownHost: KeyPair
const folder = temporaryFolder()

function temporaryFolder(): { readonly directory: string; clean(): void } {
  const cleanUps: (() => void)[] = []
  const made = temporaryDirectory({ after: (clean: () => void) => void cleanUps.push(clean) } as unknown as TestContext)
  return {
    directory: made,
    clean: () => {
      for (const clean of cleanUps) clean()
    },
  }
}

before(async () => {
  directory = folder.directory
  const ca = issuedCa()
  device = issued(directory, 'press', '/CN=press', ca, clientExtensions)
  ownHost = selfSigned(directory, 'own-host', '/CN=own host')
  const hosts = join(directory, 'data', 'tls', 'hosts')
  mkdirSync(hosts, { recursive: true, mode: 0o700 })
  writeFileSync(join(hosts, 'hall-b.mqtt.test.pem'), ownHost.certificate)
  writeFileSync(join(hosts, 'hall-b.mqtt.test.key'), ownHost.key, { mode: 0o600 })
  const templates = ['hall-a', 'hall-b'].flatMap((namespace) => {
    const file = join(directory, `${namespace}.json`)
    const parts = {
      namespace,
      caCertificates: { 'device-ca': ca.certificate },
      clients: { press: {} },
      topicTemplates: ['machines/#'],
    }
    writeFileSync(file, JSON.stringify(template(parts)))
    return ['--apply', file]
  })
  const started = await serve(directory, ['--domain', 'mqtt.test', ...templates])
  sealgate = started.sealgate
  ready = started.ready
})

after(async () => {
  await sealgate.stop()
  folder.clean()
})

function issuedCa(): KeyPair {
  const root = selfSigned(directory, 'root', '/CN=Root')
  return issued(directory, 'ca', '/CN=Device CA', root, authorityExtensions)
}

function client(namespace: string, options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  return mqtt.connectAsync({
    protocol: 'mqtts',
    ...ready.mqtts,
    servername: `${namespace}.mqtt.test`,
    rejectUnauthorized: false,
    cert: device.certificate,
    key: device.key,
    username: 'press',
    clientId: 'press',
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...options,
  })
}

function nextMessage(listener: MqttClient): Promise<string> {
  return new Promise((resolve) => listener.once('message', (_topic, payload) => resolve(String(payload))))
}

function servedTo(servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ ...ready.mqtts, servername, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.end()
    })
    socket.on('error', reject)
  })
}

async function get(path: string): Promise<{ readonly value: readonly Record<string, unknown>[] }> {
  const asked = request({
    ...ready.https,
    path,
    servername: 'localhost',
    ca: readFileSync(ready.caFile),
    headers: { authorization: `Bearer ${readFileSync(ready.tokenFile, 'utf8').trim()}` },
  })
  asked.end()
  const [response] = await once(asked, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return JSON.parse(text)
}

test('S48, S28: the same CA, client, Client Identifier and topics in two namespaces: nobody meets anybody', async () => {
  const heard: string[] = []
  const [a, b] = await Promise.all(['hall-a', 'hall-b'].map((namespace) => client(namespace)))
  assert.ok(a !== undefined && b !== undefined)
  for (const [name, listener] of [
    ['a', a],
    ['b', b],
  ] as const) {
    listener.on('message', (topic, payload) => heard.push(`${name}: ${topic} ${payload}`))
    await listener.subscribeAsync('machines/#', { qos: 1 })
  }
  await a.publishAsync('machines/1', 'of a', { qos: 1, retain: true })
  await b.publishAsync('machines/1', 'of b', { qos: 1, retain: true })
  // What each publishes comes back to it: by then the other's would have come too.
  await a.publishAsync('machines/2', 'last of a', { qos: 1 })
  await b.publishAsync('machines/2', 'last of b', { qos: 1 })
  while (heard.length < 4) await Promise.race([nextMessage(a), nextMessage(b)])
  assert.deepEqual(heard.toSorted(), [
    'a: machines/1 of a',
    'a: machines/2 last of a',
    'b: machines/1 of b',
    'b: machines/2 last of b',
  ])
  assert.ok(a.connected && b.connected, 'no takeover across namespaces')
  await a.endAsync()
  // Retained messages and sessions are each one's own as well.
  const again = await client('hall-a', { clientId: 'another' })
  const retained = nextMessage(again)
  await again.subscribeAsync('machines/#')
  assert.equal(await retained, 'of a')
  await Promise.all([again.endAsync(), b.endAsync()])
})

test('S48: no server name, and one of nobody, are refused where several namespaces are, and it shows among the decisions', async () => {
  const seen: string[] = []
  for (const servername of ['typo.mqtt.test', '']) {
    const refusal = await client('', { servername }).then(
      () => null,
      (error: Error & { code?: number }) => error,
    )
    assert.equal(refusal?.code, 0x87, `${refusal}`)
    const { value } = await get('/sealgate/decisions?code=unknownNamespace')
    seen.push(...value.map((entry) => `${entry['serverName']} ${entry['outcome']} ${entry['count']}`))
  }
  // Alike refusals of one source are one entry that is counted (S61).
  assert.deepEqual(seen, ['typo.mqtt.test refused 1', 'null refused 2'])
  const prefix =
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid'
  for (const namespace of ['hall-a', 'hall-b']) {
    const own = await get(`${prefix}/namespaces/${namespace}/decisions?code=unknownNamespace`)
    assert.deepEqual(own.value, [])
  }
})

test('a host with certificate files of its own is served with them on every port, and their change drops nobody', async () => {
  const made = String(await servedTo('hall-a.mqtt.test'))
  assert.equal(await servedTo('HALL-B.mqtt.test.'), 'own host')
  assert.notEqual(made, 'own host')
  assert.equal(await servedTo('typo.mqtt.test'), made)
  const [a, b] = await Promise.all(['hall-a', 'hall-b'].map((namespace) => client(namespace)))
  const next = selfSigned(directory, 'next', '/CN=next')
  const hosts = join(directory, 'data', 'tls', 'hosts')
  writeFileSync(join(hosts, 'hall-b.mqtt.test.key'), next.key, { mode: 0o600 })
  sealgate.child.kill('SIGHUP')
  // Half of it: the old one stays, and the log says why.
  await sealgate.entry(({ event }) => event === 'hostCertificateNotServed')
  assert.equal(await servedTo('hall-b.mqtt.test'), 'own host')
  sealgate.forget()
  writeFileSync(join(hosts, 'hall-b.mqtt.test.pem'), next.certificate)
  sealgate.child.kill('SIGHUP')
  await sealgate.entry(({ event }) => event === 'hostCertificateServed')
  assert.equal(await servedTo('hall-b.mqtt.test'), 'next')
  assert.equal(await servedTo('hall-a.mqtt.test'), made)
  for (const connected of [a, b]) {
    await connected?.publishAsync('machines/x', 'still here', { qos: 1 })
    await connected?.endAsync()
  }
})
