import type { Clock } from '../../ports/clock.ts'
import type { Allocation, Allocator } from './allocate.ts'
import type { DatabaseFile, Room } from './database.ts'

const mebibyte = 2 ** 20
const lookedAtMs = 250
const triedAgainMs = 1_000

/** Below a twentieth of the file system or this, whichever is less, nothing new is taken in. */
const reserveBytes = 512 * mebibyte
/** So much of the file, or a fortieth of the file system, is ours before it is written to. */
const aheadBytes = 32 * mebibyte

/** A removed or changed record costs its page at most, and the page above it now and then. */
const writeCostBytes = 5 * 1024

export interface FreeSpaceOptions {
  /** Bytes that stay free for acknowledging and removing; default as above. With 0 nothing is allocated ahead either. */
  readonly reserveBytes?: number
  /** Tests only. */
  readonly freeBytes?: () => { readonly free: number; readonly total: number }
}

/**
 * Keeps the store from ever meeting a full disk. It says in time that the disk is getting full, while there is still room
 * for what makes room; and since others fill disks too, the file always has blocks of its own beyond what is in use: a
 * transaction goes to the store only when its worst case fits into them. Decision record 0010 tells why that has to be.
 */
export class FreeSpace {
  readonly #clock: Clock
  readonly #look: () => Room
  readonly #options: FreeSpaceOptions
  #nextLook = Number.NEGATIVE_INFINITY
  #room: Room = { free: Number.POSITIVE_INFINITY, total: 0, used: 0, reusable: 0, ahead: 0 }
  /** What may have been used since the last look. */
  #spent = 0
  readonly #allocator: Allocator | null
  #canAllocate: boolean
  /** The last time there was no room for what should be ours; until then a transaction waits for it. */
  #hasFailed = false
  #nextTry = Number.NEGATIVE_INFINITY
  #underWay: Promise<Allocation> | null = null

  /** Without an allocator nothing is allocated ahead. */
  constructor(file: DatabaseFile, clock: Clock, allocator: Allocator | null, options: FreeSpaceOptions) {
    this.#clock = clock
    this.#allocator = allocator
    this.#options = options
    const { freeBytes } = options
    this.#canAllocate = allocator !== null
    this.#look =
      freeBytes === undefined ? () => file.room() : () => ({ ...freeBytes(), used: 0, reusable: 0, ahead: 0 })
    this.#room = this.#look()
    if (this.#room.ahead < this.#ahead) this.#allocateSync(this.#goal())
  }

  /** Time to take in nothing new. */
  isLow(): boolean {
    this.#refresh()
    return this.#left() < this.#reserve || (this.#hasFailed && this.#room.ahead < this.#ahead)
  }

  /** What was taken in before, and is on its way through the store, may use half of the reserve. */
  isCritical(): boolean {
    this.#refresh()
    return this.#left() < this.#reserve / 2 || (this.#hasFailed && this.#room.ahead < this.#ahead / 2)
  }

  /** What a transaction should not exceed, if it can be two: bytes that may be written. */
  get share(): number {
    return this.#canAllocate ? Math.max(mebibyte, (this.#room.ahead - this.#spent) / 2) : Number.POSITIVE_INFINITY
  }

  /** The most that so many writes can need. Records of the same page share it, so they cannot need more than there is. */
  need(writes: number, bytes: number): number {
    return bytes + bytes / 8 + Math.min(writes * writeCostBytes, this.#room.used)
  }

  /** True: this much can be written, and counts as written. */
  take(bytes: number): boolean {
    if (!this.#canAllocate) return true
    if (this.#room.ahead - this.#spent < bytes) {
      this.#update()
      if (this.#room.ahead < bytes) return false
    }
    this.#spent += bytes
    if (this.#spent > this.#ahead / 4) this.#update()
    return true
  }

  /** Makes room for a transaction that is larger than what is ours. False: the disk is full. */
  async make(bytes: number): Promise<boolean> {
    for (let attempt = 0; attempt < 2 && !this.take(bytes); attempt++) {
      if ((await this.#allocate(bytes)) === 'notNow') return false
    }
    return this.take(bytes)
  }

  /** The same before anything else runs. */
  makeSync(bytes: number): boolean {
    if (this.take(bytes)) return true
    this.#allocateSync(this.#goal(bytes))
    return this.take(bytes)
  }

  /** The file is not looked at afterwards. */
  async close(): Promise<void> {
    this.#canAllocate = false
    this.#nextLook = Number.POSITIVE_INFINITY
    await this.#underWay
    await this.#allocator?.close()
  }

  #left(): number {
    return this.#room.free + this.#room.reusable + this.#room.ahead
  }

  get #reserve(): number {
    return this.#options.reserveBytes ?? Math.min(reserveBytes, this.#room.total / 20)
  }

  get #ahead(): number {
    return Math.min(aheadBytes, this.#room.total / 40)
  }

  #refresh(): void {
    if (this.#clock.monotonicMs() >= this.#nextLook) this.#update()
  }

  #update(): void {
    const now = this.#clock.monotonicMs()
    this.#nextLook = now + lookedAtMs
    this.#room = this.#look()
    this.#spent = 0
    if (!this.#canAllocate || this.#room.ahead >= this.#ahead * 1.5 || now < this.#nextTry) return
    void this.#allocate(0)
  }

  /** The larger the store, the larger the steps in which it grows; never all that there is. */
  #goal(atLeast = 0): number {
    const { used, ahead, free } = this.#room
    const step = Math.min(Math.max(2 * this.#ahead, used / 8), 16 * this.#ahead) + atLeast
    return Math.floor(used + Math.min(step, ahead + free * 0.9))
  }

  #allocateSync(goal: number): void {
    if (this.#allocator !== null && this.#canAllocate) this.#allocated(this.#allocator.allocateSync(goal))
  }

  #allocate(atLeast: number): Promise<Allocation> {
    if (this.#allocator === null) return Promise.resolve('noWay')
    this.#underWay ??= this.#allocator.allocate(this.#goal(atLeast)).then((outcome) => {
      this.#underWay = null
      if (this.#canAllocate) this.#allocated(outcome)
      return outcome
    })
    return this.#underWay
  }

  #allocated(outcome: Allocation): void {
    if (outcome === 'noWay') {
      this.#canAllocate = false
      void this.#allocator?.close()
    }
    this.#nextTry = this.#clock.monotonicMs() + triedAgainMs
    this.#room = this.#look()
    this.#spent = 0
    this.#hasFailed = this.#canAllocate && this.#room.ahead < this.#ahead
  }
}
