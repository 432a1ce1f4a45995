import { inSlices, type Steps } from '../../base/steps.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Revision } from '../../ports/identity.ts'
import type { RegistryChange, RegistryWrite } from '../../ports/registry-store.ts'
import { conditionSteps, keySteps } from '../registry-rules.ts'
import type { GroupCommit } from './group-commit.ts'
import { ChunkWriter, chunkKey, entriesOf, journalMark } from './journal.ts'
import { codeUnitBytes, numberBytes } from './keys.ts'
import { plainBytes } from './queues.ts'
import { indexKey, RegistryOverlay } from './registry.ts'
import { type Store, unavailable } from './store.ts'

/** More than this in one transaction would keep the event loop from everything else. */
const longFrom = 2_048
/** The same of few entries that are large: a revocation list has tens of megabytes. */
const longFromBytes = 4 * 1_048_576

/** Chunks that are on their way to the journal at the same time. */
const chunksAtOnce = 4
const retryAfterMs = 1_000

export interface LongWritesParts {
  readonly store: Store
  readonly group: GroupCommit
  readonly clock: Clock
  readonly isLow: () => boolean
}

/**
 * Registry writes of any length, each of them one atom. A short one is a transaction. A long one is first written to a
 * journal, chunk by chunk; the mark that makes it count is one small transaction, at which everything of it is visible at
 * once, from memory; then it is brought to its place, chunk by chunk. Other writes of the registry wait until that is
 * done; everything else goes on.
 */
export class LongWrites {
  readonly #parts: LongWritesParts
  /** The last of the writes that wait for a long one, and for each other; null: none is under way. */
  #last: Promise<unknown> | null = null
  #isStuck = false
  #closing: 'no' | 'afterThis' | 'now' = 'no'
  #retryNow = (): void => {}

  constructor(parts: LongWritesParts) {
    this.#parts = parts
  }

  async write(write: RegistryWrite): Promise<Revision> {
    const isLong = isLongWrite(write)
    if (!isLong && this.#last === null) return this.#short(write)
    if (this.#isStuck) throw unavailable('an earlier write is not finished')
    return this.#queue(() => (isLong ? this.#long(write) : this.#short(write).then(finished)))
  }

  /** Resolves when nothing is half done, or cannot be finished now: then the next opening finishes it. */
  async close(how: 'afterThis' | 'now'): Promise<void> {
    this.#closing = how
    this.#retryNow()
    await this.#last
  }

  /** `work` answers as soon as it counts; the next one waits for its rest. */
  #queue(work: () => Promise<{ readonly revision: Revision; readonly rest: Promise<void> }>): Promise<Revision> {
    const begun = (this.#last ?? Promise.resolve()).then(work)
    const ended = begun.then(({ rest }) => rest).catch(() => {})
    this.#last = ended
    void ended.then(() => {
      if (this.#last === ended) this.#last = null
    })
    return begun.then(({ revision }) => revision)
  }

  #short(write: RegistryWrite): Promise<Revision> {
    if (this.#closing !== 'no') throw unavailable('closed')
    return this.#parts.group.run((unit) => unit.writeRegistry(write))
  }

  async #long(write: RegistryWrite) {
    const { store, group, clock } = this.#parts
    this.#check()
    // Those that were asked for before are done first; those that come now wait.
    await group.run(() => {})
    const revision = (store.revision + 1n) as Revision
    const chunks: Buffer[] = []
    const overlay = new RegistryOverlay(revision)
    const changes: RegistryChange[] = []
    await inSlices(clock, this.#prepare(write, revision, chunks, overlay, changes))
    for (let from = 0; from < chunks.length; from += chunksAtOnce) {
      this.#check()
      const some = chunks.slice(from, from + chunksAtOnce)
      await Promise.all(some.map((chunk, i) => this.#put(chunkKey(from + i), chunk)))
    }
    this.#check()
    let counts = false
    const committed = group.run((unit) => {
      unit.revision = revision
      unit.writes.put(store.tables.journal, journalMark.key, journalMark.value(chunks.length))
      unit.effects.push(() => {
        counts = true
        store.registry.overlay = overlay
        store.registryChanges.call(changes)
      })
    })
    try {
      await committed
    } catch (error) {
      // Whoever lost only the answer finds everything in its place.
      if (counts) await this.#settle(chunks)
      throw error
    }
    return { revision, rest: this.#settle(chunks) }
  }

  #check(): void {
    if (this.#closing !== 'no') throw unavailable('closed')
    if (this.#parts.isLow()) throw unavailable('diskAlmostFull')
  }

  #put(key: Buffer, chunk: Buffer): Promise<void> {
    const { group, store } = this.#parts
    return group.run((unit) => unit.writes.put(store.tables.journal, key, chunk))
  }

  *#prepare(
    write: RegistryWrite,
    revision: Revision,
    chunks: Buffer[],
    overlay: RegistryOverlay,
    changes: RegistryChange[],
  ): Steps<undefined> {
    const { registry } = this.#parts.store
    yield* keySteps(write)
    yield* conditionSteps(write, registry)
    const writer = new ChunkWriter()
    const add = (table: 'registry' | 'indexes', key: Buffer, value: readonly Uint8Array[] | null): Buffer => {
      const added = writer.add(table, key, value)
      if (added.full !== null) chunks.push(added.full)
      return added.value
    }
    for (const { index, value, owner } of write.release) {
      yield
      if (registry.lookup(index, value) !== owner) continue
      add('indexes', indexKey(index, value), null)
      overlay.setOwner(index, value, null)
    }
    for (const { index, value, owner } of write.claim) {
      yield
      add('indexes', indexKey(index, value), [Buffer.from(owner)])
      overlay.setOwner(index, value, owner)
    }
    const head = numberBytes(Number(revision))
    for (const { key, value } of write.put) {
      yield
      const stored = add('registry', codeUnitBytes(key), [head, value])
      const kept = plainBytes(stored.subarray(head.length))
      overlay.set(key, kept)
      changes.push({ key, value: kept, revision })
    }
    for (const { key } of write.remove) {
      yield
      if (registry.get(key) === undefined) continue
      add('registry', codeUnitBytes(key), null)
      overlay.set(key, null)
      changes.push({ key, value: null, revision })
    }
    chunks.push(writer.close())
  }

  /** Each chunk moves in a transaction of its own; the overlay shows the whole of it meanwhile. */
  async #settle(chunks: readonly Buffer[]): Promise<void> {
    const { group, store } = this.#parts
    const { journal } = store.tables
    let next = 0
    while (this.#closing !== 'now') {
      try {
        for (; next < chunks.length; next++) {
          if (this.#isAborted()) return
          const chunk = chunks[next] as Buffer
          await group.run((unit) => {
            for (const { table, key, value } of entriesOf(chunk)) {
              if (value === null) unit.writes.remove(store.tables[table], key)
              else unit.writes.put(store.tables[table], key, value)
            }
            unit.writes.remove(journal, chunkKey(next))
          })
        }
        await group.run((unit) => {
          unit.writes.remove(journal, journalMark.key)
          unit.effects.push(() => {
            store.registry.overlay = null
          })
        })
        this.#isStuck = false
        return
      } catch {
        this.#isStuck = true
        // The next opening finishes it.
        if (this.#closing !== 'no') return
        await this.#pause()
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.setTimer(retryAfterMs, resolve)
      this.#retryNow = () => {
        cancel()
        resolve()
      }
    })
  }

  #isAborted(): boolean {
    return this.#closing === 'now'
  }
}

function isLongWrite({ put, remove, claim, release }: RegistryWrite): boolean {
  if (put.length + remove.length + claim.length + release.length >= longFrom) return true
  let bytes = 0
  for (const { value } of put) bytes += value.length
  return bytes >= longFromBytes
}

function finished(revision: Revision) {
  return { revision, rest: Promise.resolve() }
}
