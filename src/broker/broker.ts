import { PathVerdicts } from '../auth/path-verdicts.ts'
import { remedyFor } from '../auth/remedy.ts'
import { RightsCache } from '../auth/rights.ts'
import type { AuthenticationMethods } from '../ports/authentication-method.ts'
import type { Clock } from '../ports/clock.ts'
import type { Engine } from '../ports/engine.ts'
import type { Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'
import type { Stop } from '../ports/stop.ts'
import type { HandshakeFailure, Transport } from '../ports/transport.ts'
import type { Webhook } from '../ports/webhook.ts'
import type { ResourceChange } from '../registry/registry.ts'
import type { CertificatesSeen } from '../registry/seen/certificates-seen.ts'
import type { RegistryView } from '../registry/view.ts'
import { PathWork } from './bounds/path-work.ts'
import { Unconnected } from './bounds/unconnected.ts'
import { Connection, type ConnectionServices } from './connection.ts'
import type { Core } from './core/core.ts'
import { DecisionRecorder } from './core/decision-recorder.ts'
import { Namespaces } from './core/namespaces.ts'
import { RefusalQueue } from './core/refusal-queue.ts'
import type { BrokerSettings } from './core/settings.ts'
import { StoreHealth } from './core/store-health.ts'
import { Unfinished } from './core/unfinished.ts'
import { Openings } from './lifetime/openings.ts'
import { Reaper } from './lifetime/reaper.ts'
import { SessionEnds } from './lifetime/session-end.ts'
import { Wills } from './lifetime/will.ts'
import { sessionOverflow, shuttingDown, takenOver } from './namespace/close-cause.ts'
import { BrokerOperations, type Operations } from './operations.ts'
import { Commits } from './publish/commits.ts'
import { Publishing } from './publish/publish.ts'
import { PublishRun } from './publish/publish-run.ts'
import { followStore } from './store-followers.ts'
import { Rejudge } from './trust/rejudge.ts'
import { TimerWheel } from './turn/timers.ts'
import { Turn } from './turn/turn.ts'

export interface BrokerParts {
  readonly settings: BrokerSettings
  readonly engine: Engine
  readonly registry: {
    readonly view: RegistryView
    /** Called after a write is visible in `view` and before it is answered. */
    onChange(callback: (changes: readonly ResourceChange[]) => void): Stop
  }
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly events: Events
  /** Methods of enhanced authentication by name; none unless told otherwise. */
  readonly authenticationMethods?: AuthenticationMethods
  /** Null: nobody asks one. */
  readonly webhook?: Webhook | null
  /** Remembers which certificates clients use; null: nobody does. */
  readonly certificatesSeen?: Pick<CertificatesSeen, 'saw'> | null
}

export interface Broker {
  /**
   * Whether a handshake with this host may go on. The work of one namespace is bounded where it begins, so that a flood
   * towards one host leaves the others their share (S56).
   */
  admitsHandshake(serverName: string | null): boolean
  /** Takes over a peer whose transport stands. */
  accept(transport: Transport): void
  /** A peer that never got as far: recorded among the decisions. */
  handshakeFailed(failure: HandshakeFailure): void
  /** Says goodbye to everybody, waits until the store knows, at most `deadlineMs`; then cuts. Accepts nobody any more. */
  drain(deadlineMs: number): Promise<void>
  readonly operations: Operations
}

/** Keep Alive and the CONNECT deadline are kept to the second. */
const deadlineGrain = { grainMs: 1_000, slots: 2_048 }

export function createBroker(parts: BrokerParts): Broker {
  let onEmpty = (): void => {}
  const core = build(parts, () => onEmpty())
  const stops: Stop[] = [
    followStore(core),
    parts.registry.onChange((changes) => {
      core.turn.begin()
      const changed = changes.map(({ namespace }) => namespace)
      for (const namespace of core.namespaces.registryChanged(changed)) core.rejudge.onNamespaceGone(namespace)
      core.rejudge.onChange(changes)
    }),
  ]
  core.reaper.start()
  core.rejudge.start()
  let isDraining = false

  return {
    admitsHandshake(serverName) {
      const namespace = core.namespaces.forServerName(serverName)
      if (namespace === null || namespace.rates.admitsHandshake(core.clock.monotonicMs())) return true
      namespace.limitHits.hit(namespace.view.name, 'handshakesPerSecond', namespace.limits.handshakesPerSecond)
      return false
    },
    accept(transport) {
      if (isDraining) {
        transport.destroy()
        return
      }
      const namespace = core.namespaces.forServerName(transport.serverName)
      if (namespace !== null && namespace.connections >= namespace.limits.maximumConnections) {
        namespace.limitHits.hit(namespace.view.name, 'maximumConnections', namespace.limits.maximumConnections)
        transport.destroy()
        return
      }
      new Connection(core, transport, namespace).start()
    },
    handshakeFailed(failure) {
      core.turn.begin()
      const namespace = core.namespaces.forServerName(failure.serverName)
      core.decisions.handshakeFailed(failure, namespace, remedyFor('handshakeFailed'))
    },
    async drain(deadlineMs) {
      isDraining = true
      core.turn.begin()
      core.refusals.stop()
      for (const connection of [...core.connections]) connection.end(shuttingDown)
      let cancel = (): void => {}
      const deadline = new Promise<void>((resolve) => {
        cancel = core.clock.setTimer(deadlineMs, resolve)
      })
      const closed = new Promise<void>((resolve) => {
        onEmpty = resolve
        if (core.connections.size === 0) resolve()
      })
      const ended = Promise.all([closed, core.sessionEnds.settled()]).then(() => core.reaper.settled())
      await Promise.race([ended, deadline])
      cancel()
      for (const connection of [...core.connections]) connection.transport.destroy()
      core.reaper.stop()
      core.commits.stop()
      core.rejudge.stop()
      core.deadlines.stop()
      for (const stop of stops) stop()
    },
    operations: new BrokerOperations(core, core.connections),
  }
}

function build(
  { settings, engine, registry, clock, random, log, events, ...asked }: BrokerParts,
  onEmpty: () => void,
): ConnectionServices {
  const turn = new Turn(clock)
  const namespaces = new Namespaces(registry.view, settings, clock, log, engine.queue)
  const commits = new Commits(engine.hot, turn, clock, random.uid(), {
    onOverflow: (uid, dropped, ended) => {
      for (const namespace of namespaces.all()) {
        const entry = namespace.sessions.get(uid)
        if (entry === undefined) continue
        namespace.counters.droppedOverflow += dropped
        namespace.limitBites('maximumQueuedMessages')
        if (ended) entry.online?.link.end({ ...sessionOverflow, isFenced: true })
      }
    },
    onFenced: ({ session, epoch }) => {
      for (const namespace of namespaces.all()) {
        const online = namespace.sessions.get(session)?.online
        if (online?.fence.epoch === epoch) online.link.end(takenOver)
      }
    },
    onUnavailable: (error) => log.write('error', 'commitFailed', { error: String(error) }),
    onLearned: (committed) => log.write('warn', 'commitAnsweredLate', { committed }),
  })
  const core: Core = {
    settings,
    engine,
    clock,
    turn,
    random,
    log,
    events,
    authenticationMethods: asked.authenticationMethods ?? new Map(),
    webhook: asked.webhook ?? null,
    certificatesSeen: asked.certificatesSeen ?? null,
    verdicts: new PathVerdicts(),
    pathWork: new PathWork(clock, settings.pathWork),
    rights: new RightsCache(),
    namespaces,
    commits,
    storeHealth: new StoreHealth(engine, turn, log),
    publishing: new Publishing(turn, commits, events),
    run: new PublishRun(turn, commits, events),
    decisions: new DecisionRecorder(events, random, turn),
    refusals: new RefusalQueue(clock, turn),
    unfinished: new Unfinished(log),
  }
  const sessionEnds: SessionEnds = new SessionEnds(core, {
    forget: (session) => rejudge.delete(session),
    look: () => reaper.look(),
  })
  const openings = new Openings(core, sessionEnds)
  const wills = new Wills(core)
  const reaper = new Reaper(core, openings, wills)
  const rejudge = new Rejudge(core, sessionEnds)
  const connections = new Set<Connection>()
  return {
    ...core,
    openings,
    sessionEnds,
    wills,
    reaper,
    rejudge,
    deadlines: new TimerWheel<Connection>(
      clock,
      (connection) => {
        turn.begin()
        connection.guard(() => connection.onDeadline())
      },
      deadlineGrain,
    ),
    connections,
    unconnected: new Unconnected(),
    connectionGone: (connection) => {
      if (connections.delete(connection) && connection.namespace !== null) connection.namespace.connections--
      if (connections.size === 0) onEmpty()
    },
  }
}
