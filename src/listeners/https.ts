import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { requestedHost } from '../base/host-header.ts'
import type { Clock } from '../ports/clock.ts'
import type { HandshakeFailure } from '../ports/transport.ts'
import type { Listening } from './front.ts'
import { defaultLingerMs, type StreamFacts } from './peer-stream.ts'
import { openSecureFront, type SecureDoorOptions, secureServerOptions } from './secure-front.ts'

export interface HttpsDoorOptions extends SecureDoorOptions {
  /** From the start of a connection, or of a further request, to the end of the request's headers. */
  readonly headersTimeoutMs: number
}

export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: TLSSocket
  /** What the peer sent behind the headers. */
  readonly head: Buffer
  readonly peer: StreamFacts
}

export interface HttpRefusal {
  readonly status: number
  /** For the peer: a sentence. */
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpsHandlers {
  /**
   * Whether a request may name this host on a connection that was opened with this server name: both must mean the same
   * namespace (S49: kept-alive and coalesced connections would carry a judgement from one into another).
   */
  isSameNamespace(serverName: string | null, host: string | null): boolean
  onRequest(request: IncomingMessage, response: ServerResponse, peer: StreamFacts): void
  /** Takes the stream over and answers null, or leaves it alone and says how to refuse. */
  onUpgrade(upgrade: Upgrade): HttpRefusal | null
  /** Also told of upgrades that were refused. */
  onHandshakeFailure(failure: HandshakeFailure): void
}

const requestTimeoutMs = 30_000
/** A peer that takes no byte of its answer, and sends none, is cut. */
const inactivityTimeoutMs = 30_000
const keepAliveTimeoutMs = 5_000

/**
 * The HTTP port of the MQTT hosts: HTTP/1.1 over TLS as the MQTT port has it, certificates included. What is upgraded
 * and what is answered is for others to say.
 */
export function openHttps(options: HttpsDoorOptions, handlers: HttpsHandlers): Promise<Listening> {
  const { clock, lingerMs = defaultLingerMs, headersTimeoutMs } = options
  const peers = new WeakMap<Duplex, StreamFacts>()
  const server = createServer({
    ...secureServerOptions(options, ['http/1.1']),
    headersTimeout: headersTimeoutMs,
    requestTimeout: Math.max(requestTimeoutMs, headersTimeoutMs),
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: 16_384,
  })
  server.timeout = inactivityTimeoutMs

  /** What is wrong with any request on this connection; null: nothing. */
  const misdirection = (request: IncomingMessage, peer: StreamFacts): HttpRefusal | null => {
    const host = requestedHost(request)
    if (host === undefined) return { status: 400, detail: 'The request must name its host once, as a Host header.' }
    if (handlers.isSameNamespace(peer.serverName, host)) return null
    const detail = 'The Host header names another namespace than the one that the TLS connection was opened for.'
    return { status: 421, detail }
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const peer = peers.get(request.socket)
    if (peer === undefined) {
      request.socket.destroy()
      return
    }
    const refusal = misdirection(request, peer)
    if (refusal === null) handlers.onRequest(request, response, peer)
    else answer(response, refusal)
  })

  server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, head: Buffer) => {
    // Nobody else listens any more, and an error that nobody hears ends the process.
    socket.on('error', () => {})
    const peer = peers.get(socket)
    if (peer === undefined) {
      socket.destroy()
      return
    }
    const refusal = misdirection(request, peer) ?? handlers.onUpgrade({ request, socket, head, peer })
    if (refusal === null) return
    endWith(socket, refusal, clock, lingerMs)
    const { serverName, remoteAddress } = peer
    const reason = `HTTP ${refusal.status}: ${refusal.detail}`
    handlers.onHandshakeFailure({ listener: 'wss', serverName, remoteAddress, reason })
  })

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    socket.on('error', () => {})
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else endWith(socket as Socket, refusalOf(error.code), clock, lingerMs)
  })

  return openSecureFront('wss', options, server, {
    onSecure: (socket, facts) => peers.set(socket, facts),
    onHandshakeFailure: handlers.onHandshakeFailure,
  })
}

/** Nothing lives at this path. */
export function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  answer(response, { status: 404, detail: 'Nothing is here. MQTT over WebSocket is at /mqtt.' })
}

function answer(response: ServerResponse, refusal: HttpRefusal): void {
  response.writeHead(refusal.status, headersOf(refusal)).end(`${refusal.detail}\n`)
}

function headersOf({ detail, headers }: HttpRefusal): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(detail) + 1),
    'x-content-type-options': 'nosniff',
    ...headers,
  }
}

/** What is no HTTP at all, or comes too slowly. */
function refusalOf(code: string | undefined): HttpRefusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, detail: 'The headers of the request are too long.' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, detail: 'The request took too long.' }
    default:
      return { status: 400, detail: 'The request could not be read.' }
  }
}

/** Answers on a stream that no HTTP server looks after any more, and sees to its end. */
function endWith(socket: Socket, refusal: HttpRefusal, clock: Clock, lingerMs: number): void {
  const { status, detail } = refusal
  const headers = Object.entries({ connection: 'close', ...headersOf(refusal) })
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${detail}\n`)
  const cancel = clock.setTimer(lingerMs, () => socket.destroy())
  socket.once('close', cancel)
  socket.destroySoon()
}
