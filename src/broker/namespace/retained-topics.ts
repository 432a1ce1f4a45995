import type { NamespaceLimits } from '../../registry/profile.ts'
import { TopicNames } from './topic-trie.ts'

/** Messages for one topic that are accepted and not in the store yet. */
interface Coming {
  holders: number
  /** Of the largest of them. */
  bytes: number
}

/**
 * Topics of a namespace's retained messages with the size of each, and what has been accepted and waits for a commit or
 * for PUBREL: a burst within one turn is measured against the same limits as what comes one by one. The messages
 * themselves are in the store.
 */
export class RetainedTopics {
  readonly #topics = new TopicNames<number>()
  readonly #coming = new Map<string, Coming>()
  #bytes = 0
  #comingTopics = 0
  #comingBytes = 0

  get size(): number {
    return this.#topics.size
  }

  /** Of the messages in stored form. */
  get bytes(): number {
    return this.#bytes
  }

  get(topicName: string): number | undefined {
    return this.#topics.get(topicName)
  }

  matching(topicFilter: string): Generator<readonly [topicName: string, bytes: number]> {
    return this.#topics.matching(topicFilter)
  }

  /** What the store says. @param bytes null: there is no message any more */
  changed(topicName: string, bytes: number | null): void {
    this.#uncount(topicName)
    this.#bytes += (bytes ?? 0) - (this.#topics.get(topicName) ?? 0)
    if (bytes === null) this.#topics.delete(topicName)
    else this.#topics.set(topicName, bytes)
    this.#count(topicName)
  }

  /** The limit that one more message would exceed; null: it may be kept. */
  exceeds(
    topicName: string,
    bytes: number,
    limits: NamespaceLimits,
  ): 'maximumRetainedMessages' | 'maximumRetainedBytes' | null {
    const there = this.#topics.get(topicName)
    const coming = this.#coming.get(topicName)
    if (there === undefined && coming === undefined) {
      if (this.size + this.#comingTopics >= limits.maximumRetainedMessages) return 'maximumRetainedMessages'
    }
    const growth = bytes - Math.max(there ?? 0, coming?.bytes ?? 0)
    if (growth <= 0 || this.#bytes + this.#comingBytes + growth <= limits.maximumRetainedBytes) return null
    return 'maximumRetainedBytes'
  }

  /** Counts a message that was accepted, until `settled`. */
  reserve(topicName: string, bytes: number): void {
    this.#uncount(topicName)
    const coming = this.#coming.get(topicName)
    if (coming === undefined) {
      this.#coming.set(topicName, { holders: 1, bytes })
    } else {
      coming.holders++
      coming.bytes = Math.max(coming.bytes, bytes)
    }
    this.#count(topicName)
  }

  /** It is in the store, or never will be. */
  settled(topicName: string): void {
    const coming = this.#coming.get(topicName)
    if (coming === undefined) return
    this.#uncount(topicName)
    if (--coming.holders === 0) this.#coming.delete(topicName)
    this.#count(topicName)
  }

  #count(topicName: string): void {
    this.#add(topicName, 1)
  }

  #uncount(topicName: string): void {
    this.#add(topicName, -1)
  }

  /** What the messages that are coming for a topic will add to what is there. */
  #add(topicName: string, sign: 1 | -1): void {
    const coming = this.#coming.get(topicName)
    if (coming === undefined) return
    const there = this.#topics.get(topicName)
    if (there === undefined) this.#comingTopics += sign
    this.#comingBytes += sign * Math.max(0, coming.bytes - (there ?? 0))
  }
}
