import type { UnixMillis } from '../base/time.ts'

export type Cancel = () => void

/** Time and the event loop's turn. The only source of either for the core; a fake one drives tests and the simulator. */
export interface Clock {
  /** Wall time. May step; never used to measure a duration. */
  now(): UnixMillis
  /** Milliseconds since an arbitrary start; never steps back. */
  monotonicMs(): number
  /** Calls back once, not before `delayMs` (0 to 2^31-1) have passed. */
  setTimer(delayMs: number, callback: () => void): Cancel
  /**
   * Calls back once after the input that is ready now has been read and before the loop waits for more. What was
   * registered in one turn runs in the order of registration.
   */
  endOfTurn(callback: () => void): void
}
