import { parseArgs } from 'node:util'
import { describeAction, makePlan, type Plan } from '../test/sim/plan.ts'
import { run } from '../test/sim/run.ts'
import { formatPlaces, parsePlaces, reduced, shrink } from '../test/sim/shrink.ts'

/**
 * Seeded runs of several clients against the broker on a fake clock, with lost connections, split and delayed bytes, a
 * store that fails or dies and rights that change (test/sim). `--seed 7` runs one, `--seeds 10000` that many from
 * `--from` on. A failure is made short and printed with the command that replays it.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    steps: { type: 'string', default: '150' },
    /** Places of the actions that are kept: `0-3,7`. */
    keep: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    /** Go on after a failure; print each invariant once. */
    all: { type: 'boolean', default: false },
  },
})

const steps = numberOf('steps', values.steps)
const first = values.seed === undefined ? numberOf('from', values.from) : numberOf('seed', values.seed)
const count = values.seeds === undefined ? 1 : numberOf('seeds', values.seeds)
const startedAt = Date.now()
const broken = new Map<string, number[]>()
let messages = 0
let deliveries = 0

for (let seed = first; seed < first + count; seed++) {
  const whole = makePlan(seed, steps)
  const plan = values.keep === undefined ? whole : reduced(whole, parsePlaces(values.keep))
  const outcome = await run(plan, values.trace ? (line) => console.log(line) : undefined)
  messages += outcome.messages
  deliveries += outcome.deliveries
  if (outcome.violation === null) continue
  const { invariant } = outcome.violation
  const seen = broken.get(invariant)
  broken.set(invariant, [...(seen ?? []), seed])
  if (seen !== undefined) continue
  console.log(`seed ${seed}: ${outcome.violation.message}`)
  await report(plan, invariant)
  if (!values.all) break
}

const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1)
console.log(`${count} seeds, ${steps} steps each: ${messages} messages, ${deliveries} deliveries, ${seconds} s`)
for (const [invariant, seeds] of broken) {
  console.log(
    `broken: ${invariant}, ${seeds.length} seeds: ${seeds.slice(0, 10).join(' ')}${seeds.length > 10 ? ' …' : ''}`,
  )
}
process.exit(broken.size > 0 ? 1 : 0)

async function report(plan: Plan, invariant: string): Promise<void> {
  const { seed } = plan.setup
  const command = `node scripts/sim.ts --seed ${seed} --steps ${steps}`
  if (values['no-shrink'] || values.keep !== undefined) {
    console.log(`replay: ${command}`)
    return
  }
  const places = await shrink(plan, invariant)
  for (const place of places) {
    const action = plan.actions[place]
    if (action !== undefined) console.log(`  ${place}: ${describeAction(action)}`)
  }
  console.log(`replay: ${command} --keep ${formatPlaces(places)} --trace`)
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) {
    console.error(`--${name} takes a whole number, not ${text}`)
    process.exit(2)
  }
  return value
}
