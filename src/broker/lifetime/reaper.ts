import type { Cancel } from '../../ports/clock.ts'
import { EngineError } from '../../ports/engine-error.ts'
import type { SessionRecord } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import type { Openings } from './openings.ts'
import type { Wills } from './will.ts'

/** Due wills and expired sessions are looked for this often; a will without delay is looked for at once. */
const lookEveryMs = 1_000
const perLook = 200

/** Ends what is over without anybody's doing: wills whose delay has passed, sessions and retained messages that expired. */
export class Reaper {
  readonly #core: Core
  readonly #openings: Openings
  readonly #wills: Wills
  #cancel: Cancel | null = null
  #isLooking = false
  #looking: Promise<void> = Promise.resolve()
  #again = false
  #isStopped = false

  constructor(core: Core, openings: Openings, wills: Wills) {
    this.#core = core
    this.#openings = openings
    this.#wills = wills
  }

  start(): void {
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** Looks for what is due now. */
  look(): void {
    if (this.#isStopped) return
    if (this.#isLooking) {
      this.#again = true
      return
    }
    this.#isLooking = true
    this.#looking = this.#reap()
      .catch((error: unknown) => {
        this.#core.log.write('error', 'reaperFailed', { error: String(error) })
      })
      .finally(() => {
        this.#isLooking = false
        if (!this.#again) return
        this.#again = false
        this.look()
      })
  }

  /** Resolves when what was due has been dealt with. */
  async settled(): Promise<void> {
    while (this.#isLooking) await this.#looking
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#cancel = this.#core.clock.setTimer(lookEveryMs, () => {
      this.#core.turn.begin()
      this.look()
      this.#tryAgain()
      this.#arm()
    })
  }

  /** What the store could not be told, or did not answer. */
  #tryAgain(): void {
    const { log, unfinished } = this.#core
    Promise.all([unfinished.retry(), this.#openings.settleDoubts()]).catch((error: unknown) => {
      log.write('error', 'reaperFailed', { error: String(error) })
    })
  }

  /** What expired is removed, unless somebody is about to replace it. */
  #reapRetained(): void {
    const { engine, commits, turn } = this.#core
    for (const { namespace, topicName } of engine.retained.expiredBefore(turn.now, perLook)) {
      if (commits.changesRetained(namespace, topicName)) continue
      commits.retain({ namespace, topicName, body: null, expiresAt: null })
    }
  }

  async #reap(): Promise<void> {
    const { engine, turn } = this.#core
    this.#reapRetained()
    for (;;) {
      const due = engine.sessions.dueBefore(turn.now, perLook)
      // Together, so that they share the store's transactions.
      const progress = await Promise.all(due.map((record) => this.#settle(record)))
      if (!progress.includes(true)) return
    }
  }

  /** @returns false: nothing could be done about it now, or somebody else did it */
  async #settle(record: SessionRecord): Promise<boolean> {
    const { engine, namespaces, turn } = this.#core
    const { now } = turn
    const { uid, epoch, will, willDueAt } = record
    if (record.node !== null) {
      // Its node is gone: the connection is over, as after a loss.
      const { expiryIntervalSeconds } = record
      return ifNotFenced(engine.sessions.close({ session: uid, epoch }, { now, expiryIntervalSeconds, will: 'keep' }))
    }
    let isProgress = false
    if (will !== null && willDueAt !== null && willDueAt <= now) {
      // It waits, with its session, until the store takes messages again.
      if (this.#core.storeHealth.isFull) return false
      const namespace = namespaces.get(record.namespace)
      const done =
        namespace === null
          ? engine.sessions.willDone(uid, willDueAt)
          : this.#wills.publish(namespace, record, will, willDueAt)
      isProgress = await done
      // The session goes when its will is published, not before.
      if (!isProgress) return false
      turn.begin()
    }
    if (record.expiresAt === null || record.expiresAt > now) return isProgress
    return (await engine.sessions.remove(uid, { epoch })) || isProgress
  }
}

/** False: its client has just opened the session again, so nothing is due any more. */
async function ifNotFenced(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof EngineError && error.code === 'fenced') return false
    throw error
  }
}
