import { bytesEqual } from '../base/bytes.ts'

const chunkOctets = 1_048_576

/**
 * A set of serial numbers as their DER content octets, which are one per number. A million of them as strings in a `Set`
 * cost three times the memory, and its growth stops everything for 100 ms; this grows by chunks and never moves what it holds.
 */
export class SerialSet {
  /** Length and octets of each member, one after the other, in chunks; a member's place is its offset plus one. */
  readonly #chunks: Uint8Array[] = []
  /** Open addressing, at most half full; 0 is a free slot. */
  readonly #slots: Uint32Array
  #used = 0
  #size = 0

  /** @param capacity members at most */
  constructor(capacity: number) {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * capacity + 2)))
  }

  get size(): number {
    return this.#size
  }

  /** Serial numbers of more than 255 octets are nobody's: they are not kept. */
  add(serial: Uint8Array): void {
    if (serial.length > 255) return
    const slot = this.#find(serial)
    if (this.#slots[slot] !== 0) return
    const room = chunkOctets - (this.#used % chunkOctets)
    if (room <= serial.length) this.#used += room
    const chunk = this.#chunkAt(this.#used)
    const at = this.#used % chunkOctets
    chunk[at] = serial.length
    chunk.set(serial, at + 1)
    this.#slots[slot] = this.#used + 1
    this.#used += serial.length + 1
    this.#size++
  }

  #chunkAt(place: number): Uint8Array {
    const index = Math.floor(place / chunkOctets)
    let chunk = this.#chunks[index]
    if (chunk === undefined) {
      chunk = new Uint8Array(chunkOctets)
      this.#chunks.push(chunk)
    }
    return chunk
  }

  has(serial: Uint8Array): boolean {
    return this.#slots[this.#find(serial)] !== 0
  }

  /** The slot that holds the serial number, or the free one where it belongs. */
  #find(serial: Uint8Array): number {
    const mask = this.#slots.length - 1
    let slot = hash(serial) & mask
    for (;;) {
      const place = this.#slots[slot]!
      if (place === 0) return slot
      const chunk = this.#chunks[Math.floor((place - 1) / chunkOctets)]!
      const at = (place - 1) % chunkOctets
      if (chunk[at] === serial.length && bytesEqual(chunk.subarray(at + 1, at + 1 + serial.length), serial)) return slot
      slot = (slot + 1) & mask
    }
  }
}

/** FNV-1a with a final mix, so that consecutive numbers do not sit in one row. */
function hash(octets: Uint8Array): number {
  let value = 0x811c9dc5
  for (let i = 0; i < octets.length; i++) value = Math.imul(value ^ octets[i]!, 0x01000193)
  value ^= value >>> 15
  value = Math.imul(value, 0x85ebca6b)
  return (value ^ (value >>> 13)) >>> 0
}
