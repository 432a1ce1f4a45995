import type { Author } from '../registry/change.ts'
import { type Call, callerOf } from './route.ts'

export function authorOf(call: Call): Author {
  const { name, type } = callerOf(call)
  return { name, type, at: call.house.parts.clock.now() }
}

export interface AuditFacts {
  readonly action: string
  readonly resource: string
  readonly outcome: string
  readonly revisionBefore?: string | null
  readonly revisionAfter?: string | null
  readonly warnings?: readonly string[]
  /** Of a deleted CA certificate: whom it carried. */
  readonly inUse?: object
}

/**
 * Every write leaves one line, and every request that its caller may not make: who did what to which resource, from which revision to which, from where. No secret, no
 * content.
 */
export function audit(call: Pick<Call, 'house' | 'caller' | 'requestId' | 'remoteAddress'>, facts: AuditFacts): void {
  const { caller, requestId, remoteAddress } = call
  call.house.parts.log.write(facts.outcome === 'denied' ? 'warn' : 'info', 'audit', {
    principal: caller?.name ?? null,
    principalId: caller?.id ?? null,
    role: caller?.grant.role ?? null,
    ...facts,
    remoteAddress,
    requestId,
  })
}
