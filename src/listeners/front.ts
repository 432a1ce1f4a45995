import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { plainAddress } from '../base/source-address.ts'
import type { Clock } from '../ports/clock.ts'
import type { ListenerKind } from '../ports/transport.ts'
import type { AcceptLimiter } from './accept-limiter.ts'

/** What every door for MQTT peers is given. */
export interface DoorOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly clock: Clock
  /** Shared by all doors, so that a second door is no second allowance. */
  readonly limiter: AcceptLimiter
  /** Connections of this door at one time; further ones are cut at once. */
  readonly maximumConnections: number
  /** Told of each peer that is cut before any work. */
  readonly onTurnedAway?: (listener: ListenerKind, reason: 'rate' | 'maximum') => void
  /** How long a stream that we close may take to leave. */
  readonly lingerMs?: number
}

/** An open door. */
export interface Listening {
  readonly kind: ListenerKind
  readonly host: string
  readonly port: number
  /** New peers are no longer answered; those inside stay. */
  stopAccepting(): void
  /** Cuts whoever is still inside and resolves when nothing of the door is left open. */
  close(): Promise<void>
}

/** A TCP peer that passed the limits; nothing of it was read. */
export interface Arrival {
  readonly socket: Socket
  readonly remoteAddress: string
  readonly remotePort: number
}

export interface FrontHandler {
  /** @param goOn lets the server have the socket, at once or later */
  onArrival(arrival: Arrival, goOn: () => void): void
  /** One peer was turned away at the limits; called once for each spell in which its source has no tokens left. */
  onTurnedAway(remoteAddress: string): void
  /** The socket of an arrival is closed. */
  onGone?(socket: Socket): void
}

/** A dead peer without Keep Alive would stay for ever: the kernel asks after this long. */
const keepAliveProbeAfterMs = 60_000

/** How every door's sockets are set: no Nagle delay; the kernel asks after peers that may be dead. */
export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveProbeAfterMs,
} as const

/**
 * Opens a TCP port with what all doors share: limits before any work, and an orderly end.
 *
 * @param server one that does not listen yet; what it does with a connection comes behind the limits
 */
export function openFront(
  kind: ListenerKind,
  options: DoorOptions,
  handler: FrontHandler,
  server: Server = createServer(socketOptions),
): Promise<Listening> {
  const open = new Set<Socket>()
  const goOn = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.maxConnections = options.maximumConnections
  server.on('drop', () => options.onTurnedAway?.(kind, 'maximum'))
  server.on('connection', (socket: Socket) => {
    // An error of a socket that nobody reads any more must not end the process; who reads it adds a listener of its own.
    socket.on('error', ignore)
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy()
      return
    }
    const address = plainAddress(remoteAddress)
    const admission = options.limiter.admit(address)
    if (admission !== 'admitted') {
      // A reset costs no TIME_WAIT and no further packet.
      socket.resetAndDestroy()
      options.onTurnedAway?.(kind, 'rate')
      if (admission === 'refusedFirst') handler.onTurnedAway(address)
      return
    }
    open.add(socket)
    socket.on('close', gone)
    handler.onArrival({ socket, remoteAddress: address, remotePort }, () => {
      for (const listener of goOn) listener.call(server, socket)
    })
  })

  /** One for all sockets, and one for each of them: a second one would be a longer list (bench: mtls-idle). */
  function gone(this: Socket): void {
    open.delete(this)
    handler.onGone?.(this)
  }

  const { promise, resolve, reject } = Promise.withResolvers<Listening>()
  server.once('error', reject)
  server.listen({ host: options.host, port: options.port, backlog: 4096 }, () => {
    server.off('error', reject)
    // Later errors are failed accepts (file descriptors used up): the door stays open for when some are free again.
    server.on('error', ignore)
    const { address, port } = server.address() as AddressInfo
    const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<void>()
    server.on('close', resolveClosed)
    let accepting = true
    const stopAccepting = (): void => {
      if (!accepting) return
      accepting = false
      server.close()
    }
    resolve({
      kind,
      host: address,
      port,
      stopAccepting,
      close: () => {
        stopAccepting()
        for (const socket of open) socket.destroy()
        return closed
      },
    })
  })
  return promise
}

function ignore(): void {}
