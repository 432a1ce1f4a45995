import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type CrashOptions, type CrashReport, runCrash } from './crash-run.ts'
import { SmallDisk } from './small-disk.ts'

/** The short forms of `npm run crash`. */
const patience = { timeout: 240_000 }

async function run(t: TestContext, rounds: number, how: Partial<CrashOptions>, flags: string): Promise<CrashReport> {
  const seed = Date.now() % 100_000
  t.diagnostic(`npm run crash -- --rounds ${rounds} --seed ${seed}${flags}`)
  const tell = (line: string): void => t.diagnostic(line)
  const report = await runCrash({ rounds, seed, freeze: false, disk: null, checkEvery: rounds, tell, ...how })
  assert.deepEqual(report.ledger.violations, [])
  assert.ok(report.ledger.accepted > 20, 'nothing was published')
  return report
}

test(
  'kill -9 at random moments: nothing acknowledged is lost, nothing of QoS 2 comes twice, every order holds',
  patience,
  async (t) => {
    const report = await run(t, 4, {}, '')
    assert.equal(report.kills, 4)
    assert.ok(report.registryWrites > 0)
  },
)

test('the same with a broker that is stopped and continued before it is killed', patience, async (t) => {
  const report = await run(t, 2, { freeze: true }, ' --freeze')
  assert.equal(report.kills, 2)
})

test(
  'the same on a disk that somebody else fills: refused, never lost, and it goes on when there is room',
  patience,
  async (t) => {
    const disk = SmallDisk.mount(96)
    if (typeof disk === 'string') {
      t.skip(disk)
      return
    }
    t.after(() => disk.unmount())
    const report = await run(t, 3, { disk }, ' --full-disk')
    assert.equal(report.resumedMs.length, report.fills)
  },
)
