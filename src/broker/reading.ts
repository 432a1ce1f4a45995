import type { Cancel, Clock } from '../ports/clock.ts'
import type { Transport } from '../ports/transport.ts'
import type { Resumable, Turn } from './turn/turn.ts'

/** Why a peer is not read at the moment; several may hold. */
export const Hold = { Connecting: 1, Fairness: 2, Outbox: 4, Commits: 8, Rate: 16, Takeover: 32 } as const

/** Packets and deliveries after which others get their turn. */
const workPerTurn = 4_000

export interface ReadingOwner {
  readonly isOpen: boolean
  /** Nothing holds any more: goes on with what was kept, then asks `settle`. */
  readOn(): void
}

/** When one peer is read and when it waits: for its turn among the others, for its own receiver's room, for the store, for its rate. */
export class Reading implements Resumable {
  readonly #turn: Turn
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #owner: ReadingOwner
  #holds = 0
  #isPaused = false
  #work = 0
  #workTurn = 0
  #cancelThrottle: Cancel | null = null

  constructor(turn: Turn, clock: Clock, transport: Transport, owner: ReadingOwner) {
    this.#turn = turn
    this.#clock = clock
    this.#transport = transport
    this.#owner = owner
  }

  /** Bytes came: in another turn there is another share of work. */
  begin(): void {
    if (this.#workTurn === this.#turn.number) return
    this.#workTurn = this.#turn.number
    this.#work = 0
  }

  /** One packet more. @returns whether the next one may be taken up now */
  countPacket(): boolean {
    if (++this.#work > workPerTurn && this.#holds === 0) {
      this.#holds |= Hold.Fairness
      this.#turn.resumeLater(this)
    }
    return this.#holds === 0
  }

  /** @param amount in packets */
  countWork(amount: number): void {
    this.#work += amount
  }

  hold(reason: number): void {
    this.#holds |= reason
  }

  letGo(reason: number): void {
    if ((this.#holds & reason) === 0) return
    this.#holds &= ~reason
    if (this.#holds !== 0 || !this.#owner.isOpen) return
    // Not at once: we may be inside another peer's packet.
    this.#holds |= Hold.Fairness
    this.#turn.resumeLater(this)
  }

  /** It is read on when the bucket is level. */
  holdFor(waitMs: number): void {
    this.hold(Hold.Rate)
    if (this.#cancelThrottle !== null) return
    this.#cancelThrottle = this.#clock.setTimer(waitMs, () => {
      this.#cancelThrottle = null
      this.#turn.begin()
      this.letGo(Hold.Rate)
    })
  }

  /** Its silence is its own: it is read, or would be if it took what waits for it. */
  get isSilenceItsOwn(): boolean {
    return (this.#holds & ~Hold.Outbox) === 0
  }

  resume(): void {
    this.#holds &= ~Hold.Fairness
    if (this.#holds !== 0 || !this.#owner.isOpen) return
    this.#work = 0
    this.#owner.readOn()
  }

  /** Tells the transport, where it changed. */
  settle(): void {
    const paused = this.#holds !== 0
    if (paused === this.#isPaused) return
    this.#isPaused = paused
    if (paused) this.#transport.pause()
    else this.#transport.resume()
  }

  end(): void {
    this.#cancelThrottle?.()
  }
}
