import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { appending, everything, namespace, nodeA, start } from '../ports/contract/world.ts'

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
