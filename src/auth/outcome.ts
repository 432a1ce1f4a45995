import type { UnixSeconds } from '../base/time.ts'
import type { NamespaceView } from '../registry/view.ts'
import { judgePath } from './certification-path.ts'
import { type AuthenticationContext, defaultSkew } from './context.ts'
import type { Accepted, AuthenticationType, DecisionCode, Refused } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import type { Trail } from './explanation.ts'
import type { Leaf } from './leaf.ts'
import type { Principal } from './principal.ts'
import { remedyFor } from './remedy.ts'

/** Everything one decision works with. */
export interface Case {
  readonly leaf: Leaf
  readonly evidence: ConnectEvidence
  readonly view: NamespaceView
  readonly context: AuthenticationContext
  readonly trail: Trail
}

export function accept(
  { trail }: Case,
  accepted: {
    readonly principal: Principal
    readonly method: AuthenticationType
    readonly validUntil: UnixSeconds | null
    readonly caCertificateName: string | null
    readonly restsOn?: readonly string[]
  },
): Accepted {
  return { outcome: 'accepted', restsOn: [], ...accepted, explanation: trail.explanation() }
}

/** @param provenPath null: not looked into yet */
export function refuse(decided: Case, code: DecisionCode, provenPath: boolean | null = null): Refused {
  return {
    outcome: 'refused',
    code,
    remedy: remedyFor(code),
    provenPath: provenPath ?? reachesRegisteredCa(decided),
    explanation: decided.trail.explanation(),
  }
}

/**
 * Whether the presented certificate leads to any registered CA. It changes no outcome, only who may read the code (S59)
 * and where the record is kept (S61).
 */
function reachesRegisteredCa({ leaf, evidence, view, context }: Case): boolean {
  if (leaf.kind !== 'certificate') return false
  const { certificate } = leaf
  const verdict = judgePath({
    leaf: certificate,
    sent: evidence.peerChain.slice(1),
    issuers: null,
    view,
    now: context.now,
    skew: context.skew ?? defaultSkew,
    verdicts: context.verdicts ?? null,
    mayDoPathWork: context.mayDoPathWork ?? always,
    didPathWork: context.didPathWork ?? nothing,
  })
  return verdict !== null && (verdict.kind === 'valid' || verdict.provenPath)
}

export function always(): boolean {
  return true
}

export function nothing(): void {}
