import type { UnixSeconds } from '../base/time.ts'
import type { DecisionStep } from '../ports/events.ts'
import type { Principal } from './principal.ts'

/** Stable codes of refusals: extended, never renamed. Each has a page in docs/codes/. */
export const decisionCodes = [
  'noCertificate',
  'usernameRequired',
  'nameNotInCertificate',
  'nameAmbiguous',
  'clientNotFound',
  'clientDisabled',
  'certificateMalformed',
  'certificateNotYetValid',
  'certificateExpired',
  'certificateTooWeak',
  'issuerNotRegistered',
  'issuerExpired',
  'chainInvalid',
  'purposeNotAllowed',
  'nameMismatch',
  'thumbprintMismatch',
  'certificateRevoked',
  'revocationUnknown',
  'unknownNamespace',
  'ipForbidden',
  'authenticationMethodUnsupported',
  'tokenInvalid',
  'tokenInPassword',
  'webhookDenied',
  'webhookUnavailable',
  'issuerNotAllowed',
  'originNotAllowed',
  'identityConflict',
  'clientIdNotAllowed',
  'sessionNameTaken',
  'sessionLimitReached',
  'namespaceSessionLimitReached',
  'connectRateExceeded',
  'willNotAuthorized',
  'publishNotAuthorized',
  'subscribeNotAuthorized',
  'handshakeFailed',
] as const
export type DecisionCode = (typeof decisionCodes)[number]

/** How a principal was accepted, as Azure's logs name it. */
export type AuthenticationType =
  | 'CACertificate'
  | 'CertificateThumbprintMatch'
  | 'AccessToken'
  | 'Webhook'
  | 'PlainListener'

/** Who it was about, as a record of the decision names it; printable. */
export interface Identification {
  readonly authenticationName: string | null
  /** `UserName`, one of the alternative sources, `JWT`, `Webhook`, `Listener`; null when no name was found. */
  readonly nameSource: string | null
  /** SHA-256 of the leaf, 64 lower-case hexadecimal digits; null without a certificate. */
  readonly certificateFingerprint: string | null
}

/** Why, step by step, in the order in which the steps were taken. Plain data; presented text is already cut and escaped. */
export interface Explanation extends Identification {
  readonly steps: readonly DecisionStep[]
}

export interface Accepted {
  readonly outcome: 'accepted'
  readonly principal: Principal
  readonly method: AuthenticationType
  /**
   * The first second at which something that the acceptance rests on (leaf, path, anchor, token) is no longer valid: then
   * it is to be judged again, and another path may be found. Null: never.
   */
  readonly validUntil: UnixSeconds | null
  /** Resource name of the CA certificate that the path ends at; null without a path. */
  readonly caCertificateName: string | null
  /** Resource names of all CA certificates in the path: when one of them changes, it is to be judged again. */
  readonly restsOn: readonly string[]
  readonly explanation: Explanation
}

/** What is kept of an acceptance while its session is connected: all but the steps that led to it (bench: mtls-idle). */
export type Acceptance = Pick<Accepted, 'method' | 'validUntil' | 'caCertificateName' | 'restsOn'> & Identification

export interface Refused {
  readonly outcome: 'refused'
  readonly code: DecisionCode
  /** What to do about it: one sentence for the operator. */
  readonly remedy: string
  /** True when the certificate reached a registered CA or matched the selected thumbprint: only then may the peer learn the code (S59). */
  readonly provenPath: boolean
  readonly explanation: Explanation
}

export type Authentication = Accepted | Refused
