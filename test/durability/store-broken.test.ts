import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { DurableClient } from './client.ts'
import { type Ready, Server } from './server.ts'
import { crashTemplate } from './template.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')
const nothing = { onMessage: () => {}, onAnswer: () => {}, onSessionLost: () => {}, onGone: () => {} }
const identity = ['--mqtt-tcp-identity', 'device', '--handshake-rate-per-address', '0', '--handshake-rate', '0']

/**
 * The system refuses a write of the store although there seemed to be room: a limit on the size of files stands for that, and
 * without `fallocate` there are no blocks of our own that would keep the store from it (decision record 0010).
 */
test('a store whose write the system refused: the process says so in one line and ends with 1, and nothing acknowledged is lost', {
  timeout: 240_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-broken-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const at = (...parts: string[]): string => join(directory, ...parts)
  mkdirSync(at('bin'))
  const flock = spawnSync('sh', ['-c', 'command -v flock'], { encoding: 'utf8' }).stdout.trim()
  if (flock !== '') symlinkSync(flock, at('bin', 'flock'))
  writeFileSync(at('template.json'), JSON.stringify(crashTemplate()))
  const readyFile = at('ready.json')
  const args = [launcher, 'serve', '--data-dir', at('data'), '--ready-file', readyFile, '--log-level', 'warn']
  args.push('--mqtts', 'off', '--wss', 'off', '--https', '127.0.0.1:0', '--mqtt-tcp', '127.0.0.1:0', ...identity)
  // In blocks of 512 bytes.
  const script = 'trap "" XFSZ; ulimit -f 8000; PATH="$1"; shift; exec "$@"'
  const broken = spawn(
    'sh',
    ['-c', script, 'sh', at('bin'), process.execPath, ...args, '--apply', at('template.json')],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  t.after(() => broken.kill('SIGKILL'))
  const ended = new Promise<number | string | null>((resolve) =>
    broken.on('close', (code, signal) => resolve(signal ?? code)),
  )
  const said = text(broken.stderr)
  while (!existsSync(readyFile)) {
    assert.equal(broken.exitCode, null, 'it starts')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { mqttTcp } = JSON.parse(readFileSync(readyFile, 'utf8')) as Ready
  const away = new DurableClient({ clientId: 'away', version: 5, keepsSession: true, receiveMaximum: 100 }, nothing)
  assert.ok(await away.connect(mqttTcp?.port as number))
  assert.ok(await away.subscribe([{ topicFilter: 'load/#', qos: 1 }]))
  away.cut()
  const accepted: number[] = []
  let next = 0
  const publish = (): void => {
    const payload = Buffer.concat([Buffer.from(`${next++} `), Buffer.alloc(3_000, 0x61)])
    publisher.publish({ topicName: 'load/a', payload, qos: 1, retain: false })
  }
  const publisher: DurableClient = new DurableClient(
    { clientId: 'publisher', version: 5, keepsSession: true, receiveMaximum: 100 },
    {
      ...nothing,
      onAnswer: ({ payload }, answer) => {
        if (answer === 'accepted') accepted.push(Number.parseInt(Buffer.from(payload.subarray(0, 12)).toString(), 10))
        publish()
      },
    },
  )
  assert.ok(await publisher.connect(mqttTcp?.port as number))
  for (let i = 0; i < 20; i++) publish()
  assert.equal(await ended, 1, await said)
  publisher.cut()
  const lines = (await said).split('\n').filter((line) => line.includes('"storeBroken"'))
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /the system refused a write of the store; ending/)
  assert.ok(accepted.length > 100, `${accepted.length} acknowledged before it`)

  // A supervisor starts it again; here without the limit.
  const server = Server.spawn({ dataDirectory: at('data'), readyFile, flags: identity })
  t.after(() => server.kill('SIGKILL'))
  assert.ok(await server.isReady(readyFile), server.errors)
  const found = new Set<number>()
  const back = new DurableClient(
    { clientId: 'away', version: 5, keepsSession: true, receiveMaximum: 100 },
    {
      ...nothing,
      onMessage: ({ payload }) => void found.add(Number.parseInt(Buffer.from(payload.subarray(0, 12)).toString(), 10)),
    },
  )
  assert.ok(await back.connect(server.ready?.mqttTcp?.port as number))
  while (accepted.some((number) => !found.has(number))) await new Promise((resolve) => setTimeout(resolve, 20))
  back.cut()
})
