import type { NamespaceId } from '../../ports/identity.ts'
import type { Resource } from '../../registry/resource.ts'
import { armError } from '../arm/error.ts'
import type { House } from '../house.ts'
import type { Answer } from '../route.ts'

export interface CaUseDocument {
  /** Clients whose last certificate led to it. */
  readonly clients: number
  /** Connected sessions whose certification path holds it. */
  readonly liveSessions: number
  /** To the minute. */
  readonly lastUsedAt: string | null
}

/** @param resource a CA certificate */
export function caUseOf({ parts }: House, { id, uid }: Resource): CaUseDocument {
  const namespace = parts.registry.view.namespaceByName(id.namespace)?.id ?? ('' as NamespaceId)
  const { clients, lastUsedAt } = parts.certificatesSeen.useOfCa(namespace, uid)
  return {
    clients,
    liveSessions: parts.operations.sessionsRestingOn(namespace, id.child?.name ?? ''),
    lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
  }
}

export function isInUse({ clients, liveSessions }: CaUseDocument): boolean {
  return clients > 0 || liveSessions > 0
}

/** What whoever asked for `ifUnused` is told. */
export function caInUse(name: string, { clients, liveSessions, lastUsedAt }: CaUseDocument): Answer {
  const last = lastUsedAt === null ? '' : `, last used ${lastUsedAt}`
  const message = `The CA certificate "${name}" is in use: ${liveSessions} connected sessions rest on it, ${clients} clients were last seen with it${last}. Move them to another one first, or delete it without ifUnused.`
  return armError(409, 'CaCertificateInUse', message)
}
