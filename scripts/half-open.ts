import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runHalfOpen } from '../test/e2e/half-open.ts'

/**
 * What ten thousand half-open peers cost a broker with its usual deadlines: `node scripts/half-open.ts [--peers N]`.
 * Wants Linux, as many file descriptors (`ulimit -n`), and minutes rather than seconds.
 */
const { values } = parseArgs({ options: { peers: { type: 'string', default: '10000' } } })
const directory = mkdtempSync(join(tmpdir(), 'sealgate-half-open-'))
try {
  const report = await runHalfOpen({ directory, peers: Number(values.peers), timeoutSeconds: 10, quietMs: 5_000 })
  console.log(JSON.stringify(report, null, 2))
  const { p99Ms, left } = report
  if (left > 0) throw new Error(`${left} peers were not cut in time`)
  if (p99Ms.during > 3 * p99Ms.before) console.error("the neighbour's p99 is more than three times what it was alone")
} finally {
  rmSync(directory, { recursive: true, force: true })
}
