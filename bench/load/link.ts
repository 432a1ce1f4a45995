import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { MqttVersion, Target } from './job.ts'
import { connectPacket, disconnectPacket, packetLength, subscribePacket } from './wire.ts'

/** One read buffer for all connections: each chunk is looked at before the next one is read. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024)

/** One suite and one group, so that every broker uses the same; all of them have these. */
const ciphers = 'TLS_AES_128_GCM_SHA256'
const ecdhCurve = 'X25519'

const contexts = new Map<string, SecureContext>()

/** One client connection. First whole packets by `nextPacket`; after `onBytes` is set, raw chunks as they arrive. */
export class Link {
  readonly socket: Socket
  onBytes: ((bytes: Uint8Array, length: number) => void) | null = null
  onEnd: ((reason: string) => void) | null = null
  #kept: Uint8Array = new Uint8Array(0)
  #waiting: { resolve: (packet: Uint8Array) => void; reject: (error: Error) => void } | null = null
  #ended: string | null = null

  private constructor(open: (onread: { buffer: Uint8Array; callback: (length: number) => boolean }) => Socket) {
    this.socket = open({
      buffer: readBuffer,
      callback: (length) => {
        this.#received(length)
        return true
      },
    })
    this.socket.on('error', (error) => this.#end(error.message))
    this.socket.on('close', () => this.#end('the broker closed the connection'))
  }

  static open(target: Target, index: number): Promise<Link> {
    const { host, port, tls } = target
    const link = new Link((onread) => {
      if (tls === null) return connectTcp({ host, port, noDelay: true, onread })
      const identity = tls.identities[index % tls.identities.length]!
      // The broker is the one under test: the generator spends nothing on judging the server's certificate.
      const options = { host, port, servername: tls.serverName, rejectUnauthorized: false, onread }
      const socket = connectTls({ ...options, secureContext: contextOf(identity.certificateFile, identity.keyFile) })
      socket.setNoDelay(true)
      return socket
    })
    return new Promise((resolve, reject) => {
      link.onEnd = (reason) => reject(new Error(reason))
      link.socket.once(tls === null ? 'connect' : 'secureConnect', () => {
        link.onEnd = null
        resolve(link)
      })
    })
  }

  get cipher(): string | null {
    const socket = this.socket as Partial<TLSSocket>
    if (socket.getCipher === undefined || socket.getProtocol === undefined) return null
    return `${socket.getProtocol()} ${socket.getCipher().name}`
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  nextPacket(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#ended !== null) reject(new Error(this.#ended))
      else this.#handOver()
    })
  }

  /** Leaves as a device should: DISCONNECT, then the end of the stream. */
  leave(): void {
    this.onEnd = null
    this.onBytes = () => {}
    this.socket.end(disconnectPacket())
  }

  destroy(): void {
    this.onEnd = null
    this.socket.destroy()
  }

  #received(length: number): void {
    if (this.onBytes !== null) {
      try {
        this.onBytes(readBuffer, length)
      } catch (error) {
        this.#end((error as Error).message)
        this.destroy()
      }
      return
    }
    this.#kept = Buffer.concat([this.#kept, readBuffer.subarray(0, length)])
    this.#handOver()
  }

  #handOver(): void {
    const length = this.#kept.length === 0 ? 0 : packetLength(this.#kept, 0, this.#kept.length)
    if (this.#waiting === null || length === 0 || length > this.#kept.length) return
    const packet = this.#kept.subarray(0, length)
    this.#kept = this.#kept.subarray(length)
    const { resolve } = this.#waiting
    this.#waiting = null
    resolve(packet)
  }

  #end(reason: string): void {
    if (this.#ended !== null) return
    this.#ended = reason
    this.#waiting?.reject(new Error(reason))
    this.onEnd?.(reason)
  }
}

function contextOf(certificateFile: string, keyFile: string): SecureContext {
  const known = contexts.get(certificateFile)
  if (known !== undefined) return known
  const cert = readFileSync(certificateFile)
  const context = createSecureContext({ cert, key: readFileSync(keyFile), minVersion: 'TLSv1.3', ciphers, ecdhCurve })
  contexts.set(certificateFile, context)
  return context
}

export interface ClientFields {
  readonly target: Target
  readonly version: MqttVersion
  readonly index: number
  readonly clientId: string
  readonly cleanStart: boolean
}

/** Opens a connection and waits until the broker accepted it. */
export async function openClient(fields: ClientFields): Promise<Link> {
  const { target, version, index, clientId, cleanStart } = fields
  const link = await Link.open(target, index)
  const identities = target.tls?.identities ?? []
  const username = identities.length === 0 ? null : identities[index % identities.length]!.name
  link.write(connectPacket({ version, clientId, username, cleanStart, keepAliveSeconds: 600 }))
  const answer = await link.nextPacket()
  if (answer[0] !== 0x20 || answer[3] !== 0) {
    link.destroy()
    throw new Error(`CONNECT was refused: ${Buffer.from(answer).toString('hex')}`)
  }
  return link
}

/** Subscribes and waits for the answer; each filter must be granted. */
export async function subscribe(
  link: Link,
  version: MqttVersion,
  topicFilters: readonly string[],
  qos: 0 | 1,
): Promise<void> {
  link.write(subscribePacket(version, 1, topicFilters, qos))
  const answer = await link.nextPacket()
  const granted = answer.subarray(answer.length - topicFilters.length)
  if (answer[0] !== 0x90 || granted.some((code) => code !== qos)) {
    throw new Error(`SUBSCRIBE was refused: ${Buffer.from(answer).toString('hex').slice(0, 64)}`)
  }
}

/** Runs `open(0)` … `open(count - 1)`, at most `concurrency` at a time; results in order. */
export async function openAll<T>(
  count: number,
  concurrency: number,
  open: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = new Array(count)
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next++
      results[index] = await open(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, concurrency) }, lane))
  return results
}
