import type { Bus, Leases } from './cluster.ts'
import type { NamespaceId } from './identity.ts'
import type { HotPath, Queue, RetainedStore } from './message-store.ts'
import type { RegistryStore } from './registry-store.ts'
import type { SessionStore } from './session-store.ts'

/**
 * The storage and cluster port: what the broker core asks of the place where state lives. One contract suite
 * (`test/ports/`) runs on every adapter. Decision record 0003 tells why it has this shape.
 *
 * Reads of registry, routes and retained messages are synchronous and local, so that a decision sees one revision.
 * Writes, session opening and queue reads are asynchronous. A failure of the world is an `EngineError`.
 */
export interface Engine {
  readonly kind: 'memory' | 'embedded' | 'nats'
  readonly registry: RegistryStore
  readonly sessions: SessionStore
  readonly hot: HotPath
  readonly queue: Queue
  readonly retained: RetainedStore
  readonly bus: Bus
  readonly leases: Leases
  /** `isFull`: there is little room left; who offers something new should be refused rather than kept waiting. */
  health(): { readonly writable: boolean; readonly isFull: boolean; readonly reason: string | null }
  /** Everything purged at once: sessions, queues, retained messages of a deleted namespace (S50). */
  purge(namespace: NamespaceId): Promise<void>
  /** A consistent copy of everything that is durable now, as a file that is not there yet. Absent: the state is no file. */
  readonly copyTo?: (path: string) => Promise<void>
  /** Later calls fail with `unavailable`; what was promised before is durable. */
  close(): Promise<void>
}
