import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type EmbeddedEngine, openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { EngineError } from '../../src/ports/engine-error.ts'
import { SmallDisk } from '../durability/small-disk.ts'
import { appending, everything, namespace, newUid, nodeA, open, start, text } from '../ports/contract/world.ts'

test('a file system without room refuses writes and keeps what was acknowledged; with room it goes on', {
  timeout: 60_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-full-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  // A limit on the size of files stands for the full disk: the store's writes fail in the same place. 8000 blocks of 512
  // bytes; the signal that goes with it is ignored.
  const script = join(import.meta.dirname, 'full-disk-writer.ts')
  const { stdout, stderr, status } = spawnSync(
    'sh',
    ['-c', 'trap "" XFSZ; ulimit -f 8000; exec "$0" "$@"', process.execPath, script, directory],
    { encoding: 'utf8', timeout: 50_000 },
  )
  assert.equal(status, 0, stderr)
  const seen = JSON.parse(stdout) as Record<string, unknown>
  assert.equal(seen['code'], 'unavailable')
  assert.equal(seen['retryable'], true)
  assert.ok(Number(seen['acknowledged']) > 100)
  assert.equal(seen['readable'], seen['acknowledged'])
  assert.equal((seen['health'] as { writable: boolean }).writable, false)

  const engine = openEmbedded({ directory, node: nodeA, clock: fakeClock(start).clock })
  t.after(() => engine.close())
  const session = engine.sessions.find(namespace, 'a')
  assert.ok(session !== undefined)
  assert.equal((await engine.queue.read(session.uid, null, everything)).length, seen['acknowledged'])
  await engine.hot.commit(appending(session.uid, 'room again'))
  assert.equal(engine.queue.size(session.uid).messages, Number(seen['acknowledged']) + 1)
})

test('a disk that others fill again and again: the store never meets it full, refuses in time and goes on', {
  timeout: 240_000,
}, async (t) => {
  const disk = SmallDisk.mount(64)
  if (typeof disk === 'string') {
    t.skip(disk)
    return
  }
  const engine = openEmbedded({
    directory: join(disk.path, 'store'),
    node: nodeA,
    clock: nodeClock(),
    onBroken: (error) => assert.fail(`the system refused a write: ${error}`),
  })
  t.after(async () => {
    await engine.close()
    disk.unmount()
  })
  const { record, fence } = await open(engine, 'a', { newUid: newUid() })
  const kept: string[] = []
  const reasons = new Set<string>()
  let number = 0
  const append = async (): Promise<boolean> => {
    const body = `${number++} ${'x'.repeat((number * 7919) % 30_000)}`
    try {
      await engine.hot.commit(appending(record.uid, body))
      kept.push(body)
      return true
    } catch (error) {
      assert.ok(error instanceof EngineError && error.retryable)
      reasons.add(error.message)
      return false
    }
  }
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 20; i++) assert.equal(await append(), true)
    disk.fill(round % 2 === 0 ? 0 : 50_000)
    // Until it says so; then what makes room still goes on.
    while (await append());
    assert.equal(engine.health().isFull, true)
    const [first] = await engine.queue.read(record.uid, null, { messages: 1, bytes: 1 })
    engine.hot.acknowledgeSoon(fence, first?.position as never)
    await engine.hot.flushAcknowledgements(fence)
    kept.shift()
    disk.clear()
    while (engine.health().isFull) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.deepEqual([...reasons], ['store: diskAlmostFull'])
  const found = await engine.queue.read(record.uid, null, everything)
  assert.deepEqual(
    found.map(({ body }) => text(body)),
    kept,
  )
})

test('a long write of the registry that counts, and a disk without room at the next start: it says so and loses nothing', {
  timeout: 240_000,
}, async (t) => {
  const disk = SmallDisk.mount(64)
  if (typeof disk === 'string') {
    t.skip(disk)
    return
  }
  let again: EmbeddedEngine | null = null
  t.after(async () => {
    await again?.close()
    disk.unmount()
  })
  const directory = join(disk.path, 'store')
  const at = (fault?: () => 'refuse' | null) =>
    openEmbedded({ directory, node: nodeA, clock: nodeClock(), ...(fault === undefined ? {} : { fault }) })
  // Cut off when the mark is written and nothing is in its place yet.
  let transactions = 0
  let last = Number.POSITIVE_INFINITY
  const first = at(() => (++transactions > last ? 'refuse' : null))
  const keys = Array.from({ length: 12_000 }, (_, i) => `fleet ${String(i).padStart(5, '0')}`)
  const value = new Uint8Array(1_000).fill(7)
  const stop = first.registry.watch(() => {
    last = transactions
  })
  await first.registry.write({ put: keys.map((key) => ({ key, value })), remove: [], claim: [], release: [] })
  stop()
  await first.abort()
  disk.fill(0)
  // The store's own blocks go first, as they would when the file was copied.
  const full = at.bind(null, undefined)
  const blocks = spawnSync('fallocate', ['--dig-holes', join(directory, 'store.mdb')])
  assert.equal(blocks.status, 0, String(blocks.stderr))
  spawnSync('truncate', ['-s', String(statSync(join(directory, 'store.mdb')).size), join(directory, 'store.mdb')])
  disk.fill(0)
  assert.throws(full, /no room on the disk of .*nothing is lost/)
  disk.clear()
  while (again === null) {
    try {
      again = at()
    } catch (error) {
      // The one that failed lets go of the directory a moment later.
      assert.match(String(error), /in use/)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  assert.equal(again.registry.range('fleet ', null, 20_000).length, keys.length)
  assert.equal(again.statistics()['journal'], 0)
})
