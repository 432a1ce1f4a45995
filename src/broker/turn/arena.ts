/**
 * Memory of outgoing messages. A message is written once into the current arena and every subscriber's outbox holds a
 * byte range of it. Arenas are recycled at the end of a turn in which nobody points into them any more, so the same
 * warm memory serves turn after turn (bench: TCP fan-out).
 */

/** Large enough that a turn rarely needs a second one, small enough that a pinned one costs little. */
export const arenaBytes = 1 << 20

/** Recycled arenas kept for the next burst; the rest goes back to the garbage collector. */
const spareArenas = 16

export class Arena {
  readonly bytes: Buffer
  /** The next free byte. */
  used = 0
  /** Ranges that point into it. */
  pins = 0
  /** A transport ended while it held a range: it may still send from here, so nothing else is ever written here. */
  isTainted = false

  constructor(size: number) {
    // Not from Node's shared pool: an arena is recycled as a whole.
    this.bytes = Buffer.allocUnsafeSlow(size)
  }
}

export class ArenaPool {
  #current = new Arena(arenaBytes)
  /** What the turn before wrote to; over TLS nearly all of it is taken by the end of the next one. */
  #previous = new Arena(arenaBytes)
  /** Full, oldest first; still pinned, or written to in this turn. */
  #retired: Arena[] = []
  readonly #spare: Arena[] = []

  /** The current arena with at least `size` bytes free after `used`; the caller advances `used` by what it wrote. */
  reserve(size: number): Arena {
    const current = this.#current
    if (current.bytes.length - current.used >= size) return current
    if (size > arenaBytes >> 1) {
      // A message of its own size; the current arena goes on.
      const single = new Arena(size)
      this.#retired.push(single)
      return single
    }
    this.#retired.push(current)
    this.#current = this.#spare.pop() ?? new Arena(arenaBytes)
    return this.#current
  }

  /**
   * Call once after everything of a turn has been handed to the transports. While those still send, the next turn writes to
   * the beginning of a second arena: two warm ones in turns instead of whole ones from end to end (bench: TLS pairs). Where
   * somebody is slower than that, the current one is filled on, so that nobody pins more than what is in use.
   */
  recycle(): void {
    if (this.#current.pins > 0 && this.#previous.pins === 0) {
      const current = this.#previous
      this.#previous = this.#current
      this.#current = current
    }
    if (this.#current.pins === 0) {
      if (this.#current.isTainted) this.#current = this.#spare.pop() ?? new Arena(arenaBytes)
      else this.#current.used = 0
    }
    if (this.#retired.length === 0) return
    const still: Arena[] = []
    for (const arena of this.#retired) {
      if (arena.pins > 0) still.push(arena)
      else if (!arena.isTainted && arena.bytes.length === arenaBytes && this.#spare.length < spareArenas) {
        arena.used = 0
        this.#spare.push(arena)
      }
    }
    this.#retired = still
  }

  /** Bytes of arenas that somebody still points into, the current one not counted. */
  get pinnedBytes(): number {
    let bytes = 0
    for (const arena of this.#retired) bytes += arena.bytes.length
    return bytes
  }

  /** The arena that has waited longest; null when none waits. */
  get oldestPinned(): Arena | null {
    return this.#retired[0] ?? null
  }
}
