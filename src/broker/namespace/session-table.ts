import type { SessionUid } from '../../ports/identity.ts'
import type { Fence, Position } from '../../ports/session-store.ts'
import type { OnlineSession } from './session.ts'
import { SubscriptionHolder } from './subscription-holder.ts'

/** How far the last connection of a session got, so that the next one sends again exactly what was under way. */
export interface Resumption {
  /** Last position that was sent; null: none. */
  readonly sentUpTo: Position | null
  /** QoS 1 messages under way, by position. */
  readonly identifiers: ReadonlyMap<string, number>
  /** Positions that are done although the cursor has not passed them. */
  readonly done: ReadonlySet<string>
  /** What comes behind `sentUpTo` may have been sent by a connection of another process. */
  readonly isRestUnknown: boolean
}

/** Retained messages that a connection did not come to. */
export interface RetainedRest {
  /** Sends them to the next connection of the session. */
  goOn(session: OnlineSession): void
}

/** Of everybody who came to all of them (bench: mtls-idle). */
export const noRest: readonly RetainedRest[] = []

/** One session as routing sees it: small, because there may be a million that are offline. */
export class SessionEntry extends SubscriptionHolder {
  readonly uid: SessionUid
  /** Exact bytes as sent, or as assigned. */
  readonly clientId: string
  /** True: QoS 1 and 2 go through the store. False: the session ends with its connection and queues in memory. */
  readonly isStored: boolean
  /** Null: no connection on this node. */
  online: OnlineSession | null = null
  /** The store has it no more. */
  isRemoved = false
  /** Null: unknown, the last connection was another process's; what is queued may have been sent by it. */
  resumption: Resumption | null = null
  /** Retained messages that the last connection did not come to; with the process they are gone. */
  retainedSenders = noRest

  constructor(uid: SessionUid, clientId: string, isStored: boolean) {
    super()
    this.uid = uid
    this.clientId = clientId
    this.isStored = isStored
  }

  /** @returns what the last connection did not come to; nobody is told twice */
  takeRetainedSenders(): readonly RetainedRest[] {
    const senders = this.retainedSenders
    this.retainedSenders = noRest
    return senders
  }
}

/** Sessions of one namespace that this node routes to. */
export class SessionTable {
  readonly #byUid = new Map<SessionUid, SessionEntry>()
  readonly #online = new Map<SessionUid, OnlineSession>()

  get(uid: SessionUid): SessionEntry | undefined {
    return this.#byUid.get(uid)
  }

  add(entry: SessionEntry): void {
    this.#byUid.set(entry.uid, entry)
  }

  delete(uid: SessionUid): void {
    this.#byUid.delete(uid)
    this.#online.delete(uid)
  }

  connected(session: OnlineSession): void {
    session.entry.online = session
    this.#online.set(session.entry.uid, session)
  }

  /** Nothing happens when a later connection has the session already. */
  disconnected(session: OnlineSession): void {
    if (session.entry.online !== session) return
    session.entry.online = null
    this.#online.delete(session.entry.uid)
    if (session.entry.isRemoved) this.#byUid.delete(session.entry.uid)
  }

  byFence(fence: Fence): OnlineSession | undefined {
    const session = this.#online.get(fence.session)
    return session?.fence.epoch === fence.epoch ? session : undefined
  }

  get onlineCount(): number {
    return this.#online.size
  }

  get count(): number {
    return this.#byUid.size
  }

  online(): IterableIterator<OnlineSession> {
    return this.#online.values()
  }

  all(): IterableIterator<SessionEntry> {
    return this.#byUid.values()
  }
}
