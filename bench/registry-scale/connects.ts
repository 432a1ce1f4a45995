import { once } from 'node:events'
import { connect } from 'node:tls'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { authenticationNameOf, credentials, nameOf } from './fleet.ts'
import { Server } from './server.ts'

const lanes = 8

const namespaces = ['small', 'middle', 'large'] as const
type Rates<T> = Readonly<Record<(typeof namespaces)[number], T>>

/** Connects per second of the broker's processor time. */
export interface Connects {
  /** Devices that have connected before, which is what comes back after a restart. */
  readonly known: Rates<number>
  /** Median of the rounds' ratios, the large namespace to the small one. */
  readonly knownLargeToSmall: number
  /** Devices that come for the first time, of which a note is written; of the small namespace nearly all have come before. */
  readonly first: Rates<number>
}

/**
 * Whole connects, from the TLS handshake with the device's certificate to CONNACK and the end, with namespaces of different size
 * in turns, each in a process of its own; each device is another one, drawn from all. Connects per second of the broker's
 * processor time.
 */
export async function connectRates(
  folder: string,
  counts: Rates<number>,
  sizes: { readonly rounds: number; readonly warmUp: number; readonly measured: number },
): Promise<Connects> {
  const rates: Rates<number[]> = { small: [], middle: [], large: [] }
  for (let round = 0; round <= sizes.rounds; round++) {
    for (const namespace of namespaces) rates[namespace].push(await connectRate(folder, namespace, counts, sizes))
  }
  const each = (rate: (rates: readonly number[]) => number): Rates<number> => ({
    small: rate(rates.small),
    middle: rate(rates.middle),
    large: rate(rates.large),
  })
  return {
    first: each(([first]) => first ?? Number.NaN),
    known: each(([, ...others]) => median(others)),
    knownLargeToSmall: median(rates.large.slice(1).map((rate, i) => rate / rates.small[i + 1]!)),
  }
}

/** The same devices each time. */
async function connectRate(
  folder: string,
  namespace: (typeof namespaces)[number],
  counts: Rates<number>,
  { warmUp, measured }: { readonly warmUp: number; readonly measured: number },
): Promise<number> {
  let drawn = 1
  const draw = (): number => {
    drawn = (drawn * 48_271) % 2_147_483_647
    return drawn % counts[namespace]
  }
  const server = await Server.start(folder, namespace)
  try {
    await connectAll(server.mqttsPort, warmUp, draw)
    const before = server.cpuSeconds()
    await connectAll(server.mqttsPort, measured, draw)
    return measured / (server.cpuSeconds() - before)
  } finally {
    await server.stop()
  }
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
