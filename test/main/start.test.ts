import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { createMetrics } from '../../src/adapters/node/metrics.ts'
import { nodeRandom } from '../../src/adapters/node/random.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { readConfig } from '../../src/cli/read-config.ts'
import type { Config, Mode } from '../../src/config.ts'
import type { ReadyFile } from '../../src/main/ready-file.ts'
import { type Adapters, type Running, StartError, start } from '../../src/main.ts'
import type { Engine } from '../../src/ports/engine.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { createCertificateAuthority } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { temporaryDirectory } from '../listeners/door.ts'

interface World extends Adapters {
  readonly entries: {
    readonly level: string
    readonly event: string
    readonly facts: Readonly<Record<string, unknown>>
  }[]
  readonly engines: Engine[]
  /** Records about the namespace `plant`. */
  readonly written: string[]
}

function world(): World {
  const entries: World['entries'] = []
  const engines: Engine[] = []
  const written: string[] = []
  const clock = nodeClock()
  return {
    entries,
    engines,
    written,
    clock,
    random: nodeRandom(),
    log: { write: (level, event, facts) => void entries.push({ level, event, facts }) },
    events: createEvents(),
    metrics: createMetrics(),
    async openEngine(node) {
      const engine = createMemoryWorld().engine(node, clock)
      engines.push(engine)
      const write: Engine['registry']['write'] = (request) => {
        // What opening a registry notes about itself is no resource.
        written.push(
          ...request.put.map(({ value }) => Buffer.from(value).toString()).filter((text) => /plant/.test(text)),
        )
        return engine.registry.write(request)
      }
      return { ...engine, registry: { ...engine.registry, write } }
    },
  }
}

function configOf(mode: Mode, directory: string, flags: Readonly<Record<string, unknown>> = {}): Config {
  const read = readConfig(mode, {
    flags: { dataDir: 'data', mqtts: '127.0.0.1:0', wss: 'off', https: 'off', readyFile: 'ready.json', ...flags },
    environment: {},
    file: null,
    workingDirectory: directory,
  })
  assert.ok(read.ok, read.ok ? '' : read.error.join('\n'))
  return read.value
}

async function started(t: TestContext, config: Config, adapters: Adapters): Promise<Running> {
  const running = await start(config, adapters)
  t.after(() => running.stop())
  return running
}

async function client(t: TestContext, { ready, dev }: Running, name: string): Promise<MqttClient> {
  const found = dev?.clients.find(({ authenticationName }) => authenticationName === name)
  assert.ok(found !== undefined && ready.mqtts !== null && ready.caFile !== null)
  const connected = await mqtt.connectAsync({
    protocol: 'mqtts',
    host: ready.mqtts.host,
    port: ready.mqtts.port,
    ca: readFileSync(ready.caFile),
    cert: readFileSync(found.certificateFile),
    key: readFileSync(found.keyFile),
    protocolVersion: 5,
    clientId: 'same-in-both',
    reconnectPeriod: 0,
  })
  t.after(() => connected.end(true))
  return connected
}

function refused(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, host)
    socket.on('connect', () => {
      socket.destroy()
      resolve('connected')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}

test('two brokers live in one process and know nothing of each other', async (t) => {
  const [one, two] = await Promise.all([
    started(t, configOf('dev', temporaryDirectory(t)), world()),
    started(t, configOf('dev', temporaryDirectory(t)), world()),
  ])
  assert.notEqual(one.ready.mqtts?.port, two.ready.mqtts?.port)
  // The same Client Identifier, name and topic in both.
  const [first, second] = await Promise.all([client(t, one, 'by-subject'), client(t, two, 'by-subject')])
  const received: string[] = []
  const both = new Promise<void>((resolve) => {
    for (const [name, subscriber] of [
      ['one', first],
      ['two', second],
    ] as const) {
      subscriber.on('message', (_topic, payload) => {
        received.push(`${name} got ${payload.toString()}`)
        if (received.length === 2) resolve()
      })
    }
  })
  await first.subscribeAsync('demo/x')
  await second.subscribeAsync('demo/x')
  await first.publishAsync('demo/x', 'of one', { qos: 1 })
  await second.publishAsync('demo/x', 'of two', { qos: 1 })
  await both
  assert.deepEqual(received.sort(), ['one got of one', 'two got of two'])

  // The end of one is nothing to the other.
  const left = new Promise<void>((resolve) => first.once('close', () => resolve()))
  await one.stop()
  await left
  await second.publishAsync('demo/x', 'still here', { qos: 1 })
})

test('every client that dev makes can connect, by its certificate alone', async (t) => {
  const running = await started(t, configOf('dev', temporaryDirectory(t)), world())
  for (const { authenticationName, scheme } of running.dev?.clients ?? []) {
    // A thumbprint client's name is never looked for in a certificate's alternative names; this one has none.
    const connected = await client(t, running, authenticationName)
    assert.ok(connected.connected, scheme)
    await connected.publishAsync(`devices/${authenticationName}/state`, 'x', { qos: 1 })
    await connected.endAsync()
  }
})

test('a stop tells its clients why, closes everything and may be asked for twice', async (t) => {
  const directory = temporaryDirectory(t)
  const adapters = world()
  const config = configOf('dev', directory)
  const running = await start(config, adapters)
  const connected = await client(t, running, 'by-thumbprint')
  let goodbye: number | undefined
  connected.once('disconnect', (packet) => {
    goodbye = packet.reasonCode
  })
  const closed = new Promise<void>((resolve) => connected.once('close', () => resolve()))
  assert.ok(existsSync(config.readyFile ?? ''))
  await Promise.all([running.stop(), running.stop()])
  await closed
  assert.equal(goodbye, 0x8b)
  assert.equal(existsSync(config.readyFile ?? ''), false)
  assert.equal(await refused('127.0.0.1', running.ready.mqtts?.port ?? 0), 'ECONNREFUSED')
  assert.equal(adapters.engines[0]?.health().writable, false)
})

test('a stopped broker leaves nothing open: its process ends by itself', async (t) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'start-and-stop.ts'), temporaryDirectory(t)])
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = await once(child, 'close')
  assert.deepEqual({ code, output }, { code: 0, output: 'stopped\n' })
})

test('the ready file says where everything is; what it names exists', async (t) => {
  const directory = temporaryDirectory(t)
  const running = await started(t, configOf('dev', directory), world())
  const ready: ReadyFile = JSON.parse(readFileSync(join(directory, 'ready.json'), 'utf8'))
  assert.deepEqual(ready, running.ready)
  assert.deepEqual(JSON.parse(readFileSync(join(directory, 'data', 'ready.json'), 'utf8')), ready)
  assert.deepEqual(Object.keys(ready).sort(), [
    ...['caFile', 'https', 'mqttTcp', 'mqtts', 'namespace', 'pid', 'resourceGroup', 'subscriptionId'],
    ...['tokenFile', 'version', 'wss'],
  ])
  assert.equal(ready.pid, process.pid)
  assert.equal(ready.namespace, 'local')
  assert.equal(ready.mqttTcp, null)
  assert.equal(statSync(ready.tokenFile).mode & 0o777, 0o600)
  assert.ok(existsSync(ready.caFile ?? ''))
  const token = readFileSync(ready.tokenFile, 'utf8').trim()
  assert.doesNotMatch(JSON.stringify(ready), new RegExp(token), 'S65: the token is never in the ready file')
})

test('a start that fails leaves no listener, no engine and no ready file', async (t) => {
  const directory = temporaryDirectory(t)
  const adapters = world()
  const occupied = await started(t, configOf('dev', temporaryDirectory(t)), world())
  const port = occupied.ready.mqtts?.port ?? 0
  const config = configOf('dev', directory, {
    mqtts: '127.0.0.1:0',
    mqttTcp: `127.0.0.1:${port}`,
    mqttTcpIdentity: 'by-subject',
  })
  await assert.rejects(start(config, adapters), (error) => {
    assert.ok(error instanceof StartError)
    assert.deepEqual(error.lines, [
      `--mqtt-tcp 127.0.0.1:${port}: the port is taken by another listener of this process; end that, or listen elsewhere: --mqtt-tcp 127.0.0.1:0 takes any free port`,
    ])
    return true
  })
  assert.equal(adapters.engines[0]?.health().writable, false)
  assert.equal(existsSync(config.readyFile ?? ''), false)
})

test('S67: one bad resource, and nothing of any template is written', async (t) => {
  const directory = temporaryDirectory(t)
  const resource = (type: string, name: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces${type}`,
    apiVersion: '2025-02-15',
    name,
    ...(type === '' ? { location: 'local' } : {}),
    properties,
  })
  writeFileSync(join(directory, 'good.yaml'), JSON.stringify({ resources: [resource('', 'good-one', {})] }))
  writeFileSync(
    join(directory, 'bad.json'),
    JSON.stringify({
      resources: [
        resource('', 'plant', {}),
        resource('/topicSpaces', 'plant/first', { topicTemplates: ['a/#/b'] }),
        resource('/clients', 'plant/second', { state: 'On' }),
      ],
    }),
  )
  const adapters = world()
  const config = configOf('serve', directory, { apply: ['bad.json'] })
  await assert.rejects(start(config, adapters), (error) => {
    assert.ok(error instanceof StartError)
    assert.equal(error.lines.length, 2, error.message)
    assert.match(error.message, /bad\.json: resources\[1\]\.properties\.topicTemplates\[0\]: /)
    assert.match(error.message, /bad\.json: resources\[2\]\.properties\.state: /)
    return true
  })
  assert.deepEqual(adapters.written, [])
  await (await start(configOf('serve', directory, { apply: ['good.yaml'] }), world())).stop()
})

test('the plain listener warns at its start, and names an identity that is not registered', async (t) => {
  const adapters = world()
  const config = configOf('dev', temporaryDirectory(t), { mqttTcp: '127.0.0.1:0', mqttTcpIdentity: 'nobody' })
  const running = await started(t, config, adapters)
  assert.ok(running.ready.mqttTcp !== null)
  const warnings = adapters.entries.filter(({ level }) => level === 'warn').map(({ event }) => event)
  assert.deepEqual(warnings, ['plainListener', 'plainIdentityMissing'])
})

test('S53: on the plain listener everybody is the configured client', async (t) => {
  const config = configOf('dev', temporaryDirectory(t), { mqttTcp: '127.0.0.1:0', mqttTcpIdentity: 'by-dns' })
  const { ready } = await started(t, config, world())
  const connected = await mqtt.connectAsync({
    protocol: 'mqtt',
    host: '127.0.0.1',
    port: ready.mqttTcp?.port ?? 0,
    username: 'by-subject',
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
  t.after(() => connected.end(true))
  await connected.publishAsync('devices/by-dns.example/x', 'mine', { qos: 1 })
  await assert.rejects(connected.publishAsync('devices/by-subject/x', 'not mine', { qos: 1 }), { code: 0x87 })
})

test('a domain is compared in lower case; what is no host name is told', async (t) => {
  const config = configOf('serve', temporaryDirectory(t), { domain: '192.0.2.1' })
  await assert.rejects(start(config, world()), { lines: ['--domain "192.0.2.1": not a host name'] })
})

test('what a killed process left as ready file is gone while the next one starts', async (t) => {
  const directory = temporaryDirectory(t)
  const config = configOf('dev', directory)
  await (await start(config, world())).stop()
  const left = [join(directory, 'data', 'ready.json'), join(directory, 'ready.json')]
  for (const file of left) writeFileSync(file, '{"pid":1}')
  const bad = join(directory, 'bad.json')
  writeFileSync(bad, '7')
  await assert.rejects(start({ ...config, apply: [bad] }, world()))
  for (const file of left) assert.equal(existsSync(file), false)
})

test('a ready file that cannot be written is one clear line, and nothing stays open', async (t) => {
  const directory = temporaryDirectory(t)
  const config = configOf('dev', directory, { readyFile: '.' })
  await assert.rejects(start(config, world()), (error) => {
    assert.ok(error instanceof StartError)
    assert.match(error.message, /^ready file \//)
    return true
  })
})

test('a change of a resource is an event', async (t) => {
  const directory = temporaryDirectory(t)
  const adapters = world()
  const seen: unknown[] = []
  adapters.events.on(['resourceChanged'], (event) => {
    if (event.kind === 'resourceChanged') seen.push([event.resourceType, event.name, event.change])
  })
  const { ready } = await started(t, configOf('serve', directory, { https: '127.0.0.1:0' }), adapters)
  const { host, port } = ready.https ?? assert.fail()
  const id = `/subscriptions/${ready.subscriptionId}/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant`
  const put = request({
    host,
    port,
    path: `${id}?api-version=2025-02-15`,
    method: 'PUT',
    ca: readFileSync(ready.caFile ?? ''),
    headers: {
      authorization: `Bearer ${readFileSync(ready.tokenFile, 'utf8').trim()}`,
      'content-type': 'application/json',
    },
  }).end(JSON.stringify({ location: 'local', properties: {} }))
  const [answer] = (await once(put, 'response')) as [IncomingMessage]
  answer.resume()
  assert.equal(answer.statusCode, 201)
  assert.deepEqual(seen, [['namespaces', 'plant', 'created']])
})

test('a start tells of certificates that expire soon', async (t) => {
  const directory = temporaryDirectory(t)
  const now = Math.floor(Date.now() / 1_000)
  const { certificate } = createCertificateAuthority({
    subject: nameOfCommonName('Dying CA'),
    notBefore: unixSeconds(now - 300 * 86_400),
    notAfter: unixSeconds(now + 10 * 86_400),
  })
  const resource = (type: string, name: string, properties: object) => ({
    type: `Microsoft.EventGrid/namespaces${type}`,
    apiVersion: '2025-02-15',
    name,
    location: 'here',
    properties,
  })
  const encodedCertificate = toPem('CERTIFICATE', certificate.der)
  const resources = [resource('', 'plant', {}), resource('/caCertificates', 'plant/dying', { encodedCertificate })]
  writeFileSync(join(directory, 'plant.json'), JSON.stringify({ resources }))
  const adapters = world()
  await started(t, configOf('serve', directory, { apply: ['plant.json'] }), adapters)
  const told = adapters.entries.filter(({ event }) => event === 'certificateExpiring')
  assert.deepEqual(
    told.map(({ facts }) => [facts['namespaceName'], facts['resourceType'], facts['name'], facts['daysLeft']]),
    [['plant', 'caCertificates', 'dying', 14]],
  )
})

test('S55 junk that connects again and again does not fill the log', async (t) => {
  const adapters = world()
  const config = configOf('dev', temporaryDirectory(t), { mqttTcp: '127.0.0.1:0', mqttTcpIdentity: 'by-dns' })
  const running = await start(config, adapters)
  for (let i = 0; i < 130; i++) {
    // A CONNECT that ends within its protocol name.
    const socket = connectTcp(running.ready.mqttTcp?.port ?? 0, '127.0.0.1', () =>
      socket.end(Uint8Array.of(0x10, 2, 0, 0)),
    )
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('close', resolve))
  }
  await running.stop()
  const count = (event: string) => adapters.entries.filter((entry) => entry.event === event)
  const inFull = count('connectUnreadable').length
  const counted = count('connectsUnreadable').reduce((sum, { facts }) => sum + Number(facts['times']), 0)
  assert.equal(inFull + counted, 130)
  assert.ok(counted > 0, `${inFull} lines`)
})
