import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { AcceptLimiter, type AcceptRates } from '../../src/listeners/accept-limiter.ts'
import type { Listening } from '../../src/listeners/front.ts'
import { listenTcp } from '../../src/listeners/tcp.ts'
import { listenTls } from '../../src/listeners/tls.ts'
import { TlsContexts } from '../../src/listeners/tls-context.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { HandshakeFailure, Transport, TransportEnd } from '../../src/ports/transport.ts'
import { selfSigned } from '../e2e/openssl.ts'

export const unlimited: AcceptRates = {
  perAddressPerSecond: 0,
  perAddressBurst: 1,
  totalPerSecond: 0,
  totalBurst: 1,
}

/** A list that can be waited on: `next` is what came first and was not yet taken. */
export class Mailbox<T> {
  readonly #items: T[] = []
  readonly #waiting: ((item: T) => void)[] = []

  put(item: T): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#items.push(item)
    else waiting(item)
  }

  next(): Promise<T> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item)
  }

  get size(): number {
    return this.#items.length
  }
}

export interface Visitor {
  readonly transport: Transport
  readonly chunks: Mailbox<Buffer>
  readonly drains: Mailbox<number>
  readonly ended: Promise<TransportEnd>
}

export interface Door {
  readonly listening: Listening
  readonly visitors: Mailbox<Visitor>
  readonly failures: Mailbox<HandshakeFailure>
  readonly turnedAway: Mailbox<string>
}

interface DoorTestOptions {
  readonly rates?: AcceptRates
  readonly handshakeTimeoutMs?: number
  readonly lingerMs?: number
  readonly clock?: Clock
  readonly contexts?: TlsContexts
  readonly echo?: boolean
  readonly maximumConnections?: number
  readonly admitsHandshake?: (serverName: string | null) => boolean
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-test-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

let serverCertificate: { readonly certificate: string; readonly key: string } | null = null

export function serverContexts(t: TestContext): TlsContexts {
  serverCertificate ??= selfSigned(temporaryDirectory(t), 'server', '/CN=localhost', ['subjectAltName=DNS:localhost'])
  return new TlsContexts({ certificate: serverCertificate.certificate, privateKey: serverCertificate.key })
}

export function visit(transport: Transport, echo: boolean, onHeld?: (bytes: number) => void): Visitor {
  const chunks = new Mailbox<Buffer>()
  const drains = new Mailbox<number>()
  const { promise: ended, resolve } = Promise.withResolvers<TransportEnd>()
  transport.start({
    onChunk(chunk) {
      const copy = Buffer.from(chunk)
      if (echo) transport.write([copy])
      chunks.put(copy)
    },
    onDrain: () => drains.put(transport.pendingBytes),
    ...(onHeld === undefined ? {} : { onHeld }),
    onEnd: resolve,
  })
  return { transport, chunks, drains, ended }
}

/** A door on a free loopback port that starts every transport and, unless told otherwise, echoes. */
export async function openDoor(t: TestContext, kind: 'tcp' | 'tls', options: DoorTestOptions = {}): Promise<Door> {
  const visitors = new Mailbox<Visitor>()
  const failures = new Mailbox<HandshakeFailure>()
  const turnedAway = new Mailbox<string>()
  const clock = options.clock ?? nodeClock()
  const common = {
    host: '127.0.0.1',
    port: 0,
    clock,
    limiter: new AcceptLimiter(options.rates ?? unlimited, () => clock.monotonicMs()),
    maximumConnections: options.maximumConnections ?? 1_000,
    lingerMs: options.lingerMs ?? 5_000,
  }
  const accept = (transport: Transport): void => visitors.put(visit(transport, options.echo ?? true))
  const listening =
    kind === 'tcp'
      ? await listenTcp(common, accept, (address) => turnedAway.put(address))
      : await listenTls(
          {
            ...common,
            contexts: options.contexts ?? serverContexts(t),
            handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
            ...(options.admitsHandshake === undefined ? {} : { admitsHandshake: options.admitsHandshake }),
          },
          accept,
          (failure) => failures.put(failure),
        )
  t.after(() => listening.close())
  return { listening, visitors, failures, turnedAway }
}
