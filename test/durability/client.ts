import { connect as connectPlain, type Socket } from 'node:net'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type { Packet, ProtocolVersion, PublishPacket, SubscriptionRequest, Will } from '../../src/mqtt/packet.ts'

/** Answers to a publication: `refused` is a PUBACK or PUBREC that says that it was not taken. */
export type Answer = 'accepted' | 'refused'

export interface ClientHandler {
  onMessage(packet: PublishPacket): void
  /** @param attempts how often it was sent */
  onAnswer(message: Sent, answer: Answer, attempts: number): void
  /** CONNACK said something that the client's own state contradicts. */
  onSessionLost(): void
  /** The connection has ended, for whatever reason. */
  onGone(): void
}

export interface ClientOptions {
  readonly clientId: string
  readonly version: ProtocolVersion
  /** False: the session ends with the connection. */
  readonly keepsSession: boolean
  readonly receiveMaximum: number
  readonly keepAliveSeconds?: number
  /** How long it thinks about a message before it acknowledges. */
  readonly delayMs?: () => number
  readonly will?: Will | null
}

/** A publication under way. */
export interface Sent {
  readonly topicName: string
  readonly payload: Uint8Array
  readonly qos: 1 | 2
  readonly retain: boolean
}

interface Outgoing extends Sent {
  isReleased: boolean
  attempts: number
}

const expirySeconds = 86_400

/**
 * An MQTT client that never forgets: its half of the session outlives every connection, so what it sees after the
 * broker's death is exactly what the broker made of it. It shares the codec with the broker and nothing else.
 */
export class DurableClient {
  readonly options: ClientOptions
  readonly #handler: ClientHandler
  #socket: Socket | null = null
  #framer = new Framer(1 << 24)
  #isConnected = false
  /** A CONNACK came once, so the broker has a session. */
  #hasSession = false
  #nextIdentifier = 1
  /** In the order in which they were first sent. */
  readonly #outgoing = new Map<number, Outgoing>()
  /** QoS 2 messages that came and are not released yet. */
  readonly #received = new Set<number>()
  #onConnack: ((accepted: boolean) => void) | null = null
  readonly #waiting = new Map<number, (codes: readonly number[] | null) => void>()
  #ping: NodeJS.Timeout | null = null
  readonly #delayed: Packet[] = []
  #delay: NodeJS.Timeout | null = null
  /** Acknowledges at once, whatever its options say. */
  isHurried = false

  constructor(options: ClientOptions, handler: ClientHandler) {
    this.options = options
    this.#handler = handler
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get underWay(): number {
    return this.#outgoing.size
  }

  /** False: there is no broker, it refused, or it died meanwhile. */
  connect(port: number): Promise<boolean> {
    this.cut()
    const socket = connectPlain({ host: '127.0.0.1', port, noDelay: true })
    this.#socket = socket
    this.#framer = new Framer(1 << 24)
    socket.on('data', (chunk) => {
      if (this.#socket === socket) this.#read(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#socket === socket) this.#gone()
    })
    const { clientId, version, keepsSession, receiveMaximum, will = null, keepAliveSeconds = 0 } = this.options
    this.#send({
      type: 'CONNECT',
      protocolVersion: version,
      cleanStart: !keepsSession,
      keepAliveSeconds,
      clientId,
      username: null,
      password: null,
      will,
      properties:
        version === 5
          ? { receiveMaximum, ...(keepsSession ? { sessionExpiryIntervalSeconds: expirySeconds } : {}) }
          : {},
    })
    return new Promise((resolve) => {
      this.#onConnack = resolve
    })
  }

  /** True: every filter was granted. */
  async subscribe(subscriptions: readonly Partial<SubscriptionRequest>[]): Promise<boolean> {
    const packetIdentifier = this.#identifier()
    this.#send({
      type: 'SUBSCRIBE',
      packetIdentifier,
      subscriptions: subscriptions.map((subscription) => ({
        topicFilter: '#',
        qos: 2,
        noLocal: false,
        retainAsPublished: true,
        retainHandling: 0,
        ...subscription,
      })),
      properties: {},
    })
    const codes = await new Promise<readonly number[] | null>((resolve) => {
      if (this.#socket === null) resolve(null)
      else this.#waiting.set(packetIdentifier, resolve)
    })
    return codes?.every((code) => code < 0x80) ?? false
  }

  publish(message: Sent): void {
    const packetIdentifier = this.#identifier()
    this.#outgoing.set(packetIdentifier, { ...message, isReleased: false, attempts: 1 })
    this.#sendPublish(packetIdentifier, message, false)
  }

  /** Breaks the connection without a word. */
  cut(): void {
    const socket = this.#socket
    if (socket === null) return
    this.#gone()
    socket.destroy()
  }

  /** Says goodbye. */
  leave(): void {
    const socket = this.#socket
    if (socket === null) return
    if (this.#isConnected) this.#send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    this.#gone()
    socket.end()
  }

  #gone(): void {
    this.#socket = null
    this.#isConnected = false
    if (this.#ping !== null) clearInterval(this.#ping)
    this.#ping = null
    if (this.#delay !== null) clearTimeout(this.#delay)
    this.#delay = null
    this.#delayed.length = 0
    const onConnack = this.#onConnack
    this.#onConnack = null
    onConnack?.(false)
    for (const resolve of this.#waiting.values()) resolve(null)
    this.#waiting.clear()
    this.#handler.onGone()
  }

  #identifier(): number {
    while (this.#outgoing.has(this.#nextIdentifier) || this.#waiting.has(this.#nextIdentifier)) this.#count()
    const identifier = this.#nextIdentifier
    this.#count()
    return identifier
  }

  #count(): void {
    this.#nextIdentifier = this.#nextIdentifier === 0xffff ? 1 : this.#nextIdentifier + 1
  }

  #send(packet: Packet): void {
    this.#socket?.write(encodePacket(packet, this.options.version))
  }

  #sendPublish(packetIdentifier: number, message: Sent, dup: boolean): void {
    const { topicName, payload, qos, retain } = message
    this.#send({ type: 'PUBLISH', dup, packetIdentifier, properties: {}, topicName, payload, qos, retain })
  }

  #sendAgain(packetIdentifier: number, message: Outgoing): void {
    message.attempts++
    this.#sendPublish(packetIdentifier, message, true)
  }

  #read(chunk: Uint8Array): void {
    const socket = this.#socket
    const failure = this.#framer.push(chunk, {
      onFrame: (bytes, start, bodyStart, end) => {
        const read = decodePacket(bytes, start, bodyStart, end, this.options.version, 'server')
        if (!read.ok) throw new Error(`the broker sent what cannot be read: ${read.error.message}`)
        this.#onPacket(read.value)
        return this.#socket === socket
      },
    })
    if (failure !== null) throw new Error(`the broker sent what is no packet: ${failure.message}`)
  }

  #onPacket(packet: Packet): void {
    switch (packet.type) {
      case 'CONNACK':
        this.#onConnackPacket(packet.reasonCode === 0, packet.sessionPresent)
        break
      case 'PUBLISH':
        this.#onPublish(packet)
        break
      case 'PUBACK':
        this.#answered(packet.packetIdentifier, packet.reasonCode < 0x80 ? 'accepted' : 'refused')
        break
      case 'PUBREC': {
        const outgoing = this.#outgoing.get(packet.packetIdentifier)
        if (packet.reasonCode >= 0x80) {
          this.#answered(packet.packetIdentifier, 'refused')
        } else {
          if (outgoing !== undefined) outgoing.isReleased = true
          this.#acknowledge({ ...packet, type: 'PUBREL', reasonCode: 0 })
        }
        break
      }
      case 'PUBREL':
        this.#received.delete(packet.packetIdentifier)
        this.#acknowledge({ ...packet, type: 'PUBCOMP', reasonCode: 0 })
        break
      case 'PUBCOMP':
        this.#answered(packet.packetIdentifier, 'accepted')
        break
      case 'SUBACK':
      case 'UNSUBACK':
        this.#waiting.get(packet.packetIdentifier)?.(packet.reasonCodes)
        this.#waiting.delete(packet.packetIdentifier)
        break
      default:
        break
    }
  }

  #onConnackPacket(accepted: boolean, isPresent: boolean): void {
    const resolve = this.#onConnack
    this.#onConnack = null
    if (!accepted) {
      this.cut()
      resolve?.(false)
      return
    }
    const { keepsSession, keepAliveSeconds = 0 } = this.options
    if (!isPresent) {
      if (this.#hasSession && keepsSession) this.#handler.onSessionLost()
      this.#received.clear()
    }
    this.#hasSession = true
    this.#isConnected = true
    if (keepAliveSeconds > 0) {
      this.#ping = setInterval(() => this.#send({ type: 'PINGREQ' }), keepAliveSeconds * 500)
    }
    // [MQTT-4.4.0-1], in the order in which they were sent [MQTT-4.6.0-1].
    for (const [packetIdentifier, message] of this.#outgoing) {
      if (message.isReleased) this.#send({ type: 'PUBREL', packetIdentifier, reasonCode: 0, properties: {} })
      else this.#sendAgain(packetIdentifier, message)
    }
    resolve?.(true)
  }

  #onPublish(packet: PublishPacket): void {
    const { qos, packetIdentifier } = packet
    if (packetIdentifier === null) {
      this.#handler.onMessage(packet)
      return
    }
    // [MQTT-4.3.3-10]: until PUBREL the same identifier is the same message.
    const isRepeat = qos === 2 && this.#received.has(packetIdentifier)
    if (qos === 2) this.#received.add(packetIdentifier)
    if (!isRepeat) this.#handler.onMessage(packet)
    this.#acknowledge({ type: qos === 1 ? 'PUBACK' : 'PUBREC', packetIdentifier, reasonCode: 0, properties: {} })
  }

  /** In order, each after its delay. */
  #acknowledge(packet: Packet): void {
    if (this.options.delayMs === undefined || this.isHurried) {
      this.#flushDelayed()
      this.#send(packet)
      return
    }
    this.#delayed.push(packet)
    this.#armDelay()
  }

  #armDelay(): void {
    if (this.#delay !== null || this.#delayed.length === 0) return
    this.#delay = setTimeout(() => {
      this.#delay = null
      const packet = this.#delayed.shift()
      if (packet !== undefined) this.#send(packet)
      this.#armDelay()
    }, this.options.delayMs?.() ?? 0)
  }

  #flushDelayed(): void {
    for (const packet of this.#delayed.splice(0)) this.#send(packet)
  }

  #answered(packetIdentifier: number, answer: Answer): void {
    const message = this.#outgoing.get(packetIdentifier)
    if (message === undefined) return
    this.#outgoing.delete(packetIdentifier)
    this.#handler.onAnswer(message, answer, message.attempts)
  }
}
