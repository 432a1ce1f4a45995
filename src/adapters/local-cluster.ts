import type { Bus, BusMessage, Leases, NodeMessage } from '../ports/cluster.ts'
import type { NamespaceId, NodeId } from '../ports/identity.ts'
import type { Stop } from '../ports/stop.ts'
import { Callbacks } from './callbacks.ts'

/** MQTT 5.0 4.7: the reference form of matching, level by level. */
function matches(topicFilter: string, topicName: string): boolean {
  const filter = topicFilter.split('/')
  const name = topicName.split('/')
  if (topicName.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return false // [MQTT-4.7.2-1]
  for (const [level, wanted] of filter.entries()) {
    if (wanted === '#') return true
    if (level >= name.length || (wanted !== '+' && wanted !== name[level])) return false
  }
  return filter.length === name.length
}

class BusNode {
  readonly publications = new Callbacks<[BusMessage]>()
  readonly messages = new Callbacks<[NodeId, NodeMessage]>()
  readonly interests = new Map<NamespaceId, Set<string>>()

  wants(message: BusMessage): boolean {
    for (const filter of this.interests.get(message.namespace) ?? []) {
      if (matches(filter, message.topicName)) return true
    }
    return false
  }
}

/** Messages and liveness between the nodes of one process. Everything arrives in a later microtask, in order. */
export class LocalCluster {
  readonly #nodes = new Map<NodeId, BusNode>()
  readonly #joined = new Set<NodeId>()
  readonly #left = new Set<NodeId>()
  readonly #watchers = new Map<NodeId, Callbacks<[NodeId, boolean]>>()
  readonly #duties = new Map<string, { readonly node: NodeId; readonly callback: (held: boolean) => void }[]>()

  connect(node: NodeId): void {
    this.#nodes.set(node, new BusNode())
    this.#watchers.set(node, new Callbacks())
    this.#left.delete(node)
  }

  /** The process is gone: what it held, others get. */
  disconnect(node: NodeId): void {
    this.#nodes.delete(node)
    this.#watchers.delete(node)
    this.#leave(node)
    for (const duty of [...this.#duties.keys()]) this.#release(duty, (holder) => holder.node === node)
  }

  isGone(node: NodeId): boolean {
    return !this.#nodes.has(node) || this.#left.has(node)
  }

  bus(node: NodeId): Bus {
    const own = (): BusNode | undefined => this.#nodes.get(node)
    return {
      publish: (message) => {
        if (own() === undefined) return
        const copy = { ...message, body: new Uint8Array(message.body) }
        for (const [name, other] of this.#nodes) {
          if (name !== node && other.wants(copy)) queueMicrotask(() => other.publications.call(copy))
        }
      },
      interest: (namespace, topicFilter, wanted) => {
        const interests = own()?.interests
        if (interests === undefined) return
        const filters = interests.get(namespace) ?? new Set<string>()
        if (wanted) interests.set(namespace, filters.add(topicFilter))
        else if (filters.delete(topicFilter) && filters.size === 0) interests.delete(namespace)
      },
      onPublish: (callback) => own()?.publications.add(callback) ?? (() => {}),
      tell: (to, message) => {
        const other = this.#nodes.get(to)
        if (own() !== undefined && other !== undefined) queueMicrotask(() => other.messages.call(node, message))
      },
      onTell: (callback) => own()?.messages.add(callback) ?? (() => {}),
    }
  }

  leases(node: NodeId): Leases {
    return {
      join: async (joining) => {
        this.#joined.add(joining)
        this.#left.delete(joining)
        this.#announce(joining, true)
        return () => this.#leave(joining)
      },
      onNode: (callback) => {
        for (const joined of this.#joined) callback(joined, true)
        return this.#watchers.get(node)?.add(callback) ?? (() => {})
      },
      hold: (duty, callback): Stop => {
        const holder = { node, callback }
        const holders = this.#duties.get(duty) ?? []
        this.#duties.set(duty, holders)
        if (holders.push(holder) === 1) this.#grant(duty)
        return () => this.#release(duty, (other) => other === holder)
      },
    }
  }

  #leave(node: NodeId): void {
    if (!this.#joined.delete(node)) return
    this.#left.add(node)
    this.#announce(node, false)
  }

  #announce(node: NodeId, alive: boolean): void {
    for (const watchers of this.#watchers.values()) queueMicrotask(() => watchers.call(node, alive))
  }

  #grant(duty: string): void {
    const holder = this.#duties.get(duty)?.[0]
    if (holder === undefined) return
    queueMicrotask(() => {
      if (this.#duties.get(duty)?.[0] === holder) holder.callback(true)
    })
  }

  #release(duty: string, which: (holder: { readonly node: NodeId }) => boolean): void {
    const holders = this.#duties.get(duty)
    if (holders === undefined) return
    const first = holders[0]
    const rest = holders.filter((holder) => !which(holder))
    if (rest.length === 0) this.#duties.delete(duty)
    else this.#duties.set(duty, rest)
    if (rest[0] !== first) this.#grant(duty)
  }
}
