import { assert } from '../../base/assert.ts'
import type { Steps } from '../../base/steps.ts'
import { type UnixMillis, type UnixSeconds, unixMillis } from '../../base/time.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { Log } from '../../ports/log.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import type { Stop } from '../../ports/stop.ts'
import { parseCertificate } from '../../x509/certificate.ts'
import { GenerationCache } from '../generation-cache.ts'
import type { ChangeListener } from '../resource-change.ts'
import type { Stage } from '../stage.ts'
import type { NamespaceView, RegisteredClient, RegistryView } from '../view.ts'
import { Writer } from '../writer.ts'
import {
  type CaUse,
  caUseKey,
  decodeCaUse,
  decodeSeen,
  encodeSeen,
  expiryKey,
  expiryPrefix,
  expiryStart,
  readExpiryKey,
  type SeenCertificate,
  SeenIndex,
  type SeenRecord,
  seenCertificate,
  seenIndexEntry,
  seenKey,
} from './seen-certificate.ts'

/**
 * Remembers which certificates registered clients were accepted with. A CONNECT only leaves a note in memory; the notes
 * are written together a second later, and only what is news: a certificate that was not known, another CA above it, a
 * use that is an hour younger. So a fleet that reconnects all the time costs no writes, and a process that is killed
 * forgets a second of it.
 */
export interface Sighting {
  readonly namespace: NamespaceId
  readonly clientUid: string
  /** DER of the leaf, whose key the peer proved; not changed by anybody. */
  readonly leaf: Uint8Array
  /** SHA-256 of it, in any case. */
  readonly fingerprint: string
  readonly caCertificateName: string | null
  readonly at: UnixMillis
}

export interface ExpiringClient {
  readonly client: RegisteredClient
  /** The certificate that it uses. */
  readonly certificate: SeenCertificate
}

export interface CertificatesSeenParts {
  readonly store: RegistryStore
  readonly registry: { readonly view: RegistryView; onChange(listener: ChangeListener): Stop }
  readonly clock: Clock
  readonly log: Log
}

/** A client has two thumbprints, and its successor's pair may overlap with them. */
const certificatesPerClient = 4
const hourMs = 3_600_000
const minuteMs = 60_000
const writeAfterMs = 1_000
const retryAfterMs = 5_000
const perWrite = 256
/** What comes on top while the store does not write is told in the log and seen again at the next connection. */
const mostNotes = 65_536
/** Sightings that are known to be no news for a minute. */
const recently = 16_384
/** Entries looked at for one page: some milliseconds of the event loop. */
const scanned = 1_000

type News = Parameters<NewListener>
type NewListener = (namespace: NamespaceView, client: RegisteredClient, certificate: SeenCertificate) => void

type Note =
  | { readonly kind: 'seen'; readonly sighting: Sighting }
  | { readonly kind: 'clientGone' | 'caGone'; readonly namespace: NamespaceId; readonly uid: string }

export class CertificatesSeen {
  readonly #parts: CertificatesSeenParts
  readonly #writer: Writer
  readonly #stop: Stop
  readonly #recent = new GenerationCache<string, number>(recently)
  readonly #listeners = new Set<NewListener>()
  #notes = new Map<string, Note>()
  #lost = 0
  #cancel: Cancel | null = null
  #writing: Promise<void> | null = null
  /** Notes that were ever made; those that are not in `#notes` are done with. */
  #noted = 0
  /** Who waits until this many are done with. */
  #waiting: { readonly noted: number; readonly resolve: () => void }[] = []
  #isClosed = false

  constructor(parts: CertificatesSeenParts) {
    this.#parts = parts
    // Nothing here depends on records that others write: the conditions of the write are enough.
    this.#writer = new Writer({ store: parts.store, clock: parts.clock, changesSeen: () => 0 })
    this.#stop = parts.registry.onChange((changes) => {
      for (const { change, type, namespace, uid } of changes) {
        if (change !== 'deleted') continue
        if (type === 'caCertificates') this.#note(`ca ${uid}`, { kind: 'caGone', namespace, uid })
        else if (type === 'clients' && parts.store.get(seenKey(namespace, uid)) !== undefined) {
          this.#note(`client ${uid}`, { kind: 'clientGone', namespace, uid })
        }
      }
    })
  }

  /** A client was accepted with this certificate. Cheap, called for each CONNECT; nothing is read or written here. */
  saw(sighting: Sighting): void {
    const { clientUid, fingerprint, caCertificateName, at } = sighting
    const key = `${clientUid} ${fingerprint} ${caCertificateName ?? ''}`
    const known = this.#recent.get(key)
    if (known !== undefined && at >= known && at - known < minuteMs) return
    this.#recent.set(key, at)
    this.#note(key, { kind: 'seen', sighting })
  }

  /** Called for each certificate that was not known of its client, once it is written. */
  onNew(listener: NewListener): Stop {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The certificates of a client, the one that it used last first. */
  ofClient(namespace: NamespaceId, clientUid: string): readonly SeenCertificate[] {
    const record = this.#parts.store.get(seenKey(namespace, clientUid))
    return record === undefined ? [] : decodeSeen(record.value).certificates
  }

  /** The certificate with this SHA-256 (hexadecimal, any case) if a client of the namespace is remembered with it. */
  find(namespace: NamespaceId, sha256: string): SeenCertificate | undefined {
    const { store } = this.#parts
    const key = store.lookup(SeenIndex, seenIndexEntry(namespace, sha256))
    const record = key === undefined ? undefined : store.get(key)
    if (record === undefined) return undefined
    return decodeSeen(record.value).certificates.find((certificate) => certificate.sha256 === sha256.toUpperCase())
  }

  useOfCa(namespace: NamespaceId, caCertificateUid: string): CaUse {
    const record = this.#parts.store.get(caUseKey(namespace, caCertificateUid))
    return record === undefined ? { clients: 0, lastUsedAt: null } : decodeCaUse(record.value)
  }

  /**
   * Clients whose certificate in use expires in these seconds, both inclusive, in order of expiry.
   *
   * @param after `next` of the page before
   */
  expiring(
    namespace: NamespaceView,
    { from, until, after, limit }: { from: UnixSeconds; until: UnixSeconds; after: string | null; limit: number },
  ): { readonly clients: readonly ExpiringClient[]; readonly next: string | null } {
    const { store } = this.#parts
    const prefix = expiryPrefix(namespace.id)
    const start = expiryStart(namespace.id, from)
    const behind = after === null ? null : `${prefix}${after}`
    const clients: ExpiringClient[] = []
    const records = store.range(prefix, behind === null || behind < start ? start : behind, scanned)
    let last: string | null = null
    for (const { key } of records) {
      const { notAfter, clientUid } = readExpiryKey(key)
      if (notAfter > until) return { clients, next: null }
      if (clients.length === limit) return { clients, next: last }
      last = key.slice(prefix.length)
      const client = namespace.clientByUid(clientUid)
      const [certificate] = this.ofClient(namespace.id, clientUid)
      if (client !== undefined && certificate !== undefined) clients.push({ client, certificate })
      // A deletion that a killed process did not get to.
      else this.#note(`client ${clientUid}`, { kind: 'clientGone', namespace: namespace.id, uid: clientUid })
    }
    return { clients, next: records.length < scanned ? null : last }
  }

  /** Resolves when everything that was noted so far is written, or cannot be; not when others have stopped connecting. */
  async idle(): Promise<void> {
    if (this.#notes.size === 0 && this.#writing === null) return
    await new Promise<void>((resolve) => {
      this.#waiting.push({ noted: this.#noted, resolve })
      void this.#write()
    })
  }

  async close(): Promise<void> {
    this.#stop()
    this.#isClosed = true
    await this.idle()
  }

  #note(key: string, note: Note): void {
    if (this.#notes.size >= mostNotes && !this.#notes.has(key)) {
      if (this.#lost++ === 0) this.#parts.log.write('warn', 'certificatesSeenOverflow', { kept: mostNotes })
      this.#recent.delete(key)
      return
    }
    if (!this.#notes.has(key)) this.#noted++
    this.#notes.set(key, note)
    if (this.#writing !== null) return
    if (this.#notes.size >= perWrite) void this.#write()
    else this.#writeIn(writeAfterMs)
  }

  #writeIn(delayMs: number): void {
    if (this.#isClosed) return
    this.#cancel ??= this.#parts.clock.setTimer(delayMs, () => {
      this.#cancel = null
      void this.#write()
    })
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeAll()
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    this.#cancel?.()
    this.#cancel = null
    let isWritten: boolean
    do {
      isWritten = await this.#writeNotes().catch((error: unknown) => {
        // A bug of ours: the notes of this write are given up, so that it does not come again and again.
        this.#parts.log.write('error', 'certificatesSeenFailed', { error: String(error) })
        return true
      })
      this.#tell(isWritten ? this.#noted - this.#notes.size : this.#noted)
    } while (isWritten && (this.#notes.size >= perWrite || this.#waiting.length > 0))
    this.#writing = null
    if (isWritten) this.#lost = 0
    if (this.#notes.size > 0) this.#writeIn(isWritten ? writeAfterMs : retryAfterMs)
  }

  /** Notes are written in their order. */
  #tell(done: number): void {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ noted }) => noted > done)
    for (const { noted, resolve } of waiting) if (noted <= done) resolve()
  }

  async #writeNotes(): Promise<boolean> {
    const batch = [...this.#notes].slice(0, perWrite)
    for (const [key] of batch) this.#notes.delete(key)
    const apply = (stage: Stage, note: Note) => this.#apply(stage, note)
    const outcome = await this.#writer.run(function* (stage): Steps<{ keep: boolean; value: readonly News[] }> {
      const value: News[] = []
      for (const [, note] of batch) {
        const news = apply(stage, note)
        if (news !== null) value.push(news)
        yield
      }
      return { keep: true, value }
    })
    if (outcome.kind === 'done') {
      for (const news of outcome.value) for (const listener of this.#listeners) listener(...news)
      return true
    }
    // Nothing was written. What came since is younger and stays.
    this.#notes = new Map([...batch.filter(([key]) => !this.#notes.has(key)), ...this.#notes])
    return false
  }

  // ------------------------------------------------------------------------------------------- one note

  #apply(stage: Stage, note: Note): News | null {
    if (note.kind === 'seen') return this.#applySighting(stage, note.sighting)
    if (note.kind === 'caGone') stage.remove(caUseKey(note.namespace, note.uid))
    else {
      const key = seenKey(note.namespace, note.uid)
      const record = stage.get(key)
      if (record === undefined) return null
      replace(stage, note.namespace, note.uid, decodeSeen(record.value), { format: 1, certificates: [] })
    }
    return null
  }

  #applySighting(
    stage: Stage,
    { namespace, clientUid, leaf, fingerprint, caCertificateName, at }: Sighting,
  ): News | null {
    const view = this.#parts.registry.view.namespaceById(namespace)
    // Deleted since: what is remembered of it goes, too.
    const client = view?.clientByUid(clientUid)
    if (view === undefined || client === undefined) return null
    const caUid = view.caCertificates().find(({ name }) => name === caCertificateName)?.uid ?? null
    const record = stage.get(seenKey(namespace, clientUid))
    const before: SeenRecord = record === undefined ? nothing : decodeSeen(record.value)
    const sha256 = fingerprint.toUpperCase()
    const known = before.certificates.find((certificate) => certificate.sha256 === sha256)
    if (caUid !== null) touchCa(stage, namespace, caUid, at)
    if (known !== undefined && known.caCertificateUid === caUid) {
      const precisionMs = known === before.certificates[0] ? hourMs : minuteMs
      if (at - known.lastSeenAt < precisionMs) return null
    }
    const seen = known === undefined ? readLeaf(leaf, caUid, at) : { ...known, caCertificateUid: caUid, lastSeenAt: at }
    const others = before.certificates.filter((certificate) => certificate !== known)
    // Notes of one client may be written in another order than that of their connections.
    const certificates = [seen, ...others].sort((a, b) => b.lastSeenAt - a.lastSeenAt).slice(0, certificatesPerClient)
    replace(stage, namespace, clientUid, before, { format: 1, certificates })
    return known === undefined ? [view, client, seen] : null
  }
}

function readLeaf(leaf: Uint8Array, caUid: string | null, at: UnixMillis): SeenCertificate {
  const parsed = parseCertificate(leaf)
  assert(parsed.ok, 'a client was accepted with a certificate that can be read')
  return seenCertificate(parsed.value, caUid, at)
}

const nothing: SeenRecord = { format: 1, certificates: [] }

/** The record of a client with all that is derived from it: expiry, fingerprints and how many clients a CA has. */
function replace(stage: Stage, namespace: string, clientUid: string, before: SeenRecord, after: SeenRecord): void {
  const key = seenKey(namespace, clientUid)
  if (after.certificates.length > 0) stage.put(key, encodeSeen(after))
  else stage.remove(key)

  const [used] = before.certificates
  const [uses] = after.certificates
  if (used?.notAfter !== uses?.notAfter) {
    if (used !== undefined) stage.remove(expiryKey(namespace, used.notAfter, clientUid))
    if (uses !== undefined) stage.put(expiryKey(namespace, uses.notAfter, clientUid), encodeExpiry)
  }
  const [caBefore, caAfter] = [used?.caCertificateUid ?? null, uses?.caCertificateUid ?? null]
  if (caBefore !== caAfter) {
    if (caBefore !== null) countClient(stage, namespace, caBefore, -1)
    if (caAfter !== null) countClient(stage, namespace, caAfter, 1)
  }
  const kept = new Set(after.certificates.map(({ sha256 }) => sha256))
  for (const { sha256 } of before.certificates) {
    if (kept.has(sha256)) continue
    const entry = seenIndexEntry(namespace, sha256)
    if (stage.lookup(SeenIndex, entry) === key) stage.release(SeenIndex, entry)
  }
  for (const sha256 of kept) {
    const entry = seenIndexEntry(namespace, sha256)
    // Two clients may share a certificate: the first one answers for it.
    if (stage.lookup(SeenIndex, entry) === undefined) stage.claim(SeenIndex, entry, key)
  }
}

/** The key says it all. */
const encodeExpiry = new Uint8Array([0])

function countClient(stage: Stage, namespace: string, caUid: string, by: 1 | -1): void {
  const key = caUseKey(namespace, caUid)
  const record = stage.get(key)
  const use = record === undefined ? null : decodeCaUse(record.value)
  // Of a CA certificate that is gone nothing is kept.
  if (use === null && by < 0) return
  const clients = Math.max(0, (use?.clients ?? 0) + by)
  stage.put(key, encodeSeen({ clients, lastUsedAt: use?.lastUsedAt ?? null }))
}

function touchCa(stage: Stage, namespace: string, caUid: string, at: UnixMillis): void {
  const key = caUseKey(namespace, caUid)
  const record = stage.get(key)
  const { clients, lastUsedAt } = record === undefined ? { clients: 0, lastUsedAt: null } : decodeCaUse(record.value)
  if (lastUsedAt !== null && at - lastUsedAt < minuteMs) return
  stage.put(key, encodeSeen({ clients, lastUsedAt: unixMillis(Math.max(at, lastUsedAt ?? 0)) }))
}
