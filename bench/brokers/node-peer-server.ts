/** Hosts a peer that is a library: plain TCP and TLS with required client certificates, on any free ports. */
import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { pathToFileURL } from 'node:url'
import { socketOptions } from '../../src/listeners/front.ts'
import { contextOptions } from '../../src/listeners/tls-context.ts'
import type { NodePeerOptions } from './node-peer.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as NodePeerOptions

async function handler(): Promise<(socket: Socket) => void> {
  if (options.peer === 'bare') return answerConnect
  const { Aedes } = (await import(pathToFileURL(options.module ?? '').href)) as {
    Aedes: { createBroker(): Promise<{ handle: (socket: Socket) => void }> }
  }
  const { handle } = await Aedes.createBroker()
  return handle
}

function answerConnect(socket: Socket): void {
  socket.once('data', () => socket.write(Buffer.from([0x20, 2, 0, 0])))
  socket.on('data', () => {})
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const handle = await handler()
const serve = (socket: Socket) => {
  socket.setNoDelay(options.noDelay)
  socket.on('error', () => {})
  handle(socket)
}
const tls: Record<NodePeerOptions['peer'], () => TlsOptions> = {
  aedes: () => ({
    ca: readFileSync(options.ca),
    cert: readFileSync(options.certificate),
    key: readFileSync(options.key),
    requestCert: true,
    rejectUnauthorized: true,
  }),
  // Every option of our own listener, so that what is left between the two is ours.
  bare: () => ({
    ...socketOptions,
    ...contextOptions({
      certificate: readFileSync(options.certificate, 'utf8'),
      privateKey: readFileSync(options.key, 'utf8'),
    }),
    requestCert: true,
    rejectUnauthorized: false,
    SNICallback: (_serverName, answer) => answer(null, undefined),
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === 'mqtt'),
  }),
}
const tcpPort = await listen(createServer(serve))
const tlsPort = await listen(createTlsServer(tls[options.peer](), serve))
writeFileSync(`${options.readyFile}.new`, JSON.stringify({ tcpPort, tlsPort }))
renameSync(`${options.readyFile}.new`, options.readyFile)
// A clean exit, so that a profile is written.
process.once('SIGTERM', () => process.exit(0))
