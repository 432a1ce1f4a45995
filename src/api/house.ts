import type { Author } from '../registry/change.ts'
import { Buckets } from './access/buckets.ts'
import { Tokens } from './access/tokens.ts'
import { ResourceGroups } from './arm/resource-groups.ts'
import { Bodies } from './bodies.ts'
import { type ApiLimits, type ApiParts, defaultLimits } from './parts.ts'
import { type Call, callerOf } from './route.ts'

/** What the routes of one server share. */
export interface House {
  readonly parts: ApiParts
  readonly limits: ApiLimits
  readonly tokens: Tokens
  readonly groups: ResourceGroups
  readonly explains: Buckets
  /** Failed authentications by source address. */
  readonly failures: Buckets
  readonly requests: Buckets
  /** Contents of requests that are under way. */
  readonly bodies: Bodies
  /** False once the server is closing. */
  isReady(): boolean
}

export function createHouse(parts: ApiParts, isReady: () => boolean): House {
  const { clock, random, store, settings, registry, log } = parts
  const limits = { ...defaultLimits, ...settings.limits }
  return {
    parts,
    limits,
    tokens: new Tokens(store, parts.administratorHash, clock, random),
    groups: new ResourceGroups(store, registry, settings, clock),
    explains: new Buckets(limits.explainsPerSecond, limits.explainBurst, clock),
    failures: new Buckets(limits.failuresPerSecond, limits.failureBurst, clock),
    requests: new Buckets(limits.requestsPerSecond, limits.requestBurst, clock),
    bodies: new Bodies(limits, clock, log),
    isReady,
  }
}

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
