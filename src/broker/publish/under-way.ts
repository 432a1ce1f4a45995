import type { Position } from '../../ports/session-store.ts'

/** Sent with QoS 1 or 2, or over: acknowledged, or not sent at all. */
const State = { QoS1: 1, QoS2: 2, Over: 3 } as const

const smallest = 16
/** No slot. */
const none = -1

/**
 * Messages under way to one session, in order of position, so that the cursor moves over what is over. They stand in
 * slots that are used again and again, since most of them come and go within a few milliseconds: an object for each
 * would be garbage that has outlived its youth (bench: tcp-pairs-qos1-durable).
 */
export class UnderWay {
  #entries: bigint[] = []
  #indexes: number[] = []
  #identifiers: number[] = []
  #states: number[] = []
  #first = 0
  #count = 0
  /** Slots by Packet Identifier; those go round in a small span. */
  #slots: number[] = []

  get #size(): number {
    return this.#states.length
  }

  sent(entry: bigint, index: number, identifier: number, qos: 1 | 2): void {
    const slot = this.#add(entry, index, identifier, qos)
    const slots = this.#slots
    while (slots.length <= identifier) slots.push(none)
    slots[identifier] = slot
  }

  /** Not to be sent at all: the cursor passes it in its turn. */
  skipped({ entry, index }: Position): void {
    this.#add(entry, index, 0, State.Over)
  }

  /** What the message with this identifier was sent with; 0: nothing is under way with it. */
  qosOf(identifier: number): 0 | 1 | 2 {
    const slot = this.#slots[identifier] ?? none
    return slot === none ? 0 : (this.#states[slot] as 1 | 2)
  }

  /** The exchange with this identifier is over. */
  over(identifier: number): void {
    this.#states[this.#slots[identifier] as number] = State.Over
    this.#slots[identifier] = none
  }

  /** Of the message that is under way with this identifier. */
  positionOf(identifier: number): Position | null {
    const slot = this.#slots[identifier] ?? none
    return slot === none ? null : this.#positionAt(slot)
  }

  /** Forgets those at the front that are over. @returns the last of them; null: there are none */
  passOver(): Position | null {
    const states = this.#states
    const mask = this.#size - 1
    let passed = none
    while (this.#count > 0 && states[this.#first] === State.Over) {
      passed = this.#first
      this.#first = (passed + 1) & mask
      this.#count--
    }
    return passed === none ? null : this.#positionAt(passed)
  }

  /** In order of position; QoS 0: it is over. */
  forEach(callback: (position: Position, identifier: number, qos: 0 | 1 | 2) => void): void {
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#first + i) & (this.#size - 1)
      const state = this.#states[slot] as number
      const qos = state === State.Over ? 0 : (state as 1 | 2)
      callback(this.#positionAt(slot), this.#identifiers[slot] as number, qos)
    }
  }

  #positionAt(slot: number): Position {
    return { entry: this.#entries[slot] as bigint, index: this.#indexes[slot] as number }
  }

  #add(entry: bigint, index: number, identifier: number, state: number): number {
    if (this.#count === this.#size) this.#grow()
    const slot = (this.#first + this.#count++) & (this.#size - 1)
    this.#entries[slot] = entry
    this.#indexes[slot] = index
    this.#identifiers[slot] = identifier
    this.#states[slot] = state
    return slot
  }

  /** The first one comes to slot 0. */
  #grow(): void {
    const size = this.#size
    const turned = <T>(list: readonly T[]): T[] => [...list.slice(this.#first), ...list.slice(0, this.#first)]
    this.#entries = turned(this.#entries)
    this.#indexes = turned(this.#indexes)
    this.#identifiers = turned(this.#identifiers)
    this.#states = turned(this.#states)
    this.#first = 0
    this.#slots = this.#slots.map(() => none)
    for (let slot = 0; slot < size; slot++) {
      if (this.#states[slot] !== State.Over) this.#slots[this.#identifiers[slot] as number] = slot
    }
    for (let slot = size; slot < Math.max(smallest, 2 * size); slot++) {
      this.#entries.push(0n)
      this.#indexes.push(0)
      this.#identifiers.push(0)
      this.#states.push(State.Over)
    }
  }
}
