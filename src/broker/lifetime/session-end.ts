import { EngineError } from '../../ports/engine-error.ts'
import type { SessionUid } from '../../ports/identity.ts'
import type { Fence, OpenOutcome, SessionRecord } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import { type CloseCause, takenOver } from '../namespace/close-cause.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'

type Opened = Extract<OpenOutcome, { kind: 'opened' }>

/** What else there is to do at the end of a connection. */
export interface AfterEnd {
  /** Nobody judges the session again. */
  forget(session: OnlineSession): void
  /** A will may be due. */
  look(): void
}

/** What becomes of a session when its connection is over: routes, store, will, lifecycle event. */
export class SessionEnds {
  readonly #core: Core
  readonly #after: AfterEnd
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(core: Core, after: AfterEnd) {
    this.#core = core
    this.#after = after
  }

  end(session: OnlineSession, cause: CloseCause): void {
    const { namespace, record } = session
    namespace.sessions.disconnected(session)
    this.#after.forget(session)
    session.stored?.stop()
    session.entry.retainedSenders = session.retainedRest
    if (!session.entry.isStored) {
      this.#forget(session, namespace)
      for (const copy of session.takeShared()) this.#core.publishing.passOn(copy)
    }
    this.#core.events.emit({
      kind: 'sessionEnded',
      namespace: namespace.id,
      at: this.#core.turn.now,
      authenticationName: record.owner.authenticationName,
      clientId: record.clientId,
      sequenceNumber: record.sequenceNumber,
      reason: cause.reason,
      reasonCode: cause.reasonCode,
      detail: cause.detail ?? null,
    })
    if (cause.isFenced !== true) this.#close(session, cause)
  }

  /** CONNACK was not sent although the session was opened: nobody ever used this connection of it. */
  abandon(opened: Opened, namespace: Namespace): void {
    this.takeOver(opened, namespace)
    this.#track(opened.fence.session, () => this.#closeUnused(opened.fence, opened.record, !opened.present))
  }

  /** A session that the store thinks is connected, without anybody. @returns false: the store is in trouble */
  async closeUnused(record: SessionRecord, isNew: boolean): Promise<boolean> {
    try {
      await this.#closeUnused({ session: record.uid, epoch: record.epoch }, record, isNew)
    } catch (error) {
      return !(error instanceof EngineError && error.retryable)
    }
    return true
  }

  async #closeUnused(fence: Fence, { expiryIntervalSeconds }: SessionRecord, isNew: boolean): Promise<void> {
    const { engine, turn } = this.#core
    await engine.sessions.close(fence, {
      now: turn.now,
      expiryIntervalSeconds: isNew ? 0 : expiryIntervalSeconds,
      will: 'discard',
    })
  }

  /** The connection that had the session before ends, and a will that this made due is published soon. */
  takeOver(opened: Opened, namespace: Namespace): void {
    const { engine, settings } = this.#core
    const uid = opened.present ? opened.record.uid : opened.discarded
    if (opened.previous !== null && opened.previous !== settings.nodeId && uid !== null) {
      engine.bus.tell(opened.previous, { kind: 'sessionTakenOver', session: uid, epoch: opened.fence.epoch })
    }
    const online = uid === null ? undefined : namespace.sessions.get(uid)?.online
    if (online != null && online.fence.epoch !== opened.fence.epoch) online.link.end(takenOver)
    if (opened.willIsDue) this.#after.look()
  }

  /** Resolves when the store knows of every end so far. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  #forget(session: OnlineSession, namespace: Namespace): void {
    const { entry } = session
    for (const subscription of entry.subscriptions.values()) namespace.router.remove(entry, subscription)
    entry.unsubscribeAll()
    namespace.heldRights.delete(entry)
    namespace.sessions.delete(entry.uid)
  }

  #close(session: OnlineSession, cause: CloseCause): void {
    const { commits, engine, turn } = this.#core
    const { fence, record } = session
    const { now } = turn
    const will = cause.will === 'publish' ? record.will : null
    this.#track(fence.session, async () => {
      // What the session did last is written under its own proof of ownership: the end comes behind it.
      await commits.ended()
      if (session.stored !== null) await engine.hot.flushAcknowledgements(fence)
      const { removed } = await engine.sessions.close(fence, {
        now,
        expiryIntervalSeconds: cause.endsSession === true ? 0 : session.expiryIntervalSeconds,
        will: will === null ? 'discard' : 'keep',
      })
      turn.begin()
      if (will === null) return
      // [MQTT-3.1.2-8]: at the session's end at the latest; else when its delay is over.
      if (removed || will.delaySeconds === 0) this.#after.look()
    })
  }

  /** The end of a younger connection makes that of an older one needless: it takes its place. */
  #track(session: SessionUid, work: () => Promise<unknown>): void {
    const tracked = this.#core.unfinished
      .do('sessionClose', session, work)
      .finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
  }
}
