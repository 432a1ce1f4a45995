import type { Result } from '../base/result.ts'
import type { UnixSeconds } from '../base/time.ts'
import type { NamespaceId } from './identity.ts'

/** Claims of a token whose signature, issuer, audience and times were checked. */
export interface VerifiedToken {
  readonly authority: 'token' | 'entra'
  readonly subject: string
  readonly attributes: Readonly<Record<string, number | string | readonly string[]>>
  readonly roles: readonly string[]
  readonly expiresAt: UnixSeconds
}

export type TokenFailure =
  | { readonly kind: 'tokenInvalid'; readonly detail: string }
  | { readonly kind: 'keysUnavailable'; readonly detail: string }

export interface TokenVerifier {
  verify(
    namespace: NamespaceId,
    method: 'CUSTOM-JWT' | 'OAUTH2-JWT',
    token: Uint8Array,
    cancelled: AbortSignal,
  ): Promise<Result<VerifiedToken, TokenFailure>>
}
