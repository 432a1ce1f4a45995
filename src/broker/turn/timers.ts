import { assert } from '../../base/assert.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'

const idle = -1
/** Taken out because it is due, not yet called back. */
const called = -2

/** One place in a wheel. Embed it; scheduling again moves it. */
export class WheelEntry<T> {
  readonly owner: T
  /** Tick at which it is due; `idle` or `called` when it stands in no slot. */
  tick = idle
  previous: WheelEntry<T> | null = null
  next: WheelEntry<T> | null = null

  constructor(owner: T) {
    this.owner = owner
  }

  get isScheduled(): boolean {
    return this.tick >= 0
  }
}

/**
 * A timer wheel for very many deadlines of coarse grain: scheduling and cancelling cost a few assignments, nothing is
 * allocated, and one clock timer serves them all. Deadlines beyond one round wait several rounds. An entry is never
 * called early, and at most one grain late.
 */
export class TimerWheel<T> {
  readonly #clock: Clock
  readonly #grainMs: number
  readonly #slots: (WheelEntry<T> | null)[]
  readonly #onDue: (owner: T) => void
  readonly #tickNow = (): void => this.#run()
  readonly #startMs: number
  readonly #onTick: (() => void) | null
  /** Everything up to this tick has been called. */
  #done: number
  #count = 0
  #cancel: Cancel | null = null
  #isStopped = false

  /**
   * @param options.startMs where ticks are counted from; default: now
   * @param options.onTick called before each tick's deadlines, while there are any
   */
  constructor(
    clock: Clock,
    onDue: (owner: T) => void,
    options: { grainMs: number; slots: number; startMs?: number; onTick?: () => void },
  ) {
    assert((options.slots & (options.slots - 1)) === 0, 'the number of slots is a power of two')
    this.#clock = clock
    this.#onDue = onDue
    this.#grainMs = options.grainMs
    this.#slots = new Array<WheelEntry<T> | null>(options.slots).fill(null)
    this.#startMs = options.startMs ?? clock.monotonicMs()
    this.#onTick = options.onTick ?? null
    this.#done = 0
  }

  get count(): number {
    return this.#count
  }

  /** @param dueMs on the clock's monotonic scale */
  schedule(entry: WheelEntry<T>, dueMs: number): void {
    if (this.#isStopped) return
    const tick = Math.max(Math.ceil((dueMs - this.#startMs) / this.#grainMs), this.#done + 1)
    if (entry.tick === tick) return
    if (entry.tick >= 0) this.#unlink(entry)
    if (this.#count === 0) {
      // Nothing was waiting, so no tick ran: catch up without calling anybody.
      this.#done = Math.max(this.#done, Math.floor((this.#clock.monotonicMs() - this.#startMs) / this.#grainMs))
    }
    entry.tick = Math.max(tick, this.#done + 1)
    const slot = entry.tick & (this.#slots.length - 1)
    const first = this.#slots[slot] as WheelEntry<T> | null
    entry.next = first
    entry.previous = null
    if (first !== null) first.previous = entry
    this.#slots[slot] = entry
    this.#count++
    if (this.#cancel === null) this.#arm()
  }

  cancel(entry: WheelEntry<T>): void {
    if (entry.tick >= 0) this.#unlink(entry)
    entry.tick = idle
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#cancel = null
  }

  #unlink(entry: WheelEntry<T>): void {
    if (entry.previous !== null) entry.previous.next = entry.next
    else this.#slots[entry.tick & (this.#slots.length - 1)] = entry.next
    if (entry.next !== null) entry.next.previous = entry.previous
    entry.previous = null
    entry.next = null
    this.#count--
  }

  #arm(): void {
    const next = this.#startMs + (this.#done + 1) * this.#grainMs
    this.#cancel = this.#clock.setTimer(Math.max(0, Math.ceil(next - this.#clock.monotonicMs())), this.#tickNow)
  }

  #run(): void {
    this.#cancel = null
    this.#onTick?.()
    const target = Math.floor((this.#clock.monotonicMs() - this.#startMs) / this.#grainMs)
    while (this.#done < target && !this.#isStopped && this.#count > 0) {
      this.#done++
      const slot = this.#done & (this.#slots.length - 1)
      // Due entries are taken out first: the callback may schedule into this very slot.
      const due: WheelEntry<T>[] = []
      for (let entry = this.#slots[slot] as WheelEntry<T> | null; entry !== null; ) {
        const following: WheelEntry<T> | null = entry.next
        if (entry.tick <= this.#done) {
          this.#unlink(entry)
          entry.next = null
          entry.tick = called
          due.push(entry)
        }
        entry = following
      }
      for (const entry of due) {
        // Cancelled or scheduled anew by a callback before it.
        if (entry.tick !== called) continue
        entry.tick = idle
        this.#onDue(entry.owner)
      }
    }
    if (this.#count > 0 && !this.#isStopped && this.#cancel === null) this.#arm()
  }
}
