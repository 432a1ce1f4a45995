import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Turn } from '../turn/turn.ts'

/** More refusals than this do not wait: their connections are closed without an answer (S57). */
const longestQueue = 10_000

interface Refusal {
  readonly dueMs: number
  readonly answer: () => void
}

/**
 * Answers refusals no earlier than a fixed time after their CONNECT, so that the time tells nothing about the cause
 * (S57). One timer; delays hardly ever differ, so the order of coming is nearly that of leaving.
 */
export class RefusalQueue {
  readonly #clock: Clock
  readonly #turn: Turn
  #waiting: Refusal[] = []
  #cancel: Cancel | null = null

  constructor(clock: Clock, turn: Turn) {
    this.#clock = clock
    this.#turn = turn
  }

  /**
   * @param dueMs monotonic time before which nothing is answered
   * @returns false: too many wait; close without an answer
   */
  answer(dueMs: number, answer: () => void): boolean {
    if (dueMs <= this.#turn.monotonicMs) {
      answer()
      return true
    }
    if (this.#waiting.length >= longestQueue) return false
    let place = this.#waiting.length
    while (place > 0 && (this.#waiting[place - 1] as Refusal).dueMs > dueMs) place--
    this.#waiting.splice(place, 0, { dueMs, answer })
    if (place === 0) {
      this.#cancel?.()
      this.#cancel = null
    }
    if (this.#cancel === null) this.#arm()
    return true
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#waiting = []
  }

  #arm(): void {
    const first = this.#waiting[0]
    if (first === undefined) return
    const delay = Math.max(0, Math.ceil(first.dueMs - this.#clock.monotonicMs()))
    this.#cancel = this.#clock.setTimer(delay, () => {
      this.#cancel = null
      this.#turn.begin()
      const now = this.#turn.monotonicMs
      const due = this.#waiting.findIndex((refusal) => refusal.dueMs > now)
      const ready = this.#waiting.splice(0, due < 0 ? this.#waiting.length : due)
      for (const refusal of ready) refusal.answer()
      this.#arm()
    })
  }
}
