import { parseArgs } from 'node:util'
import { type CrashReport, runCrash } from '../test/durability/crash-run.ts'
import { SmallDisk } from '../test/durability/small-disk.ts'

/**
 * `npm run crash -- [--rounds 200] [--seed N] [--freeze] [--full-disk]`: publishers with QoS 1 and 2 and several subscribers against a
 * broker that is killed with -9 at random moments; `--freeze` stops and continues it before most kills, `--full-disk` runs it on a
 * small file system that somebody else fills. Ends with 1 when anything acknowledged is lost, doubled or out of order.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    freeze: { type: 'boolean', default: false },
    'full-disk': { type: 'boolean', default: false },
    'disk-mib': { type: 'string', default: '96' },
    'check-every': { type: 'string', default: '10' },
  },
})

const tell = (line: string): void => console.log(line)
tell(`seed ${values.seed}`)
const startedAt = performance.now()
const disk = values['full-disk'] ? SmallDisk.mount(Number(values['disk-mib'])) : null
if (typeof disk === 'string') {
  console.error(`--full-disk: ${disk}`)
  process.exit(2)
}
let report: CrashReport
try {
  report = await runCrash({
    rounds: Number(values.rounds),
    seed: Number(values.seed),
    freeze: values.freeze,
    disk,
    checkEvery: Number(values['check-every']),
    tell,
  })
} finally {
  disk?.unmount()
}
print(report)
process.exit(report.ledger.violations.length > 0 ? 1 : 0)

function print({ ledger, ...report }: CrashReport): void {
  const starts = [...report.startsMs].sort((a, b) => a - b)
  const resumed = [...report.resumedMs].sort((a, b) => a - b)
  const count = (kind: string): number => ledger.violations.filter((violation) => violation.kind === kind).length
  for (const { kind, detail } of ledger.violations) console.log(`VIOLATION ${kind}: ${detail}`)
  console.log(
    [
      `${report.kills} kills (${report.killsDuringStart} more while it started), ${report.freezes} freezes, ` +
        `${Math.round((performance.now() - startedAt) / 1000)} s`,
      `${ledger.accepted} of ${ledger.published} messages acknowledged, ${ledger.delivered} delivered, ${ledger.repeats} repeats of QoS 1`,
      `${report.registryWrites} registry writes confirmed, ${report.wills} wills left behind`,
      ...(disk === null
        ? []
        : [
            `disk filled ${report.fills} times, ${ledger.refused} messages refused, ${report.startsWhenFull} starts without room; ` +
              `acknowledged again after: median ${Math.round(resumed[resumed.length >> 1] ?? 0)} ms, longest ${Math.round(resumed.at(-1) ?? 0)} ms`,
          ]),
      `start: median ${Math.round(starts[starts.length >> 1] ?? 0)} ms, longest ${Math.round(starts.at(-1) ?? 0)} ms`,
      `lost ${count('lost')}, late ${count('late')}, QoS 2 duplicates ${count('duplicate')}, order ${count('order')}, ` +
        `registry writes lost ${count('registryLost')}, retained lost ${count('retainedLost')}, ` +
        `wills lost ${count('willLost')}, sessions lost ${count('sessionLost')}, failed starts ${count('failedStart')}, ` +
        `service not resumed ${count('notResumed')}, refused and yet delivered ${count('refusedButDelivered')}, ` +
        `errors of the broker ${count('brokerError')}`,
    ].join('\n'),
  )
}
