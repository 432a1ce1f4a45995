import { tokenMethods } from '../../auth/dynamic-principal.ts'
import type { AuthenticationMethod, AuthenticationMethods } from '../../ports/authentication-method.ts'
import type { TokenVerifier } from '../../ports/token-verifier.ts'

/** The methods of Event Grid, each of one step: the data of CONNECT is the token, nothing is asked back. */
export function methodsOfTokens(verifier: TokenVerifier): AuthenticationMethods {
  return new Map(tokenMethods.map((method): [string, AuthenticationMethod] => [method, ofTokens(verifier, method)]))
}

function ofTokens(verifier: TokenVerifier, method: (typeof tokenMethods)[number]): AuthenticationMethod {
  return {
    async begin(namespace, token, cancelled) {
      if (token === null) return { kind: 'failed', failure: { kind: 'tokenInvalid', detail: 'no token was sent' } }
      const verified = await verifier.verify(namespace, method, token, cancelled)
      return verified.ok
        ? { kind: 'done', identity: verified.value, data: null }
        : { kind: 'failed', failure: verified.error }
    },
  }
}
