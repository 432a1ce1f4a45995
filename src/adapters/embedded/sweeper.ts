import type { NamespaceId, SessionUid } from '../../ports/identity.ts'
import { decodeHead } from './chunks.ts'
import type { GroupCommit } from './group-commit.ts'
import { behind } from './keys.ts'
import type { Store } from './store.ts'
import type { Unit } from './unit.ts'

/** Entries removed in one step: some milliseconds of the loop. */
const stepSize = 500

/**
 * Removes the queues of sessions that are gone, little by little between other transactions. What is left to do stands in
 * a table, so a crash forgets nothing.
 */
export class Sweeper {
  readonly #store: Store
  readonly #group: GroupCommit
  #running = false
  #wanted = false
  #stopped = false
  #wasInterrupted = false

  constructor(store: Store, group: GroupCommit) {
    this.#store = store
    this.#group = group
  }

  /** Begins, unless it is at work already. */
  start(): void {
    this.#wanted = true
    if (this.#running || this.#stopped) return
    this.#running = true
    void this.#work().finally(() => {
      this.#running = false
    })
  }

  /** The store takes writes again. */
  resume(): void {
    if (!this.#wasInterrupted) return
    this.#wasInterrupted = false
    this.start()
  }

  stop(): void {
    this.#stopped = true
  }

  async #work(): Promise<void> {
    try {
      while (this.#wanted && !this.#stopped) {
        this.#wanted = false
        while (!this.#stopped && (await this.#group.run((unit) => this.#step(unit))));
      }
    } catch {
      // The store is full or closing.
      this.#wasInterrupted = true
    }
  }

  /** False: nothing is left. */
  #step(unit: Unit): boolean {
    const { garbage, queue, holes, outgoing, incoming, cursors } = this.#store.tables
    const next = [...garbage.getRange({ limit: 1 })][0]
    if (next === undefined) return false
    const prefix = Buffer.from(next.key)
    const namespace = next.value.toString() as NamespaceId
    const range = { start: prefix, end: behind(prefix), limit: stepSize }
    let removed = 0
    for (const { key, value } of queue.getRange(range)) {
      const { bundles, bytes } = decodeHead(key as Buffer, value as Buffer)
      for (const bundle of bundles) unit.bundles.release(bundle)
      unit.countQueued(namespace, -bytes)
      unit.writes.remove(queue, Buffer.from(key))
      removed++
    }
    for (const table of [holes, outgoing, incoming]) {
      for (const key of table.getKeys(range)) {
        unit.writes.remove(table, Buffer.from(key))
        removed++
      }
    }
    if (removed >= stepSize) return true
    if (cursors.doesExist(prefix)) unit.writes.remove(cursors, prefix)
    unit.writes.remove(garbage, prefix)
    unit.lost.add(prefix.toString('hex') as SessionUid)
    return true
  }
}
