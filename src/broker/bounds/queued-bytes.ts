/** Bytes that wait in the queues of one namespace: in this process, and in the store, which counts its own. */
export class QueuedBytes {
  readonly #stored: () => number
  readonly #limit: () => number
  inMemory = 0

  constructor(stored: () => number, limit: () => number) {
    this.#stored = stored
    this.#limit = limit
  }

  /** May so much more wait? */
  hasRoomFor(bytes: number): boolean {
    return this.inMemory + this.#stored() + bytes <= this.#limit()
  }
}
