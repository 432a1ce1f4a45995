import type { TemplateResource } from '../../registry/deployment/resources.ts'
import { nearest } from '../did-you-mean.ts'
import { childKinds } from '../resources/child-kinds.ts'
import { namespaceKind } from '../resources/namespace-kind.ts'
import type { Schema } from '../resources/schema.ts'

/** Properties that no flag sets: read-only ones, which exported documents hold, and rare ones. */
const others: Readonly<Record<string, readonly string[]>> = {
  namespaces: ['topicsConfiguration', 'privateEndpointConnections', 'ipV6Enabled'],
  caCertificates: ['issueTimeInUtc', 'expiryTimeInUtc'],
  sealgateDenyEntries: ['certificateSubject', 'certificateIssuer', 'issuerSha256'],
  sealgateRevocationLists: [
    ...['issuer', 'thisUpdateInUtc', 'nextUpdateInUtc', 'crlNumber', 'revokedCertificates', 'sha256', 'octets'],
  ],
}
const everywhere = ['provisioningState', 'sealgate']

/**
 * A mistyped property has no effect: Azure's tools send many that a server does not know, so the server passes over them.
 * In a document that a person wrote it is worth a word.
 */
export function unknownProperties(resources: readonly TemplateResource[]): string[] {
  return resources.flatMap(({ type, id, body }) => {
    const name = `${type} ${id.child === null ? id.namespace : id.child.name}`
    return strangersIn(body['properties'], schemaOf(type), 'properties').map((text) => `${name}: ${text}`)
  })
}

const schemas = new Map<string, Readonly<Record<string, Schema>>>()

function schemaOf(type: TemplateResource['type']): Readonly<Record<string, Schema>> {
  const known = schemas.get(type)
  if (known !== undefined) return known
  const kind = childKinds.find((one) => one.type === type) ?? namespaceKind
  const made: Record<string, Schema> = {}
  for (const { path, schema } of kind.flags) {
    if (path[0] === 'properties' && path[1] !== undefined && path.length === 2) made[path[1]] = schema
  }
  for (const name of [...everywhere, ...(others[type] ?? [])]) made[name] ??= { kind: 'json' }
  schemas.set(type, made)
  return made
}

function strangersIn(value: unknown, members: Readonly<Record<string, Schema>>, place: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const schema = Object.hasOwn(members, key) ? members[key] : undefined
    if (schema === undefined) {
      const near = nearest(key, Object.keys(members))
      return [`${place}.${key} is not known and has no effect${near === null ? '' : `; did you mean ${near}?`}`]
    }
    return schema.kind === 'object' ? strangersIn(inner, schema.members, `${place}.${key}`) : []
  })
}
