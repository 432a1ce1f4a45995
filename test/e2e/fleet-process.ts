import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { ProtocolVersion, QoS } from '../../src/mqtt/packet.ts'

/**
 * Devices in a process of their own: raw sockets that say CONNECT, SUBSCRIBE and, when asked, a heartbeat, and remember to
 * the millisecond when and how each ended. Asked by messages of the parent process.
 */

export interface Device {
  readonly id: string
  readonly clientId: string
  readonly username: string
  /** Certificate and what is sent behind it. */
  readonly cert: string
  readonly version: ProtocolVersion
  readonly subscribe: string
  readonly willTopic: string | null
  /** Where it dials from. */
  readonly localAddress?: string
}

export interface Ended {
  readonly id: string
  /** Milliseconds since 1970, with fractions. */
  readonly at: number
  /** Of DISCONNECT; null: the stream ended without one. */
  readonly reasonCode: number | null
}

/** Of all heartbeats since the last question, in milliseconds. */
export interface Pulse {
  readonly beats: number
  /** From a beat to its answer. */
  readonly p99: number
  readonly longest: number
  /** Between two answers to one device. */
  readonly longestGap: number
}

export type Order =
  | {
      readonly kind: 'open'
      readonly port: number
      readonly key: string
      readonly devices: readonly Device[]
      /** All dial at the same moment, and again after a pause until they are in. Default: sixteen at a time, once. */
      readonly atOnce?: boolean
    }
  /** `pings`: every other beat is a PINGREQ; default: true. */
  | { readonly kind: 'beat'; readonly topic: string; readonly pings?: boolean }
  | { readonly kind: 'report' }

export interface Report {
  readonly open: number
  readonly ended: readonly Ended[]
  readonly pulse: Pulse
}

const beatMs = 100
const pingreq = Uint8Array.of(0xc0, 0)

class Link {
  readonly device: Device
  readonly #socket: TLSSocket
  readonly #opened = Promise.withResolvers<void>()
  #tail: Buffer = Buffer.alloc(0)
  #reasonCode: number | null = null
  #phase: 'connecting' | 'subscribing' | 'open' | 'ended' = 'connecting'
  #beatAt: number | null = null
  #answeredAt: number | null = null

  constructor(device: Device, port: number, key: string) {
    this.device = device
    // Who waits for it hears of a failure; who no longer does must not end the process.
    this.#opened.promise.catch(() => {})
    this.#socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false },
      ...(device.localAddress === undefined ? {} : { localAddress: device.localAddress }),
      secureContext: createSecureContext({ cert: device.cert, key }),
    })
    this.#socket.setNoDelay(true)
    this.#socket.on('error', () => {})
    this.#socket.on('secureConnect', () => this.#sayConnect())
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('close', () => this.#end())
  }

  get opened(): Promise<void> {
    return this.#opened.promise
  }

  #sayConnect(): void {
    const { clientId, username, version, willTopic } = this.device
    const will =
      willTopic === null
        ? null
        : { topicName: willTopic, payload: Buffer.from('gone'), qos: 0 as QoS, retain: false, properties: {} }
    const connect = { protocolVersion: version, cleanStart: true, keepAliveSeconds: 0, clientId, username, will }
    this.#socket.write(encodePacket({ type: 'CONNECT', password: null, properties: {}, ...connect }, version))
  }

  #read(chunk: Buffer): void {
    this.#tail = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    for (;;) {
      const tail = this.#tail
      // None of what comes here has 128 bytes or more.
      const end = 2 + (tail[1] ?? Number.POSITIVE_INFINITY)
      if (tail.length < end) return
      this.#tail = tail.subarray(end)
      this.#packet((tail[0] as number) >> 4, tail.subarray(2, end))
    }
  }

  #packet(type: number, body: Buffer): void {
    switch (type) {
      case 2: {
        if (body[1] !== 0) {
          this.#opened.reject(new Error(`${this.device.id}: CONNACK ${body.toString('hex')}`))
          return
        }
        this.#phase = 'subscribing'
        const subscription = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
        const subscriptions = [{ topicFilter: this.device.subscribe, ...subscription }]
        const packet = { type: 'SUBSCRIBE', packetIdentifier: 1, subscriptions, properties: {} } as const
        this.#socket.write(encodePacket(packet, this.device.version))
        return
      }
      case 9:
        if ((body.at(-1) as number) >= 0x80) {
          this.#opened.reject(new Error(`${this.device.id}: SUBACK ${body.toString('hex')}`))
          return
        }
        this.#phase = 'open'
        this.#opened.resolve()
        return
      case 4:
      case 13:
        this.#answered()
        return
      case 14:
        this.#reasonCode = body[0] ?? 0
        return
    }
  }

  beat(topic: string, isPing: boolean): void {
    if (this.#phase !== 'open' || this.#beatAt !== null) return
    this.#beatAt = performance.now()
    if (isPing) {
      this.#socket.write(pingreq)
      return
    }
    this.#socket.write(
      encodePacket(
        {
          ...{ type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: topic, packetIdentifier: 7 },
          ...{ properties: {}, payload: new Uint8Array(8) },
        },
        this.device.version,
      ),
    )
  }

  #answered(): void {
    const now = performance.now()
    if (this.#beatAt !== null) waits.push(now - this.#beatAt)
    if (this.#answeredAt !== null) gaps.push(now - this.#answeredAt)
    this.#beatAt = null
    this.#answeredAt = now
  }

  #end(): void {
    const was = this.#phase
    this.#phase = 'ended'
    if (was !== 'open') this.#opened.reject(new Error(`${this.device.id}: ended before it was open`))
    else
      ended.push({ id: this.device.id, at: performance.timeOrigin + performance.now(), reasonCode: this.#reasonCode })
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }
}

const links: Link[] = []
let ended: Ended[] = []
let waits: number[] = []
let gaps: number[] = []

async function open({ devices, port, key, atOnce = false }: Extract<Order, { kind: 'open' }>): Promise<number> {
  let next = 0
  let failed = 0
  const dial = (device: Device): Promise<void> => {
    const link = new Link(device, port, key)
    return link.opened.then(() => void links.push(link))
  }
  const worker = async (): Promise<void> => {
    for (let device = devices[next++]; device !== undefined; device = devices[next++]) {
      if (!atOnce) {
        await dial(device)
        continue
      }
      // As devices do it: again after a pause that grows, and is nobody else's.
      for (let pauseMs = 500; ; pauseMs = Math.min(8_000, pauseMs * 2)) {
        try {
          await dial(device)
          break
        } catch {
          failed++
          await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())))
        }
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce ? devices.length : 16 }, worker))
  return failed
}

function beat({ topic, pings = true }: Extract<Order, { kind: 'beat' }>): void {
  for (const [at, link] of links.entries()) {
    let nth = at
    setTimeout(
      () => setInterval(() => link.beat(topic, pings && nth++ % 2 === 0), beatMs),
      (at * beatMs) / links.length,
    )
  }
}

function report(): Report {
  const ordered = waits.toSorted((a, b) => a - b)
  const pulse = {
    beats: ordered.length,
    p99: ordered[Math.floor(0.99 * (ordered.length - 1))] ?? 0,
    longest: ordered.at(-1) ?? 0,
    longestGap: gaps.reduce((longest, gap) => Math.max(longest, gap), 0),
  }
  const said = { open: links.filter(({ isOpen }) => isOpen).length, ended, pulse }
  ended = []
  waits = []
  gaps = []
  return said
}

process.on('message', (order: Order) => {
  switch (order.kind) {
    case 'open':
      open(order).then(
        (failed) => process.send?.({ failed }),
        (error: unknown) => process.send?.({ failure: String(error) }),
      )
      return
    case 'beat':
      beat(order)
      process.send?.({ done: true })
      return
    case 'report':
      process.send?.(report())
  }
})
process.on('disconnect', () => process.exit(0))
