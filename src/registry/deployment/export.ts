import { ok, type Result } from '../../base/result.ts'
import type { RegistryFailure } from '../failure.ts'
import type { Registry } from '../registry.ts'
import type { Resource } from '../resource.ts'
import { type ChildType, fullType, type NamespaceAddress, namespaceId } from '../resource-id.ts'
import { allClients } from '../types/client-group.ts'
import { escapeLiteral } from './expression.ts'

/** The version that knows every property Azure has for these resources today. */
const apiVersion = '2025-07-15-preview'
const schema = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#'

export interface ExportedResource {
  readonly type: string
  readonly apiVersion: string
  readonly name: string
  readonly dependsOn?: readonly string[]
  readonly [member: string]: unknown
}

export interface ExportedTemplate {
  readonly $schema: string
  readonly contentVersion: '1.0.0.0'
  readonly resources: readonly ExportedResource[]
}

/** Kinds in the order in which a template applies them. */
const order: readonly ChildType[] = [
  'caCertificates',
  'clients',
  'clientGroups',
  'topicSpaces',
  'permissionBindings',
  'sealgateRevocationLists',
  'sealgateDenyEntries',
]

/** What only we write, or only Azure. */
const readOnly = [
  ...['provisioningState', 'hostname', 'issueTimeInUtc', 'expiryTimeInUtc', 'privateEndpointConnections'],
  ...['issuer', 'thisUpdateInUtc', 'nextUpdateInUtc', 'crlNumber', 'revokedCertificates', 'sha256', 'octets'],
]

/** Of a list that a template can hold, with room for everything else. */
const maximumListOctets = 2 * 1_048_576

/** A template that makes the same namespace; applied to where it came from it changes nothing. Holds no secret. */
export function exportTemplate(
  registry: Registry,
  address: NamespaceAddress,
): Result<ExportedTemplate, RegistryFailure> {
  const namespace = registry.get(namespaceId(address))
  if (!namespace.ok) return namespace
  const resources = [...exportResources(registry, namespace.value)]
  return ok({ $schema: schema, contentVersion: '1.0.0.0', resources })
}

/** The same, one resource after the other: a namespace may have a million clients. */
export function* exportResources(registry: Registry, namespace: Resource): Generator<ExportedResource> {
  yield exportNamespace(namespace)
  for (const type of order) {
    let after: string | null = null
    do {
      const page = registry.list({ ...namespace.id, type }, { limit: 500, after })
      if (!page.ok) return // deleted meanwhile
      for (const resource of page.value.resources) {
        yield type === 'sealgateRevocationLists'
          ? exportList(registry, resource, namespace)
          : exportChild(resource, namespace)
      }
      after = page.value.next
    } while (after !== null)
  }
}

function exportNamespace({ document }: Resource): ExportedResource {
  const { name, type, location, tags, sku, identity, properties } = document
  return {
    type,
    apiVersion,
    name,
    location: escapeAll(location),
    ...(tags !== undefined && Object.keys(tags).length > 0 ? { tags: escapeAll(tags) } : {}),
    sku,
    ...(identity === undefined ? {} : { identity: escapeAll(identity) }),
    properties: escapeAll(writable(properties)),
  }
}

function exportChild({ type, document }: Resource, namespace: Resource): ExportedResource {
  const parent = namespace.document.name
  const needs = [`[resourceId('${fullType('namespaces')}', '${parent}')]`]
  if (type === 'permissionBindings') {
    const { clientGroupName, topicSpaceName } = document.properties
    const group = `[resourceId('${fullType('clientGroups')}', '${parent}', '${clientGroupName}')]`
    if (clientGroupName !== allClients) needs.push(group)
    needs.push(`[resourceId('${fullType('topicSpaces')}', '${parent}', '${topicSpaceName}')]`)
  }
  return {
    type: document.type,
    apiVersion,
    name: `${parent}/${document.name}`,
    dependsOn: needs,
    properties: escapeAll(writable(document.properties)),
  }
}

/** The list is part of it; one that is too large for a template is named, and left to an upload. */
function exportList(registry: Registry, resource: Resource, namespace: Resource): ExportedResource {
  const exported = exportChild(resource, namespace)
  const octets = Number(resource.document.properties['octets'])
  if (octets > maximumListOctets) {
    const comments = `A list of ${octets} octets is too large for a template: upload it (sealgate namespace revocation-list create).`
    return { ...exported, condition: false, comments }
  }
  const content = registry.listContent(resource.id)
  if (!content.ok) return { ...exported, condition: false } // deleted meanwhile
  const encodedRevocationList = Buffer.from(content.value).toString('base64')
  return { ...exported, properties: { encodedRevocationList, ...(exported['properties'] as object) } }
}

function writable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(writable)
  if (typeof value !== 'object' || value === null) return value
  const { attributes, ...rest } = value as Record<string, unknown>
  const kept = Object.entries(rest).filter(([key]) => !readOnly.includes(key))
  // Attributes have names of their own, which may be any of those.
  return {
    ...Object.fromEntries(kept.map(([key, member]) => [key, writable(member)])),
    ...(attributes === undefined ? {} : { attributes }),
  }
}

/** A text that looks like an expression is written as the literal it is. */
function escapeAll(value: unknown): unknown {
  if (typeof value === 'string') return escapeLiteral(value)
  if (Array.isArray(value)) return value.map(escapeAll)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, escapeAll(member)]))
}
