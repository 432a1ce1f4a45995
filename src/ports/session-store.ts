import type { UnixMillis } from '../base/time.ts'
import type { NamespaceId, NodeId, SessionUid } from './identity.ts'
import type { Stop } from './stop.ts'

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

/** Place of one message in one session's queue. Ordered by entry, then index, inside that queue only. */
export interface Position {
  readonly entry: bigint
  readonly index: number
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
