import type { UnixMillis } from '../../base/time.ts'
import type { ProtocolVersion, QoS } from '../../mqtt/packet.ts'
import {
  encodePublishFrame,
  PublishDraft,
  publishLength,
  writeSubscriptionIdentifier,
  writeTopicAlias,
} from '../../mqtt/publish-encoder.ts'
import type { PublishView } from '../../mqtt/publish-view.ts'
import type { Arena, ArenaPool } from '../turn/arena.ts'
import type { KeptMessage } from './kept-message.ts'

const formCount = 12
const noTopic = new Uint8Array(0)
/** Property identifier, and four bytes at most. */
const longestIdentifierBytes = 5

/**
 * The outgoing forms of one message, each written once into the arena and shared by every subscriber that gets the same
 * bytes: one per protocol version, QoS and RETAIN flag. Where QoS is above 0 the Packet Identifier is left open; it is
 * written when it is known, or in each peer's copy. One object serves all messages (bench: TCP fan-out).
 */
export class MessageForms {
  readonly #pool: ArenaPool
  readonly #draft = new PublishDraft()
  #generation = 0
  readonly #made = new Int32Array(formCount)
  readonly #arenas: (Arena | null)[] = new Array<Arena | null>(formCount).fill(null)
  readonly #starts = new Int32Array(formCount)
  readonly #ends = new Int32Array(formCount)
  readonly #kept: (KeptMessage | null)[] = new Array<KeptMessage | null>(formCount).fill(null)
  /** Of the form at hand; -1: it is nobody else's. */
  #index = -1

  /** The form that `select` or `make` made or found last. */
  arena: Arena
  start = 0
  end = 0

  constructor(pool: ArenaPool) {
    this.#pool = pool
    this.arena = pool.reserve(0)
  }

  /** Of the message at hand. */
  topicName = ''

  /** A new message as it was read. The view's bytes must stay as they are until the last form is made. */
  begin(view: PublishView, topicName: string): void {
    this.#generation++
    this.topicName = topicName
    this.#draft.setFromView(view)
  }

  /** The peer sent an alias instead of the topic. */
  setTopic(topic: Uint8Array): void {
    this.#draft.setTopic(topic, 0, topic.length)
  }

  /** [MQTT-3.3.2-6] -1: never expires. */
  setRemainingExpiry(seconds: number): void {
    this.#draft.messageExpiryIntervalSeconds = seconds
  }

  /** Offset of the Packet Identifier of the form at hand; only where its QoS is above 0. */
  get identifierAt(): number {
    const { bytes } = this.arena
    let at = this.start + 1
    while ((bytes[at] as number) >= 0x80) at++
    return at + 3 + (((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number))
  }

  /** Makes or finds the form and leaves it in `arena`, `start`, `end`. */
  select(version: ProtocolVersion, qos: QoS, retain: boolean): void {
    const index = ((version === 5 ? 3 : 0) + qos) * 2 + (retain ? 1 : 0)
    this.#index = index
    if (this.#made[index] === this.#generation) {
      this.arena = this.#arenas[index] as Arena
      this.start = this.#starts[index] as number
      this.end = this.#ends[index] as number
      return
    }
    this.#write(version, qos, retain, undefined)
    this.#made[index] = this.#generation
    this.#kept[index] = null
    this.#arenas[index] = this.arena
    this.#starts[index] = this.start
    this.#ends[index] = this.end
  }

  /**
   * Writes a version 5 form of its own, shared with nobody.
   *
   * @param topicAlias 0: none; positive: together with the topic; negative: instead of it
   */
  make(qos: QoS, retain: boolean, identifiers: readonly number[], topicAlias = 0): void {
    this.#index = -1
    const extra = Buffer.allocUnsafe(3 + identifiers.length * longestIdentifierBytes)
    let length = topicAlias === 0 ? 0 : writeTopicAlias(extra, 0, Math.abs(topicAlias))
    for (const identifier of identifiers) length = writeSubscriptionIdentifier(extra, length, identifier)
    if (topicAlias >= 0) {
      this.#write(5, qos, retain, extra.subarray(0, length))
      return
    }
    const draft = this.#draft
    const { topic, topicStart, topicEnd, frameStart } = draft
    draft.setTopic(noTopic, 0, 0)
    this.#write(5, qos, retain, extra.subarray(0, length))
    draft.setTopic(topic, topicStart, topicEnd)
    draft.frameStart = frameStart
  }

  /**
   * The form at hand with QoS 1 or 2, as it waits in the queues of its subscribers: one copy for all of them, so that a
   * message to many who do not keep up is no memory and no garbage for each (`npm run stall`).
   *
   * @param expiresAt the same for all subscribers of this message
   */
  keep(version: ProtocolVersion, qos: 1 | 2, expiresAt: UnixMillis | null): KeptMessage {
    const known = this.#index < 0 ? null : this.#kept[this.#index]
    if (known != null) return known
    const frame = Buffer.from(this.arena.bytes.subarray(this.start, this.end))
    const identifierAt = this.identifierAt - this.start
    const expiryAt = expiresAt !== null && version === 5 ? expiryOffset(frame, identifierAt) : 0
    const message: KeptMessage = { frame, qos, identifierAt, expiresAt, expiryAt, shared: null }
    if (this.#index >= 0) this.#kept[this.#index] = message
    return message
  }

  #write(version: ProtocolVersion, qos: QoS, retain: boolean, extra: Uint8Array | undefined): void {
    const draft = this.#draft
    const arena = this.#pool.reserve(publishLength(draft, version, qos, extra === undefined ? 0 : extra.length))
    this.arena = arena
    this.start = arena.used
    this.end = encodePublishFrame(draft, version, qos, retain, arena.bytes, arena.used, extra)
    arena.used = this.end
  }
}

/**
 * Offset of the Message Expiry Interval's value in a version 5 PUBLISH that `MessageForms` made, with its Packet
 * Identifier at `identifierAt`; 0: there is none.
 */
export function expiryOffset(frame: Uint8Array, identifierAt: number): number {
  let at = identifierAt + 2
  if (frame[at] === 0) return 0
  while ((frame[at++] as number) >= 0x80);
  // Alias and identifiers stand first.
  if (frame[at] === 0x23) at += 3
  while (frame[at] === 0x0b) {
    at++
    while ((frame[at++] as number) >= 0x80);
  }
  return frame[at] === 0x02 ? at + 1 : 0
}
