import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { everything, namespace, nodeA, start, text } from '../ports/contract/world.ts'

/** Kills of one run: `CRASH_ROUNDS=200 npm test -- adapters/crash` for the long one. */
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 3)

interface Told {
  /** Last acknowledged number of each writer. */
  readonly written: Map<number, number>
  /** Bodies that consumers of a queue have seen, as `queue body`. */
  readonly read: Set<string>
  registered: number
  /** Last number of a fleet that was registered whole. */
  fleet: number
}

/** Runs the writer until it has told of this many messages, then kills it where it stands. */
async function runAndKill(directory: string, round: number, messages: number): Promise<Told> {
  const told: Told = { written: new Map(), read: new Set(), registered: -1, fleet: -1 }
  const script = join(import.meta.dirname, 'crash-writer.ts')
  const child = spawn(process.execPath, [script, directory, String(round)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let rest = ''
  let errors = ''
  let count = 0
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [what, a = '', b = ''] = line.split(' ')
      if (what === 'written') told.written.set(Number(a), Number(b))
      else if (what === 'read') told.read.add(`${a} ${b}`)
      else if (what === 'fleet') told.fleet = Number(a)
      else told.registered = Number(a)
      count++
    }
    if (count >= messages) child.kill('SIGKILL')
  })
  await new Promise<void>((resolve) => child.on('close', () => resolve()))
  assert.ok(count >= messages, `the writer ended by itself: ${errors}`)
  return told
}

test('kill -9 while writing loses nothing that was acknowledged, repeats nothing and keeps every order', {
  timeout: rounds * 30_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-crash-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const random = seededRandom(rounds)
  const all: Told[] = []
  for (let round = 0; round < rounds; round++) {
    const [a = 0, b = 0] = random.bytes(2)
    all.push(await runAndKill(directory, round, 200 + a * 8 + b))
    const engine = openEmbedded({ directory, node: nodeA, clock: fakeClock(start).clock })
    try {
      for (const [earlier, told] of all.entries()) {
        const value = engine.registry.get(`crash/${earlier}`)?.value
        assert.ok(value !== undefined && Number(text(value)) >= told.registered, 'a registry write is lost')
      }
      const fleet = engine.registry.range('fleet ', null, 10_000).map(({ value }) => text(value).trim())
      assert.ok(new Set(fleet).size <= 1 && [0, 4_200].includes(fleet.length), 'a torn write of the registry')
      const [number = '-1'] = fleet[0]?.split(':').reverse() ?? []
      assert.ok(fleet[0]?.startsWith(`${round}:`) !== true || Number(number) >= all[round]!.fleet, 'a fleet is lost')
      assert.ok(all[round]!.fleet < 0 || fleet[0]?.startsWith(`${round}:`), 'a fleet of this round is lost')
      const lasts = new Map<string, number>()
      for (let queue = 0; queue < 8; queue++) {
        const session = engine.sessions.find(namespace, `client-${queue}`)
        assert.ok(session !== undefined, 'a session is lost')
        const bodies = (await engine.queue.read(session.uid, null, everything)).map(({ body }) => text(body))
        checkQueue(queue, bodies, all)
        // A commit to two queues is in both or in neither.
        for (const [writer, last] of lastOf(bodies)) {
          assert.equal(lasts.get(writer) ?? last, last, `a torn commit of ${writer}`)
          lasts.set(writer, last)
        }
      }
    } finally {
      await engine.close()
    }
  }
})

/** Per run and writer: what is queued goes on without a gap up to the last acknowledged; what is missing was read. */
function checkQueue(queue: number, bodies: readonly string[], all: readonly Told[]): void {
  const found = new Map<string, number[]>()
  for (const body of bodies) {
    const [round, writer, number] = body.split(':')
    const numbers = found.get(`${round}:${writer}`) ?? []
    found.set(`${round}:${writer}`, numbers)
    numbers.push(Number(number))
  }
  for (const [round, { written, read }] of all.entries()) {
    for (const [writer, last] of written) {
      if (writer % 8 !== queue && (writer + 1) % 8 !== queue) continue
      const numbers = found.get(`${round}:${writer}`) ?? []
      const first = numbers[0] ?? last + 1
      assert.deepEqual(
        numbers,
        Array.from({ length: numbers.length }, (_, i) => first + i),
        `queue ${queue}: a gap, a repeat or a changed order`,
      )
      assert.ok(first + numbers.length > last, `queue ${queue}: lost ${round}:${writer}:${last}`)
      for (let i = 0; i < first; i++) {
        const seen = read.has(`${queue} ${round}:${writer}:${i}`) || wasReadLater(queue, `${round}:${writer}:${i}`, all)
        assert.ok(seen, `queue ${queue}: ${round}:${writer}:${i} is gone and nobody has read it`)
      }
    }
  }
}

/** Last number of each `round:writer` in a queue. */
function lastOf(bodies: readonly string[]): Map<string, number> {
  const last = new Map<string, number>()
  for (const body of bodies) {
    const end = body.lastIndexOf(':')
    last.set(body.slice(0, end), Number(body.slice(end + 1)))
  }
  return last
}

function wasReadLater(queue: number, body: string, all: readonly Told[]): boolean {
  return all.some(({ read }) => read.has(`${queue} ${body}`))
}
