const blockBytes = 64 * 1024

/**
 * Memory of messages on their way to the store: many lie in one block, since a buffer of its own costs more than most of
 * them are long (bench: tcp-pairs-qos1-durable). A block lives as long as one of its messages; so it is for what is let go
 * when its commit is settled.
 */
export class BodyBlocks {
  #block: Buffer = Buffer.alloc(0)
  #used = 0

  take(size: number): Buffer {
    if (size > blockBytes / 4) return Buffer.allocUnsafeSlow(size)
    if (this.#used + size > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(blockBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used = start + size
    return this.#block.subarray(start, this.#used)
  }
}
