import type { AcceptTransport } from '../ports/transport.ts'
import { type DoorOptions, type Listening, openFront } from './front.ts'
import { SocketTransport } from './socket-transport.ts'

/** The plain door, for tests and proxies that end TLS. It proves nothing about a peer: who that is, is configured. */
export function listenTcp(
  options: DoorOptions,
  onTransport: AcceptTransport,
  onTurnedAway: (remoteAddress: string) => void = () => {},
): Promise<Listening> {
  return openFront('mqtt-tcp', options, {
    onArrival({ socket, remoteAddress }) {
      onTransport(
        new SocketTransport(
          socket,
          { listener: 'mqtt-tcp', serverName: null, remoteAddress, tlsVersion: null, readChain: null },
          options.clock,
          options.lingerMs,
        ),
      )
    },
    onTurnedAway,
  })
}
