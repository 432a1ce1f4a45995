import type { Subscription } from './subscription.ts'

const noSubscriptions: ReadonlyMap<string, Subscription> = new Map()

/** Holds subscriptions by filter as sent, share name included. */
export abstract class SubscriptionHolder {
  /** Null: none so far. Many devices only publish (bench: mtls-idle). */
  #subscriptions: Map<string, Subscription> | null = null

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions ?? noSubscriptions
  }

  subscribe(topicFilter: string, subscription: Subscription): void {
    this.#subscriptions ??= new Map()
    this.#subscriptions.set(topicFilter, subscription)
  }

  /** @returns false: there is no such subscription */
  unsubscribe(topicFilter: string): boolean {
    return this.#subscriptions?.delete(topicFilter) === true
  }

  unsubscribeAll(): void {
    this.#subscriptions = null
  }
}
