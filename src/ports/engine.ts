import type { Brand } from '../base/brand.ts'
import type { UnixMillis } from '../base/time.ts'

/**
 * The storage and cluster port: what the broker core asks of the place where state lives. One contract suite
 * (`test/ports/`) runs on every adapter. Decision record 0003 tells why it has this shape.
 *
 * Reads of registry, routes and retained messages are synchronous and local, so that a decision sees one revision.
 * Writes, session opening and queue reads are asynchronous. A failure of the world is an `EngineError`.
 */

/** Immutable random identity of a namespace; two namespaces of equal name over time are two ids (S28, S50). */
export type NamespaceId = Brand<string, 'NamespaceId'>
/** Immutable random identity of a session's state; a discarded session's id is never used again (S28). */
export type SessionUid = Brand<string, 'SessionUid'>
/** Identity of one broker process. */
export type NodeId = Brand<string, 'NodeId'>
/** Order of registry writes; opaque, compare for equality and order only. */
export type Revision = Brand<bigint, 'Revision'>

export type EngineErrorCode =
  /** Another owner opened the session: drop the connection, write nothing. */
  | 'fenced'
  /** A registry condition (revision or unique index) did not hold. */
  | 'conflict'
  /** No quorum, disk full, closing: nothing may be acknowledged. */
  | 'unavailable'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode
  /** True when the same call (with the same `opId`) may succeed later. */
  readonly retryable: boolean
  /** For `conflict`: the registry key or `index:value` whose condition failed. */
  readonly subject: string | null

  constructor(code: EngineErrorCode, message: string, options: { subject?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = code === 'unavailable'
    this.subject = options.subject ?? null
  }
}

export type Stop = () => void

// ---------------------------------------------------------------------------------------------- registry

export interface RegistryRecord {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: Revision
}

export interface RegistryPut {
  /** Words and uids: at most 1,024 bytes of UTF-8. */
  readonly key: string
  readonly value: Uint8Array
  /** Absent: whatever is there. Null: nothing may be there. Else: exactly this revision. */
  readonly ifRevision?: Revision | null
}

export interface RegistryWrite {
  readonly put: readonly RegistryPut[]
  readonly remove: readonly { readonly key: string; readonly ifRevision?: Revision }[]
  /** Unique index entries claimed in the same atom; an entry that another owner holds is a `conflict`. */
  readonly claim: readonly { readonly index: string; readonly value: string; readonly owner: string }[]
  /** Released before anything is claimed; an entry of another owner is left alone. */
  readonly release: readonly { readonly index: string; readonly value: string; readonly owner: string }[]
}

export interface RegistryChange {
  readonly key: string
  /** Null: removed. */
  readonly value: Uint8Array | null
  readonly revision: Revision
}

export interface RegistryStore {
  get(key: string): RegistryRecord | undefined
  lookup(index: string, value: string): string | undefined
  /** Records whose key starts with `prefix` and is greater than `after`, in key order (UTF-16 code units), at most `limit`. */
  range(prefix: string, after: string | null, limit: number): readonly RegistryRecord[]
  /** Atomic, durable and visible to `get` of this process when it resolves. One revision per write. */
  write(write: RegistryWrite): Promise<Revision>
  /** Each write's changes in one call, in revision order, from the next write on; called before `write` resolves. */
  watch(callback: (changes: readonly RegistryChange[]) => void): Stop
  /** Revision of the last write visible here. */
  revision(): Revision
}

// ---------------------------------------------------------------------------------------------- sessions

/** Who may use a session: the authority that named the principal and the principal's uid there (S28, S36). */
export interface SessionOwner {
  readonly authority: 'registry' | 'token' | 'webhook' | 'entra'
  readonly uid: string
  /** Stored spelling. */
  readonly authenticationName: string
  /** Folded form (S1); quotas and the re-use of a name after deletion go by it. */
  readonly foldedName: string
}

/** Kept with the session so that an offline session can be judged again (design 3.4, 3.6). */
export interface StoredPrincipal {
  readonly method: string
  /** Attributes of a dynamic client; null for a registry client, whose attributes the registry holds. */
  readonly attributes: Readonly<Record<string, number | string | readonly string[]>> | null
  readonly validUntil: UnixMillis | null
}

export type QualityOfService = 0 | 1 | 2

export interface StoredSubscription {
  /** As sent, `$share/<name>/` included. */
  readonly topicFilter: string
  readonly maximumQoS: QualityOfService
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly subscriptionIdentifier: number | null
}

export interface StoredWill {
  /** A stored message of the broker; opaque here. */
  readonly body: Uint8Array
  readonly delaySeconds: number
}

/** When and how a queue ends its growth; numbers from the namespace's limits. */
export interface QueueLimits {
  readonly maximumMessages: number
  readonly maximumBytes: number
  readonly overflow: 'dropOldest' | 'endSession'
}

export interface SessionRecord {
  readonly uid: SessionUid
  readonly namespace: NamespaceId
  /** Exact bytes as sent, or as assigned. */
  readonly clientId: string
  readonly owner: SessionOwner
  readonly principal: StoredPrincipal
  /** Rises by one per connection of this session name. */
  readonly sequenceNumber: number
  /** Null: offline. */
  readonly node: NodeId | null
  /** Of the last opening or discarding; with `uid` it makes the fence of whoever ends what a dead node left behind. */
  readonly epoch: bigint
  readonly connectedAt: UnixMillis
  /** Seconds after the connection's end; 0: ends with it; null: never ends. */
  readonly expiryIntervalSeconds: number | null
  /** Set while offline; null while connected or when it never ends. */
  readonly expiresAt: UnixMillis | null
  readonly subscriptions: readonly StoredSubscription[]
  readonly will: StoredWill | null
  /** Set while the will waits for its delay after the connection's end. */
  readonly willDueAt: UnixMillis | null
}

/** Proof of session ownership; every write of owner state carries it, a stale one fails with `fenced`. */
export interface Fence {
  readonly session: SessionUid
  readonly epoch: bigint
}

export interface OpenSession {
  readonly namespace: NamespaceId
  readonly clientId: string
  readonly node: NodeId
  readonly owner: SessionOwner
  readonly principal: StoredPrincipal
  readonly cleanStart: boolean
  readonly expiryIntervalSeconds: number | null
  readonly will: StoredWill | null
  readonly quotas: {
    /** Sessions of the same authority and folded name, offline ones included; this one counts. */
    readonly perName: number
    readonly perNamespace: number
  }
  readonly queue: QueueLimits
  readonly now: UnixMillis
  /** For a session that has to be made. */
  readonly newUid: SessionUid
}

/** What an opening is refused by. */
export type OpenQuestion = Pick<OpenSession, 'namespace' | 'clientId' | 'owner' | 'quotas' | 'now'>
export type OpenRefusal = Exclude<OpenOutcome, { readonly kind: 'opened' }>

export type OpenOutcome =
  | {
      readonly kind: 'opened'
      readonly fence: Fence
      readonly record: SessionRecord
      /** True: state of an earlier connection goes on (Session Present). */
      readonly present: boolean
      /** The node whose connection this one takes over; null when it was offline or new. */
      readonly previous: NodeId | null
      /** A session whose state was discarded by this opening (clean start, re-created client); null: none. */
      readonly discarded: SessionUid | null
      /**
       * The discarded or taken-over session had a will that is now due. It stays in the store until it is published, under
       * its own owner: `dueBefore` names it (S37).
       */
      readonly willIsDue: boolean
      /**
       * `memory`: the session ends with its connection and this adapter keeps no queue for it: the broker delivers in
       * process. `stored`: effective QoS 1 and 2 go through `Commit.appends` and `Queue`.
       */
      readonly queue: 'memory' | 'stored'
      readonly inflight: InflightState
    }
  /** The name belongs to a session of another principal; nothing changed. */
  | { readonly kind: 'nameTaken'; readonly owner: SessionOwner }
  /** Nothing changed; `blocking` names one session that counts. */
  | {
      readonly kind: 'quotaExceeded'
      readonly which: 'perName' | 'perNamespace'
      readonly limit: number
      readonly blocking: { readonly clientId: string; readonly online: boolean } | null
    }

export interface InflightState {
  /** Everything up to here is done; null: nothing yet. */
  readonly acknowledged: Position | null
  readonly outgoing: readonly OutgoingInflight[]
  /** QoS 2 publications received and not yet released. */
  readonly incoming: readonly { readonly packetIdentifier: number; readonly body: Uint8Array }[]
}

export interface OutgoingInflight {
  readonly position: Position
  readonly packetIdentifier: number
  readonly phase: 'sent' | 'released'
}

export type SessionRemoval = 'sessionExpiry' | 'transientSession' | 'sessionOverflow' | 'rightsLost' | 'operator'

/** One session's routing facts, for the topic trie of every node. */
export interface RouteChange {
  readonly namespace: NamespaceId
  readonly session: SessionUid
  readonly clientId: string
  readonly node: NodeId | null
  /** Null: the session is gone. */
  readonly subscriptions: readonly StoredSubscription[] | null
}

export interface SessionStore {
  /**
   * Owner, quotas, clean start and the new epoch are one atom: either all of it holds or nothing changed. Equal owner
   * is the same authority and uid; the same authority and folded name with another uid (a re-created client) may use
   * the name but never the state (S29).
   */
  open(request: OpenSession): Promise<OpenOutcome>
  /** Why `open` would be refused as things stand, null if not: for dry runs. Reserves nothing. */
  wouldRefuse(question: OpenQuestion): OpenRefusal | null
  /**
   * The connection is over. A session whose expiry interval is 0 is removed with its queue; a will that is kept is then
   * due, and `dueBefore` names it until it is published or dropped.
   */
  close(
    fence: Fence,
    how: {
      readonly now: UnixMillis
      /** Replaces the stored interval (DISCONNECT may change it). */
      readonly expiryIntervalSeconds: number | null
      /** `keep`: due after its delay or at the session's end, whichever is first. */
      readonly will: 'discard' | 'keep'
    },
  ): Promise<{ readonly removed: boolean }>
  /** Ends a session that `expected` still describes; true for exactly one caller. */
  remove(session: SessionUid, expected: { readonly epoch: bigint } | 'any'): Promise<boolean>
  /**
   * Its client was deleted: subscriptions, queue, in-flight state and will go and every fence is stale, but the name
   * stays with its owner until the session would have expired (S29). False: not the session `expected` describes.
   */
  discard(session: SessionUid, expected: { readonly epoch: bigint } | 'any', now: UnixMillis): Promise<boolean>
  /** Undefined also when only a will is left of it, which `dueBefore` alone names. */
  get(session: SessionUid): SessionRecord | undefined
  find(namespace: NamespaceId, clientId: string): SessionRecord | undefined
  /** In order of Client Identifier (UTF-16 code units), after `after`, at most `limit`. */
  list(query: {
    readonly namespace: NamespaceId
    readonly foldedName?: string
    readonly after: string | null
    readonly limit: number
  }): readonly SessionRecord[]
  /** All stored routes now, then each change, in commit order. Sessions with queue `memory` are not among them. */
  routes(callback: (change: RouteChange) => void): Stop
  /** Sessions whose expiry or will is due, or whose node is gone; at most `limit`. */
  dueBefore(time: UnixMillis, limit: number): readonly SessionRecord[]
  /** The will was dropped. False: somebody else published or dropped it, or the session was opened again. */
  willDone(session: SessionUid, dueAt: UnixMillis): Promise<boolean>
}

// ---------------------------------------------------------------------------------------------- hot path

/** Place of one message in one session's queue. Ordered by entry, then index, inside that queue only. */
export interface Position {
  readonly entry: bigint
  readonly index: number
}

/** One message for one session: what is the same for all receivers stands once in `Commit.bodies`. */
export interface QueuedDelivery {
  /** Index into `Commit.bodies`. */
  readonly body: number
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
  /** Stored messages of the broker (`broker/stored-message.ts`): version-neutral, versioned, self-describing. */
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
  tail(fence: Fence, callback: (messages: readonly QueuedMessage[]) => void): Stop
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

// ---------------------------------------------------------------------------------------------- other nodes

/** A message for subscribers with effective QoS 0 on other nodes; at most once. */
export interface BusMessage {
  readonly namespace: NamespaceId
  /** Null: every matching session of the receiving node. Else that session only: the member a share has chosen. */
  readonly session: SessionUid | null
  readonly topicName: string
  readonly body: Uint8Array
}

export interface Bus {
  publish(message: BusMessage): void
  /** Reference-counted by the core: once per node, namespace and filter. */
  interest(namespace: NamespaceId, topicFilter: string, wanted: boolean): void
  /** Messages of other nodes only. */
  onPublish(callback: (message: BusMessage) => void): Stop
  /** Best effort; the fence is the truth. */
  tell(node: NodeId, message: NodeMessage): void
  onTell(callback: (from: NodeId, message: NodeMessage) => void): Stop
}

export type NodeMessage = { readonly kind: 'sessionTakenOver'; readonly session: SessionUid; readonly epoch: bigint }

/** Liveness only, never safety. */
export interface Leases {
  join(node: NodeId): Promise<Stop>
  onNode(callback: (node: NodeId, alive: boolean) => void): Stop
  /** A duty that one node should do (expiry, wills of dead nodes); two holders for a moment are harmless. */
  hold(duty: string, callback: (held: boolean) => void): Stop
}

export interface Engine {
  readonly kind: 'memory' | 'embedded' | 'nats'
  readonly registry: RegistryStore
  readonly sessions: SessionStore
  readonly hot: HotPath
  readonly queue: Queue
  readonly retained: RetainedStore
  readonly bus: Bus
  readonly leases: Leases
  /** `isFull`: there is little room left; who offers something new should be refused rather than kept waiting. */
  health(): { readonly writable: boolean; readonly isFull: boolean; readonly reason: string | null }
  /** Everything purged at once: sessions, queues, retained messages of a deleted namespace (S50). */
  purge(namespace: NamespaceId): Promise<void>
  /** A consistent copy of everything that is durable now, as a file that is not there yet. Absent: the state is no file. */
  readonly copyTo?: (path: string) => Promise<void>
  /** Later calls fail with `unavailable`; what was promised before is durable. */
  close(): Promise<void>
}
