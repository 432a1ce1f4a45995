import type { UnixMillis } from '../base/time.ts'
import type { NamespaceId, SessionUid } from './identity.ts'
import type { Fence, Position, QualityOfService, StoredSubscription } from './session-store.ts'
import type { Stop } from './stop.ts'

/** One message for one session, or a run of them: what is the same for all receivers stands once in `Commit.bodies`. */
export interface QueuedDelivery {
  /** Index into `Commit.bodies`. */
  readonly body: number
  /**
   * The body holds several messages, one behind the other, which are delivered alike: where each ends in it, in order, the
   * last at the end of the body. Each is queued as a message of its own. Such a body is for few sessions: each may keep its own copy.
   */
  readonly ends?: readonly number[] | undefined
  readonly qos: QualityOfService
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  /** The message is not delivered after this; null: never expires. */
  readonly expiresAt: UnixMillis | null
}

/** One entry (1 to n messages) at the end of one session's queue. Unknown sessions are passed over. */
export interface Append {
  readonly session: SessionUid
  readonly messages: readonly QueuedDelivery[]
}

export interface RetainChange {
  readonly namespace: NamespaceId
  readonly topicName: string
  /** Index into `Commit.bodies`; null: the retained message is removed. */
  readonly body: number | null
  readonly expiresAt: UnixMillis | null
}

/**
 * A will that is due, with what its publication brings: all of it in the same atom that takes the will out of the store,
 * or nothing when it is not there any more. So a will is published once, however often somebody dies on the way.
 */
export interface WillPublication {
  readonly session: SessionUid
  readonly dueAt: UnixMillis
  readonly appends: readonly Append[]
  readonly retain: RetainChange | null
}

export type OwnerOperation =
  | { readonly kind: 'acknowledge'; readonly upTo: Position }
  | {
      readonly kind: 'outgoing'
      readonly position: Position
      readonly packetIdentifier: number
      readonly phase: 'sent' | 'released' | 'done'
    }
  | { readonly kind: 'incoming'; readonly packetIdentifier: number; readonly body: Uint8Array | null }
  | { readonly kind: 'subscriptions'; readonly subscriptions: readonly StoredSubscription[] }
  | { readonly kind: 'expiryInterval'; readonly seconds: number | null }

/** The caller leaves all bytes as they are until the promise settles; the adapter keeps copies. */
export interface Commit {
  /**
   * After `unavailable` the same id may be sent again and takes effect at most once. Unique over nodes, restarts and
   * time: another commit under a known id is a bug, not a repeat.
   */
  readonly opId: string
  /** Stored messages of the broker (`broker/message/stored-message.ts`): version-neutral, versioned, self-describing. */
  readonly bodies: readonly Uint8Array[]
  readonly appends: readonly Append[]
  readonly retain: readonly RetainChange[]
  /** Atomic per session. A stale fence rejects that session's operations only (`CommitResult.fenced`). */
  readonly owner: readonly { readonly fence: Fence; readonly operations: readonly OwnerOperation[] }[]
  readonly wills: readonly WillPublication[]
}

export interface CommitResult {
  readonly overflow: readonly { readonly session: SessionUid; readonly dropped: number; readonly ended: boolean }[]
  readonly fenced: readonly SessionUid[]
  /** Wills that were not there any more: somebody else has published or dropped them. */
  readonly withheld: readonly SessionUid[]
}

export interface HotPath {
  /**
   * Resolves when all of it is durable and visible to reads. Calls are applied in call order. The broker makes one call
   * per event-loop turn, acknowledges and delivers only after it.
   */
  commit(commit: Commit): Promise<CommitResult>
  /** Coalesced and lazily durable: loss means a repeat with DUP, never a loss. */
  acknowledgeSoon(fence: Fence, upTo: Position): void
  /** Resolves when what `acknowledgeSoon` was told before is durable. */
  flushAcknowledgements(fence: Fence): Promise<void>
}

export interface QueuedMessage {
  readonly position: Position
  readonly body: Uint8Array
  readonly qos: QualityOfService
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  readonly expiresAt: UnixMillis | null
}

/** What one commit appended: a message, or several of one entry that are delivered alike. */
export interface QueuedRun extends QueuedMessage {
  /** Present: `body` holds several messages, and where each ends; `position` is that of the first, the others follow it. */
  readonly ends?: readonly number[] | undefined
}

export interface Queue {
  /** Messages after `after` in order; fewer than both bounds allow only at the end of the queue; at least one if any. */
  read(
    session: SessionUid,
    after: Position | null,
    bounds: { readonly messages: number; readonly bytes: number },
  ): Promise<readonly QueuedMessage[]>
  /**
   * Owner only: what each later commit appended, in order, after that commit is durable. Ends when the fence is stale.
   * The receiver keeps what its window allows and reads the rest again with `read`. Bodies may be those of the commit
   * itself: who needs one after the callback copies it.
   */
  tail(fence: Fence, callback: (runs: readonly QueuedRun[]) => void): Stop
  size(session: SessionUid): { readonly messages: number; readonly bytes: number }
  /**
   * Bytes of all queues of a namespace, at least as many as their sizes come to: where messages are removed together, or
   * after their session, they count until they are removed.
   */
  bytesOf(namespace: NamespaceId): number
}

export interface RetainedRecord {
  readonly topicName: string
  readonly body: Uint8Array
  readonly expiresAt: UnixMillis | null
}

export interface RetainedTopic {
  readonly namespace: NamespaceId
  readonly topicName: string
  /** Length of the body; null: there is no retained message any more. */
  readonly bytes: number | null
}

export interface RetainedStore {
  /** All retained topics of all namespaces now, then each change in commit order. Topics are in memory, bodies are not. */
  topics(callback: (change: RetainedTopic) => void): Stop
  get(namespace: NamespaceId, topicName: string): RetainedRecord | undefined
  /** Topics whose message expired; at most `limit`. */
  expiredBefore(
    time: UnixMillis,
    limit: number,
  ): readonly { readonly namespace: NamespaceId; readonly topicName: string }[]
}
