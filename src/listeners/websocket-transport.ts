import type { TLSSocket } from 'node:tls'
import type { RawData, WebSocket } from 'ws'
import type { Clock } from '../ports/clock.ts'
import type { TransportHandler } from '../ports/transport.ts'
import { PeerStream, type StreamFacts } from './peer-stream.ts'
import { writeRanges } from './write-ranges.ts'

export interface WebSocketTransportOptions {
  readonly clock: Clock
  readonly lingerMs: number
  readonly refusedOrigin: string | null
}

/** RFC 6455 7.4.1 */
const CloseCode = { NormalClosure: 1000, UnsupportedData: 1003 } as const

/** What an incomplete message costs beside its bytes, for each part in which it arrives. */
const costOfPart = 200

/** A peer's stream inside the binary messages of a WebSocket; where one ends and the next begins means nothing. */
export class WebSocketTransport extends PeerStream {
  readonly refusedOrigin: string | null
  readonly #webSocket: WebSocket
  readonly #socket: TLSSocket
  readonly #onWritten: () => void
  /** Writes handed over, and those of them that have been taken. */
  #written = 0
  #taken = 0
  #owesDrain = false

  /** @param webSocket open on the socket, from which nothing was read yet */
  constructor(webSocket: WebSocket, socket: TLSSocket, facts: StreamFacts, options: WebSocketTransportOptions) {
    super(facts, options.clock, options.lingerMs)
    this.refusedOrigin = options.refusedOrigin
    this.#webSocket = webSocket
    this.#socket = socket
    this.#onWritten = () => this.#oneTaken()
    webSocket.pause()
    webSocket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'unknown'))
    webSocket.on('close', () => this.closed())
    socket.on('error', (error: NodeJS.ErrnoException) => this.failed(error))
  }

  /** Bytes of a message and of a pong wait in one queue: it counts as a whole until the last message has left. */
  override get pendingBytes(): number {
    return this.#taken === this.#written || this.#socket.destroyed ? 0 : this.#socket.writableLength
  }

  protected override listen(handler: TransportHandler): void {
    this.#webSocket.on('message', (data: RawData, isBinary: boolean) => this.#onMessage(data as Buffer, isBinary))
    if (handler.onHeld !== undefined) this.#countHeld(handler)
    this.#socket.on('data', () => this.#lookForClose())
    this.#socket.on('end', () => this.#peerEnded())
    this.#webSocket.resume()
  }

  override write(ranges: readonly Uint8Array[]): void {
    if (this.phase !== 'open' || ranges.length === 0) return
    let total = 0
    for (let i = 0; i < ranges.length; i++) total += ranges[i]!.length
    this.#written++
    // The header and the message in one piece: the library would make two TLS records of them.
    writeRanges(this.#socket, [binaryHeader(total), ...ranges], this.#onWritten)
    if (this.#socket.writableLength > 0) this.#owesDrain = true
  }

  override pause(): void {
    if (this.phase === 'open') this.#webSocket.pause()
  }

  override resume(): void {
    if (this.phase === 'open') this.#webSocket.resume()
  }

  override close(): void {
    if (this.phase !== 'open') return
    this.leave({ kind: 'closedByUs' })
    this.#closeWebSocket(CloseCode.NormalClosure)
  }

  protected override cut(): void {
    this.#webSocket.terminate()
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.phase !== 'open') return
    if (isBinary) {
      if (data.length > 0) this.handler?.onChunk(data)
      return
    }
    // [MQTT-6.0.0-1]
    this.#fail('textMessage')
    this.#closeWebSocket(CloseCode.UnsupportedData)
  }

  /**
   * A message is delivered when it is complete, and until the peer has been answered nobody knows whose memory it takes.
   * Headers of fragments are counted and not taken off again: too much rather than too little.
   */
  #countHeld(handler: TransportHandler): void {
    let bytes = 0
    let parts = 0
    const released = (length: number): void => {
      bytes -= length + headerLength(length) + maskLength
      parts = 0
    }
    const onFrame = (data: Buffer): void => released(data.length)
    const onData = (chunk: Buffer): void => {
      if (this.#written > 0 || this.phase !== 'open') {
        this.#socket.off('data', onData)
        for (const event of ['message', 'ping', 'pong'] as const) this.#webSocket.off(event, onFrame)
        return
      }
      bytes += chunk.length
      parts++
      handler.onHeld?.(bytes <= 0 ? 0 : bytes + parts * costOfPart)
    }
    // Behind the library's own listener: by then the messages of a chunk have been delivered.
    this.#socket.on('data', onData)
    for (const event of ['message', 'ping', 'pong'] as const) this.#webSocket.on(event, onFrame)
  }

  #oneTaken(): void {
    this.#taken++
    if (!this.#owesDrain || this.phase !== 'open' || this.pendingBytes > 0) return
    this.#owesDrain = false
    this.handler?.onDrain()
  }

  /** The library has answered a close frame by the time its chunk is done. */
  #lookForClose(): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) this.#peerEnded()
  }

  #peerEnded(): void {
    if (this.phase !== 'open') return
    this.leave({ kind: 'peerClosed' })
    if (this.pendingBytes === 0) this.end()
    this.linger()
  }

  #fail(code: string): void {
    if (this.phase !== 'open') return
    this.leave({ kind: 'error', code })
    if (this.pendingBytes === 0) this.end()
    this.linger()
  }

  #closeWebSocket(code: number): void {
    // The peer's close frame is behind what it still sends; that is read and dropped.
    this.#webSocket.resume()
    this.#webSocket.close(code)
    this.linger()
  }
}

const maskLength = 4

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 0x1_0000 ? 4 : 10
}

/** RFC 6455 5.2: one final, unmasked binary frame. */
function binaryHeader(length: number): Uint8Array {
  const header = Buffer.allocUnsafe(headerLength(length))
  header[0] = 0x82
  if (length < 126) header[1] = length
  else if (length < 0x1_0000) {
    header[1] = 126
    header.writeUInt16BE(length, 2)
  } else {
    header[1] = 127
    header.writeUInt16BE(0, 2)
    header.writeUIntBE(length, 4, 6)
  }
  return header
}
