import type { Result } from '../base/result.ts'
import type { UnixSeconds } from '../base/time.ts'
import type { NamespaceId } from './identity.ts'

/** What the namespace's webhook is asked. */
export interface WebhookQuestion {
  readonly clientId: string
  readonly username: string | null
  readonly password: Uint8Array | null
  readonly authenticationMethod: string | null
  readonly authenticationData: Uint8Array | null
  /** DER, leaf first, as sent. */
  readonly peerChain: readonly Uint8Array[]
}

export type WebhookAnswer =
  | {
      readonly decision: 'allow'
      readonly clientAuthenticationName: string
      readonly attributes: Readonly<Record<string, number | string | readonly string[]>>
      readonly expiresAt: UnixSeconds | null
    }
  | { readonly decision: 'deny'; readonly errorReason: string | null }

/** Timeout, refused address, malformed answer: never an allow (S71). */
export interface WebhookFailure {
  readonly kind: 'webhookUnavailable'
  readonly detail: string
}

export interface Webhook {
  ask(
    namespace: NamespaceId,
    question: WebhookQuestion,
    cancelled: AbortSignal,
  ): Promise<Result<WebhookAnswer, WebhookFailure>>
}
