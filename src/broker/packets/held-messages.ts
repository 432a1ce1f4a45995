import { PublishView } from '../../mqtt/publish-view.ts'
import { decodeTopicUtf8, type TopicName } from '../../mqtt/topic.ts'
import type { InflightState } from '../../ports/session-store.ts'
import type { NamespaceView } from '../../registry/view.ts'
import { readStoredMessage, readStoredPublish } from '../message/stored-message.ts'
import type { RetainedTopics } from '../namespace/retained-topics.ts'

const view = new PublishView()
/** Of the largest size; as many may wait where a session may queue less. */
const mostPackets = 16

/**
 * QoS 2 messages of one connection that wait for PUBREL, by identifier, in stored form. What is going to be retained
 * counts against the limits of the namespace from its PUBLISH on, not from its PUBREL.
 */
export class HeldMessages {
  readonly #retained: RetainedTopics
  /** Null until the first one comes: most devices publish no QoS 2 (bench: mtls-idle). */
  #bodies: Map<number, Uint8Array> | null = null
  #bytes = 0
  #reserved: Map<number, TopicName> | null = null

  constructor(retained: RetainedTopics, earlier: InflightState['incoming']) {
    this.#retained = retained
    for (const { packetIdentifier, body } of earlier) this.add(packetIdentifier, body)
  }

  get size(): number {
    return this.#bodies?.size ?? 0
  }

  has(identifier: number): boolean {
    return this.#bodies?.has(identifier) === true
  }

  /**
   * Whether one more of this size may wait. The packets alone are no bound: thousands of the largest ones are more than a
   * machine has, and a client of 3.1.1 was told of no Receive Maximum.
   */
  hasRoomFor(bytes: number, { maximumQueuedBytes, maximumPacketSizeBytes }: NamespaceView['limits']): boolean {
    return this.#bytes + bytes <= Math.max(maximumQueuedBytes, mostPackets * maximumPacketSizeBytes)
  }

  add(identifier: number, body: Uint8Array): void {
    this.#bodies ??= new Map()
    this.#bodies.set(identifier, body)
    this.#bytes += body.length
    if (!readStoredMessage(body).retain) return
    readStoredPublish(body, view)
    if (view.end === view.payloadStart) return
    const topicName = decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd) as TopicName
    this.#retained.reserve(topicName, body.length)
    this.#reserved ??= new Map()
    this.#reserved.set(identifier, topicName)
  }

  /** Undefined: there is none. */
  take(identifier: number): Uint8Array | undefined {
    const body = this.#bodies?.get(identifier)
    this.#bodies?.delete(identifier)
    this.#bytes -= body?.length ?? 0
    this.#release(identifier)
    return body
  }

  /** The connection is over: the next one of the session counts them again. */
  end(): void {
    for (const identifier of [...(this.#reserved?.keys() ?? [])]) this.#release(identifier)
  }

  #release(identifier: number): void {
    const topicName = this.#reserved?.get(identifier)
    if (topicName === undefined) return
    this.#reserved?.delete(identifier)
    this.#retained.settled(topicName)
  }
}
