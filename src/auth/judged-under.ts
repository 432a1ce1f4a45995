import type { UnixSeconds } from '../base/time.ts'
import type { NamespaceView } from '../registry/view.ts'
import type { Principal } from './principal.ts'

/**
 * Everything but the evidence that `verify` of a registered client reads. `verify` is pure: while this is unchanged it
 * gives the same answer, and need not be asked (bench: mtls-connect).
 */
export interface JudgedUnder {
  readonly clientRevision: bigint
  readonly trustRevision: bigint
  readonly limits: NamespaceView['limits']
  readonly mqttEnabled: boolean
  readonly now: UnixSeconds
}

/** Null: not known to be the same ever again. Others than registered clients rest on more than the registry. */
export function judgedUnder(principal: Principal, view: NamespaceView, now: UnixSeconds): JudgedUnder | null {
  if (principal.kind !== 'registryClient') return null
  const client = view.clientByUid(principal.uid)
  if (client === undefined) return null
  const { trustRevision, limits, mqttEnabled } = view
  return { clientRevision: client.revision, trustRevision, limits, mqttEnabled, now }
}

export function isUnchanged(before: JudgedUnder | null, after: JudgedUnder | null): boolean {
  return (
    before !== null &&
    after !== null &&
    before.clientRevision === after.clientRevision &&
    before.trustRevision === after.trustRevision &&
    before.limits === after.limits &&
    before.mqttEnabled === after.mqttEnabled &&
    before.now === after.now
  )
}
