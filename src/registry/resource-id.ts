import { err, ok, type Result } from '../base/result.ts'

/** Which resource: parsed once at the edge, canonical from then on. */

/** The last two are ours: Azure has no word for them, and a name of ours it will hardly ever use. */
export const childTypes = [
  'caCertificates',
  'clients',
  'clientGroups',
  'topicSpaces',
  'permissionBindings',
  'sealgateDenyEntries',
  'sealgateRevocationLists',
] as const
/** A template that leaves these out means nothing by it: it comes from Azure, or is older than the loss of a device (S23). */
export const prunedTypes = childTypes.filter(
  (type) => type !== 'sealgateDenyEntries' && type !== 'sealgateRevocationLists',
)
export type ChildType = (typeof childTypes)[number]
export type ResourceType = 'namespaces' | ChildType

export const provider = 'Microsoft.EventGrid'

export interface NamespaceAddress {
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly namespace: string
}

/** `child` null: the namespace itself. */
export interface ResourceId extends NamespaceAddress {
  readonly child: { readonly type: ChildType; readonly name: string } | null
}

/** All children of one type of a namespace. */
export interface CollectionId extends NamespaceAddress {
  readonly type: ChildType
}

export type ResourceIdFailure =
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'unknownType'; readonly type: string; readonly message: string }

export function namespaceId(address: NamespaceAddress): ResourceId {
  const { subscriptionId, resourceGroup, namespace } = address
  return { subscriptionId, resourceGroup, namespace, child: null }
}

export function childId(address: NamespaceAddress, type: ChildType, name: string): ResourceId {
  return { ...namespaceId(address), child: { type, name } }
}

export function typeOf(id: ResourceId): ResourceType {
  return id.child === null ? 'namespaces' : id.child.type
}

/** `Microsoft.EventGrid/namespaces/clients` */
export function fullType(type: ResourceType): string {
  return type === 'namespaces' ? `${provider}/namespaces` : `${provider}/namespaces/${type}`
}

/** The reverse of `fullType`, ignoring case. */
export function parseFullType(text: string): ResourceType | null {
  const segments = text.toLowerCase().split('/')
  if (segments[0] !== provider.toLowerCase() || segments[1] !== 'namespaces') return null
  if (segments.length === 2) return 'namespaces'
  return segments.length === 3 ? (childTypes.find((type) => type.toLowerCase() === segments[2]) ?? null) : null
}

/** Canonical casing of Azure Resource Manager; names as given. */
export function formatResourceId(id: ResourceId): string {
  const namespace = `/subscriptions/${id.subscriptionId}/resourceGroups/${id.resourceGroup}/providers/${provider}/namespaces/${id.namespace}`
  return id.child === null ? namespace : `${namespace}/${id.child.type}/${id.child.name}`
}

/**
 * Reads the path of a resource or of a collection: keywords ignore case, segments are percent-decoded, repeated slashes
 * count as one. No query string.
 */
export function parseResourceId(path: string): Result<ResourceId | CollectionId, ResourceIdFailure> {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '') continue
    const decoded = percentDecode(segment)
    if (decoded === null || decoded.includes('/')) return malformed(`"${segment}" is not a path segment.`)
    segments.push(decoded)
  }
  const is = (at: number, keyword: string) => segments[at]?.toLowerCase() === keyword.toLowerCase()
  const shape = is(0, 'subscriptions') && is(2, 'resourceGroups') && is(4, 'providers') && is(5, provider)
  const [, subscriptionId, , resourceGroup, , , , namespace, type, name] = segments
  if (!shape || !is(6, 'namespaces') || subscriptionId === undefined || resourceGroup === undefined) {
    return malformed(
      `Write /subscriptions/{id}/resourceGroups/{group}/providers/${provider}/namespaces/{name}[/{type}/{name}].`,
    )
  }
  if (namespace === undefined) return malformed('The name of the namespace is missing.')
  const address = { subscriptionId, resourceGroup, namespace }
  if (type === undefined) return ok(namespaceId(address))
  const known = childTypes.find((candidate) => candidate.toLowerCase() === type.toLowerCase())
  if (known === undefined || segments.length > 10) {
    const unknown = segments.slice(8).filter((_, index) => index % 2 === 0)
    const text = `${provider}/namespaces/${unknown.join('/')}`
    return err({ kind: 'unknownType', type: text, message: `There is no resource type ${text}.` })
  }
  return ok(name === undefined ? { ...address, type: known } : childId(address, known, name))
}

function malformed(message: string) {
  return err({ kind: 'malformed', message } as const)
}

function percentDecode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
