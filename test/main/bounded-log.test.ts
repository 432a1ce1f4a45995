import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { boundedLog } from '../../src/main/bounded-log.ts'

test('of a bounded kind a hundred lines are written in ten seconds, then their number; others pass', () => {
  const clock = fakeClock(unixMillis(0))
  const lines: string[] = []
  const log = boundedLog(
    { write: (level, event, facts) => void lines.push(`${level} ${event} ${facts['times'] ?? ''}`.trim()) },
    clock.clock,
    { connectUnreadable: 'connectsUnreadable' },
  )
  for (let i = 0; i < 350; i++) {
    log.write('info', 'connectUnreadable', {})
    log.write('warn', 'other', {})
  }
  assert.equal(lines.filter((line) => line === 'info connectUnreadable').length, 100)
  assert.equal(lines.filter((line) => line === 'warn other').length, 350)
  clock.advance(10_000)
  assert.equal(lines.at(-1), 'warn connectsUnreadable 250')
  log.write('info', 'connectUnreadable', {})
  assert.equal(lines.at(-1), 'info connectUnreadable', 'the next window')
  clock.advance(10_000)
  assert.equal(lines.at(-1), 'info connectUnreadable', 'nothing to add')
  for (let i = 0; i < 101; i++) log.write('info', 'connectUnreadable', {})
  log.stop()
  assert.equal(lines.at(-1), 'warn connectsUnreadable 1', 'told at the end as well')
  assert.equal(clock.pendingTimers, 0)
})
