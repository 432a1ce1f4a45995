import type { Socket } from 'node:net'
import type { Clock } from '../ports/clock.ts'
import type { TransportHandler } from '../ports/transport.ts'
import { defaultLingerMs, PeerStream, type StreamFacts } from './peer-stream.ts'
import { received, receiveInPlace } from './receive-buffer.ts'
import { writeRanges } from './write-ranges.ts'

const nothing = new Uint8Array(0)

/** A peer's stream over a plain or TLS socket of Node's public API. */
export class SocketTransport extends PeerStream {
  readonly #socket: Socket
  readonly #onWritten: () => void
  #owesDrain = false
  #isPaused = false

  constructor(socket: Socket, facts: StreamFacts, clock: Clock, lingerMs = defaultLingerMs) {
    super(facts, clock, lingerMs)
    this.#socket = socket
    this.#onWritten = () => this.#written()
    socket.on('error', (error: NodeJS.ErrnoException) => this.failed(error))
    socket.on('close', () => this.closed())
  }

  override get pendingBytes(): number {
    return this.#owesDrain && !this.#socket.destroyed ? this.#socket.writableLength : 0
  }

  protected override listen(handler: TransportHandler): void {
    const onBytes = (length: number): boolean => {
      if (this.phase === 'open') handler.onChunk(received(length))
      // The stream may have begun to read again by itself, for the sake of its own empty buffer.
      return !this.#isPaused
    }
    if (receiveInPlace(this.#socket, onBytes)) this.#socket.resume()
    else this.#receiveAsEvents(handler, onBytes)
    this.#socket.on('end', () => this.#peerEnded())
  }

  /** What arrived before comes as an event first, and everything where Node.js offers no more. */
  #receiveAsEvents(handler: TransportHandler, onBytes: (length: number) => boolean): void {
    this.#socket.on('data', (chunk: Buffer) => {
      if (this.phase === 'open') handler.onChunk(chunk)
      receiveInPlace(this.#socket, onBytes)
    })
  }

  override write(ranges: readonly Uint8Array[]): void {
    if (this.phase !== 'open') return
    const socket = this.#socket
    if (ranges.length === 0) return
    if (this.tlsVersion !== null) {
      writeRanges(socket, ranges, this.#onWritten)
      if (socket.writableLength > 0) this.#owesDrain = true
      return
    }
    // The system nearly always takes at once what goes over plain TCP; a callback would cost a tick for each write (bench:
    // tcp-one). Where it does not, an empty write behind it tells when.
    writeRanges(socket, ranges)
    if (socket.writableLength === 0) return
    this.#owesDrain = true
    socket.write(nothing, this.#onWritten)
  }

  override pause(): void {
    if (this.phase !== 'open') return
    this.#isPaused = true
    this.#socket.pause()
  }

  override resume(): void {
    if (this.phase !== 'open') return
    this.#isPaused = false
    this.#socket.resume()
  }

  override close(): void {
    if (this.phase !== 'open') return
    this.leave({ kind: 'closedByUs' })
    // What the peer still sends is read and dropped: unread bytes would turn our end into a reset, and the peer would
    // lose the last packet that we sent it.
    this.#isPaused = false
    this.#socket.resume()
    this.#socket.end()
    this.linger()
  }

  protected override cut(): void {
    this.#socket.destroy()
  }

  #written(): void {
    if (!this.#owesDrain || this.phase !== 'open' || this.#socket.writableLength > 0) return
    this.#owesDrain = false
    this.handler?.onDrain()
  }

  /** The socket ends our side by itself once it has sent what it holds. */
  #peerEnded(): void {
    if (this.phase !== 'open') return
    this.leave({ kind: 'peerClosed' })
    if (this.#socket.writableLength === 0) this.end()
    else this.linger()
  }
}
