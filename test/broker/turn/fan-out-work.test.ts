import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fanOutWork } from '../../../src/broker/turn/fan-out-work.ts'

test('the work of a fan-out rises with its receivers and its payload, up to the largest packet for a million', () => {
  let before = 0
  for (const deliveries of [2, 200, 20_000, 1_000_000]) {
    for (const payloadBytes of [0, 1_000, 4 << 20, 268_435_455]) {
      const work = fanOutWork(deliveries, payloadBytes)
      assert.ok(work >= Math.floor(deliveries / 2), `${deliveries} of ${payloadBytes}: ${work}`)
      assert.ok(work >= fanOutWork(deliveries, 0))
    }
    const most = fanOutWork(deliveries, 268_435_455)
    assert.ok(most > before)
    before = most
  }
})
