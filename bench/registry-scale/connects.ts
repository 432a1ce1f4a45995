import { once } from 'node:events'
import { connect } from 'node:tls'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { authenticationNameOf, credentials, nameOf } from './fleet.ts'
import { Server } from './server.ts'

const lanes = 8

const namespaces = ['small', 'middle', 'large'] as const
type Rates<T> = Readonly<Record<(typeof namespaces)[number], T>>

/**
 * Whole connects, from the TLS handshake with the device's certificate to CONNACK and the end, with namespaces of different size
 * in turns; each device is another one, drawn from all. Connects per second of the broker's processor time.
 */
export async function connectRates(
  folder: string,
  counts: Rates<number>,
  { rounds, warmUp, measured }: { readonly rounds: number; readonly warmUp: number; readonly measured: number },
): Promise<Rates<number>> {
  const rates: Rates<number[]> = { small: [], middle: [], large: [] }
  let drawn = 1
  const draw = (count: number): number => {
    drawn = (drawn * 48_271) % 2_147_483_647
    return drawn % count
  }
  for (let round = 0; round < rounds; round++) {
    for (const namespace of namespaces) {
      const server = await Server.start(folder, namespace)
      try {
        await connectAll(server.mqttsPort, warmUp, () => draw(counts[namespace]))
        const before = server.cpuSeconds()
        await connectAll(server.mqttsPort, measured, () => draw(counts[namespace]))
        rates[namespace].push(measured / (server.cpuSeconds() - before))
      } finally {
        await server.stop()
      }
    }
  }
  return { small: median(rates.small), middle: median(rates.middle), large: median(rates.large) }
}

async function connectAll(port: number, count: number, draw: () => number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await connectOnce(port, draw())
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function connectOnce(port: number, number: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...credentials })
  const closed = once(socket, 'close')
  await once(socket, 'secureConnect')
  const facts = { type: 'CONNECT', protocolVersion: 5, cleanStart: true, keepAliveSeconds: 0, will: null } as const
  const names = { clientId: nameOf(number), username: authenticationNameOf(number), password: null }
  socket.write(encodePacket({ ...facts, ...names, properties: {} }, 5))
  const [connack] = (await once(socket, 'data')) as [Buffer]
  // The same device may be drawn twice at a time: a takeover that comes too soon is an answer like any other.
  if (connack[3] !== 0 && connack[3] !== 0x9f) throw new Error(`CONNACK ${connack.toString('hex')}`)
  socket.resume()
  socket.end(Uint8Array.of(0xe0, 0))
  await closed
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
