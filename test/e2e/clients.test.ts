import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { issued, registerCa, registerClient } from '../setups/setup.ts'
import { credentials } from '../support/mqtt-peer.ts'
import { type RunningBroker, runBroker } from '../support/running-broker.ts'
import { authority, key, now } from '../x509/kit.ts'
import { converse } from './clients/mqtt-js.ts'

/**
 * Client libraries that others wrote, each in one conversation that uses what it can express: MQTT.js, Debian's paho for
 * Python and for C. The programs print what they were told; it must be the same whichever library, transport or version
 * says it. They are conditions of these tests and are installed by CI.
 */

const clients = join(import.meta.dirname, 'clients')
const root = authority('CN=Plant Root', { key: key(0) })
let broker: RunningBroker
let certificateFile: string
let keyFile: string

before(async () => {
  broker = await runBroker(now, {
    defaultNamespace: 'plant',
    mqttTcp: '127.0.0.1:0',
    mqttTcpIdentity: 'direct',
  })
  await broker.must('PUT', 'plant', {
    location: 'local',
    properties: {
      topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 100 },
      sealgate: { profile: 'full', limits: { maximumKeepAliveSeconds: 50 } },
    },
  })
  const changes = [
    registerCa('root', root),
    registerClient('direct'),
    { method: 'PUT', path: '/topicSpaces/all', body: { properties: { topicTemplates: ['run/#'] } } },
    ...(['Publisher', 'Subscriber'] as const).map((permission) => ({
      method: 'PUT',
      path: `/permissionBindings/all-${permission}`,
      body: { properties: { clientGroupName: '$all', topicSpaceName: 'all', permission } },
    })),
  ]
  for (const { method, path, body } of changes) await broker.must(method, `plant${path}`, body)
  const { cert, key: privateKey } = credentials(issued('CN=direct', { issuer: root }))
  certificateFile = join(broker.directory, 'direct.pem')
  keyFile = join(broker.directory, 'direct.key')
  writeFileSync(certificateFile, cert)
  writeFileSync(keyFile, privateKey, { mode: 0o600 })
})

after(() => broker.stop())

const transports = ['tcp', 'tls', 'wss'] as const
type TransportName = (typeof transports)[number]

function addressOf(transport: TransportName): { host: string; port: number } {
  const address = { tcp: broker.mqttTcp, tls: broker.mqtts, wss: broker.wss }[transport]
  assert.ok(address !== null)
  // The certificate of the server names it.
  return { host: 'localhost', port: address.port }
}

/** What every library is told, line by line. */
function expected(version: 4 | 5, { userProperties, tellsSessionPresent = true }: Library): string[] {
  const v5 = version === 5
  return [
    'present 0',
    'suback 2',
    'live/q0 zero 0 0',
    'live/q1 one 1 0',
    'live/q2 two 2 0',
    ...(v5 ? [`text/plain answers 0001 ${userProperties} 1 7 true`] : []),
    'suback 1',
    'kept k 1 1',
    'kept k2 1 0',
    v5 && !tellsSessionPresent ? 'present 0' : 'present 1',
    'live/off offline1 1 0',
    'live/off offline2 2 0',
    `live/will died 1 0${v5 ? ' will/plain w=1' : ''}`,
    v5 ? 'unsuback 0 17' : 'unsuback - -',
    v5 ? 'suback 135' : 'suback 128',
    ...(v5
      ? [
          'own theirs 1 0',
          'live/alias a1 1 0',
          'live/alias a2 1 0',
          'jobs 0 1 2 3 4 5 6 7 8 9',
          ...[0, 1, 2].map((i) => `sizes small${i} 1 0`),
          'assigned true keepalive 50',
          'live/will said 1 0',
        ]
      : []),
    'done',
  ]
}

interface Library {
  readonly name: string
  /** What three User Properties come to. */
  readonly userProperties: string
  /** False: of CONNACK in version 5 it does not say whether there was a session; that there was, its messages show. */
  readonly tellsSessionPresent?: boolean
  /** @returns what it printed */
  converse(version: 4 | 5, transport: TransportName, prefix: string): Promise<string[]>
}

async function run(command: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let complaints = ''
  child.stdout.on('data', (chunk) => {
    printed += chunk
  })
  child.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  assert.equal(code, 0, `${command} ended with ${code}\n${printed}\n${complaints}`)
  return printed.trimEnd().split('\n')
}

function argumentsOf(version: 4 | 5, transport: TransportName, prefix: string): string[] {
  const { host, port } = addressOf(transport)
  return [String(version), transport, host, String(port), prefix, broker.caFile, certificateFile, keyFile, 'direct']
}

let compiled: string | null = null

/** Needs gcc and libpaho-mqtt-dev. */
function compile(): string {
  if (compiled !== null) return compiled
  const program = join(broker.directory, 'paho-c')
  const { status, stderr, error } = spawnSync(
    'gcc',
    [join(clients, 'paho.c'), '-Wall', '-o', program, '-lpaho-mqtt3cs', '-lpthread'],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, `gcc with libpaho-mqtt-dev is needed: ${error ?? stderr}`)
  compiled = program
  return program
}

const libraries: readonly Library[] = [
  {
    name: 'MQTT.js',
    // Its map cannot keep the order across names.
    userProperties: 'k=1,k=3,a=2',
    converse: (version, transport, prefix) => {
      const [, , host, port, , ca, cert, keyPath, username] = argumentsOf(version, transport, prefix)
      return converse({
        ...{ version, transport, prefix, host: host ?? '', port: Number(port), ca: ca ?? '' },
        ...{ cert: cert ?? '', key: keyPath ?? '', username: username ?? '' },
      })
    },
  },
  {
    name: 'paho for Python',
    userProperties: 'k=1,a=2,k=3',
    // Debian's Python: the one that python3-paho-mqtt is for.
    converse: (...how) => run('/usr/bin/python3', [join(clients, 'paho_python.py'), ...argumentsOf(...how)]),
  },
  {
    name: 'paho for C',
    userProperties: 'k=1,a=2,k=3',
    tellsSessionPresent: false,
    converse: (...how) => run(compile(), argumentsOf(...how)),
  },
]

let runs = 0

for (const library of libraries) {
  for (const version of [4, 5] as const) {
    for (const transport of transports) {
      test(`${library.name}, MQTT ${version === 4 ? '3.1.1' : '5.0'} over ${transport}: every feature that it can express`, async () => {
        assert.deepEqual(await library.converse(version, transport, `run/${runs++}/`), expected(version, library))
      })
    }
  }
}

/** Fields of mosquitto_sub's output: topic, payload, QoS, RETAIN. */
const fields = ['-F', '%t %p %q %r']

/** Arguments that all of mosquitto's programs need to get in. */
function mosquitto(version: 4 | 5, transport: 'tcp' | 'tls', clientId: string): string[] {
  const { host, port } = addressOf(transport)
  const secure = ['--cafile', broker.caFile, '--cert', certificateFile, '--key', keyFile, '-u', 'direct']
  return [
    ...['-h', host, '-p', String(port), '-V', version === 4 ? 'mqttv311' : 'mqttv5', '-i', clientId],
    ...(transport === 'tcp' ? [] : secure),
  ]
}

/** A subscriber that says when the broker has granted what it asked for. */
function listen(args: readonly string[]): { ready: Promise<void>; lines: Promise<string[]>; kill(): void } {
  // Into a pipe it would say nothing before it ends.
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args, '-d'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let wake = (): void => {}
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => reject(new Error(`mosquitto_sub ended before it was subscribed: ${printed}`)))
    wake = resolve
  })
  child.stdout.on('data', (chunk) => {
    printed += chunk
    if (/^Subscribed \(/m.test(printed)) wake()
  })
  const lines = new Promise<string[]>((resolve) => {
    // What -d says of packets is not what was received.
    const isSaid = (line: string): boolean => /^(Client |Subscribed \()/.test(line)
    child.once('close', () =>
      resolve(
        printed
          .trimEnd()
          .split('\n')
          .filter((line) => !isSaid(line)),
      ),
    )
  })
  return { ready, lines, kill: () => child.kill('SIGKILL') }
}

for (const version of [4, 5] as const) {
  for (const transport of ['tcp', 'tls'] as const) {
    const spoken = `MQTT ${version === 4 ? '3.1.1' : '5.0'} over ${transport}`

    test(`mosquitto_pub and mosquitto_sub, ${spoken}: every feature that they can express`, async () => {
      const prefix = `run/${runs++}`
      const v5 = version === 5
      const as = (clientId: string) => mosquitto(version, transport, `${prefix.replace('/', '-')}-${clientId}`)
      const publish = (...args: string[]) => run('mosquitto_pub', [...as('pub'), ...args])
      const heard = async (count: number, subscriber: readonly string[], act: () => Promise<unknown>) => {
        const listener = listen([...as('sub'), ...fields, '-W', '60', '-C', String(count), ...subscriber])
        await listener.ready
        await act()
        return (await listener.lines).sort()
      }
      for (const qos of ['0', '1', '2']) {
        const got = await heard(1, ['-t', `${prefix}/+/x`, '-q', '2'], () =>
          publish('-t', `${prefix}/q/x`, '-m', `m${qos}`, '-q', qos),
        )
        assert.deepEqual(got, [`${prefix}/q/x m${qos} ${qos} 0`])
      }
      // Retained, and several filters at once; the empty message takes it away again.
      await publish('-t', `${prefix}/kept`, '-m', 'k', '-r', '-q', '1')
      const both = ['-t', `${prefix}/kept`, '-t', `${prefix}/other/#`, '-q', '1']
      assert.deepEqual(await heard(2, both, () => publish('-t', `${prefix}/other/a`, '-m', 'o', '-q', '1')), [
        `${prefix}/kept k 1 1`,
        `${prefix}/other/a o 1 0`,
      ])
      await publish('-t', `${prefix}/kept`, '-n', '-r', '-q', '1')
      assert.deepEqual(await heard(1, both, () => publish('-t', `${prefix}/other/a`, '-m', 'alone', '-q', '1')), [
        `${prefix}/other/a alone 1 0`,
      ])
      // A session that stays, and what comes meanwhile.
      const stays = ['-c', ...(v5 ? ['-x', '300'] : []), '-t', `${prefix}/off`, '-q', '2']
      await run('mosquitto_sub', [...as('stays'), ...stays, '-E'])
      await publish('-t', `${prefix}/off`, '-m', 'first', '-q', '1')
      await publish('-t', `${prefix}/off`, '-m', 'second', '-q', '2')
      assert.deepEqual(await run('mosquitto_sub', [...as('stays'), ...stays, '-C', '2', ...fields, '-W', '60']), [
        `${prefix}/off first 1 0`,
        `${prefix}/off second 2 0`,
      ])
      // A will: the process is killed.
      const died = await heard(1, ['-t', `${prefix}/will`, '-q', '1'], async () => {
        const mortal = listen([
          ...[...as('mortal'), '-t', `${prefix}/nothing`],
          ...['--will-topic', `${prefix}/will`, '--will-payload', 'died', '--will-qos', '1'],
        ])
        await mortal.ready
        mortal.kill()
      })
      assert.deepEqual(died, [`${prefix}/will died 1 0`])
      // Every line of a file is a message; a whole file is one, as large as it is.
      const large = join(broker.directory, 'large.txt')
      writeFileSync(large, 'x'.repeat(300_000))
      const [whole] = await heard(1, ['-t', `${prefix}/large`, '-q', '1'], () =>
        publish('-t', `${prefix}/large`, '-f', large, '-q', '1'),
      )
      assert.equal(whole, `${prefix}/large ${'x'.repeat(300_000)} 1 0`)
      if (!v5) return
      const properties = [
        ...['content-type text/plain', 'response-topic answers', 'correlation-data abc', 'payload-format-indicator 1'],
        ...['user-property k 1', 'user-property a 2', 'user-property k 3', 'message-expiry-interval 100'],
      ].flatMap((property) => ['-D', 'publish', ...property.split(' ')])
      const [shown] = await heard(1, ['-t', `${prefix}/p`, '-q', '1', '-F', '%C|%R|%D|%F|%E|%P|%p'], () =>
        publish('-t', `${prefix}/p`, '-m', 'told', '-q', '1', ...properties),
      )
      assert.match(shown ?? '', /^text\/plain\|answers\|abc\|1\|(100|9\d)\|k:1 a:2 k:3\|told$/)
      const flagged = ['-t', `${prefix}/flag`, '-q', '1', '--retain-as-published']
      assert.deepEqual(await heard(1, flagged, () => publish('-t', `${prefix}/flag`, '-m', 'new', '-q', '1', '-r')), [
        `${prefix}/flag new 1 1`,
      ])
      await publish('-t', `${prefix}/flag`, '-n', '-r', '-q', '1')
      const shared = await heard(1, ['-t', `$share/g/${prefix}/jobs`, '-q', '1'], () =>
        publish('-t', `${prefix}/jobs`, '-m', 'job', '-q', '1'),
      )
      assert.deepEqual(shared, [`${prefix}/jobs job 1 0`])
    })

    test(`mosquitto_rr, ${spoken}: a request and its response`, async () => {
      const prefix = `run/${runs++}`
      const responder = listen([
        ...mosquitto(version, transport, `${prefix.replace('/', '-')}-responder`),
        ...['-t', `${prefix}/ask`, '-q', '1', '-C', '1', '-F', '%R|%D|%p', '-W', '60'],
      ])
      await responder.ready
      const asking = run('mosquitto_rr', [
        ...mosquitto(version, transport, `${prefix.replace('/', '-')}-asker`),
        ...['-t', `${prefix}/ask`, '-e', `${prefix}/answer`, '-m', 'what?', '-q', '1', '-W', '60'],
        ...(version === 5 ? ['-D', 'publish', 'correlation-data', 'c1'] : []),
      ])
      const [[request]] = await Promise.all([responder.lines, Promise.race([asking, responder.lines])])
      assert.equal(request, version === 5 ? `${prefix}/answer|c1|what?` : '||what?')
      const answer = ['-t', `${prefix}/answer`, '-m', 'that', '-q', '1']
      await run('mosquitto_pub', [
        ...mosquitto(version, transport, `${prefix.replace('/', '-')}-answerer`),
        ...answer,
        ...(version === 5 ? ['-D', 'publish', 'correlation-data', 'c1'] : []),
      ])
      assert.deepEqual(await asking, ['that'])
    })
  }
}
