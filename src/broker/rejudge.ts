import { verify } from '../auth/authenticate.ts'
import type { Accepted } from '../auth/decision.ts'
import type { ConnectEvidence } from '../auth/evidence.ts'
import { toUnixSeconds } from '../base/time.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import type { NamespaceId } from '../ports/engine.ts'
import type { ResourceChange } from '../registry/registry.ts'
import type { CloseCause } from './close-cause.ts'
import type { Core } from './core.ts'
import { grantsOf } from './held-rights.ts'
import type { Namespace } from './namespace.ts'
import type { OnlineSession } from './session.ts'
import type { SessionEntry } from './session-table.ts'
import { TimerWheel, WheelEntry } from './timers.ts'
import type { Resumable } from './turn.ts'
import { principalOf } from './will.ts'

/** Judgements after which others get their turn (S46); each costs 10 to 300 µs. */
const perTurn = 64
const expiryGrain = { grainMs: 1_000, slots: 4_096 }
/** Trust that ends later than this is looked at again then: timers have an end. */
const longestWaitMs = 2 ** 31 - 1

/** Bound of `maximumClientSessionsPerAuthenticationName` that a change of one client looks at in one go. */
const sessionsPerClient = 10_000

interface Discard {
  readonly namespace: Namespace
  readonly uid: string
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
  readonly #byClient = new Map<string, Set<OnlineSession>>()
  readonly #byCa = new Map<string, Set<OnlineSession>>()
  readonly #caOf = new Map<OnlineSession, string>()
  readonly #expiry: TimerWheel<OnlineSession>
  readonly #expiryOf = new Map<OnlineSession, WheelEntry<OnlineSession>>()
  /** Sessions to be judged whole, and entries whose rights are to be judged. */
  readonly #sessions = new Set<OnlineSession>()
  readonly #entries = new Map<SessionEntry, Namespace>()
  readonly #discards: Discard[] = []
  #isScheduled = false

  constructor(core: Core) {
    this.#core = core
    this.#expiry = new TimerWheel(
      core.clock,
      (session) => {
        core.turn.begin()
        this.#queue([session])
      },
      expiryGrain,
    )
  }

  stop(): void {
    this.#expiry.stop()
  }

  // ------------------------------------------------------------------------------------------- indexes

  add(session: OnlineSession): void {
    addTo(this.#byClient, clientKey(session.namespace.id, session.principal.uid), session)
    this.#followAcceptance(session)
  }

  /** What it holds was just found to be its right: after CONNECT, after SUBSCRIBE and UNSUBSCRIBE. */
  held(session: OnlineSession): void {
    const { namespace, entry } = session
    const rights = this.#core.rights.rightsOf(session.principal, namespace.view)
    const grants = grantsOf(rights, session.subscriptions.values(), session.willTopic)
    session.heldBy = grants === null ? null : rights
    namespace.heldRights.set(entry, grants, namespace.view)
  }

  /** A re-authentication was accepted: it stands for what CONNECT saw from here on. */
  renewed(session: OnlineSession, accepted: Accepted, evidence: ConnectEvidence): void {
    session.acceptance = accepted
    session.evidence = evidence
    session.principal = accepted.principal
    // Remembered grants were made from the attributes of before.
    session.namespace.registryStamp++
    this.#followAcceptance(session)
    this.#judgeRights(session.entry, session.namespace)
  }

  delete(session: OnlineSession): void {
    deleteFrom(this.#byClient, clientKey(session.namespace.id, session.principal.uid), session)
    const ca = this.#caOf.get(session)
    if (ca !== undefined) deleteFrom(this.#byCa, ca, session)
    this.#caOf.delete(session)
    const entry = this.#expiryOf.get(session)
    if (entry !== undefined) this.#expiry.cancel(entry)
    this.#expiryOf.delete(session)
    this.#sessions.delete(session)
  }

  /** The acceptance says which CA it rests on and until when. */
  #followAcceptance(session: OnlineSession): void {
    const { caCertificateName, validUntil } = session.acceptance
    const before = this.#caOf.get(session)
    const key = caCertificateName === null ? undefined : caKey(session.namespace.id, caCertificateName)
    if (before !== key) {
      if (before !== undefined) deleteFrom(this.#byCa, before, session)
      this.#caOf.delete(session)
      if (key !== undefined) {
        addTo(this.#byCa, key, session)
        this.#caOf.set(session, key)
      }
    }
    if (validUntil === null) return
    const { turn } = this.#core
    const entry = this.#expiryOf.get(session) ?? new WheelEntry(session)
    this.#expiryOf.set(session, entry)
    const inMs = Math.min(validUntil * 1000 - turn.now, longestWaitMs)
    this.#expiry.schedule(entry, turn.monotonicMs + Math.max(0, inMs))
  }

  // ------------------------------------------------------------------------------------------- causes

  /** Called before the write is answered: what it revokes is refused from here on, whoever has had his turn (S46). */
  onChange(changes: readonly ResourceChange[]): void {
    const { namespaces } = this.#core
    for (const change of changes) {
      const namespace = namespaces.get(change.namespace)
      if (change.type === 'namespaces') {
        if (namespace !== null) this.#queue(namespace.sessions.online())
        continue
      }
      if (namespace === null) continue
      switch (change.type) {
        case 'clients':
          this.#onClient(namespace, change)
          break
        case 'caCertificates':
          if (change.change !== 'created') this.#queue(this.#byCa.get(caKey(namespace.id, change.name)) ?? [])
          break
        case 'clientGroups':
        case 'topicSpaces':
        case 'permissionBindings':
          for (const entry of namespace.heldRights.restingOn(change.type, change.name)) {
            this.#entries.set(entry, namespace)
          }
          this.#schedule()
          break
        default:
          // A list that may deny anybody: everybody is judged, a portion at a time.
          this.#queue(namespace.sessions.online())
      }
    }
  }

  /** A namespace is gone, with all that is in it (S50). */
  onNamespaceGone(namespace: Namespace): void {
    for (const session of [...namespace.sessions.online()]) {
      session.link.end({ ...authenticationLost, will: 'discard', endsSession: true })
    }
    namespace.decisions.clear()
    const { engine, log, sessionEnds } = this.#core
    sessionEnds
      .settled()
      .then(() => engine.purge(namespace.id))
      .catch((error: unknown) => log.write('error', 'purgeFailed', { error: String(error) }))
  }

  #onClient(namespace: Namespace, change: ResourceChange): void {
    const online = [...(this.#byClient.get(clientKey(namespace.id, change.uid)) ?? [])]
    if (change.change === 'deleted') {
      for (const session of online) session.link.end({ ...authenticationLost, will: 'discard' })
      this.#discards.push({ namespace, uid: change.uid, after: null })
    } else if (change.change === 'updated') {
      this.#queue(online)
      const foldedName = namespace.view.clientByUid(change.uid)?.foldedName
      if (foldedName === undefined) return
      const query = { namespace: namespace.id, foldedName, after: null, limit: sessionsPerClient }
      for (const { uid } of this.#core.engine.sessions.list(query)) {
        const entry = namespace.sessions.get(uid)
        if (entry !== undefined && entry.online === null) this.#entries.set(entry, namespace)
      }
    }
    this.#schedule()
  }

  /**
   * The sessions of a deleted client keep their name and lose everything else (S29). Its authentication name is gone with
   * it, so they are looked for among all, a portion at a time; nobody else could use them meanwhile.
   */
  #discardNext(discard: Discard): boolean {
    const { engine, log, turn } = this.#core
    const { namespace, uid } = discard
    const query = { namespace: namespace.id, after: discard.after, limit: perTurn }
    const page = engine.sessions.list(query)
    for (const record of page) {
      if (record.owner.authority !== 'registry' || record.owner.uid !== uid) continue
      engine.sessions
        .discard(record.uid, 'any', turn.now)
        .catch((error: unknown) => log.write('error', 'discardFailed', { error: String(error) }))
    }
    discard.after = page.at(-1)?.clientId ?? null
    return page.length === perTurn
  }

  // ------------------------------------------------------------------------------------------- judging

  #queue(sessions: Iterable<OnlineSession>): void {
    for (const session of sessions) this.#sessions.add(session)
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
    let left = perTurn
    for (const session of this.#sessions) {
      if (left-- === 0) break
      this.#sessions.delete(session)
      if (session.entry.online === session) this.#judge(session)
    }
    for (const [entry, namespace] of this.#entries) {
      if (left-- <= 0) break
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
      const { nameSource } = session.acceptance.explanation
      session.acceptance = { ...judged, explanation: { ...judged.explanation, nameSource } }
      this.#followAcceptance(session)
      this.#judgeRights(session.entry, namespace)
      return
    }
    core.decisions.refused(
      { namespace, ...session.peer },
      {
        action: 'session',
        code: judged.code,
        remedy: judged.remedy,
        steps: judged.explanation.steps,
        proven: true,
        explanation: judged.explanation,
        method: session.acceptance.method,
      },
    )
    session.link.end(authenticationLost)
  }

  /** Offline sessions too: one that holds what is no longer its right is dropped whole (S34). */
  #judgeRights(entry: SessionEntry, namespace: Namespace): void {
    const { engine, log, rights } = this.#core
    const { online } = entry
    const record = online === null ? engine.sessions.get(entry.uid) : undefined
    const principal = online?.principal ?? (record === undefined ? null : principalOf(namespace, record))
    if (principal === null) return
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
    engine.sessions
      .remove(entry.uid, { epoch: record.epoch })
      .catch((error: unknown) => log.write('error', 'removeFailed', { error: String(error) }))
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
