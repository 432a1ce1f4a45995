import type { Result } from '../../base/result.ts'
import type { AuthPacket, ConnectPacket, Packet, PacketFailure, ProtocolVersion } from '../../mqtt/packet.ts'
import type { ReasonCode } from '../../mqtt/reason-code.ts'
import type { Cancel } from '../../ports/clock.ts'
import type { Transport } from '../../ports/transport.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession, SessionLink } from '../namespace/session.ts'
import type { IncomingPublish } from './incoming-publish.ts'
import type { PublishLink } from './publish-answers.ts'
import type { Services } from './services.ts'

/** An enhanced authentication that is under way. */
export interface Exchange {
  /** AUTH 0x18 was sent and is not answered yet. */
  readonly isAsking: boolean
  onAnswer(packet: AuthPacket): void
  onPacketBeforeConnack(connect: ConnectPacket, packet: Result<Packet, PacketFailure>): void
}

/** A connection as those see it who decide what its packets mean. */
export interface Peer extends SessionLink, PublishLink {
  readonly core: Services
  readonly transport: Transport
  /** Null: the server name is nobody's; CONNECT is refused. */
  readonly namespace: Namespace | null
  /** 4 until CONNECT says so. */
  version: ProtocolVersion
  exchange: Exchange | null
  /** Not null exactly while connected. */
  readonly session: OnlineSession | null
  /** Still there: a wait that ended may go on. */
  readonly isOpen: boolean
  /** Monotonic time of the last bytes. */
  readonly receivedMs: number
  /** A packet that the client would find too large loses its explanations; without them it is not sent [MQTT-3.1.2-24]. */
  send(packet: Packet): void
  sendAcknowledgement(
    type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP',
    packetIdentifier: number,
    reasonCode: ReasonCode,
  ): void
  /** Between CONNECT and CONNACK the peer is read only while it is asked something. */
  waitForAnswer(isAsked: boolean): void
  openingSession(connect: ConnectPacket): void
  /** CONNACK is written; from here on the peer is read. @param keepAliveSeconds 0: none */
  connected(session: OnlineSession, incoming: IncomingPublish, keepAliveSeconds: number): void
  /** The answer to a CONNECT that is refused is written: nothing else follows. */
  endRefused(): void
  /**
   * Called once, when the connection is over for whatever reason: cancels what is waited for.
   *
   * @returns forgets the callback: there is nothing to cancel any more
   */
  onClosed(callback: () => void): Cancel
  /** For what runs on behalf of this connection outside of what it reads: a bug there ends it alone. */
  guard(work: () => void): void
}
