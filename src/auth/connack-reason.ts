import { ReasonCode, ReturnCode } from '../mqtt/reason-code.ts'
import type { DecisionCode } from './decision.ts'

/**
 * What a refused peer gets to see. Every refusal that depends on what is registered looks the same (S57): 0x87 to MQTT
 * 5.0, 0x05 to MQTT 3.1.1. Another code appears only where the cause is the peer's own packet, the load, or a right of
 * a client that has already proved who it is.
 */

interface Answer {
  readonly reasonCode: ReasonCode
  readonly returnCode: ReturnCode
}

const notAuthorized: Answer = { reasonCode: ReasonCode.NotAuthorized, returnCode: ReturnCode.NotAuthorized }
const quotaExceeded: Answer = { reasonCode: ReasonCode.QuotaExceeded, returnCode: ReturnCode.ServerUnavailable }

const answers: Readonly<Record<DecisionCode, Answer>> = {
  noCertificate: notAuthorized,
  usernameRequired: notAuthorized,
  nameNotInCertificate: notAuthorized,
  nameAmbiguous: notAuthorized,
  clientNotFound: notAuthorized,
  clientDisabled: notAuthorized,
  certificateMalformed: notAuthorized,
  certificateNotYetValid: notAuthorized,
  certificateExpired: notAuthorized,
  certificateTooWeak: notAuthorized,
  issuerNotRegistered: notAuthorized,
  issuerExpired: notAuthorized,
  chainInvalid: notAuthorized,
  purposeNotAllowed: notAuthorized,
  nameMismatch: notAuthorized,
  thumbprintMismatch: notAuthorized,
  certificateRevoked: notAuthorized,
  revocationUnknown: notAuthorized,
  unknownNamespace: notAuthorized,
  ipForbidden: notAuthorized,
  // [MQTT-4.12.0-1]; MQTT 3.1.1 has no authentication method to get wrong.
  authenticationMethodUnsupported: {
    reasonCode: ReasonCode.BadAuthenticationMethod,
    returnCode: ReturnCode.NotAuthorized,
  },
  tokenInvalid: notAuthorized,
  tokenInPassword: notAuthorized,
  webhookDenied: notAuthorized,
  // Azure: mqtt-client-webhook-authentication: a webhook that fails is the server's trouble, not the client's.
  webhookUnavailable: { reasonCode: ReasonCode.ServerUnavailable, returnCode: ReturnCode.ServerUnavailable },
  issuerNotAllowed: notAuthorized,
  originNotAllowed: notAuthorized,
  identityConflict: notAuthorized,
  // A policy on Client Identifiers answers like a taken name, so that nobody learns which names are registered (S32).
  clientIdNotAllowed: notAuthorized,
  sessionNameTaken: notAuthorized,
  sessionLimitReached: quotaExceeded,
  namespaceSessionLimitReached: quotaExceeded,
  connectRateExceeded: {
    reasonCode: ReasonCode.ConnectionRateExceeded,
    returnCode: ReturnCode.ServerUnavailable,
  },
  willNotAuthorized: notAuthorized,
  publishNotAuthorized: notAuthorized,
  subscribeNotAuthorized: notAuthorized,
  handshakeFailed: notAuthorized,
}

/** MQTT 5.0 3.2.2.2; serves PUBACK, SUBACK and DISCONNECT for the same causes. */
export function connackReasonCode(code: DecisionCode): ReasonCode {
  return answers[code].reasonCode
}

/** MQTT 3.1.1 3.2.2.3. */
export function connackReturnCode(code: DecisionCode): ReturnCode {
  return answers[code].returnCode
}

/**
 * The Reason String of a refusal, or null for none. Where the namespace allows it at all, the code is told only to a
 * peer whose certificate reached a registered CA or matched the selected thumbprint; everybody else reads the same word
 * whatever the cause, so that a stranger learns nothing about registered names (S59).
 */
export function reasonStringFor(
  refused: { readonly code: DecisionCode; readonly provenPath: boolean },
  allowed: boolean,
): string | null {
  if (!allowed) return null
  return refused.provenPath ? refused.code : 'notAuthorized'
}
