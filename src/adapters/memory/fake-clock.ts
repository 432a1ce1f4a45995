import { assert } from '../../base/assert.ts'
import { type UnixMillis, unixMillis } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'

export interface FakeClock {
  readonly clock: Clock
  /** Moves both clocks and calls the timers that fall due, in order of time, then of setting. Synchronous. */
  advance(ms: number): void
  /** Ends the turn: what was registered with `endOfTurn` before this call runs. */
  turn(): void
  /** Ends turns and lets promises run until nothing is registered for the end of a turn any more. */
  settle(): Promise<void>
  /** `advance` timer by timer, with `settle` before and after each, as a real loop would go. */
  run(ms: number): Promise<void>
  /** Steps the wall clock only, as an administrator or NTP does. */
  stepWall(ms: number): void
  /** Timers set and neither called nor cancelled. */
  readonly pendingTimers: number
}

interface Timer {
  readonly due: number
  readonly callback: () => void
}

/** Time that passes only when a test says so. */
export function fakeClock(start: UnixMillis): FakeClock {
  let elapsed = 0
  let wall: number = start
  let registered: (() => void)[] = []
  const timers = new Set<Timer>()

  function next(until: number): Timer | undefined {
    let first: Timer | undefined
    // A set keeps the order of insertion, so of equal times the earlier set one wins.
    for (const timer of timers) if (timer.due <= until && (first === undefined || timer.due < first.due)) first = timer
    return first
  }

  function moveTo(time: number): void {
    wall += time - elapsed
    elapsed = time
  }

  function fire(timer: Timer): void {
    timers.delete(timer)
    if (timer.due > elapsed) moveTo(timer.due)
    timer.callback()
  }

  function turn(): void {
    const callbacks = registered
    registered = []
    for (const callback of callbacks) callback()
  }

  async function settle(): Promise<void> {
    for (let turns = 0; ; turns++) {
      assert(turns < 100_000, 'the end of the turn registers itself for ever')
      // An immediate of the real loop comes after every promise that can settle without the world.
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (registered.length === 0) return
      turn()
    }
  }

  return {
    clock: {
      now: () => unixMillis(Math.floor(wall)),
      monotonicMs: () => elapsed,
      setTimer(delayMs, callback) {
        assert(delayMs >= 0 && delayMs <= 0x7fffffff, `timer delay out of range: ${delayMs}`)
        const timer = { due: elapsed + delayMs, callback }
        timers.add(timer)
        return () => void timers.delete(timer)
      },
      endOfTurn: (callback) => void registered.push(callback),
    },
    advance(ms) {
      const until = elapsed + ms
      for (let timer = next(until); timer !== undefined; timer = next(until)) fire(timer)
      moveTo(until)
    },
    turn,
    settle,
    async run(ms) {
      const until = elapsed + ms
      await settle()
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        fire(timer)
        await settle()
      }
      moveTo(until)
    },
    stepWall(ms) {
      wall += ms
    },
    get pendingTimers() {
      return timers.size
    },
  }
}
