import { Socket } from 'node:net'

/** What the kernel hands over at most in one read of Node.js; a TLS record is a quarter of it. */
const receiveBytes = 64 << 10
/** Views of up to this length are made once and used again: chunks of one kind of traffic are of few lengths. */
const keptViewBytes = 2 << 10

/**
 * One receive buffer for all streams: each chunk is used up before the next one is read (`TransportHandler.onChunk`).
 * The C++ side of a socket writes into it without holding it, so it lives as long as the process.
 */
const buffer = Buffer.allocUnsafeSlow(receiveBytes)
const views: (Uint8Array | undefined)[] = new Array(keptViewBytes + 1).fill(undefined)

/** Where a socket keeps what its public option `onread` sets, which exists for sockets that connect only. */
interface Places {
  readonly buffer: symbol
  readonly callback: symbol
}

type OpenSocket = Socket & {
  [place: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null
}

const places = findPlaces()

/** Looked up on a socket made with the public option, by value: null when this Node.js keeps it otherwise. */
function findPlaces(): Places | null {
  const callback = (): boolean => true
  const probe = new Socket({ onread: { buffer, callback } } as ConstructorParameters<typeof Socket>[0]) as OpenSocket
  const symbols = Object.getOwnPropertySymbols(probe)
  const places = (value: unknown): symbol[] => symbols.filter((symbol) => probe[symbol] === value)
  const [buffers, callbacks] = [places(buffer), places(callback)]
  probe.destroy()
  if (buffers.length !== 1 || callbacks.length !== 1) return null
  return { buffer: buffers[0]!, callback: callbacks[0]! }
}

/**
 * From here on what arrives on an accepted socket is read into the shared buffer, and `onBytes` is told its length
 * instead of an event with memory of its own (decision record 0011; bench: one message at a time, pairs).
 *
 * @param onBytes `received` is valid during the call; false: reads no more until `resume`
 * @returns false: everything still comes as `data`, because something waits that came before, or for good; or it is so already
 */
export function receiveInPlace(socket: Socket, onBytes: (length: number) => boolean): boolean {
  const open = socket as OpenSocket
  const handle = open._handle
  if (places === null || open[places.buffer] !== null || typeof handle?.useUserBuffer !== 'function') return false
  if (socket.readableLength > 0) return false
  handle.useUserBuffer(buffer)
  open[places.buffer] = buffer
  open[places.callback] = onBytes
  return true
}

/** What `onBytes` was just told of. */
export function received(length: number): Uint8Array {
  if (length > keptViewBytes) return buffer.subarray(0, length)
  views[length] ??= buffer.subarray(0, length)
  return views[length]
}
