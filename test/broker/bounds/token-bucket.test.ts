import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedBuckets } from '../../../src/broker/bounds/token-bucket.ts'

test('a rate that is changed holds for those who were seen before it, and fills no bucket', () => {
  const buckets = new KeyedBuckets(1, 2, 10)
  assert.deepEqual([buckets.take('a', 0), buckets.take('a', 0), buckets.take('a', 0)], [true, true, false])
  buckets.retune(10, 2, 0)
  assert.equal(buckets.take('a', 0), false)
  assert.equal(buckets.take('a', 100), true)
})
