import { decodePacket } from '../../src/mqtt/decode.ts'
import { describePacket } from '../../src/mqtt/describe.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type { ConnackPacket, ConnectPacket, Packet, ProtocolVersion, QoS } from '../../src/mqtt/packet.ts'
import type { Transport } from '../../src/ports/transport.ts'
import { type FakePeer, fakeTransport } from '../support/fake-transport.ts'
import type { Dice } from './dice.ts'
import type { Message } from './ledger.ts'
import type { SimNamespace } from './rights.ts'
import { must, Violation } from './violation.ts'

/** What a client holds under a Packet Identifier of the broker. */
export interface Outstanding {
  readonly qos: QoS
  readonly message: Message
}

let links = 0

/** One network connection of one client: bytes on the way in both directions, split and delayed as the run decides. */
export class Link {
  readonly number = ++links
  readonly transport: Transport
  readonly peer: FakePeer
  readonly connect: ConnectPacket
  readonly version: ProtocolVersion
  readonly openedAt: number
  connack: ConnackPacket | null = null
  /** Why the broker may end it; empty: it must not. */
  readonly excuses = new Set<string>()
  /** The session before it ended with its connection. */
  mustBeNew = false
  /** Version of the rights at CONNECT. */
  readonly rightsVersion: number
  /** PUBLISH packets with QoS above 0 that are not acknowledged yet. */
  readonly outstanding = new Map<number, Outstanding>()
  /** Answers that the client owes, in their order. */
  readonly due: { readonly packet: Packet; readonly sent: () => void }[] = []
  readonly topicsByAlias = new Map<number, string>()
  pingsSent = 0
  pingsAnswered = 0
  lastWrittenAt: number
  disconnectReceived = false
  /** Since when the client may not notice that it was given up; null: it does. */
  stalledAt: number | null = null
  #wire: Uint8Array[] = []
  #wireBytes = 0
  #connectBytesLeft: number
  #inbox: Uint8Array[] = []
  readonly #framer: Framer
  readonly #trace: (line: string) => void

  constructor(
    connect: ConnectPacket,
    namespace: SimNamespace,
    chain: readonly Uint8Array[],
    now: number,
    trace: (line: string) => void,
  ) {
    this.connect = connect
    this.version = connect.protocolVersion
    this.openedAt = now
    this.lastWrittenAt = now
    this.rightsVersion = namespace.version
    this.#trace = trace
    const { transport, peer } = fakeTransport({ serverName: `${namespace.name}.test`, peerChain: chain })
    this.transport = transport
    this.peer = peer
    this.#framer = new Framer(connect.properties.maximumPacketSizeBytes ?? 268_435_460)
    peer.onReceive = () => this.#inbox.push(peer.take())
    this.send(connect)
    this.#connectBytesLeft = this.#wireBytes
  }

  /** The whole CONNECT has reached the broker. */
  get isAnnounced(): boolean {
    return this.#connectBytesLeft <= 0
  }

  get isConnected(): boolean {
    return this.connack !== null && this.peer.ended === null
  }

  get hasUnread(): boolean {
    return this.#inbox.length > 0
  }

  get hasUnwritten(): boolean {
    return this.#wireBytes > 0
  }

  send(packet: Packet): void {
    this.#trace(`  ${this.connect.username} #${this.number} sends ${describePacket(packet)}`)
    this.sendBytes(encodePacket(packet, this.version))
  }

  sendBytes(bytes: Uint8Array): void {
    this.#wire.push(bytes)
    this.#wireBytes += bytes.length
  }

  /** The client ended the stream: what is still on the wire never comes. */
  isClosed = false

  close(): void {
    this.isClosed = true
    this.peer.close()
  }

  /** Some of the bytes on the wire arrive, in pieces of any size. */
  write(count: number, dice: Dice, now: number): void {
    if (this.peer.ended !== null || this.#wireBytes === 0) return
    this.lastWrittenAt = now
    let bytes: Uint8Array = Buffer.concat(this.#wire)
    let left = Math.min(count, bytes.length)
    while (left > 0) {
      const length = dice.chance(0.2) ? Math.min(left, dice.between(1, 8)) : dice.between(1, left)
      this.#connectBytesLeft -= length
      this.peer.send(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
      left -= length
    }
    this.#wire = bytes.length > 0 ? [bytes] : []
    this.#wireBytes = bytes.length
  }

  writeAll(dice: Dice, now: number): void {
    this.write(Number.MAX_SAFE_INTEGER, dice, now)
  }

  /** The client reads some of what came. */
  read(count: number, onPacket: (packet: Packet) => void): void {
    let left = count
    while (left > 0) {
      const first = this.#inbox[0]
      if (first === undefined) return
      const chunk = first.subarray(0, left)
      left -= chunk.length
      if (chunk.length === first.length) this.#inbox.shift()
      else this.#inbox[0] = first.subarray(chunk.length)
      this.#parse(chunk, onPacket)
    }
  }

  readAll(onPacket: (packet: Packet) => void): void {
    this.read(Number.MAX_SAFE_INTEGER, onPacket)
  }

  #parse(chunk: Uint8Array, onPacket: (packet: Packet) => void): void {
    const failure = this.#framer.push(chunk, {
      onFrame: (bytes, start, bodyStart, end) => {
        const packet = decodePacket(bytes, start, bodyStart, end, this.version, 'server')
        if (!packet.ok) throw new Violation('the broker sends valid packets', packet.error.message)
        must(!this.disconnectReceived, 'nothing follows DISCONNECT', () => packet.value.type)
        this.#trace(`  ${this.connect.username} #${this.number} gets ${describePacket(packet.value)}`)
        onPacket(packet.value)
        return true
      },
    })
    must(failure === null, 'no packet is larger than the client announced', () => failure?.message ?? '')
  }
}
