import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

const windowMs = 10_000
/** Lines of one kind told in full in one window. */
const mostInFull = 100

/** Kinds of lines that peers can cause, each with the one that says how many more there were. */
export type Bounds = Readonly<Record<string, string>>

export interface BoundedLog extends Log {
  /** Tells what was counted, and counts no more. */
  stop(): void
}

/** A log in which no peer can fill the disk: of the kinds in `bounds` a hundred lines in ten seconds, then their number. */
export function boundedLog(log: Log, clock: Clock, bounds: Bounds): BoundedLog {
  let counts = new Map<string, number>()
  let cancel: (() => void) | null = null

  const endWindow = (): void => {
    cancel = null
    for (const [event, count] of counts) {
      const more = bounds[event]
      if (more !== undefined && count > mostInFull) log.write('warn', more, { times: count - mostInFull })
    }
    counts = new Map()
  }

  return {
    write(level, event, facts) {
      if (bounds[event] === undefined) {
        log.write(level, event, facts)
        return
      }
      cancel ??= clock.setTimer(windowMs, endWindow)
      const count = (counts.get(event) ?? 0) + 1
      counts.set(event, count)
      if (count <= mostInFull) log.write(level, event, facts)
    },
    stop() {
      cancel?.()
      endWindow()
    },
  }
}
