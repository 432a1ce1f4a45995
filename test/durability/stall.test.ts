import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStall, stallFaults } from './stall-run.ts'

/** The short form of `npm run stall`; how late the others are depends on the machine, so that is told and not judged here. */
test('subscribers that do not read and a publisher at full speed stay within the bounds of memory, and nobody else is lost', {
  timeout: 240_000,
}, async (t) => {
  const report = await runStall({
    idleConnections: 50,
    stalledSubscribers: 10,
    measuringConnections: 10,
    roundTripsPerSecond: 100,
    quietSeconds: 2,
    stallSeconds: 4,
    tell: (line) => t.diagnostic(line),
  })
  assert.deepEqual(
    stallFaults(report).filter((fault) => !fault.startsWith('p99')),
    [],
  )
  assert.ok(report.stalled.count > 0)
})
