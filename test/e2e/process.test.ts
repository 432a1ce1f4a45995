import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import mqtt from 'mqtt'
import { temporaryDirectory } from '../listeners/door.ts'
import { type KeyPair, openssl, selfSigned } from './openssl.ts'
import { SealgateProcess, serve, template } from './sealgate.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')

/** Runs a command that ends by itself. */
function sealgate(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { code: status, stdout, stderr }
}

function guarded(t: TestContext, started: SealgateProcess): SealgateProcess {
  t.after(() => started.child.kill('SIGKILL'))
  return started
}

test('--version and --help go to stdout with exit code 0', () => {
  const { version } = JSON.parse(readFileSync(join(launcher, '..', '..', 'package.json'), 'utf8')) as {
    version: string
  }
  assert.deepEqual(sealgate('--version'), { code: 0, stdout: `${version}\n`, stderr: '' })
  const help = sealgate('--help')
  assert.equal(help.code, 0)
  assert.match(help.stdout, /dev.*\n.*[\s\S]*serve[\s\S]*decode/)
  assert.match(sealgate('serve', '--help').stdout, /--mqtt-tcp-identity <NAME>/)
})

for (const [args, line] of [
  [['bogus'], /unknown command 'bogus'/],
  [['serve', '--bogus'], /unknown option '--bogus'/],
  [['serve', '--reset'], /unknown option '--reset'/],
  [['serve', '--mqtts', 'nonsense'], /^sealgate serve: --mqtts: expected HOST:PORT/],
  [['serve', '--mqtt-tcp', '127.0.0.1:0'], /^sealgate serve: --mqtt-tcp needs --mqtt-tcp-identity/],
  [['serve', 'surplus'], /too many arguments/],
  [['decode', 'xyz'], /^sealgate decode: expected hexadecimal digits/],
] as const) {
  test(`wrong usage is one line and exit code 2: sealgate ${args.join(' ')}`, () => {
    const { code, stdout, stderr } = sealgate(...args)
    assert.equal(code, 2)
    assert.match(stderr, line)
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.equal(stdout, '')
  })
}

test('a server begins with a small young generation, one thread for V8 and one limit for all memory, in the same process, unless somebody else gives them', () => {
  const show = join(import.meta.dirname, 'young-generation.js')
  const size = (...nodeArguments: string[]) => {
    const { stdout, pid } = spawnSync(process.execPath, [
      ...nodeArguments,
      '--import',
      show,
      launcher,
      'serve',
      '--bogus',
    ])
    // One line from each start of the process; the last one stands.
    const last = stdout.toString().trim().split('\n').at(-1) ?? ''
    return { ...(JSON.parse(last) as { pid: number; arguments: string[] }), started: pid }
  }
  const external = process.versions.v8.startsWith('13.') ? ['--external-memory-accounted-in-global-limit'] : []
  const ours = (...flags: string[]) => (process.execve === undefined ? [] : flags)
  const usual = size()
  assert.equal(usual.pid, usual.started)
  assert.deepEqual(usual.arguments.slice(0, usual.arguments.indexOf('--import')), [
    ...ours('--max-semi-space-size=4', '--v8-pool-size=1', ...external),
  ])
  const sized = size('--max-semi-space-size=16', '--no-external-memory-accounted-in-global-limit')
  assert.deepEqual(sized.arguments.slice(0, sized.arguments.indexOf('--import')), [
    ...ours('--v8-pool-size=1'),
    ...['--max-semi-space-size=16', '--no-external-memory-accounted-in-global-limit'],
  ])
})

test('no command is wrong usage, and shows what there is', () => {
  const { code, stderr } = sealgate()
  assert.equal(code, 2)
  assert.match(stderr, /Usage: sealgate/)
})

test('decode explains bytes', () => {
  const { code, stdout } = sealgate('decode', 'c0', '00', 'd000')
  assert.equal(code, 0)
  assert.match(stdout, /PINGREQ[\s\S]*PINGRESP/)
})

test('S63: what a packet holds cannot steer the terminal', () => {
  // PUBLISH to a topic of ESC ] 0 ; x BEL
  const { stdout } = sealgate('decode', '300800061b5d303b7807')
  assert.doesNotMatch(stdout, /[\x1b\x07]/)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} is a clean stop: exit code 0, and the ready file is gone`, async (t) => {
    const { sealgate: started, readyFile } = await serve(temporaryDirectory(t))
    guarded(t, started)
    assert.equal(await started.stop(signal), 0)
    assert.equal(existsSync(readyFile), false)
    assert.deepEqual(started.complaints, [])
    assert.equal(started.entries.at(-1)?.event, 'stopped')
  })
}

test('a second signal ends a stop that takes long, at once', async (t) => {
  const directory = temporaryDirectory(t)
  const templateFile = join(directory, 'plant.json')
  const parts = { namespace: 'plant', caCertificates: {}, clients: { press: {} }, topicTemplates: ['machines/#'] }
  writeFileSync(templateFile, JSON.stringify(template(parts)))
  const { sealgate: started, ready } = await serve(directory, [
    ...['--apply', templateFile, '--mqtt-tcp', '127.0.0.1:0', '--mqtt-tcp-identity', 'press'],
  ])
  guarded(t, started)
  // A peer that keeps its side open: the stop waits for it.
  const peer = connect({ port: ready.mqttTcp?.port ?? 0, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => peer.destroy())
  peer.write(Buffer.from('100d00044d51545404020000000161', 'hex'))
  await once(peer, 'data')
  started.child.kill('SIGTERM')
  await once(peer.resume(), 'end')
  assert.equal(started.child.exitCode, null)
  started.child.kill('SIGTERM')
  assert.equal(await started.ended, 1)
})

test('a taken port is one clear line and exit code 1', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const readyFile = join(temporaryDirectory(t), 'ready.json')
  const started = guarded(
    t,
    new SealgateProcess([
      'serve',
      ...['--data-dir', join(readyFile, '..', 'data'), '--ready-file', readyFile],
      ...['--mqtts', `127.0.0.1:${port}`, '--wss', 'off', '--https', 'off'],
    ]),
  )
  assert.equal(await started.ended, 1)
  assert.deepEqual(started.complaints, [
    `sealgate serve: --mqtts 127.0.0.1:${port}: the port is taken by ${readFileSync('/proc/self/comm', 'utf8').trim()} (process ${process.pid}); end that, or listen elsewhere: --mqtts 127.0.0.1:0 takes any free port`,
  ])
  assert.equal(existsSync(readyFile), false)
})

test('an error in a template is exit code 1 with a line for each problem', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'bad.yaml')
  writeFileSync(file, 'resources:\n  - type: Microsoft.Storage/accounts\n    apiVersion: "1"\n    name: x\n  - 7\n')
  const { code, stderr } = sealgate(
    'serve',
    '--data-dir',
    join(directory, 'data'),
    '--mqtts',
    '127.0.0.1:0',
    '--apply',
    file,
  )
  assert.equal(code, 1)
  for (const line of stderr.trimEnd().split('\n')) assert.match(line, /^sealgate serve: --apply .*bad\.yaml: resources/)
  assert.match(stderr, /bad\.yaml: resources\[0\].*Microsoft\.Storage/)
  assert.match(stderr, /bad\.yaml: resources\[1\]/)
})

test('S68: serve refuses the data of dev with exit code 1', async (t) => {
  const directory = temporaryDirectory(t)
  const off = ['--data-dir', join(directory, 'data'), '--mqtts', '127.0.0.1:0', '--wss', 'off', '--https', 'off']
  const dev = guarded(t, new SealgateProcess(['dev', ...off]))
  await dev.entry(({ event }) => event === 'ready')
  assert.equal(await dev.stop(), 0)
  const { code, stderr } = sealgate('serve', ...off)
  assert.equal(code, 1)
  assert.match(stderr, /^sealgate serve: data directory .* was made by sealgate dev.*--adopt-dev-data/m)
})

test('S67: a restart keeps what was applied; a second process on the data is refused', async (t) => {
  const directory = temporaryDirectory(t)
  const templateFile = join(directory, 'plant.json')
  const parts = { namespace: 'plant', caCertificates: {}, clients: { press: {} }, topicTemplates: ['machines/#'] }
  writeFileSync(templateFile, JSON.stringify(template(parts)))
  const first = await serve(directory, ['--apply', templateFile])
  guarded(t, first.sealgate)
  const { code, stderr } = sealgate('serve', '--data-dir', join(directory, 'data'), '--mqtts', '127.0.0.1:0')
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^sealgate serve: the data directory is in use by another process: .*\(process \d+, MQTT on 127\.0\.0\.1:\d+\)\n$/,
  )
  const told = join(directory, 'data', 'ready.json')
  assert.equal((JSON.parse(readFileSync(told, 'utf8')) as { pid: number }).pid, first.sealgate.child.pid)
  assert.equal(await first.sealgate.stop(), 0)
  assert.equal(existsSync(told), false)
  const second = await serve(directory, ['--apply', templateFile])
  guarded(t, second.sealgate)
  assert.equal((await second.sealgate.entry(({ event }) => event === 'applied'))['skipped'], true)
  assert.equal(second.ready.namespace, 'plant')
  assert.equal(await second.sealgate.stop(), 0)
})

test('a Node.js that is too old is told in one line and exit code 1', (t) => {
  const directory = temporaryDirectory(t)
  // The launcher only looks at process.versions, so another Node.js need not be installed.
  const preload = join(directory, 'old.cjs')
  writeFileSync(
    preload,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })\n",
  )
  const { status, stderr } = spawnSync(process.execPath, ['--require', preload, launcher, '--version'], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /^sealgate needs Node\.js 22\.18 or newer; this is 20\.20\.2 \(.*\)\. .*npm ci.*\n$/)
})

/** The common name of the certificate that a port serves. */
function servedBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.end()
    })
    socket.on('error', reject)
  })
}

test('SIGHUP reads the server certificate again on every port, and drops nobody', async (t) => {
  const directory = temporaryDirectory(t)
  const client = selfSigned(directory, 'client', '/CN=anything')
  const [thumbprint] = openssl(directory, ...['x509', '-in', 'client.pem', '-noout', '-fingerprint', '-sha256'])
    .split('=')
    .slice(1)
  const templateFile = join(directory, 'plant.json')
  writeFileSync(
    templateFile,
    JSON.stringify(
      template({
        namespace: 'plant',
        caCertificates: {},
        clients: { press: { thumbprint: thumbprint?.trim() ?? '' } },
        topicTemplates: ['machines/#'],
      }),
    ),
  )
  const names = ['subjectAltName=IP:127.0.0.1']
  const [first, second] = ['first', 'second'].map((name) => selfSigned(directory, name, `/CN=${name}`, names))
  const own = [join(directory, 'own.pem'), join(directory, 'own.key')] as const
  const use = ({ certificateFile, keyFile }: KeyPair): void => {
    copyFileSync(certificateFile, own[0])
    copyFileSync(keyFile, own[1])
  }
  use(first!)
  const args = ['--apply', templateFile, '--tls-cert', own[0], '--tls-key', own[1]]
  const { sealgate: started, ready } = await serve(directory, args)
  guarded(t, started)
  const ports = [ready.mqtts.port, ready.wss?.port ?? 0, ready.https?.port ?? 0]
  const connected = await mqtt.connectAsync({
    protocol: 'mqtts',
    ...ready.mqtts,
    ca: first!.certificate,
    cert: client.certificate,
    key: client.key,
    username: 'press',
    reconnectPeriod: 0,
  })
  t.after(() => connected.end(true))
  for (const port of ports) assert.equal(await servedBy(port), 'first')

  use(second!)
  started.child.kill('SIGHUP')
  await started.entry(({ event }) => event === 'serverCertificateReplaced')
  for (const port of ports) assert.equal(await servedBy(port), 'second')
  await connected.publishAsync('machines/x', 'still here', { qos: 1 })
  assert.equal(await started.stop(), 0)
})
