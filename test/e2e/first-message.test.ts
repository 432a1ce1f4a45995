import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { authorityExtensions, clientExtensions, issued, type KeyPair, openssl, selfSigned } from './openssl.ts'
import { type LogEntry, type SealgateProcess, serve, template } from './sealgate.ts'

/**
 * Certificates from openssl, Sealgate as its own process, and clients that others wrote: a message from one registered
 * client to another, and what everybody else is told.
 */

type TlsVersion = 'TLSv1.2' | 'TLSv1.3'
const tlsVersions: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const mqttVersions = [4, 5] as const

interface Party {
  readonly username: string
  /** With its intermediates, as a file and as text. */
  readonly certificateFile: string
  readonly certificate: string
  readonly key: KeyPair
}

const directory = mkdtempSync(join(tmpdir(), 'sealgate-e2e-'))
let sealgate: SealgateProcess
let port: number
let caFile: string
const parties = new Map<string, Party>()

function party(name: string): Party {
  const found = parties.get(name)
  assert.ok(found !== undefined, name)
  return found
}

function addParty(username: string, key: KeyPair, intermediates: readonly KeyPair[] = []): void {
  const certificate = [key, ...intermediates].map((pair) => pair.certificate).join('')
  const certificateFile = join(directory, `${username}.chain.pem`)
  writeFileSync(certificateFile, certificate)
  parties.set(username, { username, certificateFile, certificate, key })
}

function thumbprintOf(pair: KeyPair): string {
  const said = openssl(directory, 'x509', '-in', pair.certificateFile, '-noout', '-fingerprint', '-sha256')
  return said.slice(said.indexOf('=') + 1).trim()
}

before(async () => {
  const authority = selfSigned(directory, 'ca', '/CN=Plant CA')
  const intermediate = issued(directory, 'intermediate', '/CN=Plant Intermediate', authority, authorityExtensions)
  addParty('press-7', issued(directory, 'press-7', '/CN=press-7', authority, clientExtensions))
  addParty('press-8', issued(directory, 'press-8', '/CN=press-8', intermediate, clientExtensions), [intermediate])
  addParty('gauge', selfSigned(directory, 'gauge', '/CN=anything'))
  addParty('other-gauge', selfSigned(directory, 'other-gauge', '/CN=anything'))
  const stranger = selfSigned(directory, 'stranger-ca', '/CN=Plant CA of somebody else')
  addParty('stranger', issued(directory, 'stranger', '/CN=press-7', stranger, clientExtensions))

  const templateFile = join(directory, 'plant.json')
  const parts = {
    namespace: 'plant',
    caCertificates: { 'plant-ca': authority.certificate },
    clients: { 'press-7': {}, 'press-8': {}, gauge: { thumbprint: thumbprintOf(party('gauge').key) } },
    topicTemplates: ['machines/#'],
  }
  writeFileSync(templateFile, JSON.stringify(template(parts)))
  const started = await serve(directory, ['--apply', templateFile])
  sealgate = started.sealgate
  port = started.ready.mqtts.port
  caFile = started.ready.caFile
  assert.equal(started.ready.namespace, 'plant')
  assert.equal(started.ready.pid, sealgate.child.pid)
  assert.equal(statSync(started.ready.tokenFile).mode & 0o777, 0o600)
})

after(async () => {
  assert.equal(await sealgate?.stop(), 0)
  rmSync(directory, { recursive: true, force: true })
})

function mosquittoArguments(who: Party | null, username: string, tls: TlsVersion, version: 4 | 5): string[] {
  return [
    ...['-h', '127.0.0.1', '-p', String(port), '--cafile', caFile, '--tls-version', tls.replace('TLS', 'tls')],
    ...(who === null ? [] : ['--cert', who.certificateFile, '--key', who.key.keyFile]),
    ...['-V', version === 4 ? 'mqttv311' : 'mqttv5', '-u', username, '-i', `${username}-${tls}-${version}`],
  ]
}

interface Finished {
  readonly code: number | null
  readonly output: string
}

function run(
  program: string,
  args: readonly string[],
): { child: ChildProcess; says(what: string): Promise<void>; finished: Promise<Finished> } {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of listeners) listener()
    })
  }
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
  return {
    child,
    finished,
    says: (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(what)) resolve()
        }
        listeners.add(look)
        look()
        void finished.then(() => reject(new Error(`ended without saying "${what}": ${output}`)), reject)
      }),
  }
}

for (const tls of tlsVersions) {
  for (const version of mqttVersions) {
    for (const [from, to] of [
      ['press-7', 'gauge'],
      ['press-8', 'press-7'],
    ] as const) {
      test(`mosquitto, MQTT ${version}, ${tls}: ${from} reaches ${to}`, async (t) => {
        const topic = `machines/${from}/state`
        // Line by line, or nothing is said before the end.
        const subscriber = run('stdbuf', [
          ...['-oL', 'mosquitto_sub'],
          ...mosquittoArguments(party(to), to, tls, version),
          ...['-t', 'machines/+/state', '-q', '1', '-C', '1', '-d', '-F', 'got %t %q %p'],
        ])
        t.after(() => subscriber.child.kill('SIGKILL'))
        await subscriber.says('Subscribed')
        const publisher = run('mosquitto_pub', [
          ...mosquittoArguments(party(from), from, tls, version),
          ...['-t', topic, '-q', '1', '-m', `hello ${version}`],
        ])
        t.after(() => publisher.child.kill('SIGKILL'))
        assert.deepEqual(await publisher.finished, { code: 0, output: '' })
        const { code, output } = await subscriber.finished
        assert.equal(code, 0)
        assert.match(output, new RegExp(`got ${topic} 1 hello ${version}`))
      })
    }
  }
}

function mqttOptions(
  who: Party | null,
  username: string,
  tls: TlsVersion,
  version: 4 | 5,
): IClientOptions & ConnectionOptions {
  return {
    protocol: 'mqtts',
    host: 'localhost',
    servername: 'localhost',
    port,
    ca: [caFile].map((file) => openssl(directory, 'x509', '-in', file)),
    ...(who === null ? {} : { cert: who.certificate, key: who.key.key }),
    protocolVersion: version,
    clientId: `js-${username}-${tls}-${version}`,
    username,
    minVersion: tls,
    maxVersion: tls,
    reconnectPeriod: 0,
  }
}

for (const tls of tlsVersions) {
  for (const version of mqttVersions) {
    test(`MQTT.js, MQTT ${version}, ${tls}: QoS 0 and 1 reach a subscriber`, async (t) => {
      const open = async (name: string): Promise<MqttClient> => {
        const client = await mqtt.connectAsync(mqttOptions(party(name), name, tls, version))
        t.after(() => client.end(true))
        return client
      }
      const [subscriber, publisher] = await Promise.all([open('gauge'), open('press-8')])
      const granted = await subscriber.subscribeAsync('machines/#', { qos: 1 })
      assert.equal(granted[0]?.qos, 1)
      const received: string[] = []
      const all = new Promise<void>((resolve) => {
        subscriber.on('message', (topic, payload, packet) => {
          received.push(`${topic} ${packet.qos} ${payload.toString()}`)
          if (received.length === 2) resolve()
        })
      })
      await publisher.publishAsync('machines/a', 'first', { qos: 0 })
      await publisher.publishAsync('machines/b', Buffer.from('second'), { qos: 1 })
      await all
      assert.deepEqual(received, ['machines/a 0 first', 'machines/b 1 second'])
      await Promise.all([subscriber.endAsync(), publisher.endAsync()])
    })
  }
}

interface Refusal {
  readonly who: string
  readonly presents: string | null
  readonly username: string
  readonly code: string
  /** A step of the record, and what it must say. */
  readonly because: RegExp
}

const refusals: readonly Refusal[] = [
  {
    who: "a stranger's certificate",
    presents: 'stranger',
    username: 'press-7',
    code: 'issuerNotRegistered',
    because: /Plant CA of somebody else/,
  },
  { who: 'no certificate', presents: null, username: 'press-7', code: 'noCertificate', because: /certificate/ },
  {
    who: 'an unregistered thumbprint',
    presents: 'other-gauge',
    username: 'gauge',
    code: 'thumbprintMismatch',
    because: /[0-9A-F]{64}/,
  },
  {
    who: 'the certificate of another client',
    presents: 'press-8',
    username: 'press-7',
    code: 'nameMismatch',
    because: /press-8/,
  },
]

/** The decision in the log that says why. */
async function decisionOf(refusal: Refusal, clientId: string): Promise<LogEntry> {
  const entry = await sealgate.entry(({ event, code }) => event === 'refused' && code === refusal.code)
  assert.equal(entry['namespaceName'], 'plant')
  assert.equal(entry['username'], refusal.username)
  assert.equal(entry['clientId'], clientId)
  assert.equal(entry['remoteAddress'], '127.0.0.1')
  assert.match(String(entry['remedy']), /\w/)
  const failed = (entry['steps'] as { outcome: string }[]).filter(({ outcome }) => outcome === 'failed')
  assert.equal(failed.length, 1)
  assert.match(JSON.stringify(entry['steps']), refusal.because)
  return entry
}

for (const refusal of refusals) {
  // In one test, for equal refusals within ten seconds are logged once and counted.
  test(`${refusal.who} gets CONNACK 0x87 or 0x05, and ${refusal.code} in the log`, async () => {
    sealgate.forget()
    const who = refusal.presents === null ? null : party(refusal.presents)
    let clientId: string | null = null
    for (const tls of tlsVersions) {
      for (const version of mqttVersions) {
        const options = mqttOptions(who, refusal.username, tls, version)
        clientId ??= options.clientId ?? ''
        await assert.rejects(
          mqtt.connectAsync(options),
          { code: version === 4 ? 0x05 : 0x87 },
          `${tls}, MQTT ${version}`,
        )
      }
    }
    await decisionOf(refusal, clientId ?? '')

    const { code, output } = await run('mosquitto_pub', [
      ...mosquittoArguments(who, refusal.username, 'TLSv1.3', 4),
      ...['-t', 'machines/x', '-m', 'x'],
    ]).finished
    assert.equal(code, 5)
    assert.match(output, /not authorised/i)
  })
}

test('a topic that no binding gives is refused with its reason, and says so in the log', async (t) => {
  sealgate.forget()
  const options = mqttOptions(party('press-7'), 'press-7', 'TLSv1.3', 5)
  const client = await mqtt.connectAsync(options)
  t.after(() => client.end(true))
  const granted = await client.subscribeAsync('elsewhere/#', { qos: 1 }).catch((error: { packet?: unknown }) => error)
  assert.match(JSON.stringify(granted), /135/)
  const entry = await sealgate.entry(({ event, code }) => event === 'refused' && code === 'subscribeNotAuthorized')
  assert.equal(entry['clientId'], options.clientId)
})
