import type { SessionUid } from '../ports/identity.ts'
import type { QueuedRun } from '../ports/message-store.ts'
import type { Fence } from '../ports/session-store.ts'
import type { Stop } from '../ports/stop.ts'
import { throwLater } from './callbacks.ts'
import type { SessionTable } from './session-table.ts'

interface Tail {
  readonly fence: Fence
  readonly callback: (runs: readonly QueuedRun[]) => void
}

/** Owners that follow the end of their queue. */
export class Tails {
  readonly #sessions: SessionTable
  /** The lists are replaced, never changed: who is told may stop, or begin. */
  readonly #tails = new Map<SessionUid, readonly Tail[]>()

  constructor(sessions: SessionTable) {
    this.#sessions = sessions
  }

  add(fence: Fence, callback: (runs: readonly QueuedRun[]) => void): Stop {
    const tail = { fence, callback }
    this.#tails.set(fence.session, [...(this.#tails.get(fence.session) ?? []), tail])
    return () => this.#stop(tail)
  }

  /** True: somebody follows this queue, so messages for it are worth keeping until they are told. */
  has(uid: SessionUid): boolean {
    return this.#tails.has(uid)
  }

  tell(uid: SessionUid, runs: readonly QueuedRun[]): void {
    const tails = this.#tails.get(uid)
    if (tails === undefined) return
    for (const tail of tails) this.#tellOne(tail, runs)
  }

  #tellOne(tail: Tail, runs: readonly QueuedRun[]): void {
    if (!this.#sessions.holds(tail.fence)) {
      this.#stop(tail)
      return
    }
    if (runs.length === 0) return
    try {
      tail.callback(runs)
    } catch (error) {
      throwLater(error)
    }
  }

  #stop(tail: Tail): void {
    const { session } = tail.fence
    const left = (this.#tails.get(session) ?? []).filter((each) => each !== tail)
    if (left.length > 0) this.#tails.set(session, left)
    else this.#tails.delete(session)
  }
}
