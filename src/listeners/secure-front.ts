import type { Socket } from 'node:net'
import type { Server, TLSSocket, TlsOptions } from 'node:tls'
import { normalizeServerName } from '../base/server-name.ts'
import { plainAddress, sourceOf } from '../base/source-address.ts'
import type { HandshakeFailure, ListenerKind } from '../ports/transport.ts'
import { type Arrival, type DoorOptions, type Listening, openFront, socketOptions } from './front.ts'
import { HandshakePacer, type PacedHandshake } from './handshake-pacer.ts'
import { readPeerChain } from './peer-chain.ts'
import type { StreamFacts } from './peer-stream.ts'
import type { TlsContexts } from './tls-context.ts'

export interface SecureDoorOptions extends DoorOptions {
  readonly contexts: TlsContexts
  readonly handshakeTimeoutMs: number
  /** Asked when the ClientHello has been read and nothing computed yet; null: no name was sent. Default: always. */
  readonly admitsHandshake?: (serverName: string | null) => boolean
}

export interface SecureFrontHandler {
  /** The handshake is complete: the peer holds the key of the certificate that it showed, if it showed one. */
  onSecure(socket: TLSSocket, facts: StreamFacts): void
  onHandshakeFailure(failure: HandshakeFailure): void
}

/**
 * A handshake of a usual certificate list reads less than this. Node makes an object of every certificate that was
 * sent, 190 of them in 33 ms, so each further such piece costs its source one more token.
 */
const bytesPerToken = 4_096

const hostRateExceeded = 'handshake rate of the host exceeded'

/**
 * What every TLS server that asks for client certificates is made with. With `rejectUnauthorized: false` each peer that
 * completes the handshake gets in, and its CONNECT is judged and answered.
 *
 * @param knownProtocols the application protocols (ALPN) that a client may name; one that names none is served as well
 */
export function secureServerOptions(options: SecureDoorOptions, knownProtocols: readonly string[]): TlsOptions {
  const { contexts } = options
  return {
    ...socketOptions,
    ...contexts.fallbackOptions,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: options.handshakeTimeoutMs,
    SNICallback(sent, answer) {
      const serverName = normalizeServerName(sent)
      if (options.admitsHandshake?.(serverName) === false) {
        answer(new Error(hostRateExceeded))
        return
      }
      answer(null, contexts.contextFor(serverName))
    },
    // An answer of undefined is the alert no_application_protocol; not called for a client that names none.
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => knownProtocols.includes(protocol)),
  }
}

/**
 * Opens a port for TLS peers. Handshakes that fail are told with what can be known of them; nothing that was resumed or
 * is older than TLS 1.2 gets through.
 *
 * @param server made with `secureServerOptions`, not listening yet
 */
export async function openSecureFront(
  kind: ListenerKind,
  options: SecureDoorOptions,
  server: Server,
  handler: SecureFrontHandler,
): Promise<Listening> {
  const { clock, contexts, limiter } = options
  const underWay = new Handshakes()
  const pacer = new HandshakePacer(clock, { workedMs: () => performance.eventLoopUtilization().active })

  const fail = (remoteAddress: string, sent: string | false | null | undefined, reason: string): void =>
    handler.onHandshakeFailure({
      listener: kind,
      serverName: normalizeServerName(sent),
      remoteAddress,
      reason: reason.slice(0, 256),
    })

  // Who sent nothing began no handshake: load balancers look in like that all day.
  const left = (arrival: Arrival, sent: string | false | null | undefined): void => {
    if (arrival.socket.bytesRead > 0) fail(arrival.remoteAddress, sent, 'peer left during the handshake')
  }

  // An HTTPS server reads and answers on its own account: both only behind what is checked here.
  const goOn = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.removeAllListeners('tlsClientError')
  const forgetContexts = contexts.onFallbackChange(() => server.setSecureContext(contexts.fallbackOptions))

  server.on('tlsClientError', (error: NodeJS.ErrnoException & { reason?: string }, socket: TLSSocket) => {
    const arrival = underWay.take(socket)
    socket.destroy()
    if (arrival === undefined) return
    if (error.code !== 'ECONNRESET') {
      const ours = error.message === hostRateExceeded ? hostRateExceeded : undefined
      fail(arrival.remoteAddress, socket.servername, ours ?? error.reason ?? error.code ?? 'handshake failed')
    } else left(arrival, socket.servername)
  })

  server.on('secureConnection', (socket: TLSSocket) => {
    const arrival = underWay.take(socket)
    if (arrival === undefined) {
      socket.destroy()
      return
    }
    const { remoteAddress } = arrival
    const refuse = (reason: string): void => {
      socket.on('error', () => {})
      socket.destroy()
      fail(remoteAddress, socket.servername, reason)
    }
    // Nothing is offered that could be resumed; should a session come back all the same, its evidence is not whole.
    if (socket.isSessionReused()) {
      refuse('session resumption is not accepted')
      return
    }
    // Who sent a name was asked about when he sent it.
    if (typeof socket.servername !== 'string' && options.admitsHandshake?.(null) === false) {
      refuse(hostRateExceeded)
      return
    }
    const tlsVersion = tlsVersionOf(socket)
    if (tlsVersion === null) {
      refuse('unsupported protocol')
      return
    }
    const furtherTokens = Math.floor(arrival.socket.bytesRead / bytesPerToken)
    if (furtherTokens > 0 && limiter.admit(remoteAddress, furtherTokens) !== 'admitted') {
      refuse('connection rate exceeded by a large handshake')
      return
    }
    handler.onSecure(socket, {
      listener: kind,
      serverName: normalizeServerName(socket.servername),
      remoteAddress,
      tlsVersion,
      readChain: () => readPeerChain(socket),
    })
    for (const listener of goOn) listener.call(server, socket)
  })

  const front = await openFront(
    kind,
    options,
    {
      onArrival(arrival, goOn) {
        const leave = pacer.enter(sourceOf(arrival.remoteAddress), pacedHandshake(arrival.socket, goOn))
        underWay.add({ arrival, leave })
      },
      onGone(socket) {
        const handshake = underWay.of(socket)
        if (handshake === undefined) return
        handshake.leave()
        // The TLS layer may know more, and says so a moment later.
        clock.endOfTurn(() => {
          if (underWay.remove(handshake)) left(handshake.arrival, null)
        })
      },
      onTurnedAway: (remoteAddress) => fail(remoteAddress, null, 'connection rate exceeded'),
    },
    server,
  )
  return {
    ...front,
    close: () => {
      forgetContexts()
      return front.close()
    },
  }
}

/** Null: one that is not served. Node.js makes a new string for each socket, which its connection would keep. */
function tlsVersionOf(socket: TLSSocket): 'TLSv1.2' | 'TLSv1.3' | null {
  switch (socket.getProtocol()) {
    case 'TLSv1.3':
      return 'TLSv1.3'
    case 'TLSv1.2':
      return 'TLSv1.2'
    default:
      return null
  }
}

interface Handshake {
  readonly arrival: Arrival
  /** Gives its place to others. */
  readonly leave: () => void
}

/**
 * Peers whose handshake is not complete, found again from their socket and from the one that the TLS layer makes of it. A
 * connection may last for months: whoever is taken leaves nothing of his handshake behind (bench: mtls-idle).
 */
class Handshakes {
  readonly #byPeer = new Map<string, Handshake>()
  readonly #bySocket = new Map<Socket, Handshake>()

  add(handshake: Handshake): void {
    this.#byPeer.set(peerOf(handshake.arrival), handshake)
    this.#bySocket.set(handshake.arrival.socket, handshake)
  }

  /** Undefined: it was taken. */
  of(socket: Socket): Handshake | undefined {
    return this.#bySocket.get(socket)
  }

  /** False: it was taken before. */
  remove(handshake: Handshake): boolean {
    const peer = peerOf(handshake.arrival)
    this.#bySocket.delete(handshake.arrival.socket)
    return this.#byPeer.get(peer) === handshake && this.#byPeer.delete(peer)
  }

  take(socket: TLSSocket): Arrival | undefined {
    // The socket below it, which Node.js keeps without documenting it, remembers its address: it is spared a system
    // call, and a socket that has failed may have lost its own. Were it gone, the end of a failed connection would still
    // be told, with less of a reason.
    const below = (socket as { readonly _parent?: PeerAddress | null })._parent
    const peer = peerOf(below ?? socket)
    const handshake = this.#byPeer.get(peer)
    if (handshake === undefined) return undefined
    this.#byPeer.delete(peer)
    this.#bySocket.delete(handshake.arrival.socket)
    handshake.leave()
    return handshake.arrival
  }
}

interface PeerAddress {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

function peerOf({ remoteAddress, remotePort }: PeerAddress): string {
  return `${remoteAddress === undefined ? '' : plainAddress(remoteAddress)} ${remotePort}`
}

/**
 * What Node.js has below a socket and does not document. Reading is stopped there because a socket of the TLS layer has no
 * other way to: `pause` holds back what was decrypted, and handshakes go on.
 */
interface Handle {
  readStop?(): unknown
  readStart?(): unknown
}

function pacedHandshake(socket: Socket, begin: () => void): PacedHandshake {
  const handle = (): Handle | null => (socket as unknown as { readonly _handle?: Handle | null })._handle ?? null
  let hasBegun = false
  let isHeld = false
  return {
    goOn() {
      if (socket.destroyed) return
      if (!hasBegun) begin()
      hasBegun = true
      if (isHeld) handle()?.readStart?.()
      isHeld = false
    },
    hold() {
      const below = handle()
      if (below?.readStop === undefined || below.readStart === undefined) return false
      below.readStop()
      isHeld = true
      return true
    },
  }
}
