import type { IncomingMessage } from 'node:http'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../ports/clock.ts'
import type { AcceptTransport } from '../ports/transport.ts'
import type { HttpRefusal, Upgrade } from './https.ts'
import { isOwnOrigin, type OriginPolicy } from './origin.ts'
import { defaultLingerMs } from './peer-stream.ts'
import { WebSocketTransport } from './websocket-transport.ts'

const webSocketPath = '/mqtt'

/** What the namespace behind a server name asks of those who come as WebSocket. */
export interface WebSocketPolicy extends OriginPolicy {
  readonly maximumPacketSizeBytes: number
}

export interface WebSocketOptions {
  readonly clock: Clock
  readonly lingerMs?: number
  policyFor(serverName: string | null): WebSocketPolicy
}

/** Pings of a peer that does not read our pongs; then it is cut. */
const maximumPendingPongs = 100

/** MQTT over WebSocket (RFC 6455; MQTT 5.0 section 6): what takes the upgrades of an HTTPS port. */
export function acceptWebSockets(
  options: WebSocketOptions,
  onTransport: AcceptTransport,
): (upgrade: Upgrade) => HttpRefusal | null {
  const { clock, lingerMs = defaultLingerMs } = options
  const servers = new Map<number, WebSocketServer>()
  const serverFor = (maximumBytes: number): WebSocketServer => {
    let server = servers.get(maximumBytes)
    if (server === undefined) {
      server = new WebSocketServer(serverOptions(maximumBytes, lingerMs))
      servers.set(maximumBytes, server)
    }
    return server
  }
  return ({ request, socket, head, peer }) => {
    const refusal = refusalOf(request)
    if (refusal !== null) return refusal
    const policy = options.policyFor(peer.serverName)
    const refusedOrigin = refusedOriginOf(request, policy)
    const facts = refusedOrigin === null ? peer : { ...peer, readChain: null }
    // Of a page that could not have profited there is nothing to say.
    const hasCertificate = refusedOrigin !== null && socket.getPeerCertificate().raw !== undefined
    serverFor(policy.maximumPacketSizeBytes).handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      onTransport(
        new WebSocketTransport(webSocket, socket, facts, {
          clock,
          lingerMs,
          refusedOrigin: hasCertificate ? refusedOrigin : null,
        }),
      )
    })
    return null
  }
}

function serverOptions(maximumBytes: number, lingerMs: number): ServerOptions {
  const options: ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number } = {
    noServer: true,
    clientTracking: false,
    // Compression of secrets beside what an attacker chooses tells lengths, and a small message may become a huge one.
    perMessageDeflate: false,
    maxPayload: maximumBytes,
    // A part costs its object, 200 bytes or so, however small it is: parts of a kibibyte on average are enough.
    maxBufferedChunks: 1_024 + Math.ceil(maximumBytes / 1_024),
    maxFragments: 1_024 + Math.ceil(maximumBytes / 1_024),
    maxPendingAutoPongs: maximumPendingPongs,
    closeTimeout: lingerMs,
    // Text is refused whatever it holds.
    skipUTF8Validation: true,
    handleProtocols: () => 'mqtt',
  }
  return options
}

/** The opening handshake (RFC 6455 4.2.1) and what MQTT adds; null: all is well. */
function refusalOf(request: IncomingMessage): HttpRefusal | null {
  const { headers, method, url = '', httpVersion } = request
  const path = url.split('?', 1)[0]
  if (path !== webSocketPath) return { status: 404, detail: `MQTT over WebSocket is at ${webSocketPath}.` }
  if (method !== 'GET' || httpVersion !== '1.1') {
    return { status: 405, detail: 'A WebSocket is opened with GET of HTTP/1.1.', headers: { allow: 'GET' } }
  }
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    return { status: 400, detail: 'The only upgrade here is to websocket.' }
  }
  if (headers['sec-websocket-version'] !== '13') {
    const detail = 'The version of the WebSocket protocol must be 13.'
    return { status: 426, detail, headers: { upgrade: 'websocket', 'sec-websocket-version': '13' } }
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    return { status: 400, detail: 'Sec-WebSocket-Key must be 16 octets in base64.' }
  }
  // [MQTT-6.0.0-3]
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
  if (!offered.includes('mqtt')) {
    return { status: 400, detail: 'The sub-protocol mqtt must be offered (Sec-WebSocket-Protocol: mqtt).' }
  }
  return null
}

/** The origin of a page that is none of ours; null: no page, or one of ours. */
function refusedOriginOf({ headers }: IncomingMessage, policy: WebSocketPolicy): string | null {
  const { origin, host = '' } = headers
  if (origin === undefined || isOwnOrigin(origin, host, policy)) return null
  return origin
}
