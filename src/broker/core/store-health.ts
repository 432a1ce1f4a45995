import type { Engine } from '../../ports/engine.ts'
import type { Log } from '../../ports/log.ts'
import type { Turn } from '../turn/turn.ts'

/**
 * Whether the store takes anything new, asked once per turn. Where it does not, whoever wants to add to it is told at
 * once, while what makes room (acknowledgements, UNSUBSCRIBE, the end of sessions) goes on.
 */
export class StoreHealth {
  readonly #engine: Engine
  readonly #turn: Turn
  readonly #log: Log
  #askedInTurn = -1
  #isFull = false

  constructor(engine: Engine, turn: Turn, log: Log) {
    this.#engine = engine
    this.#turn = turn
    this.#log = log
  }

  get isFull(): boolean {
    const { number } = this.#turn
    if (this.#askedInTurn === number) return this.#isFull
    this.#askedInTurn = number
    const { isFull, reason } = this.#engine.health()
    if (isFull !== this.#isFull) {
      this.#isFull = isFull
      if (isFull) this.#log.write('error', 'storeTakesNothingNew', { reason })
      else this.#log.write('warn', 'storeTakesMessagesAgain', {})
    }
    return this.#isFull
  }
}
