/** The load generator: reads one job as JSON from standard input, does it, writes one `LoadReport` and ends. */
import { text } from 'node:stream/consumers'
import { runConnects } from './load/connects.ts'
import { runIdle } from './load/idle.ts'
import type { LoadJob, LoadReport, LoadResult } from './load/job.ts'
import { runTraffic } from './load/traffic.ts'

function run(job: LoadJob): Promise<LoadResult> {
  switch (job.kind) {
    case 'traffic':
      return runTraffic(job)
    case 'connects':
      return runConnects(job)
    case 'idle':
      return runIdle(job)
  }
}

async function report(): Promise<LoadReport> {
  try {
    return { ok: true, result: await run(JSON.parse(await text(process.stdin)) as LoadJob) }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
}

process.stdout.write(JSON.stringify(await report()), () => process.exit(0))
