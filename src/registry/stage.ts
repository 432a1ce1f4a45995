import type { Steps } from '../base/steps.ts'
import type { Revision } from '../ports/identity.ts'
import type { RegistryRecord, RegistryWrite } from '../ports/registry-store.ts'
import { GenerationCache } from './generation-cache.ts'
import type { ChildType } from './resource-id.ts'
import {
  childNameEntry,
  childPrefix,
  decodeStored,
  encodeStored,
  Index,
  keyOf,
  namespaceKey,
  type Stored,
  type StoredNamespace,
  type StoredOf,
} from './stored.ts'

/** What a stage lies on: the store, or another stage. */
export interface RecordReader {
  get(key: string): { readonly key: string; readonly value: Uint8Array } | undefined
  lookup(index: string, value: string): string | undefined
  range(
    prefix: string,
    after: string | null,
    limit: number,
  ): readonly { readonly key: string; readonly value: Uint8Array }[]
}

/** The store itself: records that know their revision. */
export interface RevisionReader extends RecordReader {
  get(key: string): RegistryRecord | undefined
}

const page = 512

/** Entries that one step handles. */
const entriesPerStep = 64

/**
 * Changes that are not written yet, over what is: later reads see them. A stage upon a stage is a transaction that can be
 * given up alone; the lowest one becomes one write of the store.
 */
export class Stage implements RecordReader {
  readonly #base: Stage | RevisionReader
  readonly #namespaces = new Map<string, StoredNamespace | undefined>()
  /** Null: removed. */
  #records = new Map<string, Uint8Array | null>()
  /** Keys by their first word: a range over a few groups does not look at a million clients. */
  #keysByWord = new Map<string, Set<string>>()
  /** By index, then value. Null: released. */
  #claims = new Map<string, Map<string, string | null>>()

  constructor(base: Stage | RevisionReader) {
    this.#base = base
  }

  get empty(): boolean {
    return this.#records.size === 0
  }

  get(key: string): { readonly key: string; readonly value: Uint8Array } | undefined {
    const staged = this.#records.get(key)
    if (staged === undefined) return this.#base.get(key)
    return staged === null ? undefined : { key, value: staged }
  }

  lookup(index: string, value: string): string | undefined {
    const staged = this.#claims.get(index)?.get(value)
    return staged === undefined ? this.#base.lookup(index, value) : (staged ?? undefined)
  }

  range(
    prefix: string,
    after: string | null,
    limit: number,
  ): readonly { readonly key: string; readonly value: Uint8Array }[] {
    const sameWord = this.#keysByWord.get(wordOf(prefix)) ?? []
    const staged = [...sameWord].filter((key) => key.startsWith(prefix) && (after === null || key > after))
    if (staged.length === 0) return this.#base.range(prefix, after, limit)
    const removed = staged.length
    const below = this.#base.range(prefix, after, limit + removed).filter(({ key }) => !this.#records.has(key))
    const above = staged.flatMap((key) => this.get(key) ?? [])
    return [...below, ...above].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit)
  }

  /** `pending`: staged and not written yet; null: not there. */
  revision(key: string): Revision | 'pending' | null {
    const staged = this.#records.get(key)
    if (staged !== undefined) return staged === null ? null : 'pending'
    return this.#base instanceof Stage ? this.#base.revision(key) : (this.#base.get(key)?.revision ?? null)
  }

  /** Decoded once: what is staged per stage, what is stored per revision. */
  namespace(uid: string): StoredNamespace | undefined {
    const key = namespaceKey(uid)
    if (!this.#records.has(key)) {
      return this.#base instanceof Stage ? this.#base.namespace(uid) : namespaceIn(this.#base, key)
    }
    if (!this.#namespaces.has(key)) this.#namespaces.set(key, readStored(this, key) as StoredNamespace | undefined)
    return this.#namespaces.get(key)
  }

  put(key: string, value: Uint8Array): void {
    this.#set(key, value)
  }

  remove(key: string): void {
    this.#set(key, null)
  }

  #set(key: string, value: Uint8Array | null): void {
    this.#records.set(key, value)
    this.#namespaces.delete(key)
    const word = wordOf(key)
    const keys = this.#keysByWord.get(word)
    if (keys === undefined) this.#keysByWord.set(word, new Set([key]))
    else keys.add(key)
  }

  claim(index: string, value: string, owner: string): void {
    this.#claimsOf(index).set(value, owner)
  }

  release(index: string, value: string): void {
    this.#claimsOf(index).set(value, null)
  }

  /** Hands everything to the stage below; this one is done then. */
  *mergeInto(below: Stage): Steps<undefined> {
    if (below.empty) {
      below.#records = this.#records
      below.#keysByWord = this.#keysByWord
      below.#claims = this.#claims
      below.#namespaces.clear()
      return
    }
    let merged = 0
    for (const [key, value] of this.#records) {
      below.#set(key, value)
      if (++merged % entriesPerStep === 0) yield
    }
    for (const [index, claims] of this.#claims) {
      const target = below.#claimsOf(index)
      for (const [value, owner] of claims) {
        target.set(value, owner)
        if (++merged % entriesPerStep === 0) yield
      }
    }
  }

  /** One write on condition that nothing of it changed in the store since. */
  *toWrite(store: RevisionReader): Steps<RegistryWrite> {
    const put: { key: string; value: Uint8Array; ifRevision: Revision | null }[] = []
    const remove: { key: string; ifRevision: Revision }[] = []
    let seen = 0
    for (const [key, value] of this.#records) {
      const ifRevision = store.get(key)?.revision ?? null
      if (value !== null) put.push({ key, value, ifRevision })
      else if (ifRevision !== null) remove.push({ key, ifRevision })
      if (++seen % entriesPerStep === 0) yield
    }
    const claim: { index: string; value: string; owner: string }[] = []
    const release: { index: string; value: string; owner: string }[] = []
    for (const [index, claims] of this.#claims) {
      for (const [value, owner] of claims) {
        const holder = store.lookup(index, value)
        if (holder !== undefined && holder !== owner) release.push({ index, value, owner: holder })
        if (owner !== null && owner !== holder) claim.push({ index, value, owner })
        if (++seen % entriesPerStep === 0) yield
      }
    }
    return { put, remove, claim, release }
  }

  #claimsOf(index: string): Map<string, string | null> {
    let claims = this.#claims.get(index)
    if (claims === undefined) {
      claims = new Map()
      this.#claims.set(index, claims)
    }
    return claims
  }
}

/** Prefixes of ranges end behind their first word. */
function wordOf(key: string): string {
  const end = key.indexOf(' ')
  return end < 0 ? key : key.slice(0, end)
}

// ---------------------------------------------------------------------------------------------- resources in a reader

export function readStored(reader: RecordReader, key: string): Stored | undefined {
  const record = reader.get(key)
  return record === undefined ? undefined : decodeStored(record.value)
}

export function putStored(stage: Stage, stored: Stored): void {
  stage.put(keyOf(stored), encodeStored(stored))
}

/** Ignores case. */
export function findNamespace(reader: Stage | RevisionReader, name: string): StoredNamespace | undefined {
  const uid = reader.lookup(Index.NamespaceName, name.toLowerCase())
  if (uid === undefined) return undefined
  return reader instanceof Stage ? reader.namespace(uid) : namespaceIn(reader, namespaceKey(uid))
}

interface Decoded {
  readonly revision: Revision
  readonly namespace: StoredNamespace
}

/** Namespaces kept decoded, of each store: two generations of this many. */
const keptNamespaces = 256

const decoded = new WeakMap<RevisionReader, GenerationCache<string, Decoded>>()

/** Every change of a child looks at its namespace, which hardly ever changes itself (bench: tcp-pairs-qos0-churn). */
function namespaceIn(store: RevisionReader, key: string): StoredNamespace | undefined {
  const record = store.get(key)
  if (record === undefined) return undefined
  const { value, revision } = record
  let known = decoded.get(store)
  if (known === undefined) {
    known = new GenerationCache(keptNamespaces)
    decoded.set(store, known)
  }
  const before = known.get(key)
  if (before?.revision === revision) return before.namespace
  const namespace = decodeStored(value) as StoredNamespace
  known.set(key, { revision, namespace })
  return namespace
}

export function findChild<Type extends ChildType>(
  reader: RecordReader,
  namespaceUid: string,
  type: Type,
  name: string,
): StoredOf<Type> | undefined {
  const key = reader.lookup(Index.ChildName, childNameEntry(type, namespaceUid, name))
  return key === undefined ? undefined : (readStored(reader, key) as StoredOf<Type> | undefined)
}

/** In order of names. Not for clients: there may be a million. */
export function allChildren<Type extends Exclude<ChildType, 'clients'>>(
  reader: RecordReader,
  namespaceUid: string,
  type: Type,
): readonly StoredOf<Type>[] {
  return [...recordsBelow(reader, childPrefix(type, namespaceUid))].map(
    ({ value }) => decodeStored(value) as StoredOf<Type>,
  )
}

/** Page by page, in order of keys; what is written meanwhile is seen when it lies ahead. */
export function* recordsBelow(
  reader: RecordReader,
  prefix: string,
): Generator<{ readonly key: string; readonly value: Uint8Array }> {
  let after: string | null = null
  for (;;) {
    const records = reader.range(prefix, after, page)
    yield* records
    if (records.length < page) return
    after = records.at(-1)!.key
  }
}
