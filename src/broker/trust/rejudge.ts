import { acceptanceOf } from '../../auth/acceptance.ts'
import { verify } from '../../auth/authenticate.ts'
import type { Acceptance, Accepted } from '../../auth/decision.ts'
import type { ConnectEvidence } from '../../auth/evidence.ts'
import { toUnixSeconds } from '../../base/time.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { ResourceChange } from '../../registry/registry.ts'
import type { Core } from '../core/core.ts'
import type { SessionEnds } from '../lifetime/session-end.ts'
import { principalOf } from '../lifetime/will.ts'
import type { CloseCause } from '../namespace/close-cause.ts'
import { grantsOf } from '../namespace/held-rights.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { SessionEntry } from '../namespace/session-table.ts'
import { TimerWheel, WheelEntry } from '../turn/timers.ts'
import type { Resumable } from '../turn/turn.ts'
import { noteCertificate } from './certificate-note.ts'
import { RevocationSieve } from './revocation-sieve.ts'

/** After this long, or this many judgements (each 10 to 300 µs), others get their turn (S46). */
const turnMs = 5
const perTurn = 64
const expiryGrain = { grainMs: 1_000, slots: 4_096 }
/** Certificates expire at whole seconds of the wall clock: ticks come this long after them. */
const afterSecondMs = 20
/** The wall clock was set when it has moved by this much against the one that only runs. */
const stepMs = 500
/** Trust that ends later than this is looked at again then: timers have an end. */
const longestWaitMs = 2 ** 31 - 1

/** Bound of `maximumClientSessionsPerAuthenticationName` that a change of one client looks at in one go. */
const sessionsPerClient = 10_000

interface Discard {
  readonly namespace: Namespace
  /** Of the deleted client; null: of any that is not registered. */
  readonly uid: string | null
  after: string | null
}

const authenticationLost: CloseCause = {
  reason: 'ClientAuthenticationError',
  reasonCode: ReasonCode.NotAuthorized,
  will: 'publish',
}
/** The namespace serves MQTT no more. */
const switchedOff: CloseCause = {
  reason: 'ServerInitiatedDisconnect',
  reasonCode: ReasonCode.AdministrativeAction,
  will: 'discard',
}
const authorizationLost: CloseCause = {
  reason: 'ClientAuthorizationError',
  reasonCode: ReasonCode.NotAuthorized,
  will: 'publish',
  endsSession: true,
}

/**
 * Judges sessions again when a fact changes or an instant passes: those that the indexes name, with the evidence that
 * CONNECT saw, as the client that they are (design 3.4). A session that fails is gone; everybody else notices nothing.
 */
export class Rejudge implements Resumable {
  readonly #core: Core
  readonly #sessionEnds: SessionEnds
  readonly #byClient = new Map<string, Set<OnlineSession>>()
  readonly #byCa = new Map<string, Set<OnlineSession>>()
  readonly #expiry: TimerWheel<OnlineSession>
  /** Sessions to be judged whole, and entries whose rights are to be judged. */
  readonly #sessions = new Set<OnlineSession>()
  readonly #entries = new Map<SessionEntry, Namespace>()
  readonly #discards: Discard[] = []
  readonly #sieve: RevocationSieve
  #isScheduled = false
  /** Wall clock less the clock that only runs. */
  #offsetMs: number

  constructor(core: Core, sessionEnds: SessionEnds) {
    this.#core = core
    this.#sessionEnds = sessionEnds
    const { clock } = core
    this.#offsetMs = clock.now() - clock.monotonicMs()
    const onDue = (session: OnlineSession): void => {
      core.turn.begin()
      this.#queue([session])
    }
    this.#sieve = new RevocationSieve(core, (sessions) => this.#queue(sessions))
    this.#expiry = new TimerWheel(clock, onDue, {
      ...expiryGrain,
      startMs: clock.monotonicMs() - (clock.now() % 1_000) + afterSecondMs,
      onTick: () => this.#followClock(),
    })
  }

  /** A wall clock that was set: what expires by it does so at another moment, perhaps now (S27). */
  #followClock(): void {
    const { clock, namespaces, turn } = this.#core
    const offsetMs = clock.now() - clock.monotonicMs()
    if (Math.abs(offsetMs - this.#offsetMs) < stepMs) return
    this.#offsetMs = offsetMs
    turn.begin()
    for (const namespace of namespaces.all()) {
      for (const session of namespace.sessions.online()) {
        const { validUntil } = session.acceptance
        if (validUntil !== null && validUntil * 1_000 <= turn.now) this.#queue([session])
        else this.#followExpiry(session)
      }
    }
  }

  /** A process may have died between the end of a client and the end of what was stored of it (S29). */
  start(): void {
    for (const namespace of this.#core.namespaces.all()) this.#discards.push({ namespace, uid: null, after: null })
    this.#schedule()
  }

  stop(): void {
    this.#expiry.stop()
  }

  // ------------------------------------------------------------------------------------------- indexes

  add(session: OnlineSession): void {
    addTo(this.#byClient, clientKey(session.namespace.id, session.principal.uid), session)
    this.#followAcceptance(session, null)
  }

  /** What it holds was just found to be its right: after CONNECT, after SUBSCRIBE and UNSUBSCRIBE. */
  held(session: OnlineSession): void {
    const { namespace, entry } = session
    const rights = this.#core.rights.rightsOf(session.principal, namespace.view)
    const grants = grantsOf(rights, session.subscriptions.values(), session.willTopic)
    session.heldBy = grants === null ? null : rights
    namespace.heldRights.set(entry, grants, namespace.view)
    // A right was lost while CONNECT waited for the store.
    if (grants === null) this.#queueEntries(namespace, [entry])
  }

  /** A re-authentication was accepted: it stands for what CONNECT saw from here on. */
  renewed(session: OnlineSession, accepted: Accepted, evidence: ConnectEvidence): void {
    const before = session.acceptance
    session.acceptance = acceptanceOf(accepted)
    session.evidence = evidence
    session.principal = accepted.principal
    // Remembered grants were made from the attributes of before.
    session.namespace.registryStamp++
    this.#followAcceptance(session, before)
    this.#judgeRights(session.entry, session.namespace)
  }

  delete(session: OnlineSession): void {
    deleteFrom(this.#byClient, clientKey(session.namespace.id, session.principal.uid), session)
    for (const ca of session.acceptance.restsOn) deleteFrom(this.#byCa, caKey(session.namespace.id, ca), session)
    if (session.expiry !== null) this.#expiry.cancel(session.expiry)
    this.#sessions.delete(session)
  }

  /** How many sessions a CA certificate carries. */
  restingOn(namespace: NamespaceId, caCertificateName: string): number {
    return this.#byCa.get(caKey(namespace, caCertificateName))?.size ?? 0
  }

  /** The acceptance says which CA certificates it rests on and until when. @param before the last one; null: it is the first */
  #followAcceptance(session: OnlineSession, before: Acceptance | null): void {
    const { namespace, acceptance } = session
    if (before === null || before.restsOn.join('/') !== acceptance.restsOn.join('/')) {
      for (const ca of before?.restsOn ?? []) deleteFrom(this.#byCa, caKey(namespace.id, ca), session)
      for (const ca of acceptance.restsOn) addTo(this.#byCa, caKey(namespace.id, ca), session)
      // Other CA certificates carry it now.
      if (before !== null) noteCertificate(this.#core, session)
    }
    this.#followExpiry(session)
  }

  #followExpiry(session: OnlineSession): void {
    const { validUntil } = session.acceptance
    if (validUntil === null) return
    const { turn } = this.#core
    session.expiry ??= new WheelEntry(session)
    const inMs = Math.min(validUntil * 1000 - turn.now, longestWaitMs)
    this.#expiry.schedule(session.expiry, turn.monotonicMs + Math.max(0, inMs))
  }

  // ------------------------------------------------------------------------------------------- causes

  /** Called before the write is answered: what it revokes is refused from here on, whoever has had his turn (S46). */
  onChange(changes: readonly ResourceChange[]): void {
    const { namespaces } = this.#core
    const toSieve = new Set<Namespace>()
    for (const change of changes) {
      const namespace = namespaces.get(change.namespace)
      if (namespace === null) continue
      switch (change.type) {
        case 'namespaces':
          this.#queue(namespace.sessions.online())
          // A switch that rights depend on.
          if (namespace.takeRightsRulesChanged()) this.#queueEntries(namespace, namespace.sessions.all())
          break
        case 'clients':
          this.#onClient(namespace, change)
          break
        case 'caCertificates':
          if (change.change !== 'created') this.#queue(this.#byCa.get(caKey(namespace.id, change.name)) ?? [])
          break
        case 'clientGroups':
        case 'topicSpaces':
        case 'permissionBindings':
          this.#queueEntries(namespace, namespace.heldRights.restingOn(change.type, change.name))
          break
        case 'sealgateDenyEntries':
        case 'sealgateRevocationLists':
          // Whoever takes an entry or a list away costs nobody anything.
          if (change.change !== 'deleted') toSieve.add(namespace)
          break
      }
    }
    // Once for all entries of one write.
    for (const namespace of toSieve) this.#sieve.start(namespace)
  }

  /** A namespace is gone, with all that is in it (S50). */
  onNamespaceGone(namespace: Namespace): void {
    for (const session of [...namespace.sessions.online()]) {
      session.link.end({ ...authenticationLost, will: 'discard', endsSession: true })
    }
    namespace.decisions.clear()
    const { engine, unfinished } = this.#core
    void unfinished.do('purge', namespace.id, async () => {
      await this.#sessionEnds.settled()
      await engine.purge(namespace.id)
    })
  }

  #onClient(namespace: Namespace, change: ResourceChange): void {
    if (change.change === 'deleted') {
      const online = this.#byClient.get(clientKey(namespace.id, change.uid)) ?? []
      for (const session of [...online]) session.link.end({ ...authenticationLost, will: 'discard' })
      this.#discards.push({ namespace, uid: change.uid, after: null })
      this.#schedule()
      return
    }
    this.#queue(this.#byClient.get(clientKey(namespace.id, change.uid)) ?? [])
    // An import of a million clients reads none of them again where nobody is there yet.
    if (namespace.sessions.count === 0) return
    const foldedName = namespace.view.clientByUid(change.uid)?.foldedName
    if (foldedName === undefined) return
    // Of a new client only a token or a webhook can have used the name (S36).
    const query = { namespace: namespace.id, foldedName, after: null, limit: sessionsPerClient }
    for (const { uid } of this.#core.engine.sessions.list(query)) {
      const entry = namespace.sessions.get(uid)
      if (entry === undefined) continue
      if (entry.online === null) this.#entries.set(entry, namespace)
      else this.#sessions.add(entry.online)
    }
    this.#schedule()
  }

  /**
   * The sessions of a deleted client keep their name and lose everything else (S29). Its authentication name is gone with
   * it, so they are looked for among all, a portion at a time; nobody else could use them meanwhile.
   */
  #discardNext(discard: Discard): boolean {
    const { engine, turn, unfinished } = this.#core
    const { namespace, uid } = discard
    const query = { namespace: namespace.id, after: discard.after, limit: perTurn }
    const page = engine.sessions.list(query)
    for (const record of page) {
      const { owner } = record
      if (owner.authority !== 'registry') continue
      if (uid === null ? namespace.view.clientByUid(owner.uid) !== undefined : owner.uid !== uid) continue
      const { now } = turn
      void unfinished.do('discard', record.uid, () => engine.sessions.discard(record.uid, 'any', now))
    }
    discard.after = page.at(-1)?.clientId ?? null
    return page.length === perTurn
  }

  // ------------------------------------------------------------------------------------------- judging

  #queue(sessions: Iterable<OnlineSession>): void {
    for (const session of sessions) this.#sessions.add(session)
    this.#schedule()
  }

  #queueEntries(namespace: Namespace, entries: Iterable<SessionEntry>): void {
    for (const entry of entries) this.#entries.set(entry, namespace)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    if (this.#sessions.size === 0 && this.#entries.size === 0 && this.#discards.length === 0) return
    this.#isScheduled = true
    this.#core.turn.resumeLater(this)
  }

  resume(): void {
    this.#isScheduled = false
    const { clock } = this.#core
    const until = clock.monotonicMs() + turnMs
    let left = perTurn
    const isOver = (): boolean => left-- <= 0 || clock.monotonicMs() >= until
    for (const session of this.#sessions) {
      if (isOver()) break
      this.#sessions.delete(session)
      if (session.entry.online === session) this.#judge(session)
    }
    for (const [entry, namespace] of this.#entries) {
      if (isOver()) break
      this.#entries.delete(entry)
      this.#judgeRights(entry, namespace)
    }
    const [discard] = this.#discards
    if (discard !== undefined && !this.#discardNext(discard)) this.#discards.shift()
    this.#schedule()
  }

  #judge(session: OnlineSession): void {
    const core = this.#core
    const { namespace } = session
    if (!namespace.view.mqttEnabled) {
      session.link.end(switchedOff)
      return
    }
    const { notBeforeSkewSeconds, notAfterSkewSeconds } = namespace.limits
    const judged = verify(session.principal, session.evidence, namespace.view, {
      now: toUnixSeconds(core.turn.now),
      skew: { notBeforeSeconds: notBeforeSkewSeconds, notAfterSeconds: notAfterSkewSeconds },
      verdicts: core.verdicts,
    })
    if (judged.outcome === 'accepted') {
      const before = session.acceptance
      session.acceptance = { ...acceptanceOf(judged), nameSource: before.nameSource }
      this.#followAcceptance(session, before)
      this.#judgeRights(session.entry, namespace)
      return
    }
    core.decisions.sessionRefused(session, judged)
    // What is stored of it must not go on collecting what is no longer its right (S34).
    const rights = core.rights.rightsOf(session.principal, namespace.view)
    const mayKeep = grantsOf(rights, session.subscriptions.values(), null) !== null
    session.link.end(mayKeep ? authenticationLost : { ...authenticationLost, endsSession: true })
  }

  /** Offline sessions too: one that holds what is no longer its right is dropped whole (S34). */
  #judgeRights(entry: SessionEntry, namespace: Namespace): void {
    const { engine, rights, turn, unfinished } = this.#core
    const { online } = entry
    const record = online === null ? engine.sessions.get(entry.uid) : undefined
    const principal = online?.principal ?? (record === undefined ? null : principalOf(namespace, record))
    if (principal === null) {
      // Its client went, and whoever had to discard what is left of it died before (S29).
      if (record?.owner.authority !== 'registry') return
      const { now } = turn
      void unfinished.do('discard', entry.uid, () => engine.sessions.discard(entry.uid, { epoch: record.epoch }, now))
      return
    }
    const current = rights.rightsOf(principal, namespace.view)
    if (online !== null && online.heldBy !== null && online.heldBy === current) return
    const { subscriptions } = online ?? entry
    const grants = grantsOf(current, subscriptions.values(), online?.willTopic ?? null)
    if (grants !== null) {
      if (online !== null) online.heldBy = current
      namespace.heldRights.set(entry, grants, namespace.view)
      return
    }
    if (online !== null) {
      online.link.end(authorizationLost)
      return
    }
    if (record === undefined) return
    void unfinished.do('remove', entry.uid, () => engine.sessions.remove(entry.uid, { epoch: record.epoch }))
  }
}

function clientKey(namespace: NamespaceId, uid: string): string {
  return `${namespace} ${uid}`
}

function caKey(namespace: NamespaceId, name: string): string {
  return `${namespace} ${name.toLowerCase()}`
}

function addTo<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function deleteFrom<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key)
  set?.delete(value)
  if (set?.size === 0) sets.delete(key)
}
