import type { Socket } from 'node:net'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { ListenerKind, Transport, TransportEnd, TransportHandler } from '../ports/transport.ts'
import { received, receiveInPlace } from './receive-buffer.ts'
import { writeRanges } from './write-ranges.ts'

/** How long a stream that we close may take to leave, with what was written before. */
export const defaultLingerMs = 5_000

export interface SocketFacts {
  readonly listener: ListenerKind
  readonly serverName: string | null
  readonly remoteAddress: string
  readonly tlsVersion: 'TLSv1.2' | 'TLSv1.3' | null
  /** Reads what the peer sent; called at most once, when the chain is first asked for. Null: no TLS. */
  readonly readChain: (() => readonly Uint8Array[]) | null
}

const nothing = new Uint8Array(0)
const noCertificates: readonly Uint8Array[] = []

/** A peer's stream over a plain or TLS socket of Node's public API. */
export class SocketTransport implements Transport {
  readonly listener: ListenerKind
  readonly serverName: string | null
  readonly remoteAddress: string
  readonly tlsVersion: 'TLSv1.2' | 'TLSv1.3' | null

  readonly #socket: Socket
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #onWritten: () => void
  #readChain: (() => readonly Uint8Array[]) | null
  #chain: readonly Uint8Array[] | null = null
  #handler: TransportHandler | null = null
  #phase: 'open' | 'closing' | 'ended' = 'open'
  /** Why the stream is closing or ended: the first cause counts. */
  #cause: TransportEnd | null = null
  #owesDrain = false
  #isPaused = false
  #isInPlace = false
  #cancelLinger: Cancel | null = null

  constructor(socket: Socket, facts: SocketFacts, clock: Clock, lingerMs = defaultLingerMs) {
    this.listener = facts.listener
    this.serverName = facts.serverName
    this.remoteAddress = facts.remoteAddress
    this.tlsVersion = facts.tlsVersion
    this.#readChain = facts.readChain
    this.#socket = socket
    this.#clock = clock
    this.#lingerMs = lingerMs
    this.#onWritten = () => this.#written()
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#cause ??= { kind: 'error', code: error.code ?? 'unknown' }
    })
    socket.on('close', () => this.#closed())
  }

  get pendingBytes(): number {
    return this.#owesDrain && !this.#socket.destroyed ? this.#socket.writableLength : 0
  }

  /** Reading the list costs 0.1 ms and about 0.17 ms for each certificate, so nothing is read for who never asks. */
  get peerChain(): readonly Uint8Array[] {
    if (this.#chain === null) {
      this.#chain = this.#readChain?.() ?? noCertificates
      this.#readChain = null
    }
    return this.#chain
  }

  start(handler: TransportHandler): void {
    this.#handler = handler
    if (this.#phase === 'ended') {
      queueMicrotask(() => handler.onEnd(this.#cause ?? { kind: 'peerClosed' }))
      return
    }
    this.#socket.on('data', (chunk: Buffer) => {
      if (this.#phase === 'open') handler.onChunk(chunk)
      this.#receiveInPlace(handler)
    })
    this.#receiveInPlace(handler)
    this.#socket.on('end', () => this.#peerEnded())
  }

  /** What arrived before comes as an event first, and everything where Node.js offers no more. */
  #receiveInPlace(handler: TransportHandler): void {
    if (this.#isInPlace) return
    this.#isInPlace = receiveInPlace(this.#socket, (length) => {
      if (this.#phase === 'open') handler.onChunk(received(length))
      // The stream may have begun to read again by itself, for the sake of its own empty buffer.
      return !this.#isPaused
    })
  }

  write(ranges: readonly Uint8Array[]): void {
    if (this.#phase !== 'open') return
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

  pause(): void {
    if (this.#phase !== 'open') return
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (this.#phase !== 'open') return
    this.#isPaused = false
    this.#socket.resume()
  }

  close(): void {
    if (this.#phase !== 'open') return
    this.#leave({ kind: 'closedByUs' })
    // What the peer still sends is read and dropped: unread bytes would turn our end into a reset, and the peer would
    // lose the last packet that we sent it.
    this.#isPaused = false
    this.#socket.resume()
    this.#socket.end()
    this.#linger()
  }

  destroy(): void {
    if (this.#phase === 'open') this.#leave({ kind: 'closedByUs' })
    this.#socket.destroy()
  }

  #written(): void {
    if (!this.#owesDrain || this.#phase !== 'open' || this.#socket.writableLength > 0) return
    this.#owesDrain = false
    this.#handler?.onDrain()
  }

  /**
   * The socket ends our side by itself once it has sent what it holds; a peer that does not read must not keep it. The
   * core hears of the end when nothing of its memory is in the socket any more.
   */
  #peerEnded(): void {
    if (this.#phase !== 'open') return
    this.#leave({ kind: 'peerClosed' })
    if (this.#socket.writableLength === 0) this.#end()
    else this.#linger()
  }

  #closed(): void {
    this.#cancelLinger?.()
    this.#cancelLinger = null
    if (this.#phase !== 'ended') this.#end()
  }

  #leave(cause: TransportEnd): void {
    this.#phase = 'closing'
    this.#cause ??= cause
  }

  #linger(): void {
    this.#cancelLinger ??= this.#clock.setTimer(this.#lingerMs, () => this.#socket.destroy())
  }

  #end(): void {
    this.#phase = 'ended'
    this.#readChain = null
    this.#cause ??= { kind: 'peerClosed' }
    this.#handler?.onEnd(this.#cause)
  }
}
