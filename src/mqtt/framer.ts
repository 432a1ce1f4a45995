import { assert } from '../base/assert.ts'
import { malformed } from './failure.ts'
import type { PacketFailure } from './packet.ts'
import { ReasonCode } from './reason-code.ts'

export interface FrameSink {
  /**
   * One whole control packet: `bytes[start]` is its first byte, `bodyStart` the first byte after Remaining Length, `end`
   * exclusive. The bytes are only valid during the call. `false` stops the flow until `resume`.
   */
  onFrame(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean
}

const NOTHING = Buffer.alloc(0)
/** A kept tail grows from here; small enough that many idle connections may each keep one. */
const SMALL_TAIL_BYTES = 512
/** Fixed header byte and at most four bytes of Remaining Length (MQTT 5.0 1.5.5). */
const LONGEST_HEADER_BYTES = 5

/**
 * Cuts a stream into control packets. Packets that lie wholly inside a chunk are handed over in place, without a copy;
 * only an incomplete tail, or what follows a stop, is kept. A packet that is larger than allowed is refused from its
 * header, so a peer can make us keep at most `maximumPacketSizeBytes` (and, while stopped, the chunks still on their way).
 * The first failure is final. Not reentrant: a sink answers with its return value.
 */
export class Framer {
  #maximumPacketSizeBytes: number
  #kept: Buffer = NOTHING
  #keptStart = 0
  #keptEnd = 0
  #stopped = false
  #busy = false
  #failure: PacketFailure | null = null
  // Header of the packet under the eye of #readHeader.
  #bodyStart = 0
  #end = 0

  constructor(maximumPacketSizeBytes: number) {
    this.#maximumPacketSizeBytes = maximumPacketSizeBytes
  }

  /** Bytes kept for later; the memory behind them is at most twice that, or 512 bytes. */
  get buffered(): number {
    return this.#keptEnd - this.#keptStart
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Holds at once, also for a packet that has begun and not ended. */
  setMaximum(maximumPacketSizeBytes: number): void {
    this.#maximumPacketSizeBytes = maximumPacketSizeBytes
  }

  push(chunk: Uint8Array, sink: FrameSink): PacketFailure | null {
    if (this.#failure !== null) return this.#failure
    assert(!this.#busy, 'push inside onFrame')
    if (this.#stopped) {
      this.#keep(chunk, 0, chunk.length)
      return null
    }
    this.#busy = true
    const at = this.#keptEnd === this.#keptStart ? 0 : this.#completeTail(chunk, sink)
    const rest = this.#stopped || this.#failure !== null ? at : this.#run(chunk, at, chunk.length, sink)
    if (this.#failure === null) this.#keep(chunk, rest, chunk.length)
    else this.#release()
    this.#busy = false
    return this.#failure
  }

  /** Goes on after a stop, with what was kept meanwhile. */
  resume(sink: FrameSink): PacketFailure | null {
    if (this.#failure !== null) return this.#failure
    assert(!this.#busy, 'resume inside onFrame')
    if (!this.#stopped) return null
    this.#busy = true
    this.#stopped = false
    const kept = this.#kept
    this.#keptStart = this.#run(kept, this.#keptStart, this.#keptEnd, sink)
    if (this.#failure !== null || this.#keptStart === this.#keptEnd) this.#release()
    this.#busy = false
    return this.#failure
  }

  /** Hands over the whole packets of `bytes[at..end)`; answers where it stopped. */
  #run(bytes: Uint8Array, at: number, end: number, sink: FrameSink): number {
    let start = at
    while (start < end) {
      if (!this.#readHeader(bytes, start, end)) return start
      if (this.#end > end) return start
      const next = this.#end
      const more = sink.onFrame(bytes, start, this.#bodyStart, next)
      start = next
      if (!more) {
        this.#stopped = true
        return start
      }
    }
    return start
  }

  /** Brings the kept, incomplete packet to its end; answers how much of the chunk that took. */
  #completeTail(chunk: Uint8Array, sink: FrameSink): number {
    let used = 0
    while (!this.#readHeader(this.#kept, this.#keptStart, this.#keptEnd)) {
      if (this.#failure !== null || used === chunk.length) return used
      this.#keep(chunk, used, used + 1)
      used++
    }
    const missing = Math.min(this.#end - this.#keptEnd, chunk.length - used)
    this.#keep(chunk, used, used + missing, this.#end - this.#keptStart)
    used += missing
    // Growing may have moved the packet to the front.
    this.#readHeader(this.#kept, this.#keptStart, this.#keptEnd)
    if (this.#end > this.#keptEnd) return used
    const kept = this.#kept
    const start = this.#keptStart
    // The tail is given back first: onFrame may end the connection, and nothing may be left over then.
    this.#release()
    if (!sink.onFrame(kept, start, this.#bodyStart, this.#end)) this.#stopped = true
    return used
  }

  /**
   * Reads the fixed header at `start` into #bodyStart and #end. False: the header is incomplete, or the packet is
   * refused (#failure). A refusal needs no byte behind the header.
   */
  #readHeader(bytes: Uint8Array, start: number, end: number): boolean {
    let length = 0
    let shift = 0
    for (let at = start + 1; at < end; at++) {
      const byte = bytes[at]!
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) return this.#refuse(malformed(5, '1.5.5-1', 'Remaining Length is not minimal'))
        this.#bodyStart = at + 1
        this.#end = at + 1 + length
        if (this.#end - start > this.#maximumPacketSizeBytes) return this.#refuse(tooLarge(this.#end - start))
        return true
      }
      shift += 7
      if (at - start === LONGEST_HEADER_BYTES - 1) {
        return this.#refuse(malformed(5, '1.5.5', 'Remaining Length has more than four bytes'))
      }
    }
    return false
  }

  #refuse(failure: PacketFailure): false {
    this.#failure = failure
    return false
  }

  /** Appends `chunk[from..to)` to the kept bytes. `wanted`: size of the packet they belong to, when it is known. */
  #keep(chunk: Uint8Array, from: number, to: number, wanted = 0): void {
    const length = to - from
    if (length === 0) return
    if (this.#kept.length - this.#keptEnd < length) {
      const size = this.buffered
      // Doubling, never the size a header claims: memory follows the bytes that really came.
      const doubled = Math.max(SMALL_TAIL_BYTES, 2 * size, size + length)
      const capacity = wanted >= size + length ? Math.min(doubled, Math.max(wanted, SMALL_TAIL_BYTES)) : doubled
      const grown = this.#kept.length >= capacity ? this.#kept : Buffer.allocUnsafeSlow(capacity)
      grown.set(this.#kept.subarray(this.#keptStart, this.#keptEnd))
      this.#kept = grown
      this.#keptStart = 0
      this.#keptEnd = size
    }
    this.#kept.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), this.#keptEnd)
    this.#keptEnd += length
  }

  #release(): void {
    if (this.#kept.length > SMALL_TAIL_BYTES) this.#kept = NOTHING
    this.#keptStart = 0
    this.#keptEnd = 0
  }
}

function tooLarge(size: number): PacketFailure {
  return {
    kind: 'packetTooLarge',
    reasonCode: ReasonCode.PacketTooLarge,
    message: `MQTT 5.0 3.2.2.3.6: packet of ${size} bytes exceeds the Maximum Packet Size`,
  }
}
