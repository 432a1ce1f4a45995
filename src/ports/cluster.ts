import type { NamespaceId, NodeId, SessionUid } from './identity.ts'
import type { Stop } from './stop.ts'

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
