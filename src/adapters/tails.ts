import type { SessionUid } from '../ports/identity.ts'
import type { QueuedMessage } from '../ports/message-store.ts'
import type { Fence } from '../ports/session-store.ts'
import type { Stop } from '../ports/stop.ts'
import { throwLater } from './callbacks.ts'
import type { SessionTable } from './session-table.ts'

interface Tail {
  readonly fence: Fence
  readonly callback: (messages: readonly QueuedMessage[]) => void
}

/** Owners that follow the end of their queue. */
export class Tails {
  readonly #sessions: SessionTable
  readonly #tails = new Map<SessionUid, Set<Tail>>()

  constructor(sessions: SessionTable) {
    this.#sessions = sessions
  }

  add(fence: Fence, callback: (messages: readonly QueuedMessage[]) => void): Stop {
    const tail = { fence, callback }
    const tails = this.#tails.get(fence.session) ?? new Set<Tail>()
    this.#tails.set(fence.session, tails.add(tail))
    return () => this.#stop(tail)
  }

  /** True: somebody follows this queue, so messages for it are worth keeping until they are told. */
  has(uid: SessionUid): boolean {
    return this.#tails.has(uid)
  }

  tell(uid: SessionUid, messages: readonly QueuedMessage[]): void {
    const tails = this.#tails.get(uid)
    if (tails === undefined) return
    for (const tail of [...tails]) this.#tellOne(tail, messages)
  }

  #tellOne(tail: Tail, messages: readonly QueuedMessage[]): void {
    if (!this.#sessions.holds(tail.fence)) {
      this.#stop(tail)
      return
    }
    if (messages.length === 0) return
    try {
      tail.callback(messages)
    } catch (error) {
      throwLater(error)
    }
  }

  #stop(tail: Tail): void {
    const tails = this.#tails.get(tail.fence.session)
    tails?.delete(tail)
    if (tails?.size === 0) this.#tails.delete(tail.fence.session)
  }
}
