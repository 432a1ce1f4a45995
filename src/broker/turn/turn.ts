import type { UnixMillis } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Arena, ArenaPool } from './arena.ts'

/** Arena bytes that transports may pin together; above, the connections that pin the oldest arena are cut. */
const defaultPinnedBytes = 256 << 20

/** What one connection is about to be sent, as the end of a turn sees it. */
export interface TurnOutbox {
  /** Called by the turn when this outbox was marked dirty in it. */
  endOfTurn(): void
  holds(arena: Arena): boolean
  /** The arenas that it pins are needed. */
  overrun(): void
}

/** Something that has gathered during the turn and is dealt with once, at its end. */
export interface TurnEnd {
  endOfTurn(): void
}

/** A peer that had its share of a turn and goes on when the others had theirs. */
export interface Resumable {
  resume(): void
}

/**
 * One turn of the event loop: one clock reading, one commit, one write per connection. Everything that is gathered
 * during a turn hangs here; nothing per message registers anything (design 7).
 */
export class Turn {
  readonly arenas = new ArenaPool()
  /** Acknowledgements stay contiguous per connection although messages are written between them. */
  readonly acknowledgements = new ArenaPool()
  /** Rises by one per turn. */
  number = 0
  readonly #clock: Clock
  readonly #pinnedBytes: number
  #active = false
  #monotonicMs = 0
  #now = 0 as UnixMillis
  #dirty: TurnOutbox[] = []
  /** All whose transport is not over. Over TLS nearly every write waits for the next turn: nothing is noted of it here. */
  readonly outboxes = new Set<TurnOutbox>()
  readonly #closers: (() => void)[] = []
  #ending: TurnEnd[] = []
  #resuming: Resumable[] = []
  readonly #end = (): void => this.#finish()

  constructor(clock: Clock, options: { pinnedBytes?: number } = {}) {
    this.#clock = clock
    this.#pinnedBytes = options.pinnedBytes ?? defaultPinnedBytes
  }

  /** What runs at the end of every turn before the outboxes are flushed, e.g. the commit. */
  beforeFlush(callback: () => void): void {
    this.#closers.push(callback)
  }

  /** Call first whenever something enters the broker: a chunk, a timer, a completed wait. */
  begin(): void {
    if (this.#active) return
    this.#active = true
    this.number++
    this.#monotonicMs = this.#clock.monotonicMs()
    this.#now = this.#clock.now()
    this.#clock.endOfTurn(this.#end)
  }

  /** The one reading of this turn. */
  get monotonicMs(): number {
    this.begin()
    return this.#monotonicMs
  }

  get now(): UnixMillis {
    this.begin()
    return this.#now
  }

  /** Calls `endOfTurn` before the commit of this turn goes out. Whoever asks remembers that it has. */
  atEnd(gathered: TurnEnd): void {
    this.begin()
    this.#ending.push(gathered)
  }

  /** Calls `resume` when everything that is ready in this turn has been served. */
  resumeLater(peer: Resumable): void {
    this.begin()
    this.#resuming.push(peer)
  }

  dirty(outbox: TurnOutbox): void {
    this.begin()
    this.#dirty.push(outbox)
  }

  #finish(): void {
    const ending = this.#ending
    if (ending.length > 0) {
      this.#ending = []
      for (let i = 0; i < ending.length; i++) (ending[i] as TurnEnd).endOfTurn()
    }
    for (const closer of this.#closers) closer()
    const dirty = this.#dirty
    this.#dirty = []
    for (const outbox of dirty) outbox.endOfTurn()
    this.#active = false
    this.acknowledgements.recycle()
    this.arenas.recycle()
    if (this.arenas.pinnedBytes + this.acknowledgements.pinnedBytes > this.#pinnedBytes) this.#cutOldest()
    // An outbox whose ranges have to be looked at again: they are copied at the end of the next turn.
    if (this.#dirty.length > 0) this.begin()
    if (this.#resuming.length === 0) return
    const resuming = this.#resuming
    this.#resuming = []
    this.begin()
    for (const peer of resuming) peer.resume()
  }

  #cutOldest(): void {
    const oldest = this.arenas.oldestPinned ?? this.acknowledgements.oldestPinned
    if (oldest === null) return
    for (const outbox of [...this.outboxes]) if (outbox.holds(oldest)) outbox.overrun()
  }
}
