import { createServer } from 'node:tls'
import type { AcceptTransport, HandshakeFailure } from '../ports/transport.ts'
import type { Listening } from './front.ts'
import { openSecureFront, type SecureDoorOptions, secureServerOptions } from './secure-front.ts'
import { SocketTransport } from './socket-transport.ts'

/** The front door. The TLS layer proves that a peer holds the key of the certificate it shows, and nothing else. */
export function listenTls(
  options: SecureDoorOptions,
  onTransport: AcceptTransport,
  onHandshakeFailure: (failure: HandshakeFailure) => void,
): Promise<Listening> {
  const server = createServer(secureServerOptions(options, ['mqtt']))
  return openSecureFront('mqtts', options, server, {
    onSecure: (socket, facts) => onTransport(new SocketTransport(socket, facts, options.clock, options.lingerMs)),
    onHandshakeFailure,
  })
}
