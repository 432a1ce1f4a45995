import type { NamespaceId } from '../ports/identity.ts'

/** What the queues of each namespace hold; namespaces without any are not among them. */
export class QueuedBytes {
  readonly #sums = new Map<NamespaceId, number>()

  of(namespace: NamespaceId): number {
    return this.#sums.get(namespace) ?? 0
  }

  add(namespace: NamespaceId, bytes: number): void {
    this.set(namespace, this.of(namespace) + bytes)
  }

  set(namespace: NamespaceId, bytes: number): void {
    if (bytes > 0) this.#sums.set(namespace, bytes)
    else this.#sums.delete(namespace)
  }

  *all(): Generator<readonly [namespace: NamespaceId, bytes: number]> {
    yield* this.#sums
  }
}
