import type { RegistryStore } from '../../ports/registry-store.ts'
import { caUsePrefix, decodeSeen, expiryPrefix, SeenIndex, seenIndexEntry, seenPrefix } from './seen-certificate.ts'

const page = 200

/** Everything that was remembered of a namespace that is gone, a page per write. */
export async function forgetSeen(store: RegistryStore, namespaceUid: string): Promise<void> {
  for (const prefix of [seenPrefix(namespaceUid), expiryPrefix(namespaceUid), caUsePrefix(namespaceUid)]) {
    for (;;) {
      const records = store.range(prefix, null, page)
      if (records.length === 0) break
      const release =
        prefix === seenPrefix(namespaceUid)
          ? records.flatMap(({ key, value }) =>
              decodeSeen(value).certificates.map(({ sha256 }) => ({
                index: SeenIndex,
                value: seenIndexEntry(namespaceUid, sha256),
                owner: key,
              })),
            )
          : []
      await store.write({ put: [], remove: records.map(({ key }) => ({ key })), claim: [], release })
    }
  }
}
