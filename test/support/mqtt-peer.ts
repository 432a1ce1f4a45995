import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import WebSocket, { createWebSocketStream } from 'ws'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type { ConnackPacket, ConnectPacket, Packet, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { toPem } from '../../src/x509/pem.ts'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** A certificate with its key, and what is sent behind it. */
export interface Identity {
  readonly certificate: Uint8Array
  readonly sent: readonly Uint8Array[]
  readonly key: KeyObject
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface TlsChoice {
  /** Null: no server name is sent. */
  readonly serverName: string | null
  readonly identity: Identity | null
  readonly tls: TlsVersion
  readonly options?: ConnectionOptions
}

/** What a CONNECT says unless told otherwise. */
export function connectPacket(version: ProtocolVersion, fields: Partial<ConnectPacket> = {}): ConnectPacket {
  return {
    type: 'CONNECT',
    protocolVersion: version,
    cleanStart: true,
    keepAliveSeconds: 0,
    clientId: 'peer',
    username: null,
    password: null,
    will: null,
    properties: {},
    ...fields,
  }
}

/** An MQTT client that says exactly what it is told, over a real socket. */
export class MqttPeer {
  readonly socket: Duplex
  readonly #version: ProtocolVersion
  readonly #framer = new Framer(1 << 20)
  readonly #packets: Packet[] = []
  #waiting: (() => void) | null = null
  #ended = false

  constructor(socket: Duplex, version: ProtocolVersion) {
    this.socket = socket
    this.#version = version
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => this.#end())
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
  }

  /** @throws what the TLS library says when there is no handshake */
  static async overTls(address: Address, choice: TlsChoice, version: ProtocolVersion): Promise<MqttPeer> {
    const socket: TLSSocket = connectTls({ ...address, ...optionsOf(choice) })
    const peer = new MqttPeer(socket, version)
    await once(socket, 'secureConnect')
    return peer
  }

  /** @param origin what a browser would say about the page that asks; null: no browser */
  static async overWebSocket(
    { host, port }: Address,
    choice: TlsChoice,
    origin: string | null,
    version: ProtocolVersion,
  ): Promise<MqttPeer> {
    const server = choice.serverName ?? host
    const socket = new WebSocket(`wss://${host}:${port}/mqtt`, ['mqtt'], {
      ...optionsOf(choice),
      headers: { host: `${server}:${port}` },
      ...(origin === null ? {} : { origin }),
      perMessageDeflate: false,
    })
    const peer = new MqttPeer(createWebSocketStream(socket), version)
    await once(socket, 'open')
    return peer
  }

  static async overTcp(address: Address, version: ProtocolVersion): Promise<MqttPeer> {
    const socket = connectPlain(address)
    const peer = new MqttPeer(socket, version)
    await once(socket, 'connect')
    return peer
  }

  get version(): ProtocolVersion {
    return this.#version
  }

  send(packet: Packet): void {
    this.socket.write(encodePacket(packet, this.#version))
  }

  /** The next packet; null: the connection has ended. */
  async next(): Promise<Packet | null> {
    for (;;) {
      const packet = this.#packets.shift()
      if (packet !== undefined) return packet
      if (this.#ended) return null
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  async connect(fields: Partial<ConnectPacket>): Promise<ConnackPacket | null> {
    this.send(connectPacket(this.#version, fields))
    const packet = await this.next()
    assert.ok(packet === null || packet.type === 'CONNACK', `CONNACK, not ${packet?.type}`)
    return packet
  }

  /** Says goodbye and waits until the connection is gone. */
  async leave(): Promise<void> {
    if (!this.#ended) {
      this.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
      this.socket.end()
    }
    while ((await this.next()) !== null);
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.socket.destroy()
  }

  #read(chunk: Uint8Array): void {
    const failure = this.#framer.push(chunk, {
      onFrame: (bytes, start, bodyStart, end) => {
        const read = decodePacket(bytes, start, bodyStart, end, this.#version, 'server')
        assert.ok(read.ok, `the broker sent what cannot be read: ${read.ok ? '' : read.error.message}`)
        this.#packets.push(read.value)
        return true
      },
    })
    assert.equal(failure, null)
    this.#wake()
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }

  #wake(): void {
    this.#waiting?.()
    this.#waiting = null
  }
}

function optionsOf({ serverName, identity, tls, options }: TlsChoice): ConnectionOptions {
  return {
    servername: serverName ?? '',
    ...(identity === null ? {} : credentials(identity)),
    minVersion: tls,
    maxVersion: tls,
    // Keys and hashes below today's policy are the broker's to refuse, not this library's.
    ciphers: 'DEFAULT@SECLEVEL=0',
    rejectUnauthorized: false,
    ...options,
  }
}

export function credentials({ certificate, sent, key }: Identity): { readonly cert: string; readonly key: string } {
  return {
    cert: [certificate, ...sent].map((der) => toPem('CERTIFICATE', der)).join(''),
    key: key.export({ format: 'pem', type: 'pkcs8' }) as string,
  }
}
