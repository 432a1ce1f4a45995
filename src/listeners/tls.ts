import { createServer, type TLSSocket } from 'node:tls'
import type { AcceptTransport, HandshakeFailure } from '../ports/transport.ts'
import { plainAddress } from './accept-limiter.ts'
import { type Arrival, type DoorOptions, type Listening, openFront } from './front.ts'
import { readPeerChain } from './peer-chain.ts'
import { normalizeServerName } from './server-name.ts'
import { SocketTransport } from './socket-transport.ts'
import type { TlsContexts } from './tls-context.ts'

export interface TlsDoorOptions extends DoorOptions {
  readonly contexts: TlsContexts
  readonly handshakeTimeoutMs: number
}

/** The application protocols that a client may name; one that names none is served all the same. */
const knownProtocols: readonly string[] = ['mqtt']

/**
 * A handshake of a usual certificate list reads less than this. Node makes an object of every certificate that was
 * sent, 190 of them in 33 ms, so each further such piece costs its source one more token.
 */
const bytesPerToken = 4_096

/**
 * The front door. The TLS layer proves that a peer holds the key of the certificate it shows, and nothing else: with
 * `rejectUnauthorized: false` every peer that completes the handshake gets its CONNECT judged and answered.
 */
export async function listenTls(
  options: TlsDoorOptions,
  onTransport: AcceptTransport,
  onHandshakeFailure: (failure: HandshakeFailure) => void,
): Promise<Listening> {
  const { contexts, limiter } = options
  const underWay = new Handshakes()

  const fail = (remoteAddress: string, sent: string | false | null | undefined, reason: string): void =>
    onHandshakeFailure({
      listener: 'mqtts',
      serverName: normalizeServerName(sent),
      remoteAddress,
      reason: reason.slice(0, 256),
    })

  // Who sent nothing began no handshake: load balancers look in like that all day.
  const left = (arrival: Arrival, sent: string | false | null | undefined): void => {
    if (arrival.socket.bytesRead > 0) fail(arrival.remoteAddress, sent, 'peer left during the handshake')
  }

  const server = createServer({
    ...contexts.fallbackOptions,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: options.handshakeTimeoutMs,
    SNICallback: (sent, answer) => answer(null, contexts.contextFor(normalizeServerName(sent))),
    // An answer of undefined is the alert no_application_protocol; not called for a client that names none.
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => knownProtocols.includes(protocol)),
  })
  const forgetContexts = contexts.onFallbackChange(() => server.setSecureContext(contexts.fallbackOptions))

  server.on('tlsClientError', (error: NodeJS.ErrnoException & { reason?: string }, socket: TLSSocket) => {
    const arrival = underWay.take(socket)
    socket.destroy()
    if (arrival === undefined) return
    if (error.code !== 'ECONNRESET') {
      fail(arrival.remoteAddress, socket.servername, error.reason ?? error.code ?? 'handshake failed')
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
    const version = socket.getProtocol()
    if (version !== 'TLSv1.2' && version !== 'TLSv1.3') {
      refuse('unsupported protocol')
      return
    }
    const furtherTokens = Math.floor(arrival.socket.bytesRead / bytesPerToken)
    if (furtherTokens > 0 && limiter.admit(remoteAddress, furtherTokens) !== 'admitted') {
      refuse('connection rate exceeded by a large handshake')
      return
    }
    onTransport(
      new SocketTransport(
        socket,
        {
          listener: 'mqtts',
          serverName: normalizeServerName(socket.servername),
          remoteAddress,
          tlsVersion: version,
          readChain: () => readPeerChain(socket),
        },
        options.clock,
        options.lingerMs,
      ),
    )
  })

  const front = await openFront('mqtts', options, {
    onArrival(arrival) {
      underWay.add(arrival)
      arrival.socket.once('close', () =>
        // The TLS layer may know more, and says so a moment later.
        options.clock.endOfTurn(() => {
          if (underWay.remove(arrival)) left(arrival, null)
        }),
      )
      server.emit('connection', arrival.socket)
    },
    onTurnedAway: (remoteAddress) => fail(remoteAddress, null, 'connection rate exceeded'),
  })
  return {
    ...front,
    close: () => {
      forgetContexts()
      return front.close()
    },
  }
}

/** Peers whose handshake is not complete, found again from the socket that the TLS layer makes of theirs. */
class Handshakes {
  readonly #byPeer = new Map<string, Arrival>()

  add(arrival: Arrival): void {
    this.#byPeer.set(peerOf(arrival), arrival)
  }

  /** False: it was taken before. */
  remove(arrival: Arrival): boolean {
    return this.#byPeer.get(peerOf(arrival)) === arrival && this.#byPeer.delete(peerOf(arrival))
  }

  take(socket: TLSSocket): Arrival | undefined {
    // The socket below it, which Node.js keeps without documenting it, remembers its address: it is spared a system
    // call, and a socket that has failed may have lost its own. Were it gone, the end of a failed connection would still
    // be told, with less of a reason.
    const below = (socket as { readonly _parent?: PeerAddress | null })._parent
    const peer = peerOf(below ?? socket)
    const arrival = this.#byPeer.get(peer)
    this.#byPeer.delete(peer)
    return arrival
  }
}

interface PeerAddress {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

function peerOf({ remoteAddress, remotePort }: PeerAddress): string {
  return `${remoteAddress === undefined ? '' : plainAddress(remoteAddress)} ${remotePort}`
}
