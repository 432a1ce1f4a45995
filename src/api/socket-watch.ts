import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../ports/clock.ts'

/** How long what was written may take to leave once nothing is under way any more. */
const lingerMs = 500
/**
 * Requests of one connection that are not answered yet. Nobody whom we know sends the next one earlier; a chunk of
 * 64 KiB holds a thousand, and each answer would be kept until the peer reads it.
 */
const maximumPipelined = 8

/** Every socket of the server and how many requests are under way, so that a stop leaves nothing open. */
export class SocketWatch {
  /** In a handshake, by address and port. */
  readonly #early = new Map<string, Socket>()
  readonly #secure = new Set<TLSSocket>()
  readonly #pipelined = new WeakMap<Socket, number>()
  #requests = 0
  #whenQuiet: (() => void) | null = null

  /** Limits come before the handshake, which is the dear part. */
  watch(server: Server, admits: (remoteAddress: string) => boolean): void {
    const begin = server.listeners('connection') as ((socket: Socket) => void)[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {})
      if (socket.remoteAddress === undefined || !admits(socket.remoteAddress)) {
        socket.resetAndDestroy()
        return
      }
      const key = keyOf(socket)
      this.#early.set(key, socket)
      socket.on('close', () => {
        if (this.#early.get(key) === socket) this.#early.delete(key)
      })
      for (const listener of begin) listener.call(server, socket)
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#early.delete(keyOf(socket))
      this.#secure.add(socket)
      socket.on('close', () => this.#secure.delete(socket))
    })
    server.on('tlsClientError', (_error: Error, socket: TLSSocket) => socket.destroy())
  }

  /** False: too many at once on this connection. */
  begun({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const pipelined = this.#pipelined.get(socket) ?? 0
    if (pipelined >= maximumPipelined) return false
    this.#pipelined.set(socket, pipelined + 1)
    this.#requests++
    // Comes after the last byte, and also when the client left before it.
    response.once('close', () => {
      this.#pipelined.set(socket, (this.#pipelined.get(socket) ?? 1) - 1)
      this.#requests--
      if (this.#requests === 0) this.#whenQuiet?.()
    })
    return true
  }

  /** Waits for the requests that are under way, then ends every connection. False: the time was up first. */
  async end(clock: Clock, timeoutMs: number): Promise<boolean> {
    const inTime = this.#requests === 0 || (await this.#quietWithin(clock, timeoutMs))
    for (const socket of this.#early.values()) socket.destroy()
    if (inTime) {
      const closed = [...this.#secure].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const socket of this.#secure) socket.destroySoon()
      await this.#within(clock, lingerMs, Promise.all(closed))
    }
    for (const socket of this.#secure) socket.destroy()
    return inTime
  }

  #quietWithin(clock: Clock, timeoutMs: number): Promise<boolean> {
    const quiet = new Promise<void>((resolve) => {
      this.#whenQuiet = resolve
    })
    return this.#within(clock, timeoutMs, quiet)
  }

  #within(clock: Clock, timeoutMs: number, done: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = clock.setTimer(timeoutMs, () => resolve(false))
      void done.then(() => {
        cancel()
        resolve(true)
      })
    })
  }
}

function keyOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
