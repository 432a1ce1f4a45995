import type { Resource } from '../../registry/resource.ts'
import { may } from '../access/caller.ts'
import { formatScope } from '../access/role.ts'
import { type Answer, type Call, callerOf, json, type Route } from '../route.ts'
import { page, pagingParameters, readFilter, readPage } from './paging.ts'

/** `az resource list` and its kin: all tracked resources, which here are the namespaces. */

const action = 'Microsoft.EventGrid/namespaces/read'
const common = {
  method: 'GET',
  tag: 'Azure Resource Manager',
  apiVersion: 'required',
  access: { action, filtered: true },
  query: [
    { name: '$filter', description: "OData on name, resourceGroup, resourceType, location: `resourceGroup eq 'x'`." },
    ...pagingParameters,
  ],
  answers: { 200: 'GenericList' },
} as const

export const genericResourceRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Resources_List',
    path: '/subscriptions/{subscriptionId}/resources',
    summary: 'Resources of the subscription.',
    handle: (call) => listResources(call, null),
  },
  {
    ...common,
    id: 'Resources_ListByResourceGroup',
    path: '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/resources',
    summary: 'Resources of a resource group.',
    handle: (call) => listResources(call, call.params['resourceGroupName'] ?? ''),
  },
]

const properties = ['name', 'resourceGroup', 'resourceType', 'location'] as const

function listResources(call: Call, resourceGroup: string | null): Answer {
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const filter = readFilter(call.query, properties)
  if (!filter.ok) return filter.error
  const { subscriptionId } = call.house.parts.settings
  const caller = callerOf(call)
  const { top, after } = request.value
  const read =
    ({ id, document }: Resource) =>
    (property: (typeof properties)[number]) =>
      ({
        name: document.name,
        resourceGroup: id.resourceGroup,
        resourceType: document.type,
        location: document.location ?? '',
      })[property]
  const matching = call.house.groups
    .namespaces(resourceGroup)
    .filter(({ id }) => may(caller, action, formatScope(subscriptionId, id.resourceGroup, id.namespace)))
    .filter((resource) => filter.value?.(read(resource)) ?? true)
    .filter(({ document }) => after === null || document.name > after)
  const shown = matching.slice(0, top)
  const next = matching.length > top ? (shown.at(-1)?.document.name ?? null) : null
  const path = `${formatScope(subscriptionId, resourceGroup, null)}/resources`
  const documents = shown.map((resource) => documentOf(call, resource))
  return json(200, page(call, path, documents, next, ['$filter', '$expand', '$top']))
}

function documentOf({ query }: Call, { document }: Resource) {
  const { id, name, type, location, tags, sku, identity, systemData } = document
  const expand = (query.get('$expand') ?? '').toLowerCase()
  return {
    id,
    name,
    type,
    location,
    tags,
    sku,
    ...(identity === undefined ? {} : { identity }),
    ...(expand.includes('createdtime') ? { createdTime: systemData['createdAt'] } : {}),
    ...(expand.includes('changedtime') ? { changedTime: systemData['lastModifiedAt'] } : {}),
    ...(expand.includes('provisioningstate') ? { provisioningState: 'Succeeded' } : {}),
  }
}
