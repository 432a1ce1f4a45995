import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { authenticationNameOf, credentials, nameOf } from './fleet.ts'

/** Devices that are connected, have subscribed and say nothing. */
export class Sessions {
  #live = 0
  readonly #sockets: TLSSocket[] = []

  get live(): number {
    return this.#live
  }

  async open(port: number, count: number): Promise<void> {
    for (let from = 0; from < count; from += 50) {
      const some = Array.from({ length: Math.min(50, count - from) }, (_, i) => from + i)
      await Promise.all(some.map((number) => this.#open(port, number)))
      if (from % 1_000 === 0) console.error(`${from} sessions`)
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async #open(port: number, number: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...credentials })
    this.#sockets.push(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#live--)
    await once(socket, 'secureConnect')
    socket.write(
      encodePacket(
        {
          type: 'CONNECT',
          protocolVersion: 5,
          cleanStart: true,
          keepAliveSeconds: 0,
          clientId: nameOf(number),
          username: authenticationNameOf(number),
          password: null,
          will: null,
          properties: {},
        },
        5,
      ),
    )
    const [connack] = (await once(socket, 'data')) as [Buffer]
    if (connack[3] !== 0) throw new Error(`CONNACK ${connack.toString('hex')}`)
    const subscription = {
      topicFilter: 'halls/#',
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const
    socket.write(
      encodePacket({ type: 'SUBSCRIBE', packetIdentifier: 1, subscriptions: [subscription], properties: {} }, 5),
    )
    const [suback] = (await once(socket, 'data')) as [Buffer]
    if (suback.at(-1) !== 0) throw new Error(`SUBACK ${suback.toString('hex')}`)
    this.#live++
  }
}
