import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCrash } from './crash-run.ts'

/** The short form of `npm run crash`. */
test('kill -9 at random moments: nothing acknowledged is lost, nothing of QoS 2 comes twice, every order holds', {
  timeout: 60_000,
}, async (t) => {
  const seed = Date.now() % 100_000
  t.diagnostic(`npm run crash -- --rounds 4 --seed ${seed}`)
  const report = await runCrash({ rounds: 4, seed, freeze: false, checkEvery: 4, tell: (line) => t.diagnostic(line) })
  assert.deepEqual(report.ledger.violations, [])
  assert.equal(report.kills, 4)
  assert.ok(report.ledger.accepted > 100, 'nothing was published')
  assert.ok(report.registryWrites > 0)
})
