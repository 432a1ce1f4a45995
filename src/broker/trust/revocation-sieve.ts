import { concernOf, isAnyAuthorityRevoked } from '../../auth/revoked.ts'
import { toUnixSeconds } from '../../base/time.ts'
import type { Core } from '../core/core.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Resumable } from '../turn/turn.ts'

/** A look costs 10 to 30 µs. */
const perTurn = 128

interface Sieving {
  readonly namespace: Namespace
  /** Not looked at since the last change. */
  readonly sessions: Set<OnlineSession>
  /** To be judged when everybody whom it is urgent for was found. */
  readonly later: Set<OnlineSession>
}

/**
 * After a change of a deny list or of a revocation list: finds the sessions whose certificates it may concern, a portion at
 * a time. A session that is opened meanwhile was judged by the new one.
 */
export class RevocationSieve implements Resumable {
  readonly #core: Core
  readonly #found: (sessions: Iterable<OnlineSession>) => void
  readonly #waiting = new Map<Namespace, Sieving>()
  #isScheduled = false

  /** @param found called with sessions to be judged */
  constructor(core: Core, found: (sessions: Iterable<OnlineSession>) => void) {
    this.#core = core
    this.#found = found
  }

  /**
   * Whom it has passed may be concerned now, so all are looked at again: those that wait already before them. Whoever changes
   * the lists without end holds nobody's turn up.
   */
  start(namespace: Namespace): void {
    if (isAnyAuthorityRevoked(namespace.view, toUnixSeconds(this.#core.turn.now))) {
      this.#waiting.delete(namespace)
      this.#found(namespace.sessions.online())
      return
    }
    const waiting = this.#waiting.get(namespace) ?? { namespace, sessions: new Set(), later: new Set() }
    for (const session of namespace.sessions.online()) waiting.sessions.add(session)
    this.#waiting.set(namespace, waiting)
    this.#schedule()
  }

  resume(): void {
    this.#isScheduled = false
    const { turn, verdicts } = this.#core
    const now = toUnixSeconds(turn.now)
    let left = perTurn
    for (const { namespace, sessions, later } of this.#waiting.values()) {
      const urgent: OnlineSession[] = []
      for (const session of sessions) {
        if (left-- === 0) break
        sessions.delete(session)
        const concern = concernOf(session.evidence, namespace.view, verdicts, now)
        if (concern === 'now') urgent.push(session)
        else if (concern === 'later') later.add(session)
      }
      if (sessions.size === 0) this.#waiting.delete(namespace)
      this.#found(urgent)
      if (!this.#waiting.has(namespace)) this.#found(later)
      if (left <= 0) break
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return
    this.#isScheduled = true
    this.#core.turn.resumeLater(this)
  }
}
