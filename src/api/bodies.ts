import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ApiLimits } from './parts.ts'

/** A limit that goes on biting is said again after this time, with how often it did. */
const saidAgainMs = 60_000

type BodyLimits = Pick<ApiLimits, 'bodyBytes' | 'largeBodiesPerPrincipal' | 'bodiesBytes'>

interface Principal {
  bytes: number
  large: number
}

/**
 * The contents of requests are gathered in memory before anything is known about them, so as much is set aside for a
 * request as it may send. Nobody gets more than half of what there is: who writes lists without end keeps nobody else's out.
 */
export class Bodies {
  readonly #limits: BodyLimits
  readonly #clock: Clock
  readonly #log: Log
  /** Of those who have something under way. */
  readonly #principals = new Map<string, Principal>()
  #bytes = 0
  #refused = 0
  #unsaid = 0
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(limits: BodyLimits, clock: Clock, log: Log) {
    this.#limits = limits
    this.#clock = clock
    this.#log = log
  }

  /** Set aside at the moment. */
  get bytes(): number {
    return this.#bytes
  }

  get refused(): number {
    return this.#refused
  }

  /**
   * @param bytes what the request says that it sends; as much as it may, when it does not say
   * @returns gives back what was set aside, once; null: not now
   */
  begin(principal: string, bytes: number): (() => void) | null {
    const { bodyBytes, largeBodiesPerPrincipal, bodiesBytes } = this.#limits
    const large = bytes > bodyBytes ? 1 : 0
    const own = this.#principals.get(principal) ?? { bytes: 0, large: 0 }
    const limit =
      own.large + large > largeBodiesPerPrincipal
        ? 'largeBodiesPerPrincipal'
        : // A body alone is let in: its own limit is above this one only where an operator wants it so.
          (own.bytes > 0 && own.bytes + bytes > bodiesBytes / 2) ||
            (this.#bytes > 0 && this.#bytes + bytes > bodiesBytes)
          ? 'bodiesBytes'
          : null
    if (limit !== null) {
      this.#refuse(principal, limit)
      return null
    }
    own.bytes += bytes
    own.large += large
    this.#bytes += bytes
    this.#principals.set(principal, own)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      own.bytes -= bytes
      own.large -= large
      this.#bytes -= bytes
      if (own.bytes === 0) this.#principals.delete(principal)
    }
  }

  #refuse(principal: string, limit: keyof BodyLimits): void {
    this.#refused++
    this.#unsaid++
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#saidMs < saidAgainMs) return
    const value = this.#limits[limit]
    this.#log.write('warn', 'apiBodyRefused', { principalId: principal, limit, value, times: this.#unsaid })
    this.#unsaid = 0
    this.#saidMs = nowMs
  }
}
