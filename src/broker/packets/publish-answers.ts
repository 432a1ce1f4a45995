import type { Denied } from '../../auth/authorize.ts'
import type { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { Core } from '../core/core.ts'
import { type CloseCause, clientError, storeUnavailable } from '../namespace/close-cause.ts'
import type { LimitFault } from '../namespace/message-limits.ts'
import type { OnlineSession } from '../namespace/session.ts'

/** What the handlers of PUBLISH and PUBREL ask of their connection. */
export interface PublishLink {
  end(cause: CloseCause): void
  sendAcknowledgement(type: 'PUBACK' | 'PUBREC' | 'PUBCOMP', identifier: number, reasonCode: ReasonCode): void
  /** A huge fan-out uses up its publisher's turn. @param amount in packets */
  countWork(amount: number): void
  onThrottled(waitMs: number): void
  /** Something waits for a commit: reading may have to pause; and it is done. */
  onBacklog(): void
  onBacklogGone(): void
}

/** What the publisher is told besides that all is well, in the order of what it sent [MQTT-4.6.0-2]. */
export class PublishAnswers {
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #link: PublishLink
  /** Of the publisher: what waits for a commit. */
  readonly #waiting: { uncommitted: number }
  #isEnded = false

  constructor(core: Core, session: OnlineSession, link: PublishLink, waiting: { uncommitted: number }) {
    this.#core = core
    this.#session = session
    this.#link = link
    this.#waiting = waiting
  }

  /** The connection is over: nobody is there to be told. */
  end(): void {
    this.#isEnded = true
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Behind the acknowledgements that wait for a commit. */
  inOrder(type: 'PUBACK' | 'PUBREC' | 'PUBCOMP', identifier: number, reasonCode: ReasonCode): void {
    if (this.#waiting.uncommitted === 0) {
      this.#link.sendAcknowledgement(type, identifier, reasonCode)
      return
    }
    this.#core.commits.wait({
      settled: () => {
        if (!this.#isEnded) this.#link.sendAcknowledgement(type, identifier, reasonCode)
      },
    })
  }

  /** When this turn's commit is durable. */
  afterCommit(type: 'PUBREC' | 'PUBCOMP', identifier: number, reasonCode: ReasonCode): void {
    this.#waiting.uncommitted++
    this.#core.commits.wait({
      settled: (committed) => {
        this.#waiting.uncommitted--
        if (this.#isEnded) return
        if (committed) this.#link.sendAcknowledgement(type, identifier, reasonCode)
        else this.#link.end(storeUnavailable)
        this.#link.onBacklogGone()
      },
    })
    this.#link.onBacklog()
  }

  /** Version 5 is told in the acknowledgement and stays; without one, and in 3.1.1, the connection ends. */
  refuse(
    view: PublishView,
    reasonCode: ReasonCode,
    detail: string,
    reason: CloseCause['reason'] = 'ClientError',
  ): void {
    if (view.qos === 0 || this.#session.version === 4) {
      this.#link.end({ reason, reasonCode, will: 'publish', detail })
      return
    }
    this.inOrder(view.qos === 1 ? 'PUBACK' : 'PUBREC', view.packetIdentifier, reasonCode)
  }

  refuseTopic(view: PublishView, fault: Denied | LimitFault): void {
    if ('limit' in fault) this.refuseOverLimit(view, fault)
    else this.deny(view, fault)
  }

  refuseOverLimit(view: PublishView, { limit, reasonCode, detail }: LimitFault): void {
    this.#session.namespace.limitBites(limit)
    // [MQTT-3.4.2-1]: PUBACK and PUBREC have no word for it; CONNACK had said it.
    if (reasonCode === ReasonCode.RetainNotSupported) this.#link.end(clientError(reasonCode, detail))
    else this.refuse(view, reasonCode, detail)
  }

  deny(view: PublishView, denied: Denied): void {
    this.recordDenied(denied)
    this.refuse(view, ReasonCode.NotAuthorized, denied.code, 'ClientAuthorizationError')
  }

  recordDenied(denied: Denied): void {
    this.#session.namespace.counters.deniedPublishes++
    this.#core.decisions.topicDenied(this.#session, 'publish', denied)
  }
}
