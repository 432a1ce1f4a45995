import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GenerationCache } from '../../src/registry/generation-cache.ts'

test('the cache is bounded, keeps what is asked for, and forgets what is deleted', () => {
  const cache = new GenerationCache<number, string>(10)
  for (let key = 0; key < 1_000; key++) {
    cache.set(key, `v${key}`)
    assert.equal(cache.get(0), 'v0')
    assert.ok(cache.count <= 20)
  }
  assert.equal(cache.get(500), undefined)
  assert.equal(cache.get(999), 'v999')
  for (const key of [0, 999]) {
    cache.delete(key)
    assert.equal(cache.get(key), undefined)
  }
})
