import { sourceOf } from '../../base/source-address.ts'
import type { DecisionFacts } from '../../ports/events.ts'

/** A decision with how often it repeated; `record` has id and time of the first of them, and what the last one compared. */
export interface DecisionEntry {
  readonly record: DecisionFacts
  readonly count: number
  /** Time of the last one, milliseconds since 1970. */
  readonly lastAt: number
}

interface Kept {
  record: DecisionFacts
  count: number
  lastAt: number
  readonly sequence: number
}

export type DecisionRing = 'accepted' | 'refused' | 'refusedUnproven'

/**
 * Recent decisions of one namespace in three rings, so that a flood of junk never pushes out the refusal that somebody
 * looks for: accepted, refused with a proven path, refused otherwise. Equal refusals are one counted entry (S61).
 */
export class DecisionLog {
  readonly #capacity: number
  readonly #rings: Record<DecisionRing, Map<string, Kept>> = {
    accepted: new Map(),
    refused: new Map(),
    refusedUnproven: new Map(),
  }
  #sequence = 0

  /** @param capacity entries per ring */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(ring: DecisionRing, record: DecisionFacts): void {
    const entries = this.#rings[ring]
    const key = keyOf(ring, record)
    const before = entries.get(key)
    if (before !== undefined) {
      before.count++
      before.lastAt = record.at
      // Whoever mends something and tries again wants to read about that attempt.
      before.record = { ...record, id: before.record.id, at: before.record.at }
      return
    }
    if (entries.size >= this.#capacity) {
      const oldest = entries.keys().next()
      if (!oldest.done) entries.delete(oldest.value)
    }
    entries.set(key, { record, count: 1, lastAt: record.at, sequence: this.#sequence++ })
  }

  /** Newest first. */
  recent(limit: number, ring?: DecisionRing): readonly DecisionEntry[] {
    const rings = ring === undefined ? Object.values(this.#rings) : [this.#rings[ring]]
    const all = rings.flatMap((entries) => [...entries.values()])
    all.sort((a, b) => b.lastAt - a.lastAt || b.sequence - a.sequence)
    return all.slice(0, limit).map(({ record, count, lastAt }) => ({ record, count, lastAt }))
  }

  clear(): void {
    for (const entries of Object.values(this.#rings)) entries.clear()
  }
}

function keyOf(ring: DecisionRing, record: DecisionFacts): string {
  switch (ring) {
    case 'accepted':
      return record.id
    case 'refused':
      // What one client repeats is one entry: a denied topic in a loop tells nothing new.
      return JSON.stringify([
        record.action,
        record.code,
        record.authenticationName,
        record.clientId,
        record.certificateFingerprint,
        record.steps.at(-1)?.presented ?? null,
      ])
    case 'refusedUnproven':
      return JSON.stringify([
        record.action,
        record.code,
        sourceOf(record.remoteAddress ?? ''),
        record.certificateFingerprint,
      ])
  }
}
