import type { Clock } from '../../ports/clock.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { Log } from '../../ports/log.ts'
import type { Queue } from '../../ports/message-store.ts'
import type { NamespaceView, RegistryView } from '../../registry/view.ts'
import { Namespace } from '../namespace/namespace.ts'
import type { BrokerSettings } from './settings.ts'

/**
 * The namespace that a host name leads to, whether TLS or HTTP names it. A name that no namespace has, and none, mean the
 * default namespace only where one is set or there is just one; else nobody's (S48).
 */
export function namespaceOfHost(
  registry: RegistryView,
  { domain, defaultNamespace }: Pick<BrokerSettings, 'domain' | 'defaultNamespace'>,
  host: string | null,
): NamespaceView | undefined {
  if (host !== null && domain !== null && host.endsWith(`.${domain}`)) {
    const named = registry.namespaceByName(host.slice(0, -domain.length - 1))
    if (named !== undefined) return named
  }
  if (defaultNamespace !== null) return registry.namespaceByName(defaultNamespace)
  const all = registry.namespaces()
  return all.length === 1 ? all[0] : undefined
}

/** The namespaces of this process by identity, and which one a peer's server name means. */
export class Namespaces {
  readonly #view: RegistryView
  readonly #settings: BrokerSettings
  readonly #clock: Clock
  readonly #log: Log
  readonly #queue: Queue
  readonly #byId = new Map<NamespaceId, Namespace>()

  constructor(view: RegistryView, settings: BrokerSettings, clock: Clock, log: Log, queue: Queue) {
    this.#queue = queue
    this.#clock = clock
    this.#log = log
    this.#view = view
    this.#settings = settings
  }

  get(id: NamespaceId): Namespace | null {
    const there = this.#byId.get(id)
    if (there !== undefined) return there
    const view = this.#view.namespaceById(id)
    return view === undefined ? null : this.#open(view)
  }

  all(): IterableIterator<Namespace> {
    return this.#byId.values()
  }

  /** Found before the first byte is decoded. */
  forServerName(serverName: string | null): Namespace | null {
    const view = namespaceOfHost(this.#view, this.#settings, serverName)
    return view === undefined ? null : this.get(view.id)
  }

  #open(view: NamespaceView): Namespace {
    const namespace = new Namespace(view, this.#clock, this.#log, () => this.#queue.bytesOf(view.id))
    this.#byId.set(view.id, namespace)
    return namespace
  }

  /**
   * The registry changed. The namespaces that it was changed in get the view of now; the others notice nothing.
   *
   * @returns namespaces that are gone
   */
  registryChanged(changed: Iterable<NamespaceId>): readonly Namespace[] {
    const gone: Namespace[] = []
    for (const id of new Set(changed)) {
      const namespace = this.#byId.get(id)
      if (namespace === undefined) continue
      const view = this.#view.namespaceById(namespace.id)
      if (view !== undefined) {
        namespace.registryChanged(view, this.#clock.monotonicMs())
        continue
      }
      this.#byId.delete(namespace.id)
      gone.push(namespace)
    }
    return gone
  }
}
