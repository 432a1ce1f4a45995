import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runLiveTrust } from '../test/e2e/live-trust.ts'

/**
 * Every kind of change that ends sessions, under thousands of live mTLS connections: who ends, when, and what the others
 * notice. `node scripts/live-trust.ts [--connections N] [--witnesses N] [--life SECONDS]`
 */
const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '5000' },
    witnesses: { type: 'string', default: '100' },
    life: { type: 'string', default: '40' },
  },
})
const directory = mkdtempSync(join(tmpdir(), 'sealgate-live-trust-'))
try {
  const report = await runLiveTrust({
    directory,
    connections: Number(values.connections),
    witnesses: Number(values.witnesses),
    lifeSeconds: Number(values.life),
  })
  const { alone } = report
  const rounded = (ms: number): string => ms.toFixed(1)
  console.log(`${report.connections} live mTLS connections, ${values.witnesses} with a heartbeat of 10 Hz\n`)
  console.log(
    '| change | affected | ended | others ended | told | last end, ms | heartbeat p99 / longest / longest gap, ms |',
  )
  console.log('| --- | ---: | ---: | ---: | --- | ---: | ---: |')
  console.log(`| (none) | | | | | | ${rounded(alone.p99)} / ${rounded(alone.longest)} / ${rounded(alone.longestGap)} |`)
  for (const { change, affected, ended, strays, told, lastEndMs, pulse } of report.changes) {
    const beats = `${rounded(pulse.p99)} / ${rounded(pulse.longest)} / ${rounded(pulse.longestGap)}`
    console.log(
      `| ${change} | ${affected} | ${ended} | ${strays.length} | ${told.join(', ')} | ${lastEndMs} | ${beats} |`,
    )
  }
  const missed = report.changes.filter(
    ({ affected, ended, strays, lastEndMs }) => ended !== affected || strays.length > 0 || lastEndMs > 1_000,
  )
  if (missed.length > 0) {
    console.error(`missed: ${missed.map(({ change }) => change).join(', ')}`)
    process.exitCode = 1
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
