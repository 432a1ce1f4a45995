import type { Changed } from '../../registry/change.ts'
import { may } from '../access/caller.ts'
import { denied } from '../access/gate.ts'
import { formatScope } from '../access/role.ts'
import { type Answer, type Call, callerOf } from '../route.ts'

/**
 * Whose tokens are believed, and which webhook says who a client is, stand in the document of a namespace; yet they are
 * trust like a CA certificate, and whoever may write namespaces need not be allowed to change them (S69).
 */
const trustAction = 'Microsoft.EventGrid/namespaces/clientAuthentication/write'

export function mayChangeTrust(call: Call, namespace: Changed['id']): boolean {
  return may(callerOf(call), trustAction, scopeOf(namespace))
}

/** @param body what was sent; undefined: a change of something else */
export function changesTrust({ id, before, resource }: Changed, body: unknown): boolean {
  if (id.child !== null) return false
  // The query of the webhook's address is not shown, so that nobody sees whether it is another one.
  if (trustOf(memberOf(body, 'properties'))?.includes('?') === true) return true
  return trustOf(before?.document.properties) !== trustOf(resource?.document.properties)
}

export function trustDenied(call: Call, namespace: Changed['id']): Answer {
  return denied({ ...call, caller: callerOf(call) }, trustAction, scopeOf(namespace))
}

function scopeOf({ subscriptionId, resourceGroup, namespace }: Changed['id']): string {
  return formatScope(subscriptionId, resourceGroup, namespace)
}

function trustOf(properties: unknown): string | undefined {
  const authentication = memberOf(memberOf(properties, 'topicSpacesConfiguration'), 'clientAuthentication')
  const trust = [memberOf(authentication, 'customJwtAuthentication'), memberOf(authentication, 'webhookAuthentication')]
  return trust.some((one) => one !== undefined) ? JSON.stringify(trust) : undefined
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
