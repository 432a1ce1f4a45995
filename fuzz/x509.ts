import { parseArgs } from 'node:util'
import { type FuzzTarget, fuzzTargets, fuzzX509 } from '../test/x509/fuzzer.ts'

/**
 * Mutated certificates, chains, lists and PEM texts against everything in `src/x509` that such bytes reach:
 * `node fuzz/x509.ts --target path --seed 7 --runs 100000`. The same seed gives the same bytes; a failure prints them.
 */
const { values } = parseArgs({
  options: { target: { type: 'string' }, seed: { type: 'string' }, runs: { type: 'string' } },
})
const seed = Number(values.seed ?? 1)
const runs = Number(values.runs ?? 100_000)
const isTarget = (word: string): word is FuzzTarget => fuzzTargets.some((target) => target === word)
const wanted = values.target ?? 'all'
if (!Number.isInteger(seed) || !Number.isInteger(runs) || runs < 1 || (wanted !== 'all' && !isTarget(wanted))) {
  console.error(`usage: node fuzz/x509.ts [--target ${fuzzTargets.join('|')}|all] [--seed N] [--runs N]`)
  process.exit(2)
}

for (const target of wanted === 'all' ? fuzzTargets : [wanted].filter(isTarget)) {
  const started = process.hrtime.bigint()
  const { accepted, slowestMs, problem } = fuzzX509(target, seed, runs)
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  if (problem === null) {
    const share = ((100 * accepted) / runs).toFixed(1)
    console.log(`${target}: ${runs} runs, seed ${seed}: no problem; ${share} % accepted;`)
    console.log(
      `  ${seconds.toFixed(1)} s, ${((seconds / runs) * 1e6).toFixed(0)} µs a run, slowest ${slowestMs.toFixed(1)} ms`,
    )
  } else {
    console.error(`${target}: seed ${seed}, run ${problem.run}: ${problem.what}`)
    console.error(`  bytes ${problem.hex}`)
    console.error(`  replay: node fuzz/x509.ts --target ${target} --seed ${seed} --runs ${problem.run + 1}`)
    process.exitCode = 1
  }
}
