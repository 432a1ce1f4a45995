import { assert } from '../base/assert.ts'
import { finish, type Steps } from '../base/steps.ts'
import { unixSeconds } from '../base/time.ts'
import type { RegistryStore } from '../ports/registry-store.ts'
import { type RevocationList, readRevocationListInSteps } from '../x509/crl.ts'
import type { RegisteredRevocationList } from '../x509/revocation.ts'
import { type RecordReader, recordsBelow, type Stage } from './stage.ts'
import { childPrefix, decodeStored, listPiecePrefix, type StoredRevocationList } from './stored.ts'
import { parseStored } from './types/revocation-list.ts'

const pieceOctets = 262_144

/** Takes the lists that are read for one write, and keeps them while it is under way. */
export interface ListsOfWrite {
  remember(sha256: string, list: RevocationList): void
  /** It succeeded, failed or was only rehearsed. */
  end(): void
}

/**
 * The octets of revocation lists in the store, and the lists that were read from them. A list is read once: when it is
 * handed in, or when a process starts; both in steps.
 */
export class RevocationLists {
  readonly #store: RegistryStore
  /** By uid of the record. */
  readonly #inUse = new Map<string, { readonly sha256: string; readonly list: RegisteredRevocationList }>()
  /** By digest of the octets: read for writes that are under way. */
  readonly #waiting = new Map<string, { readonly list: RevocationList; writes: number }>()

  constructor(store: RegistryStore) {
    this.#store = store
  }

  /** A write begins: what is read for it is not read again when it is seen, however many lists it brings. */
  beginWrite(): ListsOfWrite {
    const own = new Set<string>()
    return {
      remember: (sha256, list) => {
        if (own.has(sha256)) return
        own.add(sha256)
        const waiting = this.#waiting.get(sha256)
        if (waiting === undefined) this.#waiting.set(sha256, { list, writes: 1 })
        else waiting.writes++
      },
      end: () => {
        for (const sha256 of own) {
          const waiting = this.#waiting.get(sha256)
          if (waiting !== undefined && --waiting.writes === 0) this.#waiting.delete(sha256)
        }
        own.clear()
      },
    }
  }

  /**
   * The list of a record. One that was written elsewhere is read here and now: a decision never waits, and must not pass
   * over what is in the store already.
   */
  of(stored: StoredRevocationList): RegisteredRevocationList {
    return finish(this.load(stored))
  }

  /** A list that was read for this write is in use now; one that others wrote is read when somebody asks. */
  written(stored: StoredRevocationList): void {
    if (this.#waiting.has(stored.properties.sha256)) this.of(stored)
  }

  *load(stored: StoredRevocationList): Steps<RegisteredRevocationList> {
    const { uid, name } = stored
    const { sha256, encodedIssuerCertificate, thisUpdate } = stored.properties
    const known = this.#inUse.get(uid)
    if (known?.sha256 === sha256) return known.list
    const authority = parseStored(encodedIssuerCertificate)
    assert(authority !== null, `the issuer of the stored revocation list ${name} cannot be read`)
    let list = this.#waiting.get(sha256)?.list
    if (list === undefined) {
      const der = yield* this.octets(stored)
      // It was judged when it came; what it says holds whatever the clock of this start says.
      const request = { der, authority, now: unixSeconds(thisUpdate), skewSeconds: 0, inUse: null }
      const read = yield* readRevocationListInSteps(request)
      assert(read.ok, `the stored revocation list ${name} cannot be read: ${read.ok ? '' : read.error.kind}`)
      list = read.value
    }
    const registered = { name, authority, list }
    this.#inUse.set(uid, { sha256, list: registered })
    return registered
  }

  forget(uid: string): void {
    this.#inUse.delete(uid)
  }

  /** The DER, put together from its pieces. */
  *octets({ namespaceUid, uid, properties: { sha256, octets } }: StoredRevocationList): Steps<Uint8Array> {
    const der = new Uint8Array(octets)
    for (let piece = 0; piece * pieceOctets < octets; piece++) {
      const record = this.#store.get(pieceKey(namespaceUid, uid, sha256, piece))
      assert(record !== undefined, 'a piece of a revocation list is missing')
      der.set(record.value, piece * pieceOctets)
      yield
    }
    return der
  }

  /** All lists of a namespace, in order of names. */
  inNamespace(namespaceUid: string): readonly RegisteredRevocationList[] {
    return storedLists(this.#store, namespaceUid).map((stored) => this.of(stored))
  }

  /** At a start, before anybody asks. */
  *loadAll(namespaceUids: Iterable<string>): Steps<undefined> {
    for (const uid of namespaceUids) {
      for (const stored of storedLists(this.#store, uid)) yield* this.load(stored)
    }
  }
}

export function storedLists(reader: RecordReader, namespaceUid: string): readonly StoredRevocationList[] {
  return [...recordsBelow(reader, childPrefix('sealgateRevocationLists', namespaceUid))].map(
    ({ value }) => decodeStored(value) as StoredRevocationList,
  )
}

/** Writes the octets beside the record that tells of them, and takes out those of the list before. */
export function* stagePieces(
  stage: Stage,
  stored: StoredRevocationList,
  der: Uint8Array,
  before: StoredRevocationList | null,
): Steps<undefined> {
  const { namespaceUid, uid, properties } = stored
  yield* removePieces(stage, before)
  for (let piece = 0; piece * pieceOctets < der.length; piece++) {
    const octets = new Uint8Array(der.subarray(piece * pieceOctets, (piece + 1) * pieceOctets))
    stage.put(pieceKey(namespaceUid, uid, properties.sha256, piece), octets)
    yield
  }
}

export function* removePieces(stage: Stage, stored: StoredRevocationList | null): Steps<undefined> {
  if (stored === null) return
  const { namespaceUid, uid, properties } = stored
  for (let piece = 0; piece * pieceOctets < properties.octets; piece++) {
    stage.remove(pieceKey(namespaceUid, uid, properties.sha256, piece))
    yield
  }
}

function pieceKey(namespaceUid: string, uid: string, sha256: string, piece: number): string {
  return `${listPiecePrefix(namespaceUid)}${uid} ${sha256} ${String(piece).padStart(4, '0')}`
}
