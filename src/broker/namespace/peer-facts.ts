import type { ListenerKind } from '../../ports/transport.ts'

/** What is known of the peer whatever was decided. */
export interface PeerFacts {
  readonly listener: ListenerKind
  readonly remoteAddress: string
  readonly serverName: string | null
  readonly protocol: 'MQTT3' | 'MQTT5' | null
  readonly clientId: string | null
  readonly username: string | null
}
