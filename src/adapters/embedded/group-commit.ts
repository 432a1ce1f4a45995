import { assert } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import { EngineError } from '../../ports/engine-error.ts'
import type { SessionUid } from '../../ports/identity.ts'
import type { StoredSubscription } from '../../ports/session-store.ts'
import { throwLater } from '../callbacks.ts'
import type { SessionEntry } from '../session-entry.ts'
import type { FreeSpace } from './free-space.ts'
import { numberBytes, uidBytes } from './keys.ts'
import { encodeOperation } from './records.ts'
import { encodeSession, encodeSubscription, subscriptionKey } from './session-records.ts'
import {
  encodeSequence,
  queuedKey,
  revisionKey,
  type SessionWork,
  type Store,
  sequenceKey,
  unavailable,
} from './store.ts'
import { Unit } from './unit.ts'

interface Job {
  readonly apply: (unit: Unit) => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

interface Composed {
  readonly unit: Unit
  readonly jobs: readonly Job[]
  readonly outcomes: readonly Outcome[]
  /** The session table holds what the unit changed already. */
  readonly isShown: boolean
}

/** One transaction takes what waits, but no more than this: the loop must not stand still while it is put together. */
const mostJobs = 4096
const mostWrites = 30_000
const mostBytes = 16 * 1024 * 1024

/** Remembered on disk as long as in memory at least, and forgotten in one go. */
const mostOperationKeys = 1_024
const forgottenAtOnce = 64

export interface GroupCommitOptions {
  readonly space: FreeSpace
  readonly now: () => UnixMillis
  /** Tests only: the next transaction fails, or its answer is lost. */
  readonly fault?: () => 'refuse' | 'loseAnswer' | null
  readonly onFailure: () => void
  /** A write that should have fitted was refused by the system: nothing is written after it. */
  readonly onBroken: (error: unknown) => void
}

/**
 * Everything that is asked for while a transaction is on its way to the disk goes into the next one. Jobs are applied in
 * call order; what they did is shown to others when it is durable, or not at all.
 */
export class GroupCommit {
  readonly #store: Store
  readonly #options: GroupCommitOptions
  #waiting: Job[] = []
  #scheduled = false
  #running: Promise<void> | null = null
  /** Why the last transaction failed; null: it did not. */
  failure: string | null = null
  #isBroken = false
  readonly #inMemory: SessionWork

  constructor(store: Store, options: GroupCommitOptions) {
    this.#store = store
    this.#options = options
    this.#inMemory = {
      next: () => ++store.sequence,
      onSessionChange({ before, after }) {
        assert(!isStored(before) && !isStored(after), 'what has to be written goes into a transaction')
      },
    }
  }

  /**
   * Applies at once what changes nothing that is stored: the begin and the end of a session that lives in this process
   * only, which is most of what a fleet that comes and goes asks of a store (bench: mtls-connect).
   *
   * @param apply changes one session of that kind, or throws before it has changed anything
   * @returns null, and nothing is applied: others wait or are on their way to the disk, and order is kept
   */
  runInMemory<T extends object>(apply: () => T): T | null {
    if (this.#waiting.length > 0 || this.#running !== null) return null
    this.#store.unit = this.#inMemory
    try {
      return apply()
    } finally {
      this.#store.unit = null
    }
  }

  run<T>(apply: (unit: Unit) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ apply, resolve: resolve as Job['resolve'], reject })
      this.#schedule()
    })
  }

  /** Resolves when everything asked for before is done. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0 || this.#running !== null) {
      await (this.#running ?? Promise.resolve())
    }
  }

  /** Refuses what waits and resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(unavailable('closed'))
    await this.#running
  }

  #schedule(): void {
    if (this.#scheduled || this.#running !== null || this.#waiting.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#running !== null || this.#waiting.length === 0) return
      this.#running = this.#transact().finally(() => {
        this.#running = null
        this.#schedule()
      })
    })
  }

  async #transact(): Promise<void> {
    const { unit, jobs, outcomes, isShown } = this.#compose()
    let isToBeTakenBack = isShown
    try {
      const fault = this.#options.fault?.() ?? null
      if (fault === 'refuse') throw new Error('refused')
      // Without writes only this process is concerned: a session that lives in memory.
      if (unit.writes.count > 0) await this.#flush(unit)
      this.failure = null
      isToBeTakenBack = false
      this.#publish(unit, isShown)
      // Only now: who began to follow meanwhile has read without these, so they are told as well.
      for (const { uid, runs } of unit.appended()) this.#store.tails.tell(uid, runs)
      if (fault === 'loseAnswer') throw new Error('answer lost')
      for (const [i, { resolve, reject }] of jobs.entries()) {
        const outcome = outcomes[i] as Outcome
        if (outcome.ok) resolve(outcome.value as never)
        else reject(outcome.error)
      }
    } catch (error) {
      if (isToBeTakenBack) this.#takeBack(unit)
      this.failure = reasonOf(error)
      for (const { reject } of jobs) reject(unavailable(this.failure, error))
      this.#options.onFailure()
    }
  }

  /** Only when it is sure that there is room: the store does not survive it when there is none. */
  async #flush({ writes }: Unit): Promise<void> {
    const { space, onBroken } = this.#options
    if (this.#isBroken) throw new Error('an earlier write failed')
    const need = space.need(writes.count, writes.bytes)
    if (!space.take(need) && !(await space.make(need))) throw new Error('no space left')
    try {
      await writes.flush(this.#store.tables.meta)
    } catch (error) {
      this.#isBroken = true
      onBroken(error)
      throw error
    }
  }

  /**
   * Applies the waiting jobs to a unit. A job that fails in an unforeseen way is left out, and the others begin anew.
   * Nobody sees what they did to sessions before it is durable; where nothing has to be written, that is at once
   * (bench: mtls-connect).
   */
  #compose(): Composed {
    const { space } = this.#options
    const { share } = space
    let candidates = this.#waiting.splice(0, mostJobs)
    for (;;) {
      const unit = new Unit(this.#store)
      const outcomes: Outcome[] = []
      this.#store.unit = unit
      let broken = -1
      for (const [i, { apply, reject }] of candidates.entries()) {
        const { count, bytes } = unit.writes
        if (count > mostWrites || bytes > mostBytes || space.need(count, bytes) > share) break
        try {
          outcomes.push({ ok: true, value: apply(unit) })
        } catch (error) {
          // `fenced` and `conflict` are answers, given before anything was changed.
          if (error instanceof EngineError) {
            outcomes.push({ ok: false, error })
            continue
          }
          reject(error)
          broken = i
          break
        }
      }
      if (broken < 0) seal(unit, this.#store, this.#options.now())
      this.#store.unit = null
      const isShown = broken < 0 && unit.writes.count === 0
      if (!isShown) this.#takeBack(unit)
      if (broken < 0) {
        this.#waiting = [...candidates.slice(outcomes.length), ...this.#waiting]
        return { unit, jobs: candidates.slice(0, outcomes.length), outcomes, isShown }
      }
      candidates = candidates.toSpliced(broken, 1)
    }
  }

  #takeBack(unit: Unit): void {
    for (const { before, after } of unit.changes.toReversed()) {
      this.#store.sessions.apply({ before: after, after: before })
    }
  }

  /** It is durable: now it is shown. */
  #publish(unit: Unit, isShown: boolean): void {
    const store = this.#store
    store.sequence = unit.sequence
    store.revision = unit.revision
    if (!isShown) for (const change of unit.changes) store.sessions.apply(change)
    for (const queue of unit.queues.values()) store.queues.setState(queue.uid, queue.state())
    for (const uid of unit.lost) store.queues.forget(uid)
    for (const [namespace, bytes] of unit.queuedBytes) store.queuedBytes.add(namespace, bytes)
    for (const { opId, mark, result } of unit.operations) store.operations.remember(opId, mark, result)
    for (const effect of unit.effects) {
      try {
        effect()
      } catch (error) {
        throwLater(error)
      }
    }
  }
}

/** The last writes of a transaction: what follows from all its jobs together. */
function seal(unit: Unit, store: Store, now: UnixMillis): void {
  unit.sealMessages()
  sealSessions(unit, store)
  sealQueuedBytes(unit, store)
  sealOperations(unit, store)
  const { meta } = store.tables
  if (unit.revision !== store.revision) unit.writes.put(meta, revisionKey, numberBytes(Number(unit.revision)))
  if (unit.writes.count > 0) unit.writes.put(meta, sequenceKey, encodeSequence(unit.sequence, now))
}

function sealSessions(unit: Unit, store: Store): void {
  const finals = new Map<SessionUid, { readonly before: SessionEntry | null; after: SessionEntry | null }>()
  for (const { before, after } of unit.changes) {
    const uid = (after ?? before)?.record.uid as SessionUid
    const known = finals.get(uid)
    if (known === undefined) finals.set(uid, { before, after })
    else known.after = after
  }
  const { sessions, wills } = store.tables
  for (const [uid, { before: first, after: last }] of finals) {
    const before = isStored(first) ? first : null
    const after = isStored(last) ? last : null
    if (before === null && after === null) continue
    const key = uidBytes(uid)
    if (after !== null) unit.writes.put(sessions, key, encodeSession(after))
    else if (before !== null) unit.writes.remove(sessions, key)

    sealSubscriptions(unit, store, key, before?.record.subscriptions ?? [], after?.record.subscriptions ?? [])

    const will = unit.wills.get(uid)
    if (after?.record.will != null && will !== undefined) unit.writes.put(wills, key, will)
    else if (after?.record.will == null && before?.record.will != null) unit.writes.remove(wills, key)
  }
}

/** So that nobody has to look through all queues after a start. */
function sealQueuedBytes({ queuedBytes, writes }: Unit, store: Store): void {
  for (const [namespace, grown] of queuedBytes) {
    if (grown === 0) continue
    const bytes = store.queuedBytes.of(namespace) + grown
    if (bytes > 0) writes.put(store.tables.meta, queuedKey(namespace), numberBytes(bytes))
    else writes.remove(store.tables.meta, queuedKey(namespace))
  }
}

/** What did not change is the same object before and after. */
function sealSubscriptions(
  unit: Unit,
  store: Store,
  uid: Uint8Array,
  before: readonly StoredSubscription[],
  after: readonly StoredSubscription[],
): void {
  if (before === after) return
  const { subscriptions: table } = store.tables
  const old = new Map(before.map((subscription) => [subscription.topicFilter, subscription]))
  for (const subscription of after) {
    const { topicFilter } = subscription
    const known = old.get(topicFilter)
    old.delete(topicFilter)
    if (known === subscription) continue
    const key = subscriptionKey(uid, topicFilter)
    unit.writes.put(table, key, encodeSubscription(key, subscription, unit.next()))
  }
  for (const topicFilter of old.keys()) unit.writes.remove(table, subscriptionKey(uid, topicFilter))
}

/** A session that lives in this process only is written down when it has a will, which must outlive a crash. */
export function isStored(entry: SessionEntry | null): entry is SessionEntry {
  return entry !== null && (entry.queue === 'stored' || entry.record.will !== null)
}

function sealOperations(unit: Unit, store: Store): void {
  const { operations } = store.tables
  const keys: number[] = []
  for (const operation of unit.operations) {
    const key = unit.next()
    keys.push(key)
    unit.writes.put(operations, numberBytes(key), encodeOperation(operation))
  }
  const surplus = store.operationKeys.length - store.operationHead + keys.length - mostOperationKeys
  const forgotten = surplus < forgottenAtOnce ? 0 : surplus
  for (let i = 0; i < forgotten; i++) {
    unit.writes.remove(operations, numberBytes(store.operationKeys[store.operationHead + i] as number))
  }
  unit.effects.push(() => {
    store.operationHead += forgotten
    if (store.operationHead > mostOperationKeys) {
      store.operationKeys = store.operationKeys.slice(store.operationHead)
      store.operationHead = 0
    }
    for (const key of keys) store.operationKeys.push(key)
  })
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const text = cause instanceof Error ? cause.message : String(cause ?? (error as Error).message)
  return /ENOSPC|no space|EFBIG|file too large/i.test(text) ? 'diskFull' : text
}
