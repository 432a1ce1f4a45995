import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openDatabase } from '../../src/adapters/embedded/database.ts'
import { DurableClient } from './client.ts'
import { Ledger } from './ledger.ts'
import { RegistryWriter } from './registry-writer.ts'
import { Server } from './server.ts'
import { crashTemplate } from './template.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')
const nothing = { onMessage: () => {}, onAnswer: () => {}, onSessionLost: () => {}, onGone: () => {} }

async function sealgate(...args: readonly string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [out, complaints] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await ended, said: out + complaints }
}

test('a backup under load, restored into an empty directory: everything acknowledged before it is there', {
  timeout: 240_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-backup-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const at = (...parts: string[]): string => join(directory, ...parts)
  writeFileSync(at('template.json'), JSON.stringify(crashTemplate()))
  const start = async (data: string, ...flags: readonly string[]): Promise<Server> => {
    const readyFile = at(`${data}.ready`)
    const all = [
      '--mqtt-tcp-identity',
      'device',
      '--handshake-rate-per-address',
      '0',
      '--handshake-rate',
      '0',
      ...flags,
    ]
    const server = Server.spawn({ dataDirectory: at(data), readyFile, flags: all })
    t.after(() => server.kill('SIGKILL'))
    assert.ok(await server.isReady(readyFile), server.errors)
    return server
  }
  const first = await start('data', '--apply', at('template.json'))
  const port = first.ready?.mqttTcp?.port as number

  const away = new DurableClient({ clientId: 'away', version: 5, keepsSession: true, receiveMaximum: 100 }, nothing)
  await away.connect(port)
  assert.ok(await away.subscribe([{ topicFilter: 'load/#', qos: 2 }]))
  away.cut()

  const ledger = new Ledger()
  const flows = ([1, 2] as const).map((qos) => ledger.flow(`p/${qos}`, `load/${qos}`, qos))
  let isPublishing = true
  const publisher: DurableClient = new DurableClient(
    { clientId: 'publisher', version: 5, keepsSession: true, receiveMaximum: 100 },
    {
      ...nothing,
      onAnswer: (message, answer, attempts) => {
        ledger.answered(message, answer, attempts)
        fill()
      },
    },
  )
  const fill = (): void => {
    while (isPublishing && publisher.underWay < 20) {
      for (const flow of flows) publisher.publish(ledger.write(flow, 300, flow === flows[0]))
    }
  }
  await publisher.connect(port)
  fill()
  const registry = new RegistryWriter(() => (isPublishing ? first.ready : null))
  const registering = registry.write('client')
  while (ledger.accepted < 300 || registry.confirmed < 2) await new Promise((resolve) => setTimeout(resolve, 5))

  const kept = flows.map((flow) => flow.count - 40)
  const accepted = flows.map((flow, i) =>
    Array.from({ length: kept[i] as number }, (_, n) => n).filter((n) => flow.isAccepted(n)),
  )
  const registered = registry.confirmed
  mkdirSync(at('backups'))
  const made = await sealgate('backup', '--to', at('backups'), '--data-dir', at('data'))
  assert.equal(made.code, 0, made.said)
  const acceptedAfter = ledger.accepted
  isPublishing = false
  await registering
  registry.end()
  const [name = ''] = readdirSync(at('backups'))
  assert.match(name, /^sealgate-\d{8}T\d{6}Z\.mdb$/)
  assert.equal(statSync(at('backups', name)).mode & 0o777, 0o600)
  assert.ok(acceptedAfter > accepted[0]!.length + accepted[1]!.length, 'the load went on meanwhile')
  assert.deepEqual(
    readdirSync(at('data')).filter((entry) => entry === 'backup'),
    [],
    'no copy stays behind',
  )
  publisher.cut()
  await first.kill('SIGKILL')

  const restored = await sealgate('restore', '--from', at('backups', name), '--data-dir', at('again'))
  assert.equal(restored.code, 0, restored.said)
  assert.match(restored.said, /newest write is of \d{4}-\d\d-\d\dT\S+Z, \d+ minutes? ago/)
  assert.match(restored.said, /whoever was deleted, denied or lost a right since then has it again/)
  const second = await start('again')
  const found = new Map(flows.map((flow) => [flow.topicName, new Set<number>()]))
  const back = new DurableClient(
    { clientId: 'away', version: 5, keepsSession: true, receiveMaximum: 100 },
    {
      ...nothing,
      onMessage: ({ topicName, payload }) => {
        found.get(topicName)?.add(Number(Buffer.from(payload).toString('latin1', 0, 40).split(' ')[1]))
      },
    },
  )
  assert.ok(await back.connect(second.ready?.mqttTcp?.port as number))
  const missing = (): number[] =>
    flows.flatMap((flow, i) => accepted[i]!.filter((number) => found.get(flow.topicName)?.has(number) !== true))
  for (let i = 0; i < 2_000 && missing().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(missing(), [])
  back.leave()
  const listed = await sealgate('namespace', 'client', 'list', '--data-dir', at('again'), '--output', 'json')
  assert.equal(listed.code, 0, listed.said)
  const names = new Set((JSON.parse(listed.said) as { readonly name: string }[]).map((client) => client.name))
  for (let i = 0; i < registered; i++) assert.ok(names.has(`client-${i}`), `client-${i} is missing`)
  assert.equal(await second.kill('SIGTERM'), 0)
})

test('restore: never over what is there, and never from what is no backup', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-restore-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const at = (...parts: string[]): string => join(directory, ...parts)
  mkdirSync(at('full'))
  writeFileSync(at('full', 'store.mdb'), 'mine')
  writeFileSync(at('noise'), Buffer.alloc(50_000, 7))
  writeFileSync(at('short'), 'x')
  const store = openDatabase(at('store'))
  await store.backup(at('whole'))
  await store.close()
  writeFileSync(at('cut'), readFileSync(at('whole')).subarray(0, -4_096))
  const over = await sealgate('restore', '--from', at('noise'), '--data-dir', at('full'))
  assert.deepEqual([over.code, readFileSync(at('full', 'store.mdb'), 'utf8')], [1, 'mine'])
  assert.match(over.said, /not empty/)
  for (const [file, why] of [
    ['noise', /no backup that this version can read/],
    ['short', /too short/],
    ['cut', /cut off/],
    ['absent', /absent/],
  ] as const) {
    const refused = await sealgate('restore', '--from', at(file), '--data-dir', at('new'))
    assert.equal(refused.code, 1)
    assert.match(refused.said, why)
  }
  assert.equal((await sealgate('restore', '--from', at('whole'), '--data-dir', at('new'))).code, 0)
  // Into a directory that was made for it, from a copy that went through other hands.
  mkdirSync(at('made'))
  chmodSync(at('made'), 0o755)
  chmodSync(at('whole'), 0o644)
  assert.equal((await sealgate('restore', '--from', at('whole'), '--data-dir', at('made'))).code, 0)
  const modes = [at('made'), at('made', 'store.mdb')].map((path) => statSync(path).mode & 0o777)
  assert.deepEqual(modes, [0o700, 0o600])
  const noStore = await sealgate(
    'serve',
    '--data-dir',
    at('full'),
    '--mqtts',
    '127.0.0.1:0',
    '--https',
    'off',
    '--wss',
    'off',
  )
  assert.deepEqual([noStore.code, readFileSync(at('full', 'store.mdb'), 'utf8')], [1, 'mine'])
  assert.match(noStore.said, /not a store of this program/)
})
