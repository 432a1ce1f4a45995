import type { UnixMillis } from '../../base/time.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { RetainedRecord, RetainedTopic } from '../../ports/message-store.ts'
import { Callbacks } from '../callbacks.ts'
import { byCodeUnits, SortedList } from '../sorted-list.ts'

interface Expiry {
  readonly at: number
  readonly namespace: NamespaceId
  readonly topicName: string
}

/** Retained messages of one world. */
export class RetainedTable {
  readonly changes = new Callbacks<[RetainedTopic]>()
  readonly #namespaces = new Map<NamespaceId, Map<string, RetainedRecord>>()
  readonly #expiries = new SortedList<Expiry>(
    (a, b) => a.at - b.at || byCodeUnits(a.namespace, b.namespace) || byCodeUnits(a.topicName, b.topicName),
  )

  get(namespace: NamespaceId, topicName: string): RetainedRecord | undefined {
    return this.#namespaces.get(namespace)?.get(topicName)
  }

  set(namespace: NamespaceId, record: RetainedRecord): void {
    const topics = this.#namespaces.get(namespace) ?? new Map<string, RetainedRecord>()
    this.#namespaces.set(namespace, topics)
    const before = topics.get(record.topicName)
    if (before !== undefined) this.#unindex(namespace, before)
    topics.set(record.topicName, record)
    if (record.expiresAt !== null) {
      this.#expiries.add({ at: record.expiresAt, namespace, topicName: record.topicName })
    }
    this.changes.call({ namespace, topicName: record.topicName, bytes: record.body.length })
  }

  remove(namespace: NamespaceId, topicName: string): void {
    const topics = this.#namespaces.get(namespace)
    const before = topics?.get(topicName)
    if (topics === undefined || before === undefined) return
    this.#unindex(namespace, before)
    topics.delete(topicName)
    if (topics.size === 0) this.#namespaces.delete(namespace)
    this.changes.call({ namespace, topicName, bytes: null })
  }

  *topics(): Generator<RetainedTopic> {
    for (const [namespace, topics] of this.#namespaces) {
      for (const { topicName, body } of topics.values()) yield { namespace, topicName, bytes: body.length }
    }
  }

  expiredBefore(time: UnixMillis, limit: number): { readonly namespace: NamespaceId; readonly topicName: string }[] {
    const found: { readonly namespace: NamespaceId; readonly topicName: string }[] = []
    for (const { at, namespace, topicName } of this.#expiries.after(null)) {
      if (at > time || found.length >= limit) break
      found.push({ namespace, topicName })
    }
    return found
  }

  purge(namespace: NamespaceId): void {
    for (const topicName of [...(this.#namespaces.get(namespace)?.keys() ?? [])]) this.remove(namespace, topicName)
  }

  #unindex(namespace: NamespaceId, record: RetainedRecord): void {
    if (record.expiresAt === null) return
    this.#expiries.delete({ at: record.expiresAt, namespace, topicName: record.topicName })
  }
}
