import { authorize } from '../auth/authorize.ts'
import type { Principal } from '../auth/principal.ts'
import type { SessionRecord } from '../ports/engine.ts'
import type { Core } from './core.ts'
import type { Namespace } from './namespace.ts'
import { parseStored } from './subscribe.ts'

/** Whether everything the session is subscribed to is still its right (S34). */
export function coversHeldRights(
  core: Core,
  namespace: Namespace,
  principal: Principal,
  record: Pick<SessionRecord, 'subscriptions'>,
): boolean {
  const rights = core.rights.rightsOf(principal, namespace.view)
  return record.subscriptions.every((stored) => {
    const subscription = parseStored(stored)
    return subscription !== null && authorize(rights, 'subscribe', subscription.topicFilter).outcome === 'allowed'
  })
}
