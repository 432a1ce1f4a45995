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
  #free = Number.POSITIVE_INFINITY
  #reserve = 0

  constructor(file: DatabaseFile, clock: Clock, options: FreeSpaceOptions) {
    this.#clock = clock
    this.#look = options.freeBytes ?? (() => file.freeBytes())
    this.#reserveBytes = options.reserveBytes ?? null
  }

  /** Time to take in nothing new. */
  isLow(): boolean {
    this.#update()
    return this.#free < this.#reserve
  }

  /** What was taken in before, and is on its way through the store, may use half of the reserve. */
  isCritical(): boolean {
    this.#update()
    return this.#free < this.#reserve / 2
  }

  #update(): void {
    const now = this.#clock.monotonicMs()
    if (now < this.#nextLook) return
    this.#nextLook = now + lookedAtMs
    const { free, total } = this.#look()
    this.#free = free
    this.#reserve = this.#reserveBytes ?? Math.min(reserveBytes, total / 20)
  }
}
