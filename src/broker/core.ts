import type { PathVerdicts } from '../auth/path-verdicts.ts'
import type { RightsCache } from '../auth/rights.ts'
import type { AuthenticationMethods } from '../ports/authentication-method.ts'
import type { Clock } from '../ports/clock.ts'
import type { Engine, NodeId } from '../ports/engine.ts'
import type { Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'
import type { Webhook } from '../ports/webhook.ts'
import type { CertificatesSeen } from '../registry/seen/certificates-seen.ts'
import type { Commits } from './commits.ts'
import type { Connection } from './connection.ts'
import type { DecisionRecorder } from './decision-recorder.ts'
import type { Namespaces } from './namespaces.ts'
import type { Openings } from './openings.ts'
import { defaultPathWork, type PathWork, type PathWorkRates } from './path-work.ts'
import type { Publishing } from './publish.ts'
import type { PublishRun } from './publish-run.ts'
import type { Reaper } from './reaper.ts'
import type { RefusalQueue } from './refusal-queue.ts'
import type { Rejudge } from './rejudge.ts'
import type { SessionEnds } from './session-end.ts'
import type { StoreHealth } from './store-health.ts'
import type { TimerWheel } from './timers.ts'
import type { Turn } from './turn.ts'
import type { Unconnected } from './unconnected.ts'
import type { Unfinished } from './unfinished.ts'
import type { Wills } from './will.ts'

/** Our slice of the configuration. */
export interface BrokerSettings {
  readonly nodeId: NodeId
  /** A namespace's host is `<namespace>.<domain>`; null: only names of the default namespace. */
  readonly domain: string | null
  /** For a missing or unknown server name; null: the only namespace there is (S48). */
  readonly defaultNamespace: string | null
  /** Resource name of the client that every peer of the plain listener is (S53). */
  readonly plainIdentity: string | null
  /** CONNACK of a refusal leaves no earlier after CONNECT (S57); null: as the namespace says. */
  readonly refusalDelayMs: number | null
  /** Reason Strings may name the code of a decision (S59); null: as the namespace says. */
  readonly reasonStrings: boolean | null
  /** From the transport's start to CONNECT. */
  readonly connectTimeoutMs: number
  /** For what CONNECT or a re-authentication has to wait for: a method of authentication with all its steps, a webhook. */
  readonly gatherTimeoutMs: number
  readonly pathWork: PathWorkRates
}

export const defaultSettings: Omit<BrokerSettings, 'nodeId'> = {
  domain: null,
  defaultNamespace: null,
  plainIdentity: null,
  refusalDelayMs: null,
  reasonStrings: null,
  connectTimeoutMs: 10_000,
  gatherTimeoutMs: 10_000,
  pathWork: defaultPathWork,
}

/** What the files of this room share: built once in broker.ts, handed to every connection. */
export interface Core {
  readonly settings: BrokerSettings
  readonly engine: Engine
  readonly clock: Clock
  readonly turn: Turn
  readonly random: Random
  readonly log: Log
  readonly events: Events
  readonly authenticationMethods: AuthenticationMethods
  readonly webhook: Webhook | null
  /** Told which certificate each registered client was accepted with; null: nobody remembers. */
  readonly certificatesSeen: Pick<CertificatesSeen, 'saw'> | null
  readonly verdicts: PathVerdicts
  readonly pathWork: PathWork
  readonly rights: RightsCache
  readonly namespaces: Namespaces
  readonly commits: Commits
  readonly storeHealth: StoreHealth
  readonly publishing: Publishing
  readonly run: PublishRun
  readonly decisions: DecisionRecorder
  readonly refusals: RefusalQueue
  readonly openings: Openings
  readonly sessionEnds: SessionEnds
  readonly unfinished: Unfinished
  readonly wills: Wills
  readonly reaper: Reaper
  readonly rejudge: Rejudge
  /** CONNECT deadline and Keep Alive. */
  readonly deadlines: TimerWheel<Connection>
  readonly connections: Set<Connection>
  readonly unconnected: Unconnected
  connectionGone(connection: Connection): void
}
