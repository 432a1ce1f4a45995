import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runSoak } from '../test/durability/soak-run.ts'

/**
 * `npm run soak -- [--minutes 60] [--out DIR]`: mixed load with churn over TLS; memory and the store have to level off while it
 * goes on. Writes soak.svg and soak.json, and ends with 1 when something grows or the load stands still.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    /** Seconds that are not judged; default: a third of it. */
    'warm-up': { type: 'string' },
    out: { type: 'string', default: 'soak' },
  },
})
const seconds = Number(values.minutes) * 60
const report = await runSoak({
  seconds,
  warmUpSeconds: values['warm-up'] === undefined ? seconds / 3 : Number(values['warm-up']),
  everySeconds: Math.max(1, Math.min(10, seconds / 120)),
  tell: (line) => console.log(line),
})
mkdirSync(values.out, { recursive: true })
const { svg, ...figures } = report
writeFileSync(join(values.out, 'soak.svg'), svg)
writeFileSync(join(values.out, 'soak.json'), `${JSON.stringify(figures, null, 1)}\n`)
for (const { name, unit, median, growth, allowed, isLevel } of report.verdicts) {
  const numbers = [median, growth, allowed].map((value) => value.toFixed(1))
  console.log(
    `${isLevel ? 'level' : 'GROWS'}  ${name}: median ${numbers[0]} ${unit}, trend ${numbers[1]}, allowed ${numbers[2]}`,
  )
}
console.log(`load: ${JSON.stringify(report.load)}; pictures in ${values.out}`)
if (report.errors !== '') console.log(`the broker said:\n${report.errors.slice(-4_000)}`)
for (const { of, seconds: still } of report.standstills) console.log(`STOOD STILL  ${of}: ${Math.round(still)} s`)
process.exit(report.verdicts.every(({ isLevel }) => isLevel) && report.standstills.length === 0 ? 0 : 1)
