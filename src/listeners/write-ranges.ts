import type { Socket } from 'node:net'

/**
 * Several ranges of up to this many bytes together travel as one copied block, more of them as one gathered write.
 * Measured on Node 24, per write of ten 70-byte ranges: copied 6.2 µs (TCP) and 6.5 µs (TLS), gathered 7.9 and 7.1;
 * of four 4,000-byte ranges: copied 14.0 and 19.5, gathered 10.2 and 13.8. Either way TLS makes one record of it (up
 * to 16 KiB).
 */
const copyUpToBytes = 4_000

/** Hands ranges to a socket as one write. `onWritten` is called when the last of them has been taken. */
export function writeRanges(socket: Socket, ranges: readonly Uint8Array[], onWritten?: () => void): void {
  const count = ranges.length
  if (count === 1) {
    socket.write(ranges[0]!, onWritten)
    return
  }
  let total = 0
  for (let i = 0; i < count; i++) total += ranges[i]!.length
  if (total <= copyUpToBytes) {
    const block = Buffer.allocUnsafe(total)
    let at = 0
    for (let i = 0; i < count; i++) {
      block.set(ranges[i]!, at)
      at += ranges[i]!.length
    }
    socket.write(block, onWritten)
    return
  }
  socket.cork()
  for (let i = 0; i < count - 1; i++) socket.write(ranges[i]!)
  socket.write(ranges[count - 1]!, onWritten)
  socket.uncork()
}
