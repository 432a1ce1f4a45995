import type { NamespaceId, SessionUid } from '../../ports/identity.ts'
import type { OpenOutcome, OpenSession, SessionRecord } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import { takenOver } from '../namespace/close-cause.ts'
import type { SessionEnds } from './session-end.ts'

/** Whose and which: no will and nothing else that a peer can make large. */
type Named = Pick<OpenSession, 'namespace' | 'clientId' | 'owner'>

/** An opening of which the store did not say whether it took effect. */
interface Doubt {
  readonly request: Named
  /** The session that had the name before; null: none. */
  readonly before: { readonly uid: SessionUid; readonly epoch: bigint } | null
}

/** Whoever asks for ever new names while the store is in trouble does not grow it: the next start sees to the rest. */
const mostDoubts = 10_000

/** The openings of sessions that the store is asked for, by name: which is the last, and what became of those without an answer. */
export class Openings {
  readonly #core: Core
  readonly #sessionEnds: SessionEnds
  /** The CONNECT that asked last, by client and name; gone when it is answered. */
  readonly #last = new Map<string, object>()
  readonly #doubts = new Map<string, Doubt>()
  #isSettling = false

  constructor(core: Core, sessionEnds: SessionEnds) {
    this.#core = core
    this.#sessionEnds = sessionEnds
  }

  /** @param connect identity of the CONNECT */
  begin(connect: object, request: OpenSession): void {
    this.#last.set(keyOf(request), connect)
  }

  /** False: the same client has sent a later CONNECT for this name. */
  isLast(connect: object, request: OpenSession): boolean {
    return this.#last.get(keyOf(request)) === connect
  }

  end(connect: object, request: OpenSession): void {
    if (this.isLast(connect, request)) this.#last.delete(keyOf(request))
  }

  /** `SessionStore.open`. One without an answer may have left a session that nobody is connected to: it is closed later. */
  async open(request: OpenSession): Promise<OpenOutcome> {
    const { engine, log } = this.#core
    const before = engine.sessions.find(request.namespace, request.clientId) ?? null
    const name = nameOf(request.namespace, request.clientId)
    try {
      const outcome = await engine.sessions.open(request)
      if (outcome.kind === 'opened') this.#doubts.delete(name)
      return outcome
    } catch (error) {
      // What the name had before the first of several is what counts.
      if (!this.#doubts.has(name)) {
        const { namespace, clientId, owner } = request
        const named = { namespace, clientId, owner }
        if (this.#doubts.size < mostDoubts) this.#doubts.set(name, { request: named, before: placeOf(before) })
        else log.write('warn', 'openingForgotten', { clientId: request.clientId })
      }
      throw error
    }
  }

  /** Closes what openings without an answer have left, if they have left anything. */
  async settleDoubts(): Promise<void> {
    if (this.#isSettling) return
    this.#isSettling = true
    for (const [name, doubt] of this.#doubts) {
      if (this.#last.has(keyOf(doubt.request))) continue
      const left = this.#leftBy(doubt)
      if (left !== null) {
        this.#endHolder(doubt, left)
        const isNew = left.uid !== doubt.before?.uid
        if (!(await this.#sessionEnds.closeUnused(left, isNew))) break
      }
      if (this.#doubts.get(name) === doubt) this.#doubts.delete(name)
    }
    this.#isSettling = false
  }

  /** A session that the store thinks is connected, and nobody is; null: there is none. */
  #leftBy({ request, before }: Doubt): SessionRecord | null {
    const { engine, namespaces, settings } = this.#core
    const record = engine.sessions.find(request.namespace, request.clientId)
    if (record === undefined || record.node !== settings.nodeId || record.epoch === before?.epoch) return null
    const online = namespaces.get(request.namespace)?.sessions.get(record.uid)?.online
    return online?.fence.epoch === record.epoch ? null : record
  }

  /** Who had the session before has lost it to an opening that took effect. */
  #endHolder({ before }: Doubt, left: SessionRecord): void {
    const sessions = this.#core.namespaces.get(left.namespace)?.sessions
    for (const uid of [left.uid, before?.uid ?? left.uid]) {
      const online = sessions?.get(uid)?.online
      if (online != null && online.fence.epoch < left.epoch) online.link.end(takenOver)
    }
  }
}

function placeOf(record: SessionRecord | null): Doubt['before'] {
  return record === null ? null : { uid: record.uid, epoch: record.epoch }
}

function nameOf(namespace: NamespaceId, clientId: string): string {
  return `${namespace} ${clientId}`
}

/** What somebody else asks for under the same name takes nothing from this client. */
function keyOf({ namespace, clientId, owner }: Named): string {
  return `${owner.authority} ${owner.uid} ${nameOf(namespace, clientId)}`
}
