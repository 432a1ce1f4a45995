import type { Revision } from './identity.ts'
import type { Stop } from './stop.ts'

export interface RegistryRecord {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: Revision
}

export interface RegistryPut {
  /** Words and uids: at most 1,024 bytes of UTF-8. */
  readonly key: string
  readonly value: Uint8Array
  /** Absent: whatever is there. Null: nothing may be there. Else: exactly this revision. */
  readonly ifRevision?: Revision | null
}

export interface RegistryWrite {
  readonly put: readonly RegistryPut[]
  readonly remove: readonly { readonly key: string; readonly ifRevision?: Revision }[]
  /** Unique index entries claimed in the same atom; an entry that another owner holds is a `conflict`. */
  readonly claim: readonly { readonly index: string; readonly value: string; readonly owner: string }[]
  /** Released before anything is claimed; an entry of another owner is left alone. */
  readonly release: readonly { readonly index: string; readonly value: string; readonly owner: string }[]
}

export interface RegistryChange {
  readonly key: string
  /** Null: removed. */
  readonly value: Uint8Array | null
  readonly revision: Revision
}

export interface RegistryStore {
  get(key: string): RegistryRecord | undefined
  lookup(index: string, value: string): string | undefined
  /** Records whose key starts with `prefix` and is greater than `after`, in key order (UTF-16 code units), at most `limit`. */
  range(prefix: string, after: string | null, limit: number): readonly RegistryRecord[]
  /** Atomic, durable and visible to `get` of this process when it resolves. One revision per write. */
  write(write: RegistryWrite): Promise<Revision>
  /**
   * Each write's changes in one call, in revision order, from the next write on; called before `write` resolves. `get`,
   * `lookup` and `range` may be ahead of it: a callback may find what a later call will tell, and must not take what it
   * reads for the state of the change at hand.
   */
  watch(callback: (changes: readonly RegistryChange[]) => void): Stop
  /** Revision of the last write visible here. */
  revision(): Revision
}
