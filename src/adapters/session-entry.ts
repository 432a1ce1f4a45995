import type { QueueLimits, RouteChange, SessionRecord, StoredSubscription } from '../ports/session-store.ts'

/** What is known of a session besides its messages. Never changed in place. */
export interface SessionEntry {
  readonly record: SessionRecord
  readonly limits: QueueLimits
  /** `memory`: the broker delivers in process and nothing is kept here. */
  readonly queue: 'memory' | 'stored'
  /** Only the name is reserved; the state was discarded with its client. */
  readonly stateless: boolean
  /** False: it lost its name and only waits until its will was judged. */
  readonly named: boolean
  /** Connected to a process that is gone. */
  readonly abandoned: boolean
}

/** One entry became another; null: there was none, or there is none any more. */
export interface SessionChange {
  readonly before: SessionEntry | null
  readonly after: SessionEntry | null
}

/** What the topic tries must hear of a change; null: nothing. */
export function routeChange({ before, after }: SessionChange): RouteChange | null {
  const was = before !== null && before.queue === 'stored' ? before.record : null
  const is = after !== null && after.queue === 'stored' ? after.record : null
  if (is !== null) {
    const same = was !== null && was.node === is.node && was.subscriptions === is.subscriptions
    return same ? null : routeOf(is, is.subscriptions)
  }
  return was === null ? null : routeOf(was, null)
}

/** True: whatever messages the session had are gone with this change. */
export function losesMessages({ before, after }: SessionChange): boolean {
  if (before === null) return false
  return after === null || !after.named || (after.stateless && !before.stateless)
}

function routeOf(record: SessionRecord, subscriptions: readonly StoredSubscription[] | null): RouteChange {
  return {
    namespace: record.namespace,
    session: record.uid,
    clientId: record.clientId,
    node: record.node,
    subscriptions,
  }
}
