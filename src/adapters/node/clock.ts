import { unixMillis } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'

/** What `setTimeout` takes; above it Node.js fires at once. */
const longestDelayMs = 0x7fffffff

/** The machine's time and Node.js' event loop. */
export function nodeClock(): Clock {
  let registered: (() => void)[] = []
  let running: (() => void)[] = []
  let at = 0
  let scheduled = false

  // One immediate for all callbacks of a turn: it runs in the check phase, after the poll phase has read every socket
  // that is ready. Two arrays change places, so a turn allocates nothing.
  function endTurn(): void {
    if (at === running.length) {
      running.length = 0
      at = 0
      const next = registered
      registered = running
      running = next
    }
    try {
      while (at < running.length) {
        const callback = running[at++] as () => void
        callback()
      }
    } finally {
      // After a throw the rest of the turn still runs, in an immediate of its own.
      scheduled = at < running.length || registered.length > 0
      if (scheduled) setImmediate(endTurn)
    }
  }

  return {
    now: () => unixMillis(Date.now()),
    monotonicMs: () => performance.now(),
    setTimer(delayMs, callback) {
      const due = performance.now() + Math.max(0, delayMs)
      let handle: NodeJS.Timeout
      const arm = (): void => {
        handle = setTimeout(check, Math.min(longestDelayMs, Math.max(0, Math.ceil(due - performance.now()))))
      }
      // setTimeout counts in whole milliseconds of a cached time and may come a little early.
      const check = (): void => {
        if (performance.now() < due) arm()
        else callback()
      }
      arm()
      return () => clearTimeout(handle)
    },
    endOfTurn(callback) {
      registered.push(callback)
      if (!scheduled) {
        scheduled = true
        setImmediate(endTurn)
      }
    },
  }
}
