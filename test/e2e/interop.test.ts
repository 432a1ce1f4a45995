import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { issued, registerCa, registerClient, selfSigned, thumbprint } from '../setups/setup.ts'
import { connectPacket, credentials, type Identity, type TlsVersion } from '../support/mqtt-peer.ts'
import { type RunningBroker, runBroker, serverNameOf } from '../support/running-broker.ts'
import { authority, key, now, pem } from '../x509/kit.ts'
import { openssl } from './openssl.ts'

/**
 * TLS stacks that others wrote, as programs of their own: all of them show their certificate to a server that names no
 * CA, whether a CA that is registered issued it, one below, or nobody but themselves. The programs are a condition of
 * these tests and are installed by CI; SEALGATE_TEST_JAVA adds Java's.
 */

const root = authority('CN=Plant Root', { key: key(0) })
const hall = authority('CN=Hall 1', { key: key(1), issuer: root })
const own = selfSigned('CN=anything')

/** What a device may hold, and the client that it is. */
const devices: Readonly<Record<string, { readonly identity: Identity | null; readonly accepted: string | null }>> = {
  'a certificate of the registered CA': { identity: issued('CN=direct', { issuer: root }), accepted: 'direct' },
  'a certificate below an intermediate that it sends': {
    identity: issued('CN=below', { issuer: hall, sent: [hall] }),
    accepted: 'below',
  },
  'a self-signed certificate': { identity: own, accepted: 'own' },
  'no certificate': { identity: null, accepted: null },
}
const tlsVersions: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']

let broker: RunningBroker

before(async () => {
  broker = await runBroker(now, { defaultNamespace: 'plant' })
  for (const namespace of ['plant', 'other']) {
    await broker.must('PUT', namespace, {
      location: 'local',
      properties: {
        topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 100 },
        sealgate: { limits: { refusalDelayMs: 0 } },
      },
    })
  }
  const changes = [
    registerCa('root', root),
    registerClient('direct'),
    registerClient('below'),
    registerClient('own', { thumbprints: [thumbprint(own)] }),
  ]
  for (const { method, path, body } of changes) await broker.must(method, `plant${path}`, body)
})

after(() => broker.stop())

interface Call {
  readonly tls: TlsVersion
  /** Null: no server name. */
  readonly serverName: string | null
  /** Certificate with what is sent behind it, and key; both PEM. Null: none. */
  readonly files: { readonly certificate: string; readonly key: string; readonly keyStore: string } | null
}

interface Program {
  readonly name: string
  readonly command: string
  readonly args: (call: Call) => readonly string[]
  /** It reads all of its input before it speaks; the others pass on what comes. */
  readonly readsToTheEnd?: boolean
}

const python = `
import socket, ssl, sys
host, port, ca, server_name, version, cert, key = sys.argv[1:8]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(ca)
context.check_hostname = server_name != ''
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
if cert: context.load_cert_chain(cert, key)
with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=server_name or None) as s:
    s.sendall(sys.stdin.buffer.read())
    sys.stdout.buffer.write(s.recv(4))
`

const programs: readonly Program[] = [
  {
    name: 'openssl s_client',
    command: 'openssl',
    args: ({ tls, serverName, files }) => [
      ...['s_client', '-quiet', '-connect', addressOf(), '-CAfile', broker.caFile, '-verify_return_error'],
      ...(tls === 'TLSv1.2' ? ['-tls1_2'] : ['-tls1_3']),
      ...(serverName === null ? ['-noservername'] : ['-servername', serverName]),
      ...(files === null ? [] : ['-cert', files.certificate, '-cert_chain', files.certificate, '-key', files.key]),
    ],
  },
  {
    name: 'gnutls-cli',
    command: 'gnutls-cli',
    args: ({ tls, serverName, files }) => [
      ...['--x509cafile', broker.caFile, '-p', String(broker.mqtts.port), '--logfile', '/dev/null'],
      ...['--priority', `NORMAL:-VERS-ALL:+VERS-${tls === 'TLSv1.2' ? 'TLS1.2' : 'TLS1.3'}`],
      ...(serverName === null ? ['--disable-sni', '--no-ca-verification'] : ['--sni-hostname', serverName]),
      ...(serverName === null ? [] : ['--verify-hostname', serverName]),
      ...(files === null ? [] : ['--x509certfile', files.certificate, '--x509keyfile', files.key]),
      broker.mqtts.host,
    ],
  },
  {
    name: "python's ssl",
    command: 'python3',
    args: ({ tls, serverName, files }) => [
      ...['-c', python, broker.mqtts.host, String(broker.mqtts.port), broker.caFile, serverName ?? ''],
      ...[tls.replace('.', '_'), files?.certificate ?? '', files?.key ?? ''],
    ],
    readsToTheEnd: true,
  },
  // Java is large, and not everywhere: SEALGATE_TEST_JAVA=1 asks for it.
  ...(process.env['SEALGATE_TEST_JAVA'] === undefined ? [] : ['SunX509', 'PKIX'].map(java)),
]

function java(keyManager: string): Program {
  return {
    name: `Java, ${keyManager}`,
    command: 'java',
    args: ({ tls, serverName, files }) => [
      ...[join(import.meta.dirname, 'JsseClient.java'), broker.mqtts.host, String(broker.mqtts.port), broker.caFile],
      ...[serverName ?? '', tls, files === null ? '' : keyStoreOf(files), keyManager],
    ],
    readsToTheEnd: true,
  }
}

function keyStoreOf({ certificate, key, keyStore }: NonNullable<Call['files']>): string {
  openssl(
    broker.directory,
    ...['pkcs12', '-export', '-in', certificate, '-inkey', key, '-out', keyStore, '-passout', 'pass:sealgate'],
  )
  return keyStore
}

function addressOf(): string {
  return `${broker.mqtts.host}:${broker.mqtts.port}`
}

let files = 0

function writeFiles(identity: Identity | null): Call['files'] {
  if (identity === null) return null
  const base = join(broker.directory, `device-${files++}`)
  const { cert, key: privateKey } = credentials(identity)
  writeFileSync(`${base}.pem`, cert)
  writeFileSync(`${base}.key`, privateKey, { mode: 0o600 })
  return { certificate: `${base}.pem`, key: `${base}.key`, keyStore: `${base}.p12` }
}

interface Conversation {
  readonly child: ChildProcess
  readonly stdout: () => Buffer
  readonly said: () => string
}

function talk(t: TestContext, program: Program, call: Call, connect: Uint8Array | null): Conversation {
  const { command, args, readsToTheEnd = false } = program
  const child = spawn(command, args(call), { stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const chunks: Buffer[] = []
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString()
  })
  child.stdin.on('error', () => {})
  if (connect !== null) child.stdin.write(connect)
  if (connect === null || readsToTheEnd) child.stdin.end()
  return { child, stdout: () => Buffer.concat(chunks), said: () => `${complaints}${Buffer.concat(chunks)}` }
}

/** The CONNACK of MQTT 3.1.1 that it got: its return code. */
async function returnCode({ child, stdout, said }: Conversation): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const at = stdout().indexOf(Buffer.of(0x20, 0x02, 0x00))
      const code = at < 0 ? undefined : stdout()[at + 3]
      if (code !== undefined) resolve(code)
    }
    child.stdout?.on('data', look)
    child.once('error', reject)
    child.once('close', () => {
      look()
      reject(new Error(`ended without a CONNACK: ${said()}`))
    })
    look()
  })
}

for (const program of programs) {
  for (const [holds, { identity, accepted }] of Object.entries(devices)) {
    for (const tls of tlsVersions) {
      test(`${program.name}, ${tls}: ${holds} is ${accepted === null ? 'refused at CONNECT' : 'shown'}`, async (t) => {
        const clientId = `${program.name}-${tls}-${accepted}`
        const connect = encodePacket(connectPacket(4, { clientId, username: accepted ?? 'direct' }), 4)
        const call = { tls, serverName: serverNameOf('plant'), files: writeFiles(identity) }
        const code = await returnCode(talk(t, program, call, connect))
        assert.equal(code, accepted === null ? 5 : 0)
        if (accepted === null) return
        const { body } = await broker.must('GET', `plant/decisions?name=${encodeURIComponent(clientId)}`)
        assert.equal(body.value[0].authenticationName, accepted)
        assert.equal(body.value[0].serverName, serverNameOf('plant'))
      })
    }
  }

  test(`${program.name} without a server name reaches the default namespace`, async (t) => {
    const clientId = `${program.name}-without-sni`
    const connect = encodePacket(connectPacket(4, { clientId, username: 'own' }), 4)
    const call = { tls: 'TLSv1.3', serverName: null, files: writeFiles(own) } as const
    assert.equal(await returnCode(talk(t, program, call, connect)), 0)
    const { body } = await broker.must('GET', `plant/decisions?name=${encodeURIComponent(clientId)}`)
    assert.equal(body.value[0].serverName, null)
  })
}

for (const [holds, { identity, accepted }] of Object.entries(devices)) {
  test(`mosquitto_pub, which names an address instead of a host: ${holds}`, async () => {
    const held = writeFiles(identity)
    const child = spawn('mosquitto_pub', [
      ...['-h', broker.mqtts.host, '-p', String(broker.mqtts.port), '--cafile', broker.caFile],
      ...(held === null ? [] : ['--cert', held.certificate, '--key', held.key]),
      ...['-u', accepted ?? 'direct', '-i', `mosquitto-${accepted}`, '-t', 'x', '-m', 'x', '-q', '0'],
    ])
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
    assert.equal(code, accepted === null ? 5 : 0)
  })
}

for (const tls of tlsVersions) {
  test(`${tls}: the CertificateRequest names no CA, so Java and Go hold no certificate back`, async (t) => {
    // Both compare the issuer of their certificate with the names, and show none when it is not among them.
    const { child, said } = talk(
      t,
      {
        ...programs[0]!,
        args: () => ['s_client', '-connect', addressOf(), ...(tls === 'TLSv1.2' ? ['-tls1_2'] : ['-tls1_3'])],
      },
      { tls, serverName: null, files: null },
      null,
    )
    await new Promise((resolve) => child.once('close', resolve))
    assert.match(said(), /^No client certificate CA names sent$/m)
    assert.match(said(), /Client Certificate Types: .*ECDSA sign|Requested Signature Algorithms: /)
    assert.doesNotMatch(said(), /Acceptable client certificate CA names/)
  })
}

test('a client that does not know the CA of the server is on record with the alert it sends', async (t) => {
  const stranger = join(broker.directory, 'stranger.pem')
  writeFileSync(stranger, pem(root.certificate))
  for (const tls of tlsVersions) {
    const { child } = talk(
      t,
      {
        ...programs[0]!,
        args: () => [
          ...['s_client', '-quiet', '-connect', addressOf(), '-CAfile', stranger, '-verify_return_error'],
          ...(tls === 'TLSv1.2' ? ['-tls1_2'] : ['-tls1_3']),
          ...['-servername', serverNameOf('plant')],
        ],
      },
      { tls, serverName: null, files: null },
      null,
    )
    await new Promise((resolve) => child.once('close', resolve))
    const { body } = await broker.must('GET', '/sealgate/decisions?code=handshakeFailed')
    const { body: inNamespace } = await broker.must('GET', 'plant/decisions?code=handshakeFailed')
    assert.match(JSON.stringify([body.value, inNamespace.value]), /unknown ca/i, tls)
  }
})
