import type { WebhookQuestion } from '../ports/webhook.ts'
import type { NamespaceView } from '../registry/view.ts'
import type { AuthenticationContext } from './context.ts'
import type { Authentication } from './decision.ts'
import {
  type DynamicOutcome,
  hasOtherAuthorities,
  judgeDynamicPrincipal,
  principalOfToken,
  principalOfWebhook,
  type TokenMethod,
} from './dynamic-principal.ts'
import type { ConnectEvidence } from './evidence.ts'
import { Trail } from './explanation.ts'
import { chooseRoute } from './identify.ts'
import { readLeaf, traceLeaf } from './leaf.ts'
import { type Case, refuse } from './outcome.ts'
import type { Principal } from './principal.ts'
import { judgeRegistryClient } from './registry-client.ts'
import type { ConnectSecrets } from './secrets.ts'

/**
 * START HERE: who is connecting, and why they may.
 *
 *   plan          what must be waited for before there can be a decision
 *   authenticate  = identify (identify.ts: choose the principal) then judge it (registry-client.ts, dynamic-principal.ts)
 *   verify        judge the chosen principal again: in the turn that sends CONNACK, and whenever a fact changes
 *
 * All three are pure, synchronous and total: the same evidence, registry and time give the same answer, whatever the
 * bytes. What is not configured, not answered or not understood is refused.
 */

/** What CONNECT has to wait for before `authenticate` can decide. */
export type Plan =
  | { readonly kind: 'ready' }
  /** The method of that name talks with the peer; what comes out of it is `evidence.token`. */
  | { readonly kind: 'exchange'; readonly method: TokenMethod }
  | { readonly kind: 'askWebhook'; readonly question: WebhookQuestion }

const ready: Plan = { kind: 'ready' }

/** `secrets` go into the question that is asked and nowhere else. A refusal that is already certain waits for nothing. */
export function plan(evidence: ConnectEvidence, view: NamespaceView, secrets: ConnectSecrets): Plan {
  if (!hasOtherAuthorities(view)) return ready
  const route = chooseRoute(evidence, view, readLeaf(evidence, null), new Trail())
  switch (route.kind) {
    case 'token':
      return evidence.token !== null ? ready : { kind: 'exchange', method: route.method }
    case 'webhook':
      return evidence.webhook !== null ? ready : { kind: 'askWebhook', question: questionFor(evidence, secrets) }
    case 'registryClient':
    case 'refused':
      return ready
  }
}

function questionFor(evidence: ConnectEvidence, secrets: ConnectSecrets): WebhookQuestion {
  const { clientId, username, authenticationMethod, peerChain } = evidence
  return { clientId, username, ...secrets, authenticationMethod, peerChain }
}

/**
 * Decides who is connecting: method and names choose the principal, then that principal alone is judged.
 *
 * @param evidence what the peer showed, with the answers that `plan` asked for
 * @param view the namespace that the peer's server name selected
 * @param context the time, and what may be remembered and spent
 * @returns the principal and why it was accepted, or the refusal that helps most; never throws, whatever the bytes
 */
export function authenticate(
  evidence: ConnectEvidence,
  view: NamespaceView,
  context: AuthenticationContext,
): Authentication {
  const decided = beginCase(evidence, view, context)
  const route = chooseRoute(evidence, view, decided.leaf, decided.trail)
  switch (route.kind) {
    case 'registryClient':
      return judgeRegistryClient(route.client, decided)
    case 'token':
      return judgeAnswer(principalOfToken(route.method, evidence.token), 'JWT', decided)
    case 'webhook':
      return judgeAnswer(principalOfWebhook(evidence.webhook), 'Webhook', decided)
    case 'refused':
      return refuse(decided, route.code)
  }
}

/**
 * Judges a chosen principal again with the evidence that CONNECT saw. The name is never chosen anew: a live session is
 * judged as the client it is.
 */
export function verify(
  principal: Principal,
  evidence: ConnectEvidence,
  view: NamespaceView,
  context: AuthenticationContext,
): Authentication {
  const decided = beginCase(evidence, view, context)
  if (principal.kind === 'registryClient' && decided.leaf.kind !== 'none') traceLeaf(decided.leaf, decided.trail)
  decided.trail.named(principal.authenticationName, null)
  if (principal.kind !== 'registryClient') return judgeDynamicPrincipal(principal, decided)
  const client = view.clientByUid(principal.uid)
  if (client === undefined) {
    decided.trail.failed('client', { expected: principal.authenticationName, detail: 'no longer registered' })
    return refuse(decided, 'clientNotFound')
  }
  return judgeRegistryClient(client, decided)
}

function beginCase(evidence: ConnectEvidence, view: NamespaceView, context: AuthenticationContext): Case {
  return { leaf: readLeaf(evidence, context.verdicts ?? null), evidence, view, context, trail: new Trail() }
}

/** A verified token or an answered webhook, or why there is none. */
function judgeAnswer(outcome: DynamicOutcome, source: 'JWT' | 'Webhook', decided: Case): Authentication {
  const step = source === 'JWT' ? 'token' : 'webhook'
  if (outcome.kind === 'refused') {
    decided.trail.failed(step, { detail: outcome.detail })
    return refuse(decided, outcome.code)
  }
  decided.trail.passed(step, { presented: outcome.principal.authenticationName })
  decided.trail.named(outcome.principal.authenticationName, source)
  return judgeDynamicPrincipal(outcome.principal, decided)
}
