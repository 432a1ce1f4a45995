import type { Clock } from '../ports/clock.ts'

/** Everybody who is connected waits for as long as a turn of the event loop takes: fewer handshakes after a longer one. */
const busyTurnMs = 2
/** After a turn with less work nobody answered; those who are silent change places with others only now and then. */
const idleTurnMs = 1
const idleWaitMs = 2
/** Places; there are the most at first, and again when nobody answers. */
const fewest = 1
const most = 8
/** While peers answer: more would only make turns longer, they have enough to do as it is (bench: storm). */
const mostAnswering = 3

export interface PacerOptions {
  /** Milliseconds that the event loop has worked, all in all; not those in which it waited. */
  readonly workedMs: () => number
}

/** What the pacer asks of a handshake. */
export interface PacedHandshake {
  /** To read what its peer sends, from here on. */
  goOn(): void
  /**
   * To read nothing until it is told to go on.
   *
   * @returns false: it cannot be held, and goes on without a place
   */
  hold(): boolean
}

interface Entry {
  readonly source: Source
  readonly handshake: PacedHandshake
  isWaiting: boolean
  /** The turn at whose end its place was given; what its peer has sent by then is read in the next one. */
  turn: number
}

/** Where handshakes come from. */
interface Source {
  readonly waiting: Fifo<Entry>
  /** Of its handshakes, with a place and without. */
  count: number
  isQueued: boolean
}

/**
 * Lets handshakes go on as fast as those who are connected can bear. A handshake costs in pieces, each when the peer has sent
 * something: when thousands come back at once, a hundred such pieces may wait for the same turn, and everybody else for
 * all of them. So only those who have a place are read, each for one piece a turn, and there are as many places as keep
 * the turns short. A place is never owned: whoever had a turn in which to be read gives way to those who wait, so silent
 * peers hold nobody up, and what they send later waits for their next place. Sources take turns, so that many handshakes
 * of one address do not stand before those of others.
 */
export class HandshakePacer {
  readonly #clock: Clock
  readonly #workedMs: () => number
  readonly #sources = new Map<string, Source>()
  /** Sources whose turn it is, one after the other; an entry that gave up is passed over. */
  readonly #turns = new Fifo<Source>()
  #waitingCount = 0
  /** Who has a place, for longest first. */
  readonly #reading = new Set<Entry>()
  #limit = most
  #turn = 0
  #isScheduled = false
  #workedBefore: number | null = null
  #cancelTimer: (() => void) | null = null

  constructor(clock: Clock, { workedMs }: PacerOptions) {
    this.#clock = clock
    this.#workedMs = workedMs
  }

  /** Handshakes that may be read now. */
  get limit(): number {
    return this.#limit
  }

  get waiting(): number {
    return this.#waitingCount
  }

  /**
   * Calls `goOn` at once when there is a place; else, and while others wait, `hold` and `goOn` in turns.
   *
   * @param source whoever of it waits, waits behind the others of it alone
   * @returns what to call when the handshake is over, or its peer is gone
   */
  enter(source: string, handshake: PacedHandshake): () => void {
    const entry = { source: this.#source(source), handshake, isWaiting: false, turn: 0 }
    entry.source.count++
    // Its first bytes may come after the turn that ends next.
    if (this.#waitingCount === 0 && this.#reading.size < this.#limit) this.#start(entry, this.#turn + 1)
    else {
      // One that cannot be held does no harm yet: nobody answers it.
      handshake.hold()
      this.#wait(entry)
    }
    this.#watch()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--entry.source.count === 0) this.#sources.delete(source)
      if (this.#reading.delete(entry)) this.#watch()
      else this.#forget(entry)
    }
  }

  #source(name: string): Source {
    const known = this.#sources.get(name)
    if (known !== undefined) return known
    const source = { waiting: new Fifo<Entry>(), count: 0, isQueued: false }
    this.#sources.set(name, source)
    return source
  }

  #start(entry: Entry, turn: number): void {
    entry.turn = turn
    this.#reading.add(entry)
    entry.handshake.goOn()
  }

  #wait(entry: Entry): void {
    entry.isWaiting = true
    this.#waitingCount++
    entry.source.waiting.push(entry)
    this.#queue(entry.source)
  }

  #queue(source: Source): void {
    if (source.isQueued) return
    source.isQueued = true
    this.#turns.push(source)
  }

  #forget(entry: Entry): void {
    if (!entry.isWaiting) return
    entry.isWaiting = false
    this.#waitingCount--
  }

  /** Until the end of the turn after this one: a loop that has nothing to do is not kept awake for more. */
  #watch(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#clock.endOfTurn(this.#onTurn)
  }

  readonly #onTurn = (): void => {
    this.#isScheduled = false
    this.#turn++
    const worked = this.#workedMs()
    const turnMs = this.#workedBefore === null ? null : worked - this.#workedBefore
    this.#workedBefore = null
    if (turnMs !== null) this.#adapt(turnMs)
    this.#takeTurns()
    if (this.#waitingCount === 0 && turnMs !== null) return
    if (turnMs === null || turnMs >= idleTurnMs) {
      this.#workedBefore = worked
      this.#watch()
    } else this.#cancelTimer = this.#clock.setTimer(idleWaitMs, () => this.#watch())
  }

  #adapt(turnMs: number): void {
    if (turnMs > busyTurnMs) this.#limit = Math.max(fewest, this.#limit >> 1)
    else if (this.#limit < (turnMs < idleTurnMs ? most : mostAnswering)) this.#limit++
  }

  /** Who could be read gives way to those who wait. */
  #takeTurns(): void {
    let giveWay = Math.max(Math.min(this.#waitingCount, this.#reading.size), this.#reading.size - this.#limit)
    const held: Entry[] = []
    for (const entry of this.#reading) {
      if (giveWay <= 0) break
      if (entry.turn >= this.#turn) continue
      giveWay--
      this.#reading.delete(entry)
      if (entry.handshake.hold()) held.push(entry)
    }
    // Behind those who wait already.
    for (const entry of held) this.#wait(entry)
    while (this.#reading.size < this.#limit) {
      const entry = this.#nextWaiting()
      if (entry === null) return
      this.#start(entry, this.#turn)
    }
  }

  #nextWaiting(): Entry | null {
    for (let source = this.#turns.shift(); source !== undefined; source = this.#turns.shift()) {
      source.isQueued = false
      let entry = source.waiting.shift()
      while (entry?.isWaiting === false) entry = source.waiting.shift()
      // The others of its source come after all other sources.
      if (source.waiting.length > 0) this.#queue(source)
      if (entry === undefined) continue
      this.#forget(entry)
      return entry
    }
    return null
  }
}

/** First in, first out, in constant time. */
class Fifo<T> {
  #items: T[] = []
  #at = 0

  get length(): number {
    return this.#items.length - this.#at
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#at === this.#items.length) return undefined
    const item = this.#items[this.#at++]
    // What was taken out, a socket with all that hangs on it, is not kept by the array.
    if (this.#at * 2 > this.#items.length + 16 || this.#at === this.#items.length) {
      this.#items = this.#items.slice(this.#at)
      this.#at = 0
    }
    return item
  }
}
