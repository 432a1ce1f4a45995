import type { Latency } from './job.ts'

/** Keeps the latest `capacity` latencies in milliseconds; none when the capacity is zero. */
export class LatencyRecorder {
  readonly #values: Float32Array
  #count = 0

  constructor(capacity: number) {
    this.#values = new Float32Array(capacity)
  }

  get enabled(): boolean {
    return this.#values.length > 0
  }

  add(milliseconds: number): void {
    this.#values[this.#count++ % this.#values.length] = milliseconds
  }

  reset(): void {
    this.#count = 0
  }

  summary(): Latency | null {
    const count = Math.min(this.#count, this.#values.length)
    if (count === 0) return null
    const sorted = this.#values.slice(0, count).sort()
    const at = (share: number) => sorted[Math.min(count - 1, Math.floor(share * count))]!
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
  }
}
