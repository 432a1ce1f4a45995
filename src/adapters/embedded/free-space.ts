import type { Clock } from '../../ports/clock.ts'
import type { DatabaseFile } from './database.ts'

const lookedAtMs = 250

/** Below a twentieth of the file system or this, whichever is less, nothing new is taken in. */
const reserveBytes = 512 * 1024 * 1024

export interface FreeSpaceOptions {
  /** Bytes that stay free for acknowledging and removing; default as above. */
  readonly reserveBytes?: number
  /** Tests only. */
  readonly freeBytes?: () => { readonly free: number; readonly total: number }
}

/** Says in time that the disk is getting full, while there is still room for what makes room. */
export class FreeSpace {
  readonly #clock: Clock
  readonly #look: () => { readonly free: number; readonly total: number }
  readonly #reserveBytes: number | null
  #nextLook = Number.NEGATIVE_INFINITY
  #low = false

  constructor(file: DatabaseFile, clock: Clock, options: FreeSpaceOptions) {
    this.#clock = clock
    this.#look = options.freeBytes ?? (() => file.freeBytes())
    this.#reserveBytes = options.reserveBytes ?? null
  }

  isLow(): boolean {
    const now = this.#clock.monotonicMs()
    if (now >= this.#nextLook) {
      this.#nextLook = now + lookedAtMs
      const { free, total } = this.#look()
      this.#low = free < (this.#reserveBytes ?? Math.min(reserveBytes, total / 20))
    }
    return this.#low
  }
}
