import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { connect as connectTls } from 'node:tls'
import { openssl, selfSigned } from './openssl.ts'
import { serve, template } from './sealgate.ts'

/** Strangers who begin and do not go on, in every way there is, beside a neighbour who only wants to work. */

export const kinds = [
  'a connection and not a byte',
  'half a TLS ClientHello',
  'TLS and not a byte',
  'TLS and half a CONNECT',
  'TLS and half the headers of a request',
  'a WebSocket and half a message',
] as const
export type Kind = (typeof kinds)[number]

/** Of a CONNECT, or of a WebSocket message, of 512 KiB. */
const halfBytes = 400_000
const wholeBytes = 524_288

export interface HalfOpenOptions {
  readonly directory: string
  /** Of all kinds together, in equal parts. */
  readonly peers: number
  /** Default: every kind there is. */
  readonly kinds?: readonly Kind[]
  /** `--handshake-timeout` and `--connect-timeout`. */
  readonly timeoutSeconds: number
  /** How long the neighbour works alone first. */
  readonly quietMs: number
}

export interface HalfOpenReport {
  readonly opened: number
  readonly mostAtOnce: number
  /** Who was still there when the deadlines had passed twice. */
  readonly left: number
  /** Resident memory of the broker, before and at its highest. */
  readonly mebibytes: { readonly before: number; readonly peak: number }
  /** PUBACK of the neighbour. */
  readonly p99Ms: { readonly before: number; readonly during: number }
  readonly messages: number
}

export async function runHalfOpen(options: HalfOpenOptions): Promise<HalfOpenReport> {
  const { directory, peers, timeoutSeconds } = options
  const key = selfSigned(directory, 'neighbour', '/CN=neighbour')
  const said = openssl(directory, ...['x509', '-in', key.certificateFile, '-noout', '-fingerprint', '-sha256'])
  const templateFile = join(directory, 'plant.json')
  const parts = {
    namespace: 'plant',
    caCertificates: {},
    clients: { neighbour: { thumbprint: said.slice(said.indexOf('=') + 1).trim() } },
    topicTemplates: ['machines/#'],
  }
  writeFileSync(templateFile, JSON.stringify(template(parts)))
  const seconds = String(timeoutSeconds)
  const { sealgate, ready } = await serve(directory, [
    ...['--apply', templateFile, '--handshake-timeout', seconds, '--connect-timeout', seconds],
    ...['--drain-timeout', '1', '--handshake-burst', '1000000'],
  ])
  try {
    const neighbour = fork(new URL('./neighbour.ts', import.meta.url), { execArgv: [] })
    const connected = once(neighbour, 'message')
    neighbour.send({
      protocol: 'mqtts',
      ...ready.mqtts,
      ca: readFileSync(ready.caFile, 'utf8'),
      cert: key.certificate,
      key: key.key,
      username: 'neighbour',
      reconnectPeriod: 0,
    })
    await connected
    const waits = async (): Promise<readonly number[]> => {
      const answer = once(neighbour, 'message')
      neighbour.send('report')
      const [measured] = (await answer) as [readonly number[]]
      return measured
    }
    // The first messages pay for compiling both sides.
    await sleep(options.quietMs)
    await waits()
    await sleep(options.quietMs)
    const alone = await waits()
    const before = residentMebibytes(ready.pid)
    let peak = before
    const sampling = setInterval(() => {
      peak = Math.max(peak, residentMebibytes(ready.pid))
    }, 100)

    const crowd = new Crowd({ mqtts: ready.mqtts.port, wss: ready.wss?.port ?? 0 })
    await crowd.open(peers, options.kinds ?? kinds)
    const deadline = performance.now() + 4_000 * timeoutSeconds
    while (crowd.size > 0 && performance.now() < deadline) await sleep(50)
    clearInterval(sampling)
    const { size: left, opened, mostAtOnce } = crowd
    crowd.end()
    const during = await waits()
    neighbour.disconnect()
    return {
      opened,
      mostAtOnce,
      left,
      mebibytes: { before, peak },
      p99Ms: { before: percentile(alone, 0.99), during: percentile(during, 0.99) },
      messages: during.length,
    }
  } finally {
    await sealgate.stop()
  }
}

class Crowd {
  readonly #ports: { readonly mqtts: number; readonly wss: number }
  readonly #sockets = new Set<Socket>()
  opened = 0
  mostAtOnce = 0

  constructor(ports: { readonly mqtts: number; readonly wss: number }) {
    this.#ports = ports
  }

  get size(): number {
    return this.#sockets.size
  }

  /** A hundred at a time, each from an address of its own: the limits of one address are tested elsewhere. */
  async open(count: number, of: readonly Kind[]): Promise<void> {
    let next = 0
    const opening = async (): Promise<void> => {
      while (next < count) {
        const number = next++
        await this.#one(of[number % of.length] as Kind, number)
      }
    }
    await Promise.all(Array.from({ length: 100 }, opening))
  }

  #one(kind: Kind, number: number): Promise<void> {
    const localAddress = `127.${1 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`
    const isWeb = kind === 'TLS and half the headers of a request' || kind === 'a WebSocket and half a message'
    const address = { host: '127.0.0.1', port: isWeb ? this.#ports.wss : this.#ports.mqtts, localAddress }
    const isPlain = kind === 'a connection and not a byte' || kind === 'half a TLS ClientHello'
    return new Promise((resolve) => {
      const socket = isPlain
        ? connectTcp(address, () => begun())
        : connectTls({ ...address, servername: 'localhost', rejectUnauthorized: false }, () => begun())
      const begun = (): void => {
        this.opened++
        this.#begin(kind, socket)
        resolve()
      }
      this.#sockets.add(socket)
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#sockets.size)
      socket.on('error', () => {})
      socket.on('data', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        resolve()
      })
    })
  }

  #begin(kind: Kind, socket: Socket): void {
    switch (kind) {
      case 'a connection and not a byte':
      case 'TLS and not a byte':
        return
      case 'half a TLS ClientHello':
        socket.write(Buffer.from('16030101000100', 'hex'))
        return
      case 'TLS and half a CONNECT':
        // Remaining Length of 512 KiB.
        socket.write(Buffer.concat([Buffer.from('10808020', 'hex'), Buffer.alloc(halfBytes, 0x61)]))
        return
      case 'TLS and half the headers of a request':
        socket.write('GET /mqtt HTTP/1.1\r\nHost: local')
        return
      case 'a WebSocket and half a message': {
        const header = Buffer.from('82ff0000000000000000' + '00000000', 'hex')
        header.writeUInt32BE(wholeBytes, 6)
        socket.write(
          `GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
        )
        socket.write(Buffer.concat([header, Buffer.alloc(halfBytes, 0x61)]))
      }
    }
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function residentMebibytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kibibytes) / 1024)
}

function percentile(values: readonly number[], share: number): number {
  const ordered = values.toSorted((a, b) => a - b)
  return Math.round((ordered[Math.floor(share * (ordered.length - 1))] ?? 0) * 100) / 100
}
