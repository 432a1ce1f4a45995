import type { UnixSeconds } from '../base/time.ts'
import type { SessionOwner } from '../ports/session-store.ts'
import type { Attributes } from '../registry/attributes.ts'

/** Who is connected: chosen once per connection, never changed (design 3.3). */
export type Principal =
  | {
      readonly kind: 'registryClient'
      readonly uid: string
      /** Stored spelling; immutable like the uid. */
      readonly authenticationName: string
      readonly foldedName: string
    }
  | {
      readonly kind: 'dynamicClient'
      readonly authority: 'token' | 'webhook'
      readonly uid: string
      readonly authenticationName: string
      readonly foldedName: string
      readonly attributes: Attributes
      readonly validUntil: UnixSeconds | null
    }
  | {
      readonly kind: 'entraPrincipal'
      readonly uid: string
      readonly authenticationName: string
      readonly foldedName: string
      readonly roles: readonly string[]
      readonly validUntil: UnixSeconds | null
    }

export function sessionOwnerOf(principal: Principal): SessionOwner {
  const authority =
    principal.kind === 'registryClient'
      ? 'registry'
      : principal.kind === 'entraPrincipal'
        ? 'entra'
        : principal.authority
  return {
    authority,
    uid: principal.uid,
    authenticationName: principal.authenticationName,
    foldedName: principal.foldedName,
  }
}
