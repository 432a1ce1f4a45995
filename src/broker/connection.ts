import { AssertionError } from '../base/assert.ts'
import { decodePacket } from '../mqtt/decode.ts'
import { encodePacketWithin } from '../mqtt/encode.ts'
import { Framer, type FrameSink } from '../mqtt/framer.ts'
import type { ConnectPacket, Packet, PacketFailure, ProtocolVersion } from '../mqtt/packet.ts'
import { refusalVersion } from '../mqtt/packets/connect.ts'
import { encodeAcknowledgement } from '../mqtt/publish-encoder.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import type { Cancel } from '../ports/clock.ts'
import type { Transport, TransportEnd, TransportHandler } from '../ports/transport.ts'
import type { Unconnected, WaitingPeer } from './bounds/unconnected.ts'
import { startConnect } from './connect/connect.ts'
import { refuseUnreadable } from './connect/connect-refusal.ts'
import { dispatch } from './dispatch.ts'
import { Outbox, type OutboxOwner } from './message/outbox.ts'
import {
  type CloseCause,
  clientError,
  connectionLost,
  keepAliveTimeout,
  packetFailure,
  serverError,
  sessionOverflow,
  storeUnavailable,
} from './namespace/close-cause.ts'
import type { Namespace } from './namespace/namespace.ts'
import type { OnlineSession } from './namespace/session.ts'
import type { IncomingPublish } from './packets/incoming-publish.ts'
import type { Exchange, Peer } from './packets/peer.ts'
import type { Services } from './packets/services.ts'
import { Hold, Reading, type ReadingOwner } from './reading.ts'
import { type TimerWheel, WheelEntry } from './turn/timers.ts'

export type Phase =
  | { readonly name: 'awaitingConnect' }
  | { readonly name: 'authenticating' | 'openingSession'; readonly connect: ConnectPacket }
  | { readonly name: 'connected'; readonly session: OnlineSession }
  /** The last words are on their way. */
  | { readonly name: 'closing' }
  | { readonly name: 'closed' }

/** MQTT 5.0 2.1.4: no packet is longer; a client that names no limit takes any. */
const largestPacketBytes = 268_435_460

/** Before CONNECT nobody needs more (S55). */
const waitingBytesBound = 1 << 20
/** Messages of one connection that wait for the store before it is read more slowly. */
const uncommittedBound = 4_096

const firstByte = { PUBACK: 0x40, PUBREC: 0x50, PUBREL: 0x62, PUBCOMP: 0x70 } as const

/** What connections ask of the process besides what their packets need. */
export interface ConnectionServices extends Services {
  /** CONNECT deadline and Keep Alive. */
  readonly deadlines: TimerWheel<Connection>
  readonly connections: Set<Connection>
  readonly unconnected: Unconnected
  connectionGone(connection: Connection): void
}

/** One peer: its phase, its bytes in and out, its deadlines. What its packets mean is decided elsewhere. */
export class Connection implements TransportHandler, FrameSink, OutboxOwner, Peer, ReadingOwner, WaitingPeer {
  readonly core: ConnectionServices
  readonly transport: Transport
  /** Null: the server name is nobody's; CONNECT is refused. */
  readonly namespace: Namespace | null
  readonly outbox: Outbox
  readonly #framer: Framer
  readonly #reading: Reading
  readonly #deadline = new WheelEntry<Connection>(this)
  #phase: Phase = { name: 'awaitingConnect' }
  /** Of the peer; 4 until CONNECT says so. */
  version: ProtocolVersion = 4
  /** The enhanced authentication that is under way. */
  exchange: Exchange | null = null
  /** Not null exactly while connected. */
  #session: OnlineSession | null = null
  #incoming: IncomingPublish | null = null
  #receivedMs = 0
  #maximumPacketSizeBytes = largestPacketBytes
  #heldBytes = 0
  #connectBytes = 0
  #keepAliveMs = 0
  #cancelPump: Cancel | null = null
  /** Null: nothing is waited for that the end of the connection would cancel. */
  #onClosed: Set<() => void> | null = null

  constructor(core: ConnectionServices, transport: Transport, namespace: Namespace | null) {
    this.core = core
    this.transport = transport
    this.namespace = namespace
    const limits = namespace?.limits
    const maximum = limits?.maximumPacketSizeBytes ?? waitingBytesBound
    this.#framer = new Framer(Math.min(maximum, waitingBytesBound))
    this.#reading = new Reading(core.turn, core.clock, transport, this)
    this.outbox = new Outbox(core.turn, transport, this, limits?.maximumOutboxBytes ?? waitingBytesBound)
  }

  start(): void {
    const { core } = this
    core.turn.begin()
    core.connections.add(this)
    if (this.namespace !== null) this.namespace.connections++
    this.#receivedMs = core.turn.monotonicMs
    core.deadlines.schedule(this.#deadline, this.#receivedMs + core.settings.connectTimeoutMs)
    this.transport.start(this)
  }

  get phase(): Phase {
    return this.#phase
  }

  get session(): OnlineSession | null {
    return this.#session
  }

  get nowMs(): number {
    return this.core.turn.monotonicMs
  }

  /** Monotonic time of the last bytes. */
  get receivedMs(): number {
    return this.#receivedMs
  }

  /** Still there: a wait that ended may go on. */
  get isOpen(): boolean {
    return this.#session !== null || (this.#phase.name !== 'closing' && this.#phase.name !== 'closed')
  }

  /**
   * Called once, when the connection is over for whatever reason: cancels what is waited for.
   *
   * @returns forgets the callback: there is nothing to cancel any more
   */
  onClosed(callback: () => void): Cancel {
    if (this.isOpen) {
      this.#onClosed ??= new Set()
      this.#onClosed.add(callback)
    } else callback()
    return () => this.#onClosed?.delete(callback)
  }

  // ------------------------------------------------------------------------------------------- bytes in

  onChunk(chunk: Uint8Array): void {
    const { turn } = this.core
    turn.begin()
    if (!this.isOpen) return
    this.#receivedMs = turn.monotonicMs
    this.#reading.begin()
    try {
      this.#incoming?.beginChunk(chunk)
      const failure = this.#framer.push(chunk, this)
      this.#incoming?.endChunk()
      this.#afterFrames(failure)
    } catch (error) {
      this.#onBug(error)
    }
  }

  onHeld(bytes: number): void {
    if (this.#session !== null || !this.isOpen) return
    this.#heldBytes = bytes
    this.core.turn.begin()
    if (bytes > waitingBytesBound) this.onOutOfRoom()
    else this.#countWaiting()
  }

  /** What a peer that nobody knows yet takes up: its CONNECT, and what is not a packet or a message yet. */
  #countWaiting(): void {
    this.core.unconnected.note(this, this.#framer.buffered + this.#heldBytes + this.#connectBytes)
  }

  /** Goes on with what was kept while the peer was not read. */
  readOn(): void {
    try {
      this.#afterFrames(this.#framer.resume(this))
    } catch (error) {
      this.#onBug(error)
    }
  }

  #afterFrames(failure: PacketFailure | null): void {
    if (!this.isOpen) return
    if (failure !== null) {
      if (failure.reasonCode === ReasonCode.PacketTooLarge) this.namespace?.limitBites('maximumPacketSizeBytes')
      this.#onUnreadable(failure)
      return
    }
    if (this.#session === null) this.#countWaiting()
    if (this.outbox.isOverBound) {
      this.#reading.hold(Hold.Outbox)
      this.outbox.isAwaited = true
    }
    this.#reading.settle()
  }

  onFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const type = (bytes[start] as number) >> 4
    const incoming = this.#incoming
    if (incoming === null) {
      this.#onFrameUnconnected(bytes, start, bodyStart, end)
    } else if (type === 3) {
      incoming.onPublish(bytes, start, bodyStart, end)
    } else {
      incoming.finishRun()
      dispatch(this, this.#session as OnlineSession, incoming, bytes, start, bodyStart, end)
    }
    return this.#reading.countPacket() && this.isOpen
  }

  countWork(amount: number): void {
    this.#reading.countWork(amount)
  }

  #onFrameUnconnected(bytes: Uint8Array, start: number, bodyStart: number, end: number): void {
    if (this.#phase.name === 'authenticating' && this.exchange !== null) {
      const { connect } = this.#phase
      this.exchange.onPacketBeforeConnack(connect, decodePacket(bytes, start, bodyStart, end, this.version, 'client'))
      return
    }
    if (this.#phase.name !== 'awaitingConnect') return
    const packet = decodePacket(bytes, start, bodyStart, end, this.version, 'client')
    if (!packet.ok) {
      refuseUnreadable(this, packet.error, refusalVersion(bytes, bodyStart, end))
    } else if (packet.value.type !== 'CONNECT') {
      this.end(clientError(ReasonCode.ProtocolError, '[MQTT-3.1.0-1] the first packet is not CONNECT'))
    } else {
      this.version = packet.value.protocolVersion
      this.#maximumPacketSizeBytes = packet.value.properties.maximumPacketSizeBytes ?? largestPacketBytes
      this.#connectBytes = end - start
      this.#phase = { name: 'authenticating', connect: packet.value }
      this.#reading.hold(Hold.Connecting)
      startConnect(this, packet.value)
    }
  }

  #onUnreadable(failure: PacketFailure): void {
    if (this.#phase.name === 'awaitingConnect') refuseUnreadable(this, failure, null)
    else this.end(packetFailure(failure))
  }

  // ------------------------------------------------------------------------------------------- bytes out

  /** A packet that the client would find too large loses its explanations; without them it is not sent [MQTT-3.1.2-24]. */
  send(packet: Packet): void {
    const bytes = encodePacketWithin(packet, this.version, this.#maximumPacketSizeBytes)
    if (bytes !== null) this.outbox.send(bytes)
  }

  sendAcknowledgement(
    type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP',
    packetIdentifier: number,
    reasonCode: ReasonCode,
  ): void {
    if (reasonCode !== ReasonCode.Success && this.version === 5) {
      this.send({ type, packetIdentifier, reasonCode, properties: {} })
      return
    }
    const arena = this.core.turn.acknowledgements.reserve(4)
    const start = arena.used
    arena.used = encodeAcknowledgement(arena.bytes, start, firstByte[type], packetIdentifier)
    this.outbox.append(arena, start, arena.used)
  }

  /**
   * Over TLS every write ends in the turn after its own. Where nobody waited for that, no turn begins: its end would be
   * one more pass of the loop, for as little as is ready by then (bench: TLS pairs).
   */
  onDrain(): void {
    this.outbox.drained()
  }

  onOutboxDrained(): void {
    const session = this.#session
    if (session?.isOwed === true) session.pump(this.core.turn.now)
    const { isOverBound } = this.outbox
    if (!isOverBound) this.#reading.letGo(Hold.Outbox)
    this.outbox.isAwaited = isOverBound || session?.isOwed === true
  }

  onOutboxOverrun(): void {
    this.end({ ...connectionLost, reason: 'QuotaExceeded', abrupt: true, detail: 'the peer holds too much memory' })
  }

  onBacklog(): void {
    if ((this.#incoming?.uncommitted ?? 0) >= uncommittedBound) this.#reading.hold(Hold.Commits)
  }

  onBacklogGone(): void {
    if ((this.#incoming?.uncommitted ?? 0) < uncommittedBound / 2) this.#reading.letGo(Hold.Commits)
  }

  /** More than it may send: it is read on when the bucket is level. */
  onThrottled(waitMs: number): void {
    this.#reading.holdFor(waitMs)
  }

  waitForTakeover(isWaiting: boolean): void {
    if (isWaiting) this.#reading.hold(Hold.Takeover)
    else this.#reading.letGo(Hold.Takeover)
  }

  /** Between CONNECT and CONNACK the peer is read only while it is asked something. */
  waitForAnswer(isAsked: boolean): void {
    if (isAsked) this.#reading.letGo(Hold.Connecting)
    else if (this.#session === null) this.#reading.hold(Hold.Connecting)
  }

  pumpLater(waitMs: number): void {
    if (this.#cancelPump !== null) return
    this.#cancelPump = this.core.clock.setTimer(waitMs, () => {
      this.#cancelPump = null
      this.core.turn.begin()
      this.guard(() => this.#session?.pump(this.core.turn.now))
    })
  }

  onOutOfRoom(): void {
    this.end({ ...connectionLost, abrupt: true, detail: 'too much waits before CONNECT' })
  }

  onSessionOverflow(): void {
    this.end(sessionOverflow)
  }

  onStoreFailure(_error: unknown): void {
    this.end(storeUnavailable)
  }

  // ------------------------------------------------------------------------------------------- phases

  openingSession(connect: ConnectPacket): void {
    this.#phase = { name: 'openingSession', connect }
  }

  /** CONNACK is written; from here on the peer is read. @param keepAliveSeconds 0: none */
  connected(session: OnlineSession, incoming: IncomingPublish, keepAliveSeconds: number): void {
    this.core.unconnected.forget(this)
    this.#session = session
    this.#incoming = incoming
    this.#phase = { name: 'connected', session }
    this.#framer.setMaximum(session.namespace.limits.maximumPacketSizeBytes)
    this.#receivedMs = this.core.turn.monotonicMs
    this.#keepAliveMs = keepAliveSeconds * 1500
    if (this.#keepAliveMs === 0) this.core.deadlines.cancel(this.#deadline)
    else this.core.deadlines.schedule(this.#deadline, this.#receivedMs + this.#keepAliveMs)
    this.#reading.letGo(Hold.Connecting)
  }

  onDeadline(): void {
    if (this.#session === null) {
      this.end({ ...connectionLost, abrupt: true, detail: 'no CONNECT in time' })
      return
    }
    // What we do not read on our own account, we do not miss.
    const due = (this.#reading.isSilenceItsOwn ? this.#receivedMs : this.core.turn.monotonicMs) + this.#keepAliveMs
    if (due <= this.core.turn.monotonicMs) this.end(keepAliveTimeout)
    else this.core.deadlines.schedule(this.#deadline, due)
  }

  /** Ends the connection once; later causes change nothing. */
  end(cause: CloseCause): void {
    if (!this.isOpen) return
    this.core.turn.begin()
    const session = this.#session
    this.#phase = { name: 'closing' }
    this.#session = null
    this.#incoming?.end()
    this.#incoming = null
    this.core.deadlines.cancel(this.#deadline)
    for (const callback of this.#onClosed ?? []) callback()
    if (session !== null) {
      if (cause.reasonCode !== null && this.version === 5) {
        this.send({ type: 'DISCONNECT', reasonCode: cause.reasonCode, properties: {} })
      }
      this.core.sessionEnds.end(session, cause)
    }
    this.#close(cause.abrupt === true)
  }

  /** The answer to a CONNECT that is refused is written: nothing else follows. */
  endRefused(): void {
    if (!this.isOpen) return
    this.#phase = { name: 'closing' }
    this.core.deadlines.cancel(this.#deadline)
    for (const callback of this.#onClosed ?? []) callback()
    this.#close(false)
  }

  #close(abrupt: boolean): void {
    this.core.unconnected.forget(this)
    this.#reading.end()
    this.#cancelPump?.()
    if (abrupt) {
      this.outbox.end()
      this.transport.destroy()
      return
    }
    this.outbox.flushNow()
    this.outbox.end()
    this.transport.close()
  }

  onEnd(_how: TransportEnd): void {
    this.core.turn.begin()
    this.end(connectionLost)
    this.#phase = { name: 'closed' }
    this.outbox.gone()
    this.core.connectionGone(this)
  }

  /** Our mistake, not the peer's: this one connection ends (style: two doors). */
  #onBug(error: unknown): void {
    const where = error instanceof AssertionError ? 'connection' : 'connection, unexpected exception'
    this.core.events.emit({ kind: 'bug', at: this.core.turn.now, where, error })
    try {
      this.end(serverError)
    } catch {
      this.transport.destroy()
    }
  }

  /** For what runs outside `onChunk` on behalf of this connection. */
  guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#onBug(error)
    }
  }
}
