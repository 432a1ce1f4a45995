import type { UnixMillis, UnixSeconds } from '../base/time.ts'
import type { NamespaceId } from './identity.ts'
import type { HandshakeFailure, ListenerKind } from './transport.ts'

/** Azure Event Grid's reasons, spelled as its lifecycle events spell them. */
export type DisconnectionReason =
  | 'ClientAuthenticationError'
  | 'ClientAuthorizationError'
  | 'ClientError'
  | 'ClientInitiatedDisconnect'
  | 'ConnectionLost'
  | 'IpForbidden'
  | 'QuotaExceeded'
  | 'ServerError'
  | 'ServerInitiatedDisconnect'
  | 'SessionOverflow'
  | 'SessionTakenOver'

/** A decision as it leaves the core: plain data, presented values already cut and escaped. */
export interface DecisionEvent {
  readonly kind: 'decision'
  readonly namespace: NamespaceId | null
  readonly record: DecisionFacts
}

/** One step of a decision: what was looked at, and what was compared with what. */
export interface DecisionStep {
  /** Stable camelCase word, e.g. `authenticationName`, `client`, `certificationPath`. */
  readonly step: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** What would have passed; null where nothing is compared. */
  readonly expected: string | null
  /** What was there. Untrusted text: cut at 256 bytes, control characters escaped. */
  readonly presented: string | null
  readonly detail: string | null
}

export interface DecisionFacts {
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly at: UnixMillis
  readonly action: 'connect' | 'publish' | 'subscribe' | 'handshake' | 'session'
  readonly outcome: 'accepted' | 'refused'
  /** Stable code; null when accepted. */
  readonly code: string | null
  readonly remedy: string | null
  readonly namespaceName: string | null
  readonly listener: ListenerKind | null
  readonly remoteAddress: string | null
  readonly serverName: string | null
  readonly protocol: 'MQTT3' | 'MQTT5' | null
  readonly clientId: string | null
  readonly username: string | null
  readonly authenticationName: string | null
  readonly nameSource: string | null
  readonly method: string | null
  /** SHA-256 of the leaf, 64 lower-case hexadecimal digits. */
  readonly certificateFingerprint: string | null
  readonly steps: readonly DecisionStep[]
}

/** Everything that leaves the core without being asked for. Emitted after the commit it tells of; never awaited. */
export type BrokerEvent =
  | DecisionEvent
  | {
      readonly kind: 'sessionOpened'
      readonly namespace: NamespaceId
      readonly at: UnixMillis
      readonly authenticationName: string
      readonly clientId: string
      readonly sequenceNumber: number
    }
  | {
      readonly kind: 'sessionEnded'
      readonly namespace: NamespaceId
      readonly at: UnixMillis
      readonly authenticationName: string
      readonly clientId: string
      readonly sequenceNumber: number
      readonly reason: DisconnectionReason
      /** What a version 5 peer was told; null: the peer ended it, or nothing could be sent. */
      readonly reasonCode: number | null
      /** Where the standard or the limits say so; null: the reason says it all. */
      readonly detail: string | null
    }
  | {
      readonly kind: 'published'
      readonly namespace: NamespaceId
      readonly at: UnixMillis
      readonly authenticationName: string
      readonly topicName: string
      readonly body: Uint8Array
    }
  | {
      readonly kind: 'resourceChanged'
      readonly namespace: NamespaceId
      readonly at: UnixMillis
      readonly resourceType: string
      readonly name: string
      readonly change: 'created' | 'updated' | 'deleted'
    }
  /** Once for each of 30, 14, 7 and 1 days before the end. */
  | {
      readonly kind: 'certificateExpiring'
      readonly namespace: NamespaceId
      readonly at: UnixMillis
      readonly resourceType: 'clients' | 'caCertificates'
      readonly name: string
      /** Null: a CA certificate has none. */
      readonly authenticationName: string | null
      /** SHA-256, 64 lower-case hexadecimal digits. */
      readonly fingerprint: string
      readonly notAfter: UnixSeconds
      readonly daysLeft: 30 | 14 | 7 | 1
    }
  | { readonly kind: 'handshakeFailed'; readonly at: UnixMillis; readonly failure: HandshakeFailure }
  /** A broken invariant of ours was caught at a door; counts a bug. */
  | { readonly kind: 'bug'; readonly at: UnixMillis; readonly where: string; readonly error: unknown }

export type BrokerEventKind = BrokerEvent['kind']

export interface Events {
  /** Never throws, never waits; a listener that throws is counted and logged. */
  emit(event: BrokerEvent): void
  /** True when somebody listens: a per-message event is only built then. */
  wants(kind: BrokerEventKind): boolean
  on(kinds: readonly BrokerEventKind[], listener: (event: BrokerEvent) => void): () => void
}
