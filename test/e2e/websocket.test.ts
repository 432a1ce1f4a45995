import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import WebSocket, { type ClientOptions } from 'ws'
import { clientExtensions, issued, type KeyPair, selfSigned } from './openssl.ts'
import { type SealgateProcess, serve, template } from './sealgate.ts'

/** MQTT over WebSocket as its own process serves it: two namespaces, clients with certificates, web pages. */

const directory = mkdtempSync(join(tmpdir(), 'sealgate-e2e-'))
let sealgate: SealgateProcess
let port: number
let ca: string
const keys = new Map<string, KeyPair>()

function keyOf(name: string): KeyPair {
  const found = keys.get(name)
  assert.ok(found !== undefined, name)
  return found
}

before(async () => {
  const authority = selfSigned(directory, 'ca', '/CN=CA')
  for (const name of ['press', 'gauge']) {
    keys.set(name, issued(directory, name, `/CN=${name}`, authority, clientExtensions))
  }
  const files = ['plant', 'lab'].map((namespace) => {
    const file = join(directory, `${namespace}.json`)
    const parts = {
      namespace,
      caCertificates: { 'plant-ca': authority.certificate },
      clients: { press: {}, gauge: {} },
      topicTemplates: ['machines/#'],
    }
    const written = template(parts) as { resources: { properties: Record<string, unknown> }[] }
    Object.assign(written.resources[0]!.properties, { sealgate: { allowedOrigins: ['https://console.example'] } })
    writeFileSync(file, JSON.stringify(written))
    return file
  })
  const args = ['--domain', 'Test', '--default-namespace', 'plant']
  const started = await serve(directory, [...files.flatMap((file) => ['--apply', file]), ...args])
  sealgate = started.sealgate
  assert.ok(started.ready.wss !== null)
  port = started.ready.wss.port
  ca = readFileSync(started.ready.caFile, 'utf8')
})

after(async () => {
  assert.equal(await sealgate?.stop(), 0)
  rmSync(directory, { recursive: true, force: true })
})

function optionsOf(name: string | null, version: 4 | 5, webSocket: object = {}): IClientOptions {
  const key = name === null ? null : keyOf(name)
  return {
    protocol: 'wss',
    host: 'localhost',
    port,
    path: '/mqtt',
    ca,
    ...(key === null ? {} : { cert: key.certificate, key: key.key }),
    protocolVersion: version,
    clientId: `${name}-${version}`,
    username: name ?? 'press',
    reconnectPeriod: 0,
    wsOptions: webSocket,
  }
}

for (const version of [4, 5] as const) {
  test(`MQTT.js over WebSocket, MQTT ${version}: small and large messages reach a subscriber`, async (t) => {
    const open = async (name: string): Promise<MqttClient> => {
      const client = await mqtt.connectAsync(optionsOf(name, version))
      t.after(() => client.end(true))
      return client
    }
    const [subscriber, publisher] = await Promise.all([open('gauge'), open('press')])
    await subscriber.subscribeAsync('machines/#', { qos: 1 })
    const received: string[] = []
    const all = new Promise<void>((resolve) => {
      subscriber.on('message', (topic, payload, packet) => {
        received.push(`${topic} ${packet.qos} ${payload.length} ${payload[0]}`)
        if (received.length === 4) resolve()
      })
    })
    const sizes = [1, 200, 70_000, 300_000]
    await Promise.all(
      sizes.map((size, i) =>
        publisher.publishAsync(`machines/${i}`, Buffer.alloc(size, 65 + i), { qos: (i & 1) as 0 | 1 }),
      ),
    )
    await all
    assert.deepEqual(
      received,
      sizes.map((size, i) => `machines/${i} ${i & 1} ${size} ${65 + i}`),
    )
    await Promise.all([subscriber.endAsync(), publisher.endAsync()])
  })
}

async function refusalOf(options: IClientOptions): Promise<unknown> {
  const client = await mqtt.connectAsync(options).catch((error: unknown) => error)
  if (client instanceof Error) return (client as { code?: unknown }).code
  ;(client as MqttClient).end(true)
  return null
}

test('without a certificate the answer is a CONNACK, and the record says wss', async () => {
  sealgate.forget()
  assert.equal(await refusalOf(optionsOf(null, 5)), 0x87)
  const entry = await sealgate.entry(({ event, code }) => event === 'refused' && code === 'noCertificate')
  assert.equal(entry['listener'], 'wss')
})

test('S51: a page of a foreign origin gains nothing from the certificate; own and allowed ones do', async () => {
  sealgate.forget()
  for (const version of [4, 5] as const) {
    const refused = await refusalOf(optionsOf('press', version, { origin: 'https://evil.example' }))
    assert.equal(refused, version === 4 ? 5 : 0x87)
  }
  const entry = await sealgate.entry(({ event, code }) => event === 'refused' && code === 'originNotAllowed')
  assert.match(JSON.stringify(entry['steps']), /evil\.example/)
  for (const origin of [`https://localhost:${port}`, 'https://console.example']) {
    assert.equal(await refusalOf(optionsOf('press', 5, { origin })), null, origin)
  }
})

/** The status of an opening handshake. */
function statusOf(serverName: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options: ClientOptions & ConnectionOptions = {
      servername: serverName,
      rejectUnauthorized: false,
      headers: { host },
    }
    const socket = new WebSocket(`wss://localhost:${port}/mqtt`, 'mqtt', options)
    socket.on('open', () => {
      resolve(101)
      socket.terminate()
    })
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0)
      request.destroy()
    })
    socket.on('error', reject)
  })
}

test('S49: SNI of one namespace and Host of another get 421', async () => {
  assert.equal(await statusOf('lab.test', 'lab.test'), 101)
  assert.equal(await statusOf('lab.test', `LAB.Test:${port}`), 101)
  assert.equal(await statusOf('lab.test', 'plant.test'), 421)
  assert.equal(await statusOf('plant.test', 'lab.test'), 421)
  assert.equal(await statusOf('plant.test', 'localhost'), 101, 'both are the default namespace')
  assert.equal(await statusOf('lab.test', 'localhost'), 421)
})

test('a stop says goodbye to WebSocket peers as well', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'sealgate-e2e-'))
  t.after(() => rmSync(own, { recursive: true, force: true }))
  const file = join(directory, 'plant.json')
  const started = await serve(own, ['--apply', file])
  t.after(() => started.sealgate.child.kill('SIGKILL'))
  const client = await mqtt.connectAsync({
    ...optionsOf('press', 5),
    port: started.ready.wss?.port ?? 0,
    ca: readFileSync(started.ready.caFile, 'utf8'),
  })
  t.after(() => client.end(true))
  const told = new Promise<number | undefined>((resolve) =>
    client.on('disconnect', ({ reasonCode }) => resolve(reasonCode)),
  )
  const stopped = started.sealgate.stop()
  assert.equal(await told, 0x8b)
  assert.equal(await stopped, 0)
})
