import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makePlan } from './plan.ts'
import { run } from './run.ts'
import { formatPlaces, parsePlaces, shrink } from './shrink.ts'

const steps = 120
const seedsPerTest = 50

for (let from = 1; from <= 201; from += seedsPerTest) {
  const to = from + seedsPerTest - 1
  test(`several clients, a store that fails and rights that change: invariants hold for seeds ${from} to ${to}`, async () => {
    let deliveries = 0
    for (let seed = from; seed <= to; seed++) {
      const plan = makePlan(seed, steps)
      const outcome = await run(plan)
      deliveries += outcome.deliveries
      if (outcome.violation === null) continue
      const places = await shrink(plan, outcome.violation.invariant)
      const replay = `node scripts/sim.ts --seed ${seed} --steps ${steps} --keep ${formatPlaces(places)} --trace`
      assert.fail(`seed ${seed}: ${outcome.violation.message}\nreplay: ${replay}`)
    }
    // Runs in which nothing arrives would prove nothing.
    assert.ok(deliveries > seedsPerTest * 10, `${deliveries} deliveries`)
  })
}

test('a run follows from its seed alone', async () => {
  const traces = [0, 1].map(() => [] as string[])
  for (const trace of traces) await run(makePlan(11, steps), (line) => trace.push(line))
  const [first, second] = traces.map((trace) => trace.map((line) => line.replaceAll(/#\d+/g, '#')))
  assert.ok((first?.length ?? 0) > 200)
  assert.deepEqual(first, second)
})

test('places are written and read alike', () => {
  for (const places of [[0], [0, 1, 2, 7], [3, 5, 6, 9, 10, 11], []]) {
    assert.deepEqual(places.length === 0 ? [] : parsePlaces(formatPlaces(places)), places)
  }
  assert.equal(formatPlaces([0, 1, 2, 7]), '0-2,7')
  assert.throws(() => parsePlaces('a-b'))
})
