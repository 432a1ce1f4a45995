import { unreachable } from '../base/assert.ts'
import type { UnixMillis } from '../base/time.ts'
import type { SessionUid } from '../ports/identity.ts'
import type { Append, Commit, CommitResult, OwnerOperation, RetainChange } from '../ports/message-store.ts'
import type { QueueLimits } from '../ports/session-store.ts'
import type { SessionTable } from './session-table.ts'

export type MessageOperation = Extract<OwnerOperation, { readonly kind: 'acknowledge' | 'outgoing' | 'incoming' }>

/** Where the messages of a store live, as far as the rules of a commit have to know it. */
export interface MessageTables {
  operate(session: SessionUid, operation: MessageOperation): void
  retain(change: RetainChange): void
  /** Puts one entry at the end of the queue. */
  push(append: Append): void
  size(session: SessionUid): { readonly messages: number; readonly bytes: number }
  /**
   * Removes messages, oldest first, while the queue is longer than its limits; none whose Packet Identifier is bound,
   * since it is under way and dropping it would break the exchange. Returns how many.
   */
  shorten(session: SessionUid, limits: QueueLimits): number
}

/** One object for nearly all results: they are remembered for a while. */
export const nothingHappened: CommitResult = { overflow: [], fenced: [], withheld: [] }

/** What a commit does, in the order it does it. Whatever can be refused was refused before. */
export function applyCommit(
  commit: Commit,
  sessions: SessionTable,
  tables: MessageTables,
  now: UnixMillis,
): CommitResult {
  // Owner operations go first: what they acknowledge makes room for what is appended.
  const fenced = new Set<SessionUid>()
  for (const { fence, operations } of commit.owner) {
    if (!sessions.holds(fence)) fenced.add(fence.session)
    else for (const operation of operations) operate(fence.session, operation, sessions, tables)
  }
  for (const change of commit.retain) tables.retain(change)

  const overflow = new Map<SessionUid, { readonly session: SessionUid; dropped: number; ended: boolean }>()
  const push = (append: Append): void => {
    const { session } = append
    const entry = sessions.get(session)
    if (entry === undefined || entry.queue !== 'stored' || entry.stateless || append.messages.length === 0) return
    tables.push(append)
    const { messages, bytes } = tables.size(session)
    if (messages <= entry.limits.maximumMessages && bytes <= entry.limits.maximumBytes) return
    const sum = overflow.get(session) ?? { session, dropped: 0, ended: false }
    if (entry.limits.overflow === 'endSession') {
      sum.dropped += messages
      sum.ended = true
      sessions.endByOverflow(session, now)
    } else {
      sum.dropped += tables.shorten(session, entry.limits)
    }
    if (sum.dropped > 0 || sum.ended) overflow.set(session, sum)
  }
  for (const append of commit.appends) push(append)

  const withheld: SessionUid[] = []
  for (const { session, dueAt, appends, retain } of commit.wills) {
    if (!sessions.willDone(session, dueAt)) {
      withheld.push(session)
      continue
    }
    if (retain !== null) tables.retain(retain)
    for (const append of appends) push(append)
  }
  if (overflow.size === 0 && fenced.size === 0 && withheld.length === 0) return nothingHappened
  return { overflow: [...overflow.values()], fenced: [...fenced], withheld }
}

function operate(session: SessionUid, operation: OwnerOperation, sessions: SessionTable, tables: MessageTables): void {
  switch (operation.kind) {
    case 'acknowledge':
    case 'outgoing':
    case 'incoming':
      tables.operate(session, operation)
      break
    case 'subscriptions':
      sessions.setSubscriptions(session, operation.subscriptions)
      break
    case 'expiryInterval':
      sessions.setExpiryInterval(session, operation.seconds)
      break
    default:
      unreachable(operation)
  }
}
