import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SortedList } from '../../src/adapters/sorted-list.ts'

test('a sorted list is a sorted array without repeats, at any size', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), value: fc.nat(400) }), { maxLength: 1500, size: 'max' })
  fc.assert(
    fc.property(steps, fc.nat(400), (history, probe) => {
      const list = new SortedList<number>((a, b) => a - b)
      const naive = new Set<number>()
      for (const { add, value } of history) {
        if (add) assert.equal(list.add(value), !naive.has(value))
        else assert.equal(list.delete(value), naive.has(value))
        if (add) naive.add(value)
        else naive.delete(value)
      }
      const sorted = [...naive].sort((a, b) => a - b)
      assert.equal(list.size, sorted.length)
      assert.deepEqual([...list.after(null)], sorted)
      assert.deepEqual(
        [...list.after(probe)],
        sorted.filter((value) => value > probe),
      )
      assert.deepEqual(
        [...list.from(probe)],
        sorted.filter((value) => value >= probe),
      )
    }),
    { numRuns: 60 },
  )
})
