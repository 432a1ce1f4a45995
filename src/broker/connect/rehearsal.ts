import type { Accepted, Refused } from '../../auth/decision.ts'
import { sessionOwnerOf } from '../../auth/principal.ts'
import type { Core } from '../core/core.ts'
import type { Namespace } from '../namespace/namespace.ts'
import { isAllowedName, judgeWillTopic } from './connect.ts'
import { nameRefusal, sessionRefusal } from './connect-refusal.ts'
import { quotasOf } from './open-session.ts'

/** What a CONNECT asks for beside being somebody. Null: it is not said. */
export interface RehearsedConnect {
  readonly clientId: string | null
  readonly willTopic: string | null
}

/**
 * What a CONNECT of this principal would be refused by behind its authentication, as things stand, in the order of the
 * live one (connect.ts); null: by nothing. Opens, reserves and counts nothing, rates least of all (S62).
 */
export function rehearse(
  core: Core,
  namespace: Namespace,
  accepted: Accepted,
  { clientId, willTopic }: RehearsedConnect,
): Refused | null {
  if (clientId !== null && !isAllowedName(clientId, accepted, namespace)) return nameRefusal(accepted, clientId)
  if (willTopic !== null) {
    const will = judgeWillTopic(core, namespace, accepted, willTopic)
    if (!will.ok) return will.error
  }
  if (clientId === null || clientId === '') return null
  const refusal = core.engine.sessions.wouldRefuse({
    namespace: namespace.id,
    clientId,
    owner: sessionOwnerOf(accepted.principal),
    quotas: quotasOf(namespace),
    now: core.clock.now(),
  })
  return refusal === null ? null : sessionRefusal(refusal, accepted, namespace, clientId)
}
