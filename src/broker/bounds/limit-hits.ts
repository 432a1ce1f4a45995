import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { NamespaceLimits } from '../../registry/profile.ts'

export type LimitName = keyof NamespaceLimits

/** A limit that goes on biting is said again after this time, with how often it did. */
const saidAgainMs = 60_000

interface Hits {
  total: number
  unsaid: number
  /** Monotonic. */
  saidMs: number
}

/**
 * How often each limit of a namespace's profile was in somebody's way: a number for the metrics, and a line in the log at
 * the first time and then once a minute at most, so that nobody can fill the log by staying at a limit.
 */
export class LimitHits {
  readonly #clock: Clock
  readonly #log: Log
  readonly #hits = new Map<LimitName, Hits>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** @param value what the limit was when it bit; null where the store knows and does not say */
  hit(namespace: string, limit: LimitName, value: NamespaceLimits[LimitName]): void {
    const nowMs = this.#clock.monotonicMs()
    let hits = this.#hits.get(limit)
    if (hits === undefined) {
      hits = { total: 0, unsaid: 0, saidMs: Number.NEGATIVE_INFINITY }
      this.#hits.set(limit, hits)
    }
    hits.total++
    hits.unsaid++
    if (nowMs - hits.saidMs < saidAgainMs) return
    this.#log.write('warn', 'limitReached', { namespace, limit, value, times: hits.unsaid })
    hits.unsaid = 0
    hits.saidMs = nowMs
  }

  *all(): Generator<readonly [limit: LimitName, total: number]> {
    for (const [limit, { total }] of this.#hits) yield [limit, total]
  }
}
