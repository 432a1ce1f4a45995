/** Where in each frame a 16-bit field stands, and the list its values go to; `offset` -1: not wanted. */
export interface Field {
  readonly offset: number
  readonly values: Uint16Array
}

/**
 * Counts packets that all have the same size and first byte, so that counting costs a few instructions per packet and
 * the broker, not the generator, is what a bench measures. Anything else on the wire is an error, not a guess.
 */
export class FixedFrames {
  readonly #header: number
  readonly #size: number
  readonly #tail: Uint8Array
  readonly #fields: readonly Field[]
  #kept = 0

  constructor(header: number, size: number, fields: readonly Field[] = []) {
    this.#header = header
    this.#size = size
    this.#fields = fields.filter((field) => field.offset >= 0)
    this.#tail = new Uint8Array(size)
  }

  /** @returns how many frames ended within these bytes; the first so many entries of each field's values are theirs */
  push(bytes: Uint8Array, length: number): number {
    const size = this.#size
    let at = 0
    let count = 0
    if (this.#kept > 0) {
      const wanted = Math.min(size - this.#kept, length)
      this.#tail.set(bytes.subarray(0, wanted), this.#kept)
      this.#kept += wanted
      if (this.#kept < size) return 0
      this.#kept = 0
      this.#take(this.#tail, 0, count++)
      at = wanted
    }
    for (; at + size <= length; at += size) this.#take(bytes, at, count++)
    if (at < length) {
      this.#tail.set(bytes.subarray(at, length), 0)
      this.#kept = length - at
    }
    return count
  }

  #take(bytes: Uint8Array, at: number, index: number): void {
    if (bytes[at] !== this.#header) {
      const found = (bytes[at] ?? 0).toString(16)
      throw new Error(`the broker sent 0x${found} where 0x${this.#header.toString(16)} of ${this.#size} bytes was due`)
    }
    for (const { offset, values } of this.#fields) values[index] = (bytes[at + offset]! << 8) | bytes[at + offset + 1]!
  }
}
