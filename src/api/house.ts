import { Buckets } from './access/buckets.ts'
import { Tokens } from './access/tokens.ts'
import { ResourceGroups } from './arm/resource-groups.ts'
import { Bodies } from './bodies.ts'
import { type ApiLimits, type ApiParts, defaultLimits } from './parts.ts'

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
