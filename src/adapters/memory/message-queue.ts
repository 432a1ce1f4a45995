import type { QueuedMessage } from '../../ports/message-store.ts'
import type { Position } from '../../ports/session-store.ts'
import { comparePositions } from '../positions.ts'

/** One session's messages in order of position. */
export class MessageQueue {
  #messages: QueuedMessage[] = []
  /** Messages before this place are gone; they are cut off from time to time. */
  #head = 0
  #bytes = 0
  readonly #counted: (bytes: number) => void

  /** @param counted told how many bytes came or went */
  constructor(counted: (bytes: number) => void) {
    this.#counted = counted
  }

  get messages(): number {
    return this.#messages.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  push(message: QueuedMessage): void {
    this.#messages.push(message)
    this.#count(message.body.length)
  }

  acknowledge(upTo: Position): void {
    while (this.messages > 0 && comparePositions(this.#at(this.#head).position, upTo) <= 0) {
      this.#count(-this.#at(this.#head++).body.length)
    }
    if (this.#head > 1024 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head)
      this.#head = 0
    }
  }

  remove(position: Position): void {
    const place = this.#placeOf(position)
    if (place === this.#messages.length || comparePositions(this.#at(place).position, position) !== 0) return
    this.#count(-this.#at(place).body.length)
    this.#messages.splice(place, 1)
  }

  /** Removes the oldest message that `kept` does not hold back; false: there is none. */
  dropOldest(kept: (message: QueuedMessage) => boolean): boolean {
    for (let place = this.#head; place < this.#messages.length; place++) {
      const message = this.#at(place)
      if (kept(message)) continue
      this.remove(message.position)
      return true
    }
    return false
  }

  read(after: Position | null, bounds: { readonly messages: number; readonly bytes: number }): QueuedMessage[] {
    const found: QueuedMessage[] = []
    let bytes = 0
    let place = this.#head
    if (after !== null) {
      place = this.#placeOf(after)
      if (place < this.#messages.length && comparePositions(this.#at(place).position, after) === 0) place++
    }
    for (; place < this.#messages.length && found.length < bounds.messages; place++) {
      const message = this.#at(place)
      bytes += message.body.length
      if (found.length > 0 && bytes > bounds.bytes) break
      found.push(message)
    }
    return found
  }

  holds(position: Position): boolean {
    const place = this.#placeOf(position)
    return place < this.#messages.length && comparePositions(this.#at(place).position, position) === 0
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#counted(bytes)
  }

  #at(place: number): QueuedMessage {
    return this.#messages[place] as QueuedMessage
  }

  /** First place at or after `position`. */
  #placeOf(position: Position): number {
    let low = this.#head
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePositions(this.#at(middle).position, position) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
