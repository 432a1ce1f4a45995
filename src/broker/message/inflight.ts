import { assert } from '../../base/assert.ts'

/**
 * Where an outgoing Packet Identifier stands (MQTT 5.0 4.3.2, 4.3.3). Reserved: bound in an earlier connection, not yet
 * sent again in this one.
 */
export const OutgoingState = { Free: 0, AwaitingPuback: 1, AwaitingPubrec: 2, AwaitingPubcomp: 3, Reserved: 4 } as const
export type OutgoingState = (typeof OutgoingState)[keyof typeof OutgoingState]

const smallestSpan = 64
const largestIdentifier = 65_535
/** Of everybody who was sent nothing above QoS 0 yet (bench: mtls-idle). */
const noStates = new Uint8Array(0)
const noSizes: number[] = []

/**
 * Packet Identifiers of one session's outgoing QoS 1 and 2 messages, and the two bounds on how many may be under way.
 * Identifiers go round, so a late acknowledgement does not meet a young one; memory follows the widest use.
 */
export class OutgoingInflight {
  /** By identifier; index 0 is never used. */
  #states = noStates
  #sizes = noSizes
  #next = 1
  #count = 0
  #bytes = 0
  readonly #maximumMessages: number
  readonly #maximumBytes: number

  /** @param maximumMessages 1 to 65,535: the lower of the client's Receive Maximum and our bound */
  constructor(maximumMessages: number, maximumBytes: number) {
    this.#maximumMessages = maximumMessages
    this.#maximumBytes = maximumBytes
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** May one more message be sent? [MQTT-3.3.4-9] A message larger than the byte bound goes alone. */
  get isOpen(): boolean {
    return this.#count < this.#maximumMessages && this.#bytes < this.#maximumBytes
  }

  hasRoomFor(messages: number): boolean {
    return this.#count + messages <= this.#maximumMessages && this.#bytes < this.#maximumBytes
  }

  /** @returns the identifier of a new message; only while `isOpen` */
  take(qos: 1 | 2, sizeBytes: number): number {
    assert(this.#count < this.#maximumMessages, 'an identifier is taken while the window is open')
    if (this.#count * 4 >= this.#states.length) this.#grow()
    const states = this.#states
    let identifier = this.#next
    for (let tried = 0; identifier >= states.length || states[identifier] !== OutgoingState.Free; tried++) {
      assert(tried <= largestIdentifier, 'an identifier is free')
      if (tried === states.length) {
        this.#grow()
        return this.take(qos, sizeBytes)
      }
      identifier = identifier >= states.length - 1 ? 1 : identifier + 1
    }
    this.#next = identifier + 1
    this.#put(identifier, qos === 1 ? OutgoingState.AwaitingPuback : OutgoingState.AwaitingPubrec, sizeBytes)
    return identifier
  }

  /** An identifier that was bound before this connection: nobody else gets it. */
  reserve(identifier: number): void {
    while (identifier >= this.#states.length) this.#grow()
    this.#states[identifier] = OutgoingState.Reserved
  }

  /** What the identifier was reserved for is sent again. */
  restore(identifier: number, state: OutgoingState, sizeBytes: number): void {
    assert(this.stateOf(identifier) === OutgoingState.Reserved, 'an identifier is restored once')
    this.#put(identifier, state, sizeBytes)
  }

  stateOf(identifier: number): OutgoingState {
    return (this.#states[identifier] ?? OutgoingState.Free) as OutgoingState
  }

  /** PUBREC came: the message is the client's, its identifier is not yet free. */
  released(identifier: number): void {
    this.#states[identifier] = OutgoingState.AwaitingPubcomp
  }

  /** The exchange is over; the identifier may be used again. */
  free(identifier: number): void {
    const state = this.stateOf(identifier)
    if (state === OutgoingState.Free) return
    this.#states[identifier] = OutgoingState.Free
    if (state === OutgoingState.Reserved) return
    this.#count--
    this.#bytes -= this.#sizes[identifier] ?? 0
  }

  #put(identifier: number, state: OutgoingState, sizeBytes: number): void {
    this.#states[identifier] = state
    this.#sizes[identifier] = sizeBytes
    this.#count++
    this.#bytes += sizeBytes
  }

  /** At most a quarter is in use, so a free identifier is near. */
  #grow(): void {
    const length = Math.min(Math.max(smallestSpan, this.#states.length * 2), largestIdentifier + 1)
    if (length === this.#states.length) return
    const states = new Uint8Array(length)
    states.set(this.#states)
    this.#states = states
    if (this.#sizes === noSizes) this.#sizes = []
    while (this.#sizes.length < length) this.#sizes.push(0)
  }
}
