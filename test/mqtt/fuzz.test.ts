import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzMqtt } from './fuzzer.ts'

const runs = 10_000

for (const seed of [1, 2]) {
  test(`${runs} mutated packets of seed ${seed} break nothing (more: node fuzz/mqtt.ts)`, () => {
    const { problem, accepted } = fuzzMqtt(seed, runs)
    assert.equal(problem, null)
    assert.ok(accepted > runs / 10 && accepted < (runs * 9) / 10, `${accepted} of ${runs} are still packets`)
  })
}

test('the same seed gives the same run', () => {
  assert.equal(fuzzMqtt(3, 500).accepted, fuzzMqtt(3, 500).accepted)
})
