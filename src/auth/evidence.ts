import type { Result } from '../base/result.ts'
import type { TokenFailure, VerifiedToken } from '../ports/token-verifier.ts'
import type { ListenerKind } from '../ports/transport.ts'
import type { WebhookAnswer, WebhookFailure } from '../ports/webhook.ts'

/**
 * Everything a CONNECT is judged by, and all of it: kept with the session so that it can be judged again when a fact
 * changes (design 3.3, 3.4). Password and authentication data are not in it; they go to `plan` only.
 */
export interface ConnectEvidence {
  readonly listener: ListenerKind
  readonly serverName: string | null
  readonly remoteAddress: string
  readonly protocol: 'MQTT3' | 'MQTT5'
  /** DER, leaf first, as sent; the peer proved the leaf's key. Empty: no certificate. */
  readonly peerChain: readonly Uint8Array[]
  /** Origin of a foreign web page: the certificate of its visitor does not count and is not in `peerChain` (S51). */
  readonly refusedOrigin?: string | null
  readonly username: string | null
  readonly clientId: string
  readonly authenticationMethod: string | null
  /** True when a password was sent (its value is never part of evidence). */
  readonly hasPassword: boolean
  /** The password has the form of a JWT (`passwordLooksLikeToken` of secrets.ts); absent counts as false. */
  readonly passwordLooksLikeToken?: boolean
  /** Resource name that the plain listener gives to every peer (S53); null on every other listener. */
  readonly plainIdentity: string | null
  /** Answers that were waited for; null: not asked. */
  readonly token: Result<VerifiedToken, TokenFailure> | null
  readonly webhook: Result<WebhookAnswer, WebhookFailure> | null
}
