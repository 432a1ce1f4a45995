import { inSlices, type Steps } from '../../base/steps.ts'
import { type UnixSeconds, unixSeconds } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Events } from '../../ports/events.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { Log } from '../../ports/log.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import type { Stop } from '../../ports/stop.ts'
import type { ChangeListener } from '../resource-change.ts'
import { bytesOfText, textOfBytes } from '../text-bytes.ts'
import type { NamespaceView, RegistryView } from '../view.ts'
import type { CertificatesSeen } from './certificates-seen.ts'

/**
 * Tells of certificates before they expire: looks once an hour at those that crossed 30, 14, 7 or 1 days since the last
 * look, whose time is kept, so that a restart neither repeats nor forgets. What it counts on the way is there for metrics.
 */
export const expiryDays = [1, 7, 14, 30] as const
export type ExpiryDays = (typeof expiryDays)[number]

export interface ExpiryFigures {
  readonly namespace: NamespaceId
  /** By days: how many expire within, those included that expire within fewer; expired ones are not among them. */
  readonly clients: Readonly<Record<ExpiryDays, number>>
}

export interface ExpiryWatchParts {
  readonly store: RegistryStore
  readonly registry: { readonly view: RegistryView; onChange(listener: ChangeListener): Stop }
  readonly certificatesSeen: Pick<CertificatesSeen, 'expiring' | 'onNew'>
  readonly clock: Clock
  readonly events: Events
  readonly log: Log
}

const lookEveryMs = 3_600_000
const daySeconds = 86_400
const noteKey = 'expiry-told'
const page = 100
/** Beyond, one may be told twice. */
const mostToldNew = 65_536

type ResourceType = 'clients' | 'caCertificates'

interface Owner {
  readonly uid: string
  readonly name: string
  readonly authenticationName: string | null
}

interface Named {
  readonly sha256: string
}

interface Expiring {
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
}

/** What a certificate is told at: one that lives for a day would be told of all the time. */
function thresholdsOf({ notBefore, notAfter }: Expiring): readonly ExpiryDays[] {
  return expiryDays.filter((days) => 2 * days * daySeconds <= notAfter - notBefore)
}

/** The tightest threshold that was crossed after `since`, up to `now`; null: none. */
export function crossed(certificate: Expiring, since: UnixSeconds, now: UnixSeconds): ExpiryDays | null {
  const { notAfter } = certificate
  if (notAfter < now) return null
  const found = thresholdsOf(certificate).find((days) => {
    const instant = notAfter - days * daySeconds
    return instant > since && instant <= now
  })
  return found ?? null
}

export class ExpiryWatch {
  readonly #parts: ExpiryWatchParts
  readonly #figures = new Map<NamespaceId, ExpiryFigures>()
  readonly #stops: readonly Stop[]
  /** Told since the last look, which the next one comes by again. */
  #toldNew = new Set<string>()
  #until = 0
  #cancel = (): void => {}
  #looking: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(parts: ExpiryWatchParts) {
    this.#parts = parts
    this.#stops = [
      parts.certificatesSeen.onNew((view, client, certificate) => this.#onNew(view, 'clients', client, certificate)),
      parts.registry.onChange((changes) => {
        for (const { type, change, namespace, uid } of changes) {
          if (type !== 'caCertificates' || change !== 'created') continue
          const view = parts.registry.view.namespaceById(namespace)
          const ca = view?.caCertificates().find((one) => one.uid === uid)
          if (view === undefined || ca === undefined) continue
          this.#onNew(view, 'caCertificates', { ...ca, authenticationName: null }, ca.certificate)
        }
      }),
    ]
  }

  /** Looks now and from now on. */
  start(): void {
    this.#looking = this.#look().catch((error: unknown) => {
      this.#parts.log.write('error', 'expiryWatchFailed', { error: String(error) })
    })
    this.#cancel = this.#parts.clock.setTimer(lookEveryMs, () => this.start())
  }

  /** What comes shortly before its end crossed its thresholds unseen. */
  #onNew(view: NamespaceView, type: ResourceType, owner: Owner, certificate: Expiring & Named): void {
    const days = crossed(certificate, unixSeconds(0), this.#now())
    if (days === null) return
    if (this.#toldNew.size < mostToldNew) this.#toldNew.add(toldKey(owner.uid, certificate, days))
    this.#tell(view, type, owner, certificate, days)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    for (const stop of this.#stops) stop()
    await this.#looking
  }

  /** Of the last look. */
  figures(): readonly ExpiryFigures[] {
    return [...this.#figures.values()]
  }

  #now(): UnixSeconds {
    return unixSeconds(Math.floor(this.#parts.clock.now() / 1_000))
  }

  async #look(): Promise<void> {
    const { store, clock, registry } = this.#parts
    const now = this.#now()
    const note = store.get(noteKey)
    const told = note === undefined ? 0 : (JSON.parse(textOfBytes(note.value)) as { readonly until: number }).until
    const since = unixSeconds(Math.min(Math.max(told, this.#until), now))
    await inSlices(clock, this.#lookAtAll(since, now))
    if (this.#isStopped) return
    this.#until = now
    this.#toldNew = new Set()
    for (const id of this.#figures.keys()) if (registry.view.namespaceById(id) === undefined) this.#figures.delete(id)
    const value = bytesOfText(JSON.stringify({ format: 1, until: now }))
    await store.write({ put: [{ key: noteKey, value }], remove: [], claim: [], release: [] })
  }

  *#lookAtAll(since: UnixSeconds, now: UnixSeconds): Steps<undefined> {
    for (const namespace of this.#parts.registry.view.namespaces()) {
      yield
      if (this.#isStopped) return
      yield* this.#lookAt(namespace, since, now)
    }
  }

  *#lookAt(namespace: NamespaceView, since: UnixSeconds, now: UnixSeconds): Steps<undefined> {
    const counted = noFigures()
    const tell = (type: ResourceType, owner: Owner, certificate: Expiring & Named): void => {
      const days = crossed(certificate, since, now)
      if (days === null || this.#toldNew.has(toldKey(owner.uid, certificate, days))) return
      this.#tell(namespace, type, owner, certificate, days)
    }
    for (const ca of namespace.caCertificates()) {
      tell('caCertificates', { ...ca, authenticationName: null }, ca.certificate)
    }
    const until = unixSeconds(now + Math.max(...expiryDays) * daySeconds)
    let after: string | null = null
    do {
      const { clients, next } = this.#parts.certificatesSeen.expiring(namespace, {
        from: now,
        until,
        after,
        limit: page,
      })
      for (const { client, certificate } of clients) {
        for (const days of expiryDays) if (certificate.notAfter <= now + days * daySeconds) counted[days]++
        tell('clients', client, certificate)
      }
      after = next
      yield
      if (this.#isStopped) return
    } while (after !== null)
    this.#figures.set(namespace.id, { namespace: namespace.id, clients: counted })
  }

  #tell(
    namespace: NamespaceView,
    resourceType: ResourceType,
    { name, authenticationName }: Owner,
    certificate: Expiring & Named,
    daysLeft: ExpiryDays,
  ): void {
    const { events, clock } = this.#parts
    events.emit({
      kind: 'certificateExpiring',
      namespace: namespace.id,
      at: clock.now(),
      resourceType,
      name,
      authenticationName,
      fingerprint: certificate.sha256.toLowerCase(),
      notAfter: certificate.notAfter,
      daysLeft,
    })
  }
}

function toldKey(uid: string, { sha256 }: Named, days: ExpiryDays): string {
  return `${uid} ${sha256} ${days}`
}

function noFigures(): Record<ExpiryDays, number> {
  return { 1: 0, 7: 0, 14: 0, 30: 0 }
}
