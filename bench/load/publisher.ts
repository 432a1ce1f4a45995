import type { Link } from './link.ts'

/**
 * One publisher. Its messages are encoded once, twice over the length of the window, so that whatever the window has
 * room for is one contiguous piece and one write.
 */
export class Publisher {
  readonly link: Link
  readonly #frames: Buffer
  readonly #frameSize: number
  readonly #window: number
  /** Monotonic milliseconds at which the message at this place of the window was due. */
  readonly dueAt: Float64Array
  sent = 0
  acknowledged = 0
  delivered = 0

  constructor(link: Link, frames: Buffer, window: number) {
    this.link = link
    this.#frames = frames
    this.#frameSize = frames.length / (2 * window)
    this.#window = window
    this.dueAt = new Float64Array(window)
  }

  room(qos: 0 | 1): number {
    const done = qos === 0 ? this.delivered : Math.min(this.delivered, this.acknowledged)
    return this.#window - (this.sent - done)
  }

  send(count: number, due: number): void {
    const first = this.sent % this.#window
    for (let i = 0; i < count; i++) this.dueAt[(this.sent + i) % this.#window] = due
    this.sent += count
    this.link.write(this.#frames.subarray(first * this.#frameSize, (first + count) * this.#frameSize))
  }

  /** @returns when the next message to be delivered was due */
  deliver(): number {
    return this.dueAt[this.delivered++ % this.#window]!
  }
}
