import type { Rights } from '../../auth/rights.ts'
import type { TopicName } from '../../mqtt/topic.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Route } from '../namespace/router.ts'
import type { Publication } from './publish.ts'

/** No namespace has this stamp. */
const neverJudged = -1

/** Enough for a device with a handful of channels; each costs its topic and some 100 bytes. */
const remembered = 8

/**
 * A topic that this connection named: parsed when it is made, then judged; worth something only while the rights it
 * was granted by are current and its route is valid (S40).
 */
export class TopicSlot implements Publication {
  readonly namespace: Namespace
  readonly bytes: Buffer
  readonly topicName: TopicName
  route: Route
  aliasedTopic: Uint8Array | null = null
  /** What the topic was granted by; null: nobody has judged it yet. */
  rights: Rights | null = null
  /** `Namespace.registryStamp` when `rights` were last found current. */
  stamp = neverJudged

  constructor(namespace: Namespace, bytes: Buffer, topicName: TopicName, route: Route) {
    this.namespace = namespace
    this.bytes = bytes
    this.topicName = topicName
    this.route = route
  }
}

const noSlots: TopicSlot[] = []

/** The last topics of one connection, found by their bytes: no string is made per message (bench: TCP pairs QoS 0). */
export class TopicMemory {
  /** As made for everybody who has published nothing yet; then its own (bench: mtls-idle). */
  #slots = noSlots
  #next = 0
  #last: TopicSlot | null = null

  find(bytes: Uint8Array, start: number, end: number): TopicSlot | null {
    const last = this.#last
    if (last === null) return null
    if (isTopic(last.bytes, bytes, start, end)) return last
    for (const slot of this.#slots) {
      if (slot !== last && isTopic(slot.bytes, bytes, start, end)) {
        this.#last = slot
        return slot
      }
    }
    return null
  }

  keep(slot: TopicSlot): void {
    this.#last = slot
    if (this.#slots === noSlots) this.#slots = []
    if (this.#slots.includes(slot)) return
    if (this.#slots.length < remembered) {
      this.#slots.push(slot)
      return
    }
    this.#slots[this.#next] = slot
    this.#next = (this.#next + 1) % remembered
  }

  forget(slot: TopicSlot): void {
    const at = this.#slots.indexOf(slot)
    if (at >= 0) this.#slots.splice(at, 1)
    this.#next = 0
    this.#last = this.#slots[0] ?? null
  }
}

/** From the end: topics of one device differ there. */
export function isTopic(topic: Buffer, bytes: Uint8Array, start: number, end: number): boolean {
  if (topic.length !== end - start) return false
  for (let i = topic.length - 1; i >= 0; i--) if (topic[i] !== bytes[start + i]) return false
  return true
}
