import type { QueueLimits } from '../../ports/session-store.ts'
import type { QueuedBytes } from '../bounds/queued-bytes.ts'
import type { KeptMessage } from '../message/kept-message.ts'
import type { SharedCopy } from './shared-subscription.ts'

/** With what is this session's own. */
export type WaitingMessage = Omit<KeptMessage, 'shared'> & {
  /** Another member gets it when this session ends first; null: it belongs to this session alone. */
  readonly shared: SharedCopy | null
}

/** Of all queues that are empty (bench: mtls-idle). */
const noMessages: (WaitingMessage | null)[] = []

/**
 * What a session that ends with its connection has waiting for its window or its socket. First in, first out, bounded;
 * lost with the connection, as the standard has it.
 */
export class MemoryQueue {
  #messages = noMessages
  #first = 0
  #bytes = 0
  readonly #limits: QueueLimits
  /** Of the namespace. */
  readonly #all: QueuedBytes
  dropped = 0

  constructor(limits: QueueLimits, all: QueuedBytes) {
    this.#limits = limits
    this.#all = all
  }

  get length(): number {
    return this.#messages.length - this.#first
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @returns false when the queue is full and its rule is to end the session */
  push(message: WaitingMessage): boolean {
    const { maximumMessages, maximumBytes, overflow } = this.#limits
    const { length } = message.frame
    while (this.length > 0 && (this.length >= maximumMessages || this.#bytes + length > maximumBytes)) {
      if (overflow === 'endSession') return false
      this.#dropFirst()
    }
    if (!this.#all.hasRoomFor(length) && (overflow === 'endSession' || !this.#makesRoomFor(length))) {
      this.dropped++
      return overflow === 'dropOldest'
    }
    if (this.#messages === noMessages) this.#messages = [message]
    else this.#messages.push(message)
    this.#count(length)
    return true
  }

  /** Where others fill the namespace, a queue may hold as much as it does and no more. */
  #makesRoomFor(bytes: number): boolean {
    const room = this.#bytes - bytes
    if (room < 0) return false
    while (this.#bytes > room) this.#dropFirst()
    return true
  }

  #dropFirst(): void {
    this.shift()
    this.dropped++
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#all.inMemory += bytes
  }

  peek(): WaitingMessage | null {
    return this.#messages[this.#first] ?? null
  }

  shift(): WaitingMessage | null {
    const message = this.#messages[this.#first] ?? null
    if (message === null) return null
    this.#messages[this.#first++] = null
    this.#count(-message.frame.length)
    if (this.#first === this.#messages.length) {
      this.#messages = noMessages
      this.#first = 0
    } else if (this.#first >= 1_024 && this.#first * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first)
      this.#first = 0
    }
    return message
  }
}
