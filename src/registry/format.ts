import { EngineError } from '../ports/engine-error.ts'
import type { RegistryStore, RegistryWrite } from '../ports/registry-store.ts'
import { entriesOf } from './client-index.ts'
import { recordsBelow } from './stage.ts'
import { decodeStored, formatKey, Index, type StoredClient } from './stored.ts'
import { bytesOfText, textOfBytes } from './text-bytes.ts'

/** What opening the store found worth telling an operator. */
export interface OpenReport {
  /** Null: the same as before, or a new store. */
  readonly unicodeVersion: { readonly from: string; readonly to: string } | null
  /** Clients whose name became another client's by new folding rules; they cannot log in until they are re-created. */
  readonly collisions: readonly { readonly namespaceUid: string; readonly client: string; readonly holder: string }[]
}

interface Format {
  readonly format: 1
  readonly unicodeVersion: string
}

const formatVersion = 1
const page = 1_000

/**
 * Marks a new store, refuses one of a later format, and rebuilds the name index when this runtime folds names by other
 * Unicode tables than the one that wrote it (S1).
 */
export async function prepareStore(store: RegistryStore, unicodeVersion: string): Promise<OpenReport> {
  const record = store.get(formatKey)
  const mark = { format: formatVersion, unicodeVersion } satisfies Format
  const put = [{ key: formatKey, value: bytesOfText(JSON.stringify(mark)), ifRevision: record?.revision ?? null }]
  if (record === undefined) {
    try {
      await store.write({ put, remove: [], claim: [], release: [] })
    } catch (error) {
      // Another node marked the store at the same time: then it is no longer new.
      if (!(error instanceof EngineError) || error.code !== 'conflict') throw error
      return prepareStore(store, unicodeVersion)
    }
    return { unicodeVersion: null, collisions: [] }
  }
  const found = JSON.parse(textOfBytes(record.value)) as { readonly format: number; readonly unicodeVersion: string }
  if (found.format !== formatVersion) {
    throw new Error(`the registry has format ${found.format}, this version reads ${formatVersion}`)
  }
  if (found.unicodeVersion === unicodeVersion) return { unicodeVersion: null, collisions: [] }
  const collisions = await rebuildNames(store)
  await store.write({ put, remove: [], claim: [], release: [] })
  return { unicodeVersion: { from: found.unicodeVersion, to: unicodeVersion }, collisions }
}

/** Claims each client's name under the rules of now. Of two clients with one name the older one keeps it. */
async function rebuildNames(store: RegistryStore): Promise<OpenReport['collisions']> {
  const collisions: OpenReport['collisions'][number][] = []
  let claim: RegistryWrite['claim'][number][] = []
  let release: RegistryWrite['release'][number][] = []
  const flush = async () => {
    if (claim.length + release.length > 0) await store.write({ put: [], remove: [], claim, release })
    claim = []
    release = []
  }
  const pending = new Map<string, string>()
  for (const { key, value } of recordsBelow(store, 'client ')) {
    const client = decodeStored(value) as StoredClient
    const entry = nameEntry(client)
    if (store.lookup(Index.AuthenticationName, entry) === key) continue
    if (pending.has(entry) || claim.length >= page) {
      await flush()
      pending.clear()
    }
    const holderKey = store.lookup(Index.AuthenticationName, entry)
    const holder = holderKey === undefined ? undefined : store.get(holderKey)
    const other = holder === undefined ? null : (decodeStored(holder.value) as StoredClient)
    // An entry that its holder would not claim today is left over from the rules of before.
    const rival = other !== null && nameEntry(other) === entry ? other : null
    if (rival !== null) {
      const isOlder = client.systemData.createdAt < rival.systemData.createdAt
      const [older, younger] = isOlder ? [client, rival] : [rival, client]
      collisions.push({ namespaceUid: client.namespaceUid, client: younger.name, holder: older.name })
      if (!isOlder) continue
    }
    if (holderKey !== undefined) release.push({ index: Index.AuthenticationName, value: entry, owner: holderKey })
    claim.push({ index: Index.AuthenticationName, value: entry, owner: key })
    pending.set(entry, key)
  }
  await flush()
  return collisions
}

function nameEntry(client: StoredClient): string {
  return entriesOf(client).find(([index]) => index === Index.AuthenticationName)![1]
}
