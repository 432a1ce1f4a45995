import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { isTheScript } from '../../src/cli/npm-parent.ts'
import { temporaryDirectory } from '../listeners/door.ts'
import { scrape } from './scrape.ts'
import { SealgateProcess } from './sealgate.ts'

/** `sealgate dev` as its user meets it: what it prints works, what goes wrong is said, and it ends when it is told to. */

const root = join(import.meta.dirname, '..', '..')
const anyPort = ['--mqtts', '--wss', '--https'].flatMap((flag) => [flag, '127.0.0.1:0'])
/** The system's Python before others: Debian's python3-paho-mqtt is its. */
const path = `/usr/bin:${join(root, 'node_modules', '.bin')}:${process.env['PATH']}`

async function dev(t: TestContext, dataDir: string): Promise<SealgateProcess> {
  const started = new SealgateProcess(['dev', '--data-dir', dataDir, ...anyPort])
  t.after(() => started.child.kill('SIGKILL'))
  await started.entry(({ event }) => event === 'ready')
  await started.says(/Ctrl-C ends it/)
  return started
}

/** The commands as they stand on the terminal: a line of a known program, and the deeper indented ones below it. */
function commandsIn(lines: readonly string[]): string[] {
  const commands: string[][] = []
  let open: string[] | null = null
  for (const line of lines) {
    if (/^ {2}(?:mosquitto_sub|mosquitto_pub|npx|python3|openssl) /.test(line)) {
      open = [line]
      commands.push(open)
    } else if (open !== null && line.startsWith('    ')) open.push(line)
    else open = null
  }
  return commands.map((command) => command.join('\n'))
}

test('every command that dev prints works as it stands, whatever the data directory is called', async (t) => {
  const directory = join(temporaryDirectory(t), "it's my data")
  const started = await dev(t, directory)
  const [subscribe, ...others] = commandsIn(started.stdout)
  assert.deepEqual(
    others.map((command) => command.trim().split(' ')[0]),
    ['mosquitto_pub', 'npx', 'python3', 'openssl'],
  )
  // Its own process group, so that the program below the shell gets the signal; line by line, or it says nothing before the end.
  const subscriber = spawn('sh', ['-c', (subscribe ?? '').replace('mosquitto_sub', 'stdbuf -oL mosquitto_sub')], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PATH: path },
  })
  t.after(() => killGroup(subscriber))
  const arrived: string[] = []
  const three = new Promise<void>((resolve) => {
    createInterface({ input: subscriber.stdout! }).on('line', (line) => {
      arrived.push(line)
      if (arrived.length === 3) resolve()
    })
  })
  await scrape(directory, (metrics) => metrics.includes('sealgate_subscriptions{namespace="local"} 1\n'))
  for (const command of others) {
    const ran = spawnSync('sh', ['-c', command], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, PATH: path },
    })
    assert.equal(ran.status, 0, `${command}\n${ran.stdout}${ran.stderr}`)
    if (command.includes('openssl')) assert.match(ran.stdout + ran.stderr, /Verification: OK/)
  }
  await three
  assert.deepEqual(arrived, ['demo/mosquitto hello', 'demo/mqttjs hello', 'demo/paho hello'])
  assert.equal(await started.stop(), 0)
})

test('what dev made is told: a CA, a client of every scheme, topic spaces, and where each lies', async (t) => {
  const directory = temporaryDirectory(t)
  const text = (await dev(t, directory)).stdout.join('\n')
  for (const scheme of ['Subject', 'Dns', 'Uri', 'Ip', 'Email'])
    assert.match(text, new RegExp(`\\.pem +${scheme}MatchesAuthenticationName`))
  assert.match(text, /by-thumbprint\.pem +ThumbprintMatch/)
  assert.ok(text.includes('ca.pem is the CA that signed the first 5 clients'))
  assert.match(text, /demo +demo\/#\n +own +devices\/\$\{client\.authenticationName\}\/#/)
})

test('a refusal is on the terminal of dev: code, what was compared with what, and the remedy', async (t) => {
  const directory = temporaryDirectory(t)
  const started = await dev(t, directory)
  const publish = commandsIn(started.stdout)[1] ?? ''
  const wrong = publish.replace('-u by-subject', '-u by-dns.example')
  assert.notEqual(wrong, publish)
  const { status } = spawnSync('sh', ['-c', wrong], { timeout: 20_000 })
  assert.equal(status, 5)
  await started.entry(({ event }) => event === 'refused')
  // By its end all that it printed has been read.
  assert.equal(await started.stop(), 0)
  const text = started.stdout.join('\n')
  assert.match(text, /^refused: nameMismatch {2}\(client by-dns\.example, connect from 127\.0\.0\.1\)$/m)
  assert.match(text, /expected +dNSName by-dns\.example\n +presented +\(nothing\)\n/)
  assert.match(text, /remedy: \S.*\n +read more: \S*docs\/codes\/nameMismatch\.md/)
})

test('--reset makes new certificates; without it a second start keeps them', async (t) => {
  const directory = temporaryDirectory(t)
  const fingerprint = (): string =>
    spawnSync('openssl', ['x509', '-noout', '-fingerprint', '-in', join(directory, 'dev', 'ca.pem')], {
      encoding: 'utf8',
    }).stdout
  assert.equal(await (await dev(t, directory)).stop(), 0)
  const first = fingerprint()
  assert.match(first, /Fingerprint=/)
  assert.equal(await (await dev(t, directory)).stop(), 0)
  assert.equal(fingerprint(), first)
  const reset = new SealgateProcess(['dev', '--reset', '--data-dir', directory, ...anyPort])
  t.after(() => reset.child.kill('SIGKILL'))
  await reset.entry(({ event }) => event === 'ready')
  assert.notEqual(fingerprint(), first)
  assert.equal(await reset.stop(), 0)
})

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  } catch {
    // It has ended.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
  test(`npm start leaves nothing behind when npm alone gets ${signal}`, async (t) => {
    const npm = spawn('npm', ['start', '--', '--data-dir', temporaryDirectory(t), ...anyPort], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    t.after(() => killGroup(npm))
    const lines = createInterface({ input: npm.stderr! })
    const events: string[] = []
    lines.on('line', (line) => {
      if (!line.startsWith('{')) return
      const { event } = JSON.parse(line) as { event: string }
      events.push(event)
      if (event === 'ready') npm.kill(signal)
    })
    // The pipe ends when the last process that holds it has ended: npm, a shell, and the broker.
    await once(lines, 'close')
    assert.equal(events.at(-1), 'stopped')
  })
}

test('a hang-up of the terminal is a clean stop of dev', async (t) => {
  const started = await dev(t, temporaryDirectory(t))
  assert.equal(await started.stop('SIGHUP'), 0)
  assert.equal(started.entries.at(-1)?.event, 'stopped')
})

test('nohup keeps dev running when its terminal is closed', async (t) => {
  const launcher = join(root, 'bin', 'sealgate.js')
  const child = spawn(
    'sh',
    [
      '-c',
      'trap "" HUP; exec "$@"',
      'sh',
      process.execPath,
      launcher,
      'dev',
      '--data-dir',
      temporaryDirectory(t),
      ...anyPort,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const events: string[] = []
  const lines = createInterface({ input: child.stderr! })
  for await (const line of lines) {
    const { event } = JSON.parse(line) as { event: string }
    events.push(event)
    if (event === 'ready') {
      child.kill('SIGHUP')
      child.kill('SIGTERM')
    }
  }
  // The hang-up came first and alone would have ended it by signal; the exit code tells which of the two did.
  assert.deepEqual(await exit, [0, null])
  assert.deepEqual(events.slice(-2), ['stopping', 'stopped'])
})

test('only a server that is the whole of an npm script ends with npm', () => {
  for (const script of ['sealgate dev', 'exec node bin/sealgate.js dev', 'npm run a && sealgate serve 2>&1'])
    assert.equal(isTheScript(script), true, script)
  for (const script of [undefined, 'node --test', 'sealgate dev & node --test', 'sealgate dev &'])
    assert.equal(isTheScript(script), false, script)
})
