import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runStorm } from '../test/e2e/storm.ts'

/**
 * A fleet that comes back all at once, and what those notice who never left: `node scripts/storm.ts [--devices N]
 * [--witnesses N]`. Wants Linux, file descriptors (`ulimit -n`) and, for figures that mean anything, a quiet machine.
 */
const { values } = parseArgs({
  options: { devices: { type: 'string', default: '10000' }, witnesses: { type: 'string', default: '100' } },
})
const directory = mkdtempSync(join(tmpdir(), 'sealgate-storm-'))
try {
  const report = await runStorm({
    directory,
    devices: Number(values.devices),
    witnesses: Number(values.witnesses),
    quietMs: 3_000,
  })
  console.log(JSON.stringify(report, null, 2))
  const { allInMs, alone, during } = report
  if (allInMs > 30_000) console.error('not all were in within 30 s')
  if (during.p99 > Math.max(20, 3 * alone.p99))
    console.error("the others' p99 is above 20 ms and three times what it was")
} finally {
  rmSync(directory, { recursive: true, force: true })
}
