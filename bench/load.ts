/**
 * The load generator. The first line of its standard input is a job as JSON: it opens what the job needs, warms the broker up
 * and answers with a `LoadReport`; so it does after the window that each further line asks for. It ends with its input.
 */
import { createInterface } from 'node:readline'
import { openConnects } from './load/connects.ts'
import { openIdle } from './load/idle.ts'
import type { LoadJob, LoadReport, Work } from './load/job.ts'
import { openTraffic } from './load/traffic.ts'

function open(job: LoadJob): Promise<Work> {
  switch (job.kind) {
    case 'traffic':
      return openTraffic(job)
    case 'connects':
      return openConnects(job)
    case 'idle':
      return openIdle(job)
  }
}

async function report(work: () => Promise<LoadReport>): Promise<void> {
  const said = await work().catch((error: Error): LoadReport => ({ ok: false, reason: error.message }))
  process.stdout.write(`${JSON.stringify(said)}\n`)
}

const opened: Work[] = []
for await (const line of createInterface({ input: process.stdin })) {
  await report(async () => {
    const [work] = opened
    if (work !== undefined) return { ok: true, result: await work.measure() }
    opened.push(await open(JSON.parse(line) as LoadJob))
    return { ok: true, result: null }
  })
}
opened[0]?.close()
process.exit(0)
