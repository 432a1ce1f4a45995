import { ok, type Result } from '../base/result.ts'
import type { RegistryStore } from '../ports/registry-store.ts'
import { parentOf } from './change.ts'
import type { RegistryFailure } from './failure.ts'
import { childResource, etagOf, type Resource } from './resource.ts'
import type { CollectionId } from './resource-id.ts'
import { recordsBelow } from './stage.ts'
import {
  childPrefix,
  decodeStored,
  nameOfKey,
  namespacePrefix,
  type StoredChild,
  type StoredNamespace,
} from './stored.ts'

export interface ListOptions {
  /** `next` of the page before. */
  readonly after?: string | null
  /** Resources of a page. */
  readonly limit: number
  readonly where?: (name: string) => boolean
}

export interface Page {
  readonly resources: readonly Resource[]
  /** Null: this is the last page. Stays valid. May be given though the rest of the list holds nothing more. */
  readonly next: string | null
}

/** All namespaces of a subscription, or of one of its resource groups. */
export interface NamespaceCollection {
  readonly subscriptionId: string
  readonly resourceGroup: string | null
}

/** At most this many records are looked at for one page of a filtered list: some milliseconds of the event loop. */
const scanLimit = 1_000

/** Children of one kind, in order of their names. */
export function listChildren(
  store: RegistryStore,
  collection: CollectionId,
  { after, limit, where }: ListOptions,
): Result<Page, RegistryFailure> {
  const parent = parentOf(store, { ...collection, child: null })
  if (!parent.ok) return parent
  const prefix = childPrefix(collection.type, parent.value.uid)
  // `!` lies between the space that ends a name in a key and every character of a name.
  let start = after === null || after === undefined ? null : `${prefix}${after}!`
  const resources: Resource[] = []
  for (let scanned = 0; scanned < scanLimit; ) {
    const records = store.range(prefix, start, Math.min(512, limit + 1))
    for (const { key, value, revision } of records) {
      scanned++
      const name = nameOfKey(key)
      if (resources.length === limit) return ok({ resources, next: lastName(start!) })
      start = key
      if (where !== undefined && !where(name)) continue
      resources.push(childResource(decodeStored(value) as StoredChild, parent.value, etagOf(revision)))
    }
    if (records.length < Math.min(512, limit + 1)) return ok({ resources, next: null })
  }
  return ok({ resources, next: lastName(start!) })
}

/** Name part of a key, or of a start that was made from one. */
function lastName(start: string): string {
  return nameOfKey(start).replace('!', '')
}

/** Few enough to be read and sorted whole. */
export function listNamespaces(
  store: RegistryStore,
  { subscriptionId, resourceGroup }: NamespaceCollection,
  { after, limit, where }: ListOptions,
  resourceOf: (namespace: StoredNamespace) => Resource,
): Page {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  const all = [...recordsBelow(store, namespacePrefix)]
    .map(({ value }) => decodeStored(value) as StoredNamespace)
    .filter((namespace) => same(namespace.subscriptionId, subscriptionId))
    .filter((namespace) => resourceGroup === null || same(namespace.resourceGroup, resourceGroup))
    .filter(({ name }) => where?.(name) ?? true)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter(({ name }) => after === null || after === undefined || name > after)
  const page = all.slice(0, limit)
  const next = all.length > limit ? page.at(-1)!.name : null
  return { resources: page.map(resourceOf), next }
}
