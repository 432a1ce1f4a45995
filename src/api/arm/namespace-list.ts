import type { Resource } from '../../registry/resource.ts'
import { may, mayInPart } from '../access/caller.ts'
import { formatScope, holdsAction } from '../access/role.ts'
import { type Answer, type Call, callerOf, json } from '../route.ts'
import { failed } from './error.ts'
import { page, readFilter, readPage } from './paging.ts'

const action = 'Microsoft.EventGrid/namespaces/read'

/** Namespaces of the subscription or of a group; a token of a narrower scope sees those of its scope. */
export function listNamespaces(call: Call, resourceGroup: string | null): Answer {
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const filter = readFilter(call.query, ['name'])
  if (!filter.ok) return filter.error
  const { registry, settings } = call.house.parts
  const { subscriptionId } = settings
  const where = filter.value
  const options = {
    after: request.value.after,
    limit: request.value.top,
    ...(where === null ? {} : { where: (name: string) => where(() => name) }),
  }
  const listed = registry.list({ subscriptionId, resourceGroup }, options)
  if (!listed.ok) return failed(listed.error)
  const documents = listed.value.resources
    .filter((namespace) => seesNamespace(call, namespace))
    .map(({ document }) => document)
  const base = formatScope(subscriptionId, resourceGroup, null)
  return json(200, page(call, `${base}/providers/Microsoft.EventGrid/namespaces`, documents, listed.value.next))
}

export function seesNamespace(call: Call, { id }: Resource): boolean {
  const { subscriptionId } = call.house.parts.settings
  return may(callerOf(call), action, formatScope(subscriptionId, id.resourceGroup, id.namespace))
}

/** Whether the caller may see the group, or something in it. */
export function seesGroup(call: Call, resourceGroup: string): boolean {
  const caller = callerOf(call)
  const scope = formatScope(call.house.parts.settings.subscriptionId, resourceGroup, null)
  const reads = 'Microsoft.Resources/subscriptions/resourceGroups/read'
  return may(caller, reads, scope) || (holdsAction(caller.grant, reads) && mayInPart(caller, reads, scope))
}
