import type { Clock } from '../ports/clock.ts'

/** How long a handshake that got a place may keep it: whoever falls silent holds nobody up, */
const leaseMs = 200
/** and less where others wait. */
const hurriedLeaseMs = 50
const fewest = 4
const first = 16
const most = 512
/** The loop is busy when a turn takes longer: everybody who is connected waits for that long. */
const busyTurnMs = 8

export interface PacerOptions {
  /** Milliseconds that the event loop has worked, all in all; not those in which it waited. */
  readonly workedMs: () => number
}

/**
 * Lets handshakes begin as fast as those who are connected can bear. What costs in a handshake comes in two pieces, of which
 * the second is the peer's to send: when thousands come back at once, a hundred second pieces may arrive in one turn, and
 * everybody else waits for all of them. So as many may be under way as keep the turns short: fewer when one was long, more
 * when it was not. A place is leased, never owned: a gate on in-flight count alone could be held shut by silent peers. Sources
 * take turns, so that many handshakes of one address do not stand before those of others.
 */
export class HandshakePacer {
  readonly #clock: Clock
  readonly #workedMs: () => number
  /** By source; the first one is next, and then the last. */
  readonly #waiting = new Map<string, Set<() => void>>()
  #waitingCount = 0
  #underWay = 0
  #limit = first
  #isSampling = false
  #workedBefore = 0

  constructor(clock: Clock, { workedMs }: PacerOptions) {
    this.#clock = clock
    this.#workedMs = workedMs
  }

  /** Handshakes that may be under way now. */
  get limit(): number {
    return this.#limit
  }

  get waiting(): number {
    return this.#waitingCount
  }

  /**
   * Calls `begin` when there is a place, perhaps at once.
   *
   * @param source whoever of it waits, waits behind the others of it alone
   * @returns what to call when the handshake is over, or its peer is gone
   */
  enter(source: string, begin: () => void): () => void {
    let cancelLease: (() => void) | null = null
    let isOver = false
    const leave = (): void => {
      if (isOver) return
      isOver = true
      if (this.#forget(source, start)) return
      cancelLease?.()
      this.#underWay--
      this.#sample()
      this.#next()
    }
    const start = (): void => {
      this.#underWay++
      cancelLease = this.#clock.setTimer(this.#waitingCount > 0 ? hurriedLeaseMs : leaseMs, leave)
      begin()
    }
    this.#sample()
    if (this.#underWay < this.#limit) start()
    else this.#wait(source, start)
    return leave
  }

  #wait(source: string, start: () => void): void {
    const others = this.#waiting.get(source)
    if (others === undefined) this.#waiting.set(source, new Set([start]))
    else others.add(start)
    this.#waitingCount++
  }

  /** @returns false: it does not wait */
  #forget(source: string, start: () => void): boolean {
    const others = this.#waiting.get(source)
    if (others?.delete(start) !== true) return false
    if (others.size === 0) this.#waiting.delete(source)
    this.#waitingCount--
    return true
  }

  #next(): void {
    while (this.#underWay < this.#limit) {
      const [first] = this.#waiting
      if (first === undefined) return
      const [source, starts] = first
      const [start] = starts
      if (start === undefined) return
      this.#forget(source, start)
      if (this.#waiting.delete(source)) this.#waiting.set(source, starts)
      start()
    }
  }

  /** Measures the turn after this one: a loop that has nothing to do is not kept awake for more. */
  #sample(): void {
    if (this.#isSampling) return
    this.#isSampling = true
    this.#clock.endOfTurn(this.#beginTurn)
  }

  readonly #beginTurn = (): void => {
    this.#workedBefore = this.#workedMs()
    this.#clock.endOfTurn(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#isSampling = false
    const turnMs = this.#workedMs() - this.#workedBefore
    this.#limit = turnMs > busyTurnMs ? Math.max(fewest, this.#limit >> 1) : Math.min(most, this.#limit + 1)
    this.#next()
  }
}
