import { fold } from '../base/fold.ts'
import type { UnixSeconds } from '../base/time.ts'
import type { TokenFailure, VerifiedToken } from '../ports/token-verifier.ts'
import type { WebhookAnswer, WebhookFailure } from '../ports/webhook.ts'
import type { Attributes, AttributeValue } from '../registry/attributes.ts'
import type { NamespaceView } from '../registry/view.ts'
import { isMatchable } from '../x509/text.ts'
import type { Authentication, DecisionCode } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import { accept, type Case, refuse } from './outcome.ts'
import type { Principal } from './principal.ts'

/**
 * Principals that exist only through a verified token or a webhook's answer. Whatever was not waited for, failed or does
 * not fit the method refuses: nothing here can fall through to an acceptance.
 */

export type DynamicPrincipal = Exclude<Principal, { kind: 'registryClient' }>

export type DynamicOutcome =
  | { readonly kind: 'principal'; readonly principal: DynamicPrincipal }
  | { readonly kind: 'refused'; readonly code: DecisionCode; readonly detail: string | null }

/** Methods whose tokens the namespace is configured to judge. */
export function acceptsTokens(view: NamespaceView, method: TokenMethod): boolean {
  switch (method) {
    case 'CUSTOM-JWT':
      return view.hasCustomJwtAuthentication
    case 'OAUTH2-JWT':
      // No namespace can name an OpenID Connect issuer for role holders yet.
      return false
  }
}

/** False: certificates alone name the clients of the namespace, and no CONNECT waits for anybody. */
export function hasOtherAuthorities(view: NamespaceView): boolean {
  return view.hasWebhookAuthentication || tokenMethods.some((method) => acceptsTokens(view, method))
}

export const tokenMethods = ['CUSTOM-JWT', 'OAUTH2-JWT'] as const
export type TokenMethod = (typeof tokenMethods)[number]

export function isTokenMethod(method: string | null): method is TokenMethod {
  return tokenMethods.some((known) => known === method)
}

/** An authentication name as a registered client could have it (S2). */
function isAuthenticationName(name: string): boolean {
  return name.length > 0 && name.length <= 256 && [...name].length <= 128 && isMatchable(name)
}

export function principalOfToken(method: TokenMethod, token: ConnectEvidence['token']): DynamicOutcome {
  if (token === null) return refused('tokenInvalid', 'no token was sent, or it was not verified')
  if (!token.ok) return refused('tokenInvalid', describeFailure(token.error))
  const { authority, subject, attributes, roles, expiresAt } = token.value
  // A token that one method vouches for says nothing under the other.
  if (authority !== authorityOf(method)) return refused('tokenInvalid', `a token of another method than ${method}`)
  if (!isAuthenticationName(subject)) return refused('tokenInvalid', 'the subject is no possible authentication name')
  const identity = { uid: subject, authenticationName: subject, foldedName: fold(subject), validUntil: expiresAt }
  return authority === 'entra'
    ? { kind: 'principal', principal: { kind: 'entraPrincipal', ...identity, roles } }
    : { kind: 'principal', principal: { kind: 'dynamicClient', authority, ...identity, attributes: own(attributes) } }
}

function authorityOf(method: TokenMethod): VerifiedToken['authority'] {
  return method === 'CUSTOM-JWT' ? 'token' : 'entra'
}

export function principalOfWebhook(webhook: ConnectEvidence['webhook']): DynamicOutcome {
  if (webhook === null) return refused('webhookUnavailable', 'the webhook was not asked')
  if (!webhook.ok) return refused('webhookUnavailable', describeFailure(webhook.error))
  const answer: WebhookAnswer = webhook.value
  if (answer.decision !== 'allow') return refused('webhookDenied', answer.errorReason)
  const name = answer.clientAuthenticationName
  if (!isAuthenticationName(name))
    return refused('webhookUnavailable', 'the answer holds no possible authentication name')
  return {
    kind: 'principal',
    principal: {
      kind: 'dynamicClient',
      authority: 'webhook',
      uid: name,
      authenticationName: name,
      foldedName: fold(name),
      attributes: own(answer.attributes),
      validUntil: answer.expiresAt,
    },
  }
}

/** Judges a principal of a token or webhook, at CONNECT and later. */
export function judgeDynamicPrincipal(principal: DynamicPrincipal, decided: Case): Authentication {
  const byWebhook = isOfWebhook(principal)
  const objection = objectionTo(principal, decided.view, decided.context.now)
  if (objection !== null) {
    decided.trail.failed(objection.step, { presented: principal.authenticationName, detail: objection.detail })
    return refuse(decided, objection.code)
  }
  return accept(decided, {
    principal,
    method: byWebhook ? 'Webhook' : 'AccessToken',
    validUntil: principal.validUntil,
    caCertificateName: null,
  })
}

interface Objection {
  readonly step: string
  readonly code: DecisionCode
  readonly detail: string
}

/** Why the principal may not be connected now; null when it may. */
function objectionTo(principal: DynamicPrincipal, view: NamespaceView, now: UnixSeconds): Objection | null {
  const byWebhook = isOfWebhook(principal)
  if (byWebhook ? !view.hasWebhookAuthentication : !acceptsTokens(view, methodOf(principal))) {
    const detail = 'the namespace is no longer configured for it'
    return { step: 'authenticationMethod', code: 'authenticationMethodUnsupported', detail }
  }
  if (principal.validUntil !== null && now >= principal.validUntil) {
    return byWebhook
      ? { step: 'validity', code: 'webhookDenied', detail: 'the expiration of the answer has passed' }
      : { step: 'validity', code: 'tokenInvalid', detail: 'the token has expired' }
  }
  // Whoever vouches for it, a registered client's name stays that client's: else an issuer could be any device (S36).
  if (view.clientByAuthenticationName(principal.authenticationName) !== undefined) {
    return { step: 'identity', code: 'identityConflict', detail: 'a registered client has this name' }
  }
  return null
}

function isOfWebhook(principal: DynamicPrincipal): boolean {
  return principal.kind === 'dynamicClient' && principal.authority === 'webhook'
}

function methodOf(principal: DynamicPrincipal): TokenMethod {
  return principal.kind === 'entraPrincipal' ? 'OAUTH2-JWT' : 'CUSTOM-JWT'
}

function describeFailure(failure: TokenFailure | WebhookFailure): string {
  return failure.kind === 'keysUnavailable' ? `keys unavailable: ${failure.detail}` : failure.detail
}

function refused(code: DecisionCode, detail: string | null): DynamicOutcome {
  return { kind: 'refused', code, detail }
}

/** A copy that answers for own keys only (S47). */
function own(attributes: Readonly<Record<string, AttributeValue>>): Attributes {
  return Object.assign(Object.create(null), attributes)
}
