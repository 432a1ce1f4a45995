import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { builtAt, checkClock, watchClock } from '../../src/main/clock-check.ts'
import { openDataDirectory } from '../../src/main/data-directory.ts'
import type { LogLevel } from '../../src/ports/log.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const hour = 3_600_000

function directoryOf(t: TestContext) {
  const dataDir = join(temporaryDirectory(t), 'data')
  return openDataDirectory({ mode: 'serve', dataDir, reset: false, adoptDevData: false })
}

function logOf() {
  const entries: string[] = []
  return { entries, write: (_level: LogLevel, event: string) => void entries.push(event) }
}

function clockAt(time: number) {
  return fakeClock(unixMillis(time))
}

test('the build date is no date of the future', () => assert.ok(builtAt <= Date.now()))

test('S27: a clock more than an hour before the build date stops the start, unless accepted', (t) => {
  const directory = directoryOf(t)
  checkClock(directory, clockAt(builtAt - hour).clock, false)
  assert.throws(() => checkClock(directory, clockAt(builtAt - hour - 1).clock, false), /before the date of this build/)
  checkClock(directory, clockAt(builtAt - hour - 1).clock, true)
})

test('S27: a clock more than an hour before the last run stops the start, unless accepted', (t) => {
  const directory = directoryOf(t)
  const log = logOf()
  const lastRun = clockAt(builtAt + 50 * hour)
  const stop = watchClock(directory, lastRun.clock, log, false)
  lastRun.advance(10 * hour)
  stop()
  assert.equal(lastRun.pendingTimers, 0)
  checkClock(directory, clockAt(builtAt + 59 * hour).clock, false)
  const early = clockAt(builtAt + 58 * hour)
  assert.throws(() => checkClock(directory, early.clock, false), /before the time of the last run.*--accept-clock/)
  // An accepted clock is the new truth: the next start needs no flag.
  checkClock(directory, early.clock, true)
  watchClock(directory, early.clock, log, true)()
  checkClock(directory, early.clock, false)
})

test('S27: a step back while running is told, and does not move the latest time seen', (t) => {
  const directory = directoryOf(t)
  const log = logOf()
  const time = clockAt(builtAt + 50 * hour)
  const stop = watchClock(directory, time.clock, log, false)
  time.stepWall(-5 * hour)
  time.advance(60_000)
  stop()
  assert.deepEqual(log.entries, ['clockSteppedBack'])
  assert.throws(() => checkClock(directory, clockAt(builtAt + 46 * hour).clock, false), /last run/)
})
