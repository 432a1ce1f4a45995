import type { TestContext } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { AcceptLimiter, type AcceptRates } from '../../src/listeners/accept-limiter.ts'
import type { Listening } from '../../src/listeners/front.ts'
import { answerNotFound, openHttps } from '../../src/listeners/https.ts'
import { acceptWebSockets, type WebSocketPolicy } from '../../src/listeners/websocket.ts'
import type { HandshakeFailure } from '../../src/ports/transport.ts'
import { Mailbox, serverContexts, unlimited, type Visitor, visit } from './door.ts'

export interface WebDoor {
  readonly listening: Listening
  readonly visitors: Mailbox<Visitor>
  readonly failures: Mailbox<HandshakeFailure>
}

interface WebDoorOptions {
  readonly rates?: AcceptRates
  readonly headersTimeoutMs?: number
  readonly lingerMs?: number
  readonly echo?: boolean
  readonly policy?: Partial<WebSocketPolicy>
  readonly isSameNamespace?: (serverName: string | null, host: string | null) => boolean
  /** What an incomplete message is said to hold. */
  readonly held?: Mailbox<number>
}

/** An HTTPS door on a free loopback port that takes WebSockets, starts every transport and, unless told otherwise, echoes. */
export async function openWebDoor(t: TestContext, options: WebDoorOptions = {}): Promise<WebDoor> {
  const visitors = new Mailbox<Visitor>()
  const failures = new Mailbox<HandshakeFailure>()
  const clock = nodeClock()
  const { lingerMs = 5_000, echo = true } = options
  const policy = { maximumPacketSizeBytes: 1 << 20, allowedOrigins: [], allowLoopback: false, ...options.policy }
  const listening = await openHttps(
    {
      host: '127.0.0.1',
      port: 0,
      clock,
      limiter: new AcceptLimiter(options.rates ?? unlimited, () => clock.monotonicMs()),
      maximumConnections: 1_000,
      lingerMs,
      contexts: serverContexts(t),
      handshakeTimeoutMs: 10_000,
      headersTimeoutMs: options.headersTimeoutMs ?? 10_000,
    },
    {
      isSameNamespace: options.isSameNamespace ?? (() => true),
      onRequest: answerNotFound,
      onUpgrade: acceptWebSockets({ clock, lingerMs, policyFor: () => policy }, (transport) =>
        visitors.put(visit(transport, echo, (bytes) => options.held?.put(bytes))),
      ),
      onHandshakeFailure: (failure) => failures.put(failure),
    },
  )
  t.after(() => listening.close())
  return { listening, visitors, failures }
}

/** A peer that writes its own HTTP and its own frames. */
export class RawPeer {
  readonly socket: TLSSocket
  #received = Buffer.alloc(0)
  #ended = false
  #wake = (): void => {}

  constructor(t: TestContext, port: number, options: ConnectionOptions = {}) {
    this.socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      rejectUnauthorized: false,
      ...options,
    })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
    t.after(() => this.socket.destroy())
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Waits until this many bytes came; fewer when the other side ends first. */
  async take(length: number): Promise<Buffer> {
    while (this.#received.length < length && !this.#ended) await new Promise<void>((wake) => (this.#wake = wake))
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(taken.length)
    return taken
  }

  async #head(): Promise<string> {
    for (let at = -1; ; ) {
      at = this.#received.indexOf('\r\n\r\n')
      if (at >= 0) return (await this.take(at + 4)).toString()
      if (this.#ended) return (await this.take(this.#received.length)).toString()
      await new Promise<void>((wake) => (this.#wake = wake))
    }
  }

  /** Sends a request and reads the answer: status, headers as text, content. */
  async request(lines: readonly string[]): Promise<{ status: number; head: string; body: string }> {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const head = await this.#head()
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    const body = (await this.take(length)).toString()
    return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body }
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** One frame of the server: it sends none that is masked or split. */
  async frame(): Promise<{ opcode: number; payload: Buffer } | null> {
    const head = await this.take(2)
    if (head.length < 2) return null
    const short = head[1]! & 0x7f
    const length =
      short < 126
        ? short
        : short === 126
          ? (await this.take(2)).readUInt16BE()
          : Number((await this.take(8)).readBigUInt64BE())
    return { opcode: head[0]! & 0x0f, payload: Buffer.from(await this.take(length)) }
  }

  /** Resolves when the other side has ended the connection. */
  async ended(): Promise<void> {
    while (!this.#ended) await new Promise<void>((wake) => (this.#wake = wake))
  }
}

/** The lines of an opening handshake; a header given as null is left out. */
export function upgradeLines(changed: Readonly<Record<string, string | null>> = {}, path = '/mqtt'): string[] {
  const headers: Record<string, string | null> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'mqtt',
    ...changed,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return [`GET ${path} HTTP/1.1`, ...lines]
}

interface FrameOptions {
  readonly final?: boolean
  readonly masked?: boolean
  /** What the header claims, where that is not what follows. */
  readonly length?: number
}

/** A frame of a client (RFC 6455 5.2). */
export function frame(opcode: number, payload: Uint8Array | string, options: FrameOptions = {}): Buffer {
  const { final = true, masked = true } = options
  const bytes = Buffer.from(payload)
  const length = options.length ?? bytes.length
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
  const header = Buffer.alloc(length < 126 ? 2 : length < 0x1_0000 ? 4 : 10)
  header[0] = (final ? 0x80 : 0) | opcode
  header[1] = (masked ? 0x80 : 0) | (length < 126 ? length : length < 0x1_0000 ? 126 : 127)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([header, bytes])
  return Buffer.concat([header, mask, bytes.map((byte, i) => byte ^ mask[i & 3]!)])
}

export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const

/** A peer whose WebSocket is open. */
export async function openPeer(
  t: TestContext,
  door: WebDoor,
  options: ConnectionOptions = {},
  headers: Readonly<Record<string, string | null>> = {},
): Promise<RawPeer> {
  const peer = new RawPeer(t, door.listening.port, options)
  const { status } = await peer.request(upgradeLines(headers))
  if (status !== 101) throw new Error(`answered ${status}`)
  return peer
}
