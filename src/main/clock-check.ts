import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { DataDirectory } from './data-directory.ts'
import { readIfThere, writeFileAtomically } from './files.ts'
import { StartError } from './start-error.ts'

/** No honest clock is before the day on which this source was written. Moved with each release. */
export const builtAt = Date.UTC(2026, 10, 22)

const toleranceMs = 3_600_000
const saveEveryMs = 60_000

/**
 * A clock set back would revive certificates that have expired (S27): the latest time seen is kept, and a start more
 * than an hour before it, or before this program was built, is refused.
 *
 * @throws StartError
 */
export function checkClock(directory: DataDirectory, clock: Clock, acceptClock: boolean): void {
  const now = clock.now()
  const seen = latestSeen(directory)
  if (acceptClock) return
  const floor = Math.max(builtAt, seen)
  if (now >= floor - toleranceMs) return
  const which = seen > builtAt ? 'the time of the last run' : 'the date of this build'
  throw new StartError([
    `the clock says ${iso(now)}, before ${which} (${iso(floor)}); set the clock, or start with --accept-clock`,
  ])
}

/** Keeps the latest time seen, and tells of steps back while running. Returns how to stop. */
export function watchClock(directory: DataDirectory, clock: Clock, log: Log, acceptClock: boolean): () => void {
  const file = fileOf(directory)
  let seen: number = acceptClock ? clock.now() : Math.max(clock.now(), latestSeen(directory))
  let cancel = (): void => {}
  const save = (): void => {
    try {
      writeFileAtomically(file, `${iso(seen)}\n`, 0o600)
    } catch (error) {
      log.write('warn', 'clockNotSaved', { file, error })
    }
  }
  const look = (): void => {
    const now = clock.now()
    if (now < seen - toleranceMs) log.write('warn', 'clockSteppedBack', { now: iso(now), latest: iso(seen) })
    seen = Math.max(seen, now)
    save()
    cancel = clock.setTimer(saveEveryMs, look)
  }
  look()
  return () => {
    cancel()
    seen = Math.max(seen, clock.now())
    save()
  }
}

function fileOf(directory: DataDirectory): string {
  return directory.file('latest-time')
}

function latestSeen(directory: DataDirectory): number {
  const saved = Date.parse(readIfThere(fileOf(directory))?.trim() ?? '')
  return Number.isNaN(saved) ? 0 : saved
}

function iso(millis: number): string {
  return new Date(millis).toISOString()
}
