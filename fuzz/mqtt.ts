import { parseArgs } from 'node:util'
import { fuzzMqtt } from '../test/mqtt/fuzzer.ts'

/**
 * Mutated packets against everything in `src/mqtt` that a peer's bytes reach: `node fuzz/mqtt.ts --seed 7 --runs 1000000`.
 * The same seed gives the same bytes; a failure prints them as hexadecimal, to be kept as a test.
 */
const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string' } } })
const seed = Number(values.seed ?? 1)
const runs = Number(values.runs ?? 1_000_000)
if (!Number.isInteger(seed) || !Number.isInteger(runs) || runs < 1) {
  console.error('usage: node fuzz/mqtt.ts [--seed N] [--runs N]')
  process.exit(2)
}

const started = process.hrtime.bigint()
const memoryBefore = process.memoryUsage().heapUsed
const result = fuzzMqtt(seed, runs)
const seconds = Number(process.hrtime.bigint() - started) / 1e9
const growth = (process.memoryUsage().heapUsed - memoryBefore) / 1024 / 1024
if (result.problem === null) {
  const share = ((100 * result.accepted) / runs).toFixed(1)
  console.log(`${runs} runs, seed ${seed}: no problem; ${share} % still packets; heap ${growth.toFixed(1)} MiB more;`)
  console.log(
    `${seconds.toFixed(1)} s, ${((seconds / runs) * 1e6).toFixed(1)} µs a run, slowest ${result.slowestMs.toFixed(1)} ms`,
  )
} else {
  console.error(`seed ${seed}, run ${result.problem.run}: ${result.problem.what}`)
  console.error(`  bytes ${result.problem.hex}`)
  console.error(`  replay: node fuzz/mqtt.ts --seed ${seed} --runs ${result.problem.run + 1}`)
  process.exitCode = 1
}
