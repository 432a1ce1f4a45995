import type { Author } from '../../registry/change.ts'
import { allows, type Grant, holdsAction } from './role.ts'

/** Who sends a request, once their token was found to be valid. */
export interface Caller {
  /** Identity of the token or service principal; `administrator` for the built-in one. */
  readonly id: string
  readonly name: string
  readonly type: Author['type']
  readonly grant: Grant
  /** What the caller hands on lives no longer than this, milliseconds since 1970; null: for ever. */
  readonly expiresAt: number | null
}

export function may(caller: Caller, action: string, scope: string): boolean {
  return allows(caller.grant, action, scope)
}

/** Whether the caller's scope lies below `scope`, and the role has the action there: it may see its part. */
export function mayInPart(caller: Caller, action: string, scope: string): boolean {
  const own = caller.grant.scope.toLowerCase()
  return own.startsWith(`${scope.toLowerCase()}/`) && holdsAction(caller.grant, action)
}
