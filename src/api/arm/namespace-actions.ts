import { formatResourceId } from '../../registry/resource-id.ts'
import { audit, authorOf } from '../audit.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'
import { armError, failed } from './error.ts'
import { namespacePath } from './paths.ts'
import { namespaceOf } from './resources.ts'

/** What can be done to a namespace besides reading and writing it. */

const common = { tag: 'Resources', apiVersion: 'required' } as const
const noStore = { 'cache-control': 'no-store' }

export const namespaceActions: readonly Route[] = [
  {
    ...common,
    id: 'Namespaces_ListSharedAccessKeys',
    method: 'POST',
    path: `${namespacePath}/listKeys`,
    summary: 'The two access keys of a namespace.',
    access: { action: 'Microsoft.EventGrid/namespaces/listKeys/action' },
    answers: { 200: 'AccessKeys' },
    handle(call) {
      const keys = call.house.parts.registry.listKeys(namespaceOf(call))
      audit(call, facts(call, 'listKeys', keys.ok ? 'read' : keys.error.kind))
      return keys.ok ? json(200, keys.value, noStore) : failed(keys.error)
    },
  },
  {
    ...common,
    id: 'Namespaces_RegenerateKey',
    method: 'POST',
    path: `${namespacePath}/regenerateKey`,
    summary: 'Makes one of the two access keys anew.',
    access: { action: 'Microsoft.EventGrid/namespaces/regenerateKey/action' },
    body: { schema: 'RegenerateKey', required: true },
    answers: { 200: 'AccessKeys' },
    handle: regenerateKey,
  },
  {
    ...common,
    id: 'Namespaces_ValidateCustomDomainOwnership',
    method: 'POST',
    path: `${namespacePath}/validateCustomDomainOwnership`,
    summary: 'The custom domains of a namespace with the state of their validation.',
    access: { action: 'Microsoft.EventGrid/namespaces/validateCustomDomainOwnership/action' },
    answers: { 200: 'CustomDomains' },
    handle(call) {
      const found = call.house.parts.registry.get(namespaceOf(call))
      if (!found.ok) return failed(found.error)
      const { topicsConfiguration, topicSpacesConfiguration } = found.value.document.properties
      return json(200, {
        customDomainsForTopicsConfiguration: domainsOf(topicsConfiguration),
        customDomainsForTopicSpacesConfiguration: domainsOf(topicSpacesConfiguration),
      })
    },
  },
  ...(['privateEndpointConnections', 'privateLinkResources'] as const).map(
    (name): Route => ({
      ...common,
      id: `Namespaces_List${name === 'privateLinkResources' ? 'PrivateLinkResources' : 'PrivateEndpointConnections'}`,
      method: 'GET',
      path: `${namespacePath}/${name}`,
      summary: 'Always empty: there are no private links here.',
      access: { action: `Microsoft.EventGrid/namespaces/${name}/read` },
      answers: { 200: 'EmptyList' },
      handle(call) {
        const found = call.house.parts.registry.get(namespaceOf(call))
        return found.ok ? json(200, { value: [] }) : failed(found.error)
      },
    }),
  ),
]

async function regenerateKey(call: Call): Promise<Answer> {
  const body = call.body
  const given = typeof body === 'object' && body !== null && 'keyName' in body ? body.keyName : undefined
  const keyName = (['key1', 'key2'] as const).find((name) => name === given)
  if (keyName === undefined) {
    return armError(400, 'InvalidRequest', 'Write key1 or key2.', { target: 'keyName' })
  }
  const keys = await call.house.parts.registry.regenerateKey(namespaceOf(call), keyName, authorOf(call))
  audit(call, facts(call, 'regenerateKey', keys.ok ? `${keyName} made anew` : keys.error.kind))
  return keys.ok ? json(200, keys.value, noStore) : failed(keys.error)
}

function facts(call: Call, verb: string, outcome: string) {
  const resource = formatResourceId(namespaceOf(call))
  return { action: `Microsoft.EventGrid/namespaces/${verb}/action`, resource, outcome }
}

function domainsOf(configuration: unknown): unknown {
  const isObject = typeof configuration === 'object' && configuration !== null
  return isObject && 'customDomains' in configuration ? configuration.customDomains : []
}
