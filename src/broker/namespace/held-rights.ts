import { authorize } from '../../auth/authorize.ts'
import type { Grant, Rights } from '../../auth/rights.ts'
import type { TopicName } from '../../mqtt/topic.ts'
import type { NamespaceView } from '../../registry/view.ts'
import type { Subscription } from './subscription.ts'

/** A resource that rights rest on. */
export type RightsResource = 'clientGroups' | 'topicSpaces' | 'permissionBindings'

/** What a session holds: its subscriptions and its will. Null: it holds something that is no longer its right. */
export function grantsOf(
  rights: Rights,
  subscriptions: Iterable<Subscription>,
  willTopic: TopicName | null,
): readonly Grant[] | null {
  const grants: Grant[] = []
  for (const { topicFilter } of subscriptions) {
    const authorization = authorize(rights, 'subscribe', topicFilter)
    if (authorization.outcome === 'denied') return null
    grants.push(authorization)
  }
  if (willTopic !== null) {
    const authorization = authorize(rights, 'will', willTopic)
    if (authorization.outcome === 'denied') return null
    grants.push(authorization)
  }
  return grants
}

/**
 * Which sessions of a namespace hold rights that rest on which group, topic space and binding, so that a change judges
 * exactly those. Sessions that came from the store are unknown until a change of rights judges them once.
 */
export class HeldRights<Holder extends object> {
  readonly #holders = new Map<string, Set<Holder>>()
  readonly #keys = new Map<Holder, readonly string[]>()
  readonly #unknown = new Set<Holder>()

  /** @param grants null: unknown what they rest on */
  set(entry: Holder, grants: readonly Grant[] | null, view: NamespaceView): void {
    this.delete(entry)
    if (grants === null) {
      this.#unknown.add(entry)
      return
    }
    const keys = new Set<string>()
    for (const { permissionBindingName, topicSpaceName } of new Set(grants)) {
      keys.add(keyOf('permissionBindings', permissionBindingName))
      keys.add(keyOf('topicSpaces', topicSpaceName))
      const binding = view.permissionBindings().find(({ name }) => name === permissionBindingName)
      if (binding !== undefined) keys.add(keyOf('clientGroups', binding.clientGroupName))
    }
    if (keys.size === 0) return
    this.#keys.set(entry, [...keys])
    for (const key of keys) {
      const holders = this.#holders.get(key)
      if (holders === undefined) this.#holders.set(key, new Set([entry]))
      else holders.add(entry)
    }
  }

  delete(entry: Holder): void {
    this.#unknown.delete(entry)
    const keys = this.#keys.get(entry)
    if (keys === undefined) return
    this.#keys.delete(entry)
    for (const key of keys) {
      const holders = this.#holders.get(key)
      holders?.delete(entry)
      if (holders?.size === 0) this.#holders.delete(key)
    }
  }

  /** Sessions that a change of this resource may cost a right. */
  *restingOn(resource: RightsResource, name: string): Generator<Holder> {
    yield* this.#unknown
    yield* this.#holders.get(keyOf(resource, name)) ?? []
  }
}

/** Names of resources ignore case where they refer to each other. */
function keyOf(resource: RightsResource, name: string): string {
  return `${resource}/${name.toLowerCase()}`
}
