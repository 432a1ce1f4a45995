import type { PathVerdicts } from '../../auth/path-verdicts.ts'
import type { RightsCache } from '../../auth/rights.ts'
import type { AuthenticationMethods } from '../../ports/authentication-method.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Engine } from '../../ports/engine.ts'
import type { Events } from '../../ports/events.ts'
import type { Log } from '../../ports/log.ts'
import type { Random } from '../../ports/random.ts'
import type { Webhook } from '../../ports/webhook.ts'
import type { CertificatesSeen } from '../../registry/seen/certificates-seen.ts'
import type { PathWork } from '../bounds/path-work.ts'
import type { Commits } from '../publish/commits.ts'
import type { Publishing } from '../publish/publish.ts'
import type { PublishRun } from '../publish/publish-run.ts'
import type { Turn } from '../turn/turn.ts'
import type { DecisionRecorder } from './decision-recorder.ts'
import type { Namespaces } from './namespaces.ts'
import type { RefusalQueue } from './refusal-queue.ts'
import type { BrokerSettings } from './settings.ts'
import type { StoreHealth } from './store-health.ts'
import type { Unfinished } from './unfinished.ts'

/** What the files of this room share: built once in broker.ts. Nothing in it knows it; what does is in services.ts. */
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
  readonly unfinished: Unfinished
}
