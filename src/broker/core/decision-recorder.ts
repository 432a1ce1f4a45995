import type { Denied } from '../../auth/authorize.ts'
import type { Acceptance, Accepted, DecisionCode, Identification, Refused } from '../../auth/decision.ts'
import { printable } from '../../auth/printable.ts'
import { recordedClientId, recordedUsername } from '../../auth/secrets.ts'
import type { DecisionFacts, DecisionStep, Events } from '../../ports/events.ts'
import type { Random } from '../../ports/random.ts'
import type { HandshakeFailure } from '../../ports/transport.ts'
import { type DecisionEntry, DecisionLog, type DecisionRing } from '../bounds/decision-log.ts'
import { DecisionTally } from '../bounds/tally.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { PeerFacts } from '../namespace/peer-facts.ts'
import type { Turn } from '../turn/turn.ts'

/** The peer that a decision is about. */
export interface DecidedPeer extends PeerFacts {
  readonly namespace: Namespace | null
}

/** A session of which something was decided. */
interface JudgedSession {
  readonly namespace: Namespace
  readonly peer: PeerFacts
  /** Of CONNECT, or of the last judgement. */
  readonly acceptance: Acceptance
}

export interface RefusalFacts {
  readonly action: DecisionFacts['action']
  readonly code: DecisionCode
  readonly remedy: string
  readonly steps: readonly DecisionStep[]
  /** The certificate reached a registered CA, matched its thumbprint, or the client is connected already (S61). */
  readonly proven: boolean
  readonly explanation: Identification | null
  readonly method: string | null
}

/** Peers without a namespace: unknown server names and failed handshakes. */
const strayDecisions = 1_000

/** Writes decisions into the bounded log of their namespace and tells the listeners of events. */
export class DecisionRecorder {
  readonly #events: Events
  readonly #random: Random
  readonly #turn: Turn
  readonly #stray = new DecisionLog(strayDecisions)
  /** Of those that belong to no namespace. */
  readonly strayDecided = new DecisionTally()

  constructor(events: Events, random: Random, turn: Turn) {
    this.#events = events
    this.#random = random
    this.#turn = turn
  }

  /** Decisions that belong to no namespace, newest first. */
  stray(limit: number): readonly DecisionEntry[] {
    return this.#stray.recent(limit)
  }

  accepted(peer: DecidedPeer, accepted: Accepted): void {
    this.#add('accepted', peer, {
      action: 'connect',
      outcome: 'accepted',
      code: null,
      remedy: null,
      method: accepted.method,
      steps: accepted.explanation.steps,
      explanation: accepted.explanation,
    })
  }

  refused(peer: DecidedPeer, refusal: RefusalFacts): void {
    this.#add(refusal.proven ? 'refused' : 'refusedUnproven', peer, {
      action: refusal.action,
      outcome: 'refused',
      code: refusal.code,
      remedy: refusal.remedy,
      method: refusal.method,
      steps: refusal.steps,
      explanation: refusal.explanation,
    })
  }

  /** A connected client that asked for a topic that is not its right. */
  topicDenied({ namespace, peer, acceptance }: JudgedSession, action: 'publish' | 'subscribe', denied: Denied): void {
    const { code, remedy, steps } = denied
    const { method } = acceptance
    const refusal = { action, code, remedy, steps, proven: true, explanation: acceptance, method }
    this.refused({ namespace, ...peer }, refusal)
  }

  /** A session that is judged again and lost. */
  sessionRefused({ namespace, peer, acceptance }: JudgedSession, { code, remedy, explanation }: Refused): void {
    const { method } = acceptance
    const { steps } = explanation
    this.refused({ namespace, ...peer }, { action: 'session', code, remedy, steps, proven: true, explanation, method })
  }

  handshakeFailed(failure: HandshakeFailure, namespace: Namespace | null, remedy: string): void {
    this.#events.emit({ kind: 'handshakeFailed', at: this.#turn.now, failure })
    this.refused(
      {
        namespace,
        listener: failure.listener,
        remoteAddress: failure.remoteAddress,
        serverName: failure.serverName,
        protocol: null,
        clientId: null,
        username: null,
      },
      {
        action: 'handshake',
        code: 'handshakeFailed',
        remedy,
        steps: [
          {
            step: 'handshake',
            outcome: 'failed',
            expected: null,
            presented: printable(failure.reason),
            detail: null,
          },
        ],
        proven: false,
        explanation: null,
        method: null,
      },
    )
  }

  #add(
    ring: DecisionRing,
    peer: DecidedPeer,
    decision: Pick<DecisionFacts, 'action' | 'outcome' | 'code' | 'remedy' | 'method' | 'steps'> & {
      readonly explanation: Identification | null
    },
  ): void {
    const { namespace } = peer
    const { explanation, ...decided } = decision
    const { username } = peer
    // Who was accepted by the Username is registered by it (bench: mtls-connect).
    const isRegistered =
      (decided.outcome === 'accepted' && explanation?.nameSource === 'UserName') ||
      (username !== null && namespace?.view.clientByAuthenticationName(username) !== undefined)
    const record: DecisionFacts = {
      id: this.#random.uid(),
      at: this.#turn.now,
      ...decided,
      namespaceName: namespace?.view.name ?? null,
      listener: peer.listener,
      remoteAddress: printable(peer.remoteAddress),
      serverName: peer.serverName === null ? null : printable(peer.serverName),
      protocol: peer.protocol,
      clientId: recordedClientId(peer.clientId),
      username: recordedUsername(username, isRegistered),
      authenticationName: explanation?.authenticationName ?? null,
      nameSource: explanation?.nameSource ?? null,
      certificateFingerprint: explanation?.certificateFingerprint ?? null,
    }
    const log = namespace?.decisions ?? this.#stray
    log.add(ring, record)
    const tally = namespace?.decided ?? this.strayDecided
    tally.add(record)
    this.#events.emit({ kind: 'decision', namespace: namespace?.id ?? null, record })
  }
}
