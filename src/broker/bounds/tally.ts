import type { QoS } from '../../mqtt/packet.ts'
import type { DecisionFacts } from '../../ports/events.ts'

/** Messages by version and QoS. Six numbers and an addition: this is on the hot path. */
export class MessageTally {
  readonly #counts = [0, 0, 0, 0, 0, 0]

  add(version: 4 | 5, qos: QoS, count = 1): void {
    const at = version === 5 ? qos + 3 : qos
    this.#counts[at] = (this.#counts[at] as number) + count
  }

  of(version: 4 | 5, qos: QoS): number {
    return this.#counts[version === 5 ? qos + 3 : qos] as number
  }
}

export interface DecisionCount {
  readonly action: DecisionFacts['action']
  readonly outcome: DecisionFacts['outcome']
  /** Empty when accepted. */
  readonly code: string
  count: number
}

/** Decisions by what was asked and what was answered: codes are a closed set, so this does not grow. */
export class DecisionTally {
  readonly #counts = new Map<string, DecisionCount>()

  add({ action, outcome, code }: Pick<DecisionFacts, 'action' | 'outcome' | 'code'>): void {
    const key = `${action} ${code ?? ''}`
    const known = this.#counts.get(key)
    if (known === undefined) this.#counts.set(key, { action, outcome, code: code ?? '', count: 1 })
    else known.count++
  }

  all(): readonly Readonly<DecisionCount>[] {
    return [...this.#counts.values()]
  }
}

export interface LatencyReading {
  /** Upper bounds in seconds, each with how many took at most that long. */
  readonly buckets: readonly (readonly [seconds: number, count: number])[]
  readonly count: number
  readonly sumSeconds: number
}

const boundsMs: readonly number[] = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

/** How long something took, in buckets from half a millisecond to ten seconds. */
export class LatencyTally {
  readonly #counts = boundsMs.map(() => 0)
  #count = 0
  #sumMs = 0

  add(ms: number): void {
    this.#count++
    this.#sumMs += ms
    const at = boundsMs.findIndex((bound) => ms <= bound)
    if (at >= 0) this.#counts[at] = (this.#counts[at] as number) + 1
  }

  read(): LatencyReading {
    let sum = 0
    const buckets = this.#counts.map((count, at) => {
      sum += count
      return [(boundsMs[at] as number) / 1_000, sum] as const
    })
    return { buckets, count: this.#count, sumSeconds: this.#sumMs / 1_000 }
  }
}
