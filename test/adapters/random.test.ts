import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { nodeRandom } from '../../src/adapters/node/random.ts'

test('a uid is 32 lower-case hexadecimal digits and no two are equal', () => {
  for (const random of [nodeRandom(), seededRandom(1)]) {
    const uids = Array.from({ length: 1000 }, () => random.uid())
    for (const uid of uids) assert.match(uid, /^[0-9a-f]{32}$/)
    assert.equal(new Set(uids).size, 1000)
    assert.equal(random.bytes(65_536).length, 65_536)
  }
})

test('the seeded source repeats itself for a seed and differs between seeds', () => {
  assert.deepEqual(seededRandom(7).bytes(64), seededRandom(7).bytes(64))
  assert.notDeepEqual(seededRandom(7).bytes(64), seededRandom(8).bytes(64))
  const counts = new Array<number>(256).fill(0)
  for (const byte of seededRandom(3).bytes(65_536)) counts[byte] = (counts[byte] ?? 0) + 1
  assert.ok(Math.min(...counts) > 150 && Math.max(...counts) < 400)
})

test('the real source refuses counts out of its range', () => {
  assert.throws(() => nodeRandom().bytes(0))
  assert.throws(() => nodeRandom().bytes(65_537))
})
