import { parseArgs } from 'node:util'
import { runStall, stallFaults } from '../test/durability/stall-run.ts'

/**
 * `npm run stall -- [--idle 10000] [--stalled 100] [--seconds 20]`: idle connections with certificates, a publisher at full
 * speed with subscribers that do not read, and what that costs the others. Ends with 1 when it costs more than it may.
 */
const { values } = parseArgs({
  options: {
    idle: { type: 'string', default: '10000' },
    stalled: { type: 'string', default: '100' },
    connections: { type: 'string', default: '100' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
  },
})
const report = await runStall({
  idleConnections: Number(values.idle),
  stalledSubscribers: Number(values.stalled),
  measuringConnections: Number(values.connections),
  roundTripsPerSecond: Number(values.rate),
  quietSeconds: Number(values.seconds),
  stallSeconds: Number(values.seconds),
  tell: (line) => console.log(line),
})
const faults = stallFaults(report)
for (const fault of faults) console.log(`FAULT ${fault}`)
console.log(faults.length === 0 ? 'within its bounds' : 'not within its bounds')
process.exit(faults.length === 0 ? 0 : 1)
