import type { RegistryStore } from '../ports/registry-store.ts'
import { entriesOf } from './client-index.ts'
import { childTypes } from './resource-id.ts'
import { forgetSeen } from './seen/forget-seen.ts'
import {
  childNameEntry,
  childPrefix,
  decodeStored,
  Index,
  listPiecePrefix,
  purgeKey,
  purgePrefix,
  type StoredChild,
} from './stored.ts'

/** Some milliseconds of the event loop. */
const page = 200
/** A quarter of a megabyte each. */
const piecesPerPage = 16

/** Namespaces whose record is gone and whose children still lie in the store. */
export function unfinishedPurges(store: RegistryStore): readonly string[] {
  return store.range(purgePrefix, null, 10_000).map(({ key }) => key.slice(purgePrefix.length))
}

/**
 * Takes the children of a deleted namespace out of the store, a page per write. Nobody reads them meanwhile: its uid is
 * never used again. Can be interrupted and begun anew at any point.
 */
export async function purgeNamespace(store: RegistryStore, namespaceUid: string): Promise<void> {
  for (const type of childTypes) {
    for (;;) {
      const records = store.range(childPrefix(type, namespaceUid), null, page)
      if (records.length === 0) break
      const release = records.flatMap(({ key, value }) => {
        const child = decodeStored(value) as StoredChild
        const name = { index: Index.ChildName, value: childNameEntry(type, namespaceUid, child.name), owner: key }
        const entries = child.type === 'clients' ? entriesOf(child) : []
        return [name, ...entries.map(([index, value]) => ({ index, value, owner: key }))]
      })
      await store.write({ put: [], remove: records.map(({ key }) => ({ key })), claim: [], release })
    }
  }
  await forgetSeen(store, namespaceUid)
  for (;;) {
    const pieces = store.range(listPiecePrefix(namespaceUid), null, piecesPerPage)
    if (pieces.length === 0) break
    await store.write({ put: [], remove: pieces.map(({ key }) => ({ key })), claim: [], release: [] })
  }
  await store.write({ put: [], remove: [{ key: purgeKey(namespaceUid) }], claim: [], release: [] })
}
