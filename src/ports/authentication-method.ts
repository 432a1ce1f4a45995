import type { NamespaceId } from './identity.ts'
import type { TokenFailure, VerifiedToken } from './token-verifier.ts'

/**
 * Methods of enhanced authentication (MQTT 5.0 4.12) by the name that CONNECT gives as Authentication Method. A name
 * says how to talk with the peer; whether a namespace lets anybody in by it, `src/auth/identify.ts` decides.
 */
export type AuthenticationMethods = ReadonlyMap<string, AuthenticationMethod>

/** How one method talks with a peer. Nothing is kept between exchanges; what one exchange has to remember, its steps hold. */
export interface AuthenticationMethod {
  /**
   * The first step of an exchange.
   *
   * @param data Authentication Data of CONNECT, or of the AUTH that asks for a re-authentication; null: none was sent
   * @param cancelled aborted when nobody waits for the outcome any more: the peer left or broke the rules, or the time is up
   */
  begin(namespace: NamespaceId, data: Uint8Array | null, cancelled: AbortSignal): Promise<AuthenticationStep>
}

export type AuthenticationStep =
  /** The peer is asked with AUTH 0x18; its answer goes to `next`, which is called at most once. */
  | {
      readonly kind: 'continue'
      readonly data: Uint8Array | null
      readonly next: (data: Uint8Array | null) => Promise<AuthenticationStep>
    }
  /** `data` is the method's last word: in CONNACK, or in the AUTH that ends a re-authentication. */
  | { readonly kind: 'done'; readonly identity: VerifiedToken; readonly data: Uint8Array | null }
  | { readonly kind: 'failed'; readonly failure: TokenFailure }
