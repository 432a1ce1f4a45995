import { err, ok, type Result } from '../base/result.ts'
import { toUnixSeconds, type UnixMillis } from '../base/time.ts'
import type { Random } from '../ports/random.ts'
import type { RegistryFailure, Warning } from './failure.ts'
import type { ProfileName } from './profile.ts'
import type { HostnameOf, Resource } from './resource.ts'
import { formatResourceId, type NamespaceAddress, type ResourceId } from './resource-id.ts'
import type { ListsOfWrite } from './revocation-lists.ts'
import { sameJson } from './same-json.ts'
import { findNamespace, type RevisionReader, type Stage } from './stage.ts'
import type { ActorType, StoredNamespace, SystemData } from './stored.ts'
import type { ReadContext } from './types/context.ts'
import { limitsOfSettings } from './types/namespace-settings.ts'

/** Who changes something, and when: never taken from the document. */
export interface Author {
  readonly name: string
  readonly type: ActorType
  readonly at: UnixMillis
}

export interface EtagCondition {
  /** Etags of which one must be the current one; `*`: the resource must exist. */
  readonly ifMatch?: readonly string[] | '*'
  /** `*`: the resource must not exist. */
  readonly ifNoneMatch?: '*'
}

export type Change =
  | {
      /** `put` replaces the resource or makes it; `patch` merges into one that exists. */
      readonly kind: 'put' | 'patch'
      readonly id: ResourceId
      readonly body: unknown
      /** Null or absent: the caller can express every property. */
      readonly apiVersion?: string | null
      readonly condition?: EtagCondition
      /** What the document leaves out because it is large: the octets of a revocation list. */
      readonly content?: Uint8Array
      /** Where the change stands in a larger document, e.g. `resources[3]`; targets of problems begin with it. */
      readonly label?: string
    }
  | {
      readonly kind: 'delete'
      readonly id: ResourceId
      readonly condition?: EtagCondition
      readonly label?: string
    }

export interface Changed {
  readonly change: 'created' | 'updated' | 'unchanged' | 'deleted'
  readonly id: ResourceId
  /** As it was; null when created. */
  readonly before: Resource | null
  /** As it is now; null when deleted. */
  readonly resource: Resource | null
  readonly warnings: readonly Warning[]
}

/** What a change may rest on besides the records. */
export interface ChangeEnvironment {
  readonly random: Random
  readonly author: Author
  readonly hostname: HostnameOf
  readonly defaultProfile: ProfileName
  /** SHA-256 of the public roots that systems trust, lower-case hexadecimal: registering one is worth a warning (S13). */
  readonly publicRoots: ReadonlySet<string>
  /** Revocation lists that were read on the way. */
  readonly lists: Pick<ListsOfWrite, 'remember'>
}

export type ChangeResult = Result<Changed, RegistryFailure>

export function parentOf(
  reader: Stage | RevisionReader,
  id: NamespaceAddress & Pick<ResourceId, 'child'>,
): Result<StoredNamespace, RegistryFailure> {
  const namespace = addressedNamespace(reader, id)
  if (namespace !== undefined) return ok(namespace)
  const message = `The namespace "${id.namespace}" was not found in resource group "${id.resourceGroup}".`
  return err({ kind: 'parentNotFound', id, message })
}

/** Resource group and subscription ignore case, as everywhere in Azure Resource Manager. */
export function addressedNamespace(
  reader: Stage | RevisionReader,
  address: NamespaceAddress,
): StoredNamespace | undefined {
  const namespace = findNamespace(reader, address.namespace)
  const same =
    namespace?.resourceGroup.toLowerCase() === address.resourceGroup.toLowerCase() &&
    namespace.subscriptionId.toLowerCase() === address.subscriptionId.toLowerCase()
  return same ? namespace : undefined
}

export function notFound(id: ResourceId): RegistryFailure {
  return { kind: 'notFound', id, message: `${formatResourceId(id)} was not found.` }
}

/** @param key null: the resource does not exist */
export function checkCondition(
  stage: Stage,
  key: string | null,
  condition: EtagCondition | undefined,
): RegistryFailure | null {
  if (condition === undefined) return null
  const revision = key === null ? null : stage.revision(key)
  const etag = revision === null || revision === 'pending' ? null : revision.toString(16)
  const { ifMatch, ifNoneMatch } = condition
  if (ifNoneMatch !== undefined && key !== null) {
    return { kind: 'etagMismatch', etag, message: 'The resource exists already.' }
  }
  if (ifMatch === undefined) return null
  if (key === null) return { kind: 'etagMismatch', etag: null, message: 'The resource does not exist.' }
  if (ifMatch === '*' || (etag !== null && ifMatch.includes(etag))) return null
  return { kind: 'etagMismatch', etag, message: 'The resource was changed since. Read it again, then write.' }
}

export function madeNow(author: Author): SystemData {
  const { name, type, at } = author
  return {
    createdAt: at,
    createdBy: name,
    createdByType: type,
    lastModifiedAt: at,
    lastModifiedBy: name,
    lastModifiedByType: type,
  }
}

export function changedNow(before: SystemData, { name, type, at }: Author): SystemData {
  return { ...before, lastModifiedAt: at, lastModifiedBy: name, lastModifiedByType: type }
}

export function readContext(
  name: string,
  namespace: Pick<StoredNamespace, 'settings' | 'sku'>,
  apiVersion: string | null | undefined,
  environment: ChangeEnvironment,
  warnings: Warning[],
): ReadContext {
  return {
    name,
    apiVersion: apiVersion ?? null,
    limits: limitsOfSettings(namespace.settings, namespace.sku.capacity),
    now: toUnixSeconds(environment.author.at),
    warnings,
  }
}

/** Equal in everything that a document can say; tags and attributes in any order. */
export function sameContent(a: object, b: object): boolean {
  return sameJson(a, b)
}
