import type { Cancel } from '../ports/clock.ts'
import { EngineError, type SessionRecord, type StoredWill } from '../ports/engine.ts'
import type { Core } from './core.ts'

/** Due wills and expired sessions are looked for this often; a will without delay is looked for at once. */
const lookEveryMs = 1_000
const perLook = 200

/** Ends what is over without anybody's doing: wills whose delay has passed, sessions and retained messages that expired. */
export class Reaper {
  readonly #core: Core
  #cancel: Cancel | null = null
  #isLooking = false
  #again = false
  #isStopped = false

  constructor(core: Core) {
    this.#core = core
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
    this.#reap()
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

  #arm(): void {
    if (this.#isStopped) return
    this.#cancel = this.#core.clock.setTimer(lookEveryMs, () => {
      this.#core.turn.begin()
      this.look()
      this.#arm()
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

  #publish(record: SessionRecord, will: StoredWill): void {
    const { namespaces, turn, wills } = this.#core
    turn.begin()
    const namespace = namespaces.get(record.namespace)
    if (namespace !== null) wills.publish(namespace, record, will)
  }

  async #reap(): Promise<void> {
    const { engine, turn } = this.#core
    this.#reapRetained()
    for (;;) {
      const now = turn.now
      const due = engine.sessions.dueBefore(now, perLook)
      let isProgress = false
      for (const record of due) {
        if (record.node !== null) {
          // Its node is gone: the connection is over, as after a loss.
          try {
            const { removed } = await engine.sessions.close(
              { session: record.uid, epoch: record.epoch },
              { now, expiryIntervalSeconds: record.expiryIntervalSeconds, will: 'keep' },
            )
            isProgress = true
            // [MQTT-3.1.2-10]: the session has ended with its connection, so its will waits for nothing.
            if (removed && record.will !== null) this.#publish(record, record.will)
          } catch (error) {
            // Its client has just opened it again: nothing is due any more.
            if (!(error instanceof EngineError) || error.code !== 'fenced') throw error
          }
          continue
        }
        if (record.will !== null && record.willDueAt !== null && record.willDueAt <= now) {
          if (await engine.sessions.willDone(record.uid, record.willDueAt)) {
            isProgress = true
            this.#publish(record, record.will)
          }
        }
        if (record.expiresAt !== null && record.expiresAt <= now) {
          if (await engine.sessions.remove(record.uid, { epoch: record.epoch })) isProgress = true
        }
      }
      if (!isProgress || due.length < perLook) return
    }
  }
}
