import type { Revision } from '../ports/identity.ts'
import { childId, formatResourceId, fullType, namespaceId, type ResourceId, type ResourceType } from './resource-id.ts'
import type { Stored, StoredChild, StoredNamespace, SystemData } from './stored.ts'
import { caCertificateDocument } from './types/ca-certificate.ts'
import { clientDocument } from './types/client.ts'
import { clientGroupDocument } from './types/client-group.ts'
import { denyEntryDocument } from './types/deny-entry.ts'
import { namespaceDocument } from './types/namespace.ts'
import { namespaceSettingsDocument } from './types/namespace-settings.ts'
import { permissionBindingDocument } from './types/permission-binding.ts'
import { revocationListDocument } from './types/revocation-list.ts'
import { topicSpaceDocument } from './types/topic-space.ts'

/** A resource as Azure Resource Manager shows it, read-only properties included; no secrets. */
export interface ResourceDocument {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly location?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly sku?: { readonly name: string; readonly capacity: number }
  readonly identity?: Readonly<Record<string, unknown>>
  readonly systemData: Readonly<Record<string, string>>
  readonly properties: Readonly<Record<string, unknown>>
}

/** One resource as it was or is; its document is made when it is asked for. */
export class Resource {
  readonly id: ResourceId
  readonly type: ResourceType
  readonly uid: string
  /** Changes with every write of the resource; opaque, without quotes. Empty while the write is only planned. */
  readonly etag: string
  readonly #write: () => ResourceDocument
  #document: ResourceDocument | null = null

  constructor(id: ResourceId, stored: Pick<Stored, 'type' | 'uid'>, etag: string, write: () => ResourceDocument) {
    this.id = id
    this.type = stored.type
    this.uid = stored.uid
    this.etag = etag
    this.#write = write
  }

  get document(): ResourceDocument {
    this.#document ??= this.#write()
    return this.#document
  }

  withEtag(etag: string): Resource {
    return new Resource(this.id, this, etag, this.#write)
  }
}

/** Turns records into what callers see. `hostname` tells the MQTT host of a namespace, or null without a domain. */
export type HostnameOf = (namespaceName: string) => string | null

export function etagOf(revision: Revision | bigint): string {
  return revision.toString(16)
}

export function namespaceResource(stored: StoredNamespace, etag: string, hostname: HostnameOf): Resource {
  const id = namespaceId({ ...stored, namespace: stored.name })
  return new Resource(id, stored, etag, () => {
    const { location, tags, sku, identity } = stored
    return {
      ...envelope(id, 'namespaces', stored),
      location,
      tags,
      sku,
      ...(identity === null ? {} : { identity }),
      systemData: systemDataDocument(stored.systemData),
      properties: {
        ...namespaceDocument(stored.properties, hostname(stored.name)),
        provisioningState: 'Succeeded',
        sealgate: namespaceSettingsDocument(stored.settings),
      },
    }
  })
}

export function childResource(stored: StoredChild, namespace: StoredNamespace, etag: string): Resource {
  const { subscriptionId, resourceGroup, name } = namespace
  const id = childId({ subscriptionId, resourceGroup, namespace: name }, stored.type, stored.name)
  return new Resource(id, stored, etag, () => ({
    ...envelope(id, stored.type, stored),
    systemData: systemDataDocument(stored.systemData),
    properties: {
      ...childProperties(stored),
      provisioningState: 'Succeeded',
      ...(Object.keys(stored.settings).length > 0 ? { sealgate: stored.settings } : {}),
    },
  }))
}

/** The properties that the type itself has, as a document writes them. */
export function childProperties(stored: StoredChild): Record<string, unknown> {
  switch (stored.type) {
    case 'caCertificates':
      return caCertificateDocument(stored.properties)
    case 'clients':
      return clientDocument(stored.properties)
    case 'clientGroups':
      return clientGroupDocument(stored.properties)
    case 'topicSpaces':
      return topicSpaceDocument(stored.properties)
    case 'permissionBindings':
      return permissionBindingDocument(stored.properties)
    case 'sealgateDenyEntries':
      return denyEntryDocument(stored.properties)
    case 'sealgateRevocationLists':
      return revocationListDocument(stored.properties)
  }
}

function envelope(id: ResourceId, type: ResourceType, stored: Stored) {
  return { id: formatResourceId(id), name: stored.name, type: fullType(type) }
}

function systemDataDocument(data: SystemData): Readonly<Record<string, string>> {
  return {
    createdAt: new Date(data.createdAt).toISOString(),
    createdBy: data.createdBy,
    createdByType: data.createdByType,
    lastModifiedAt: new Date(data.lastModifiedAt).toISOString(),
    lastModifiedBy: data.lastModifiedBy,
    lastModifiedByType: data.lastModifiedByType,
  }
}
