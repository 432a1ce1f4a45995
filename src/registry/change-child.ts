import { err, ok, type Result } from '../base/result.ts'
import type { Steps } from '../base/steps.ts'
import {
  type Change,
  type ChangeEnvironment,
  type ChangeResult,
  changedNow,
  checkCondition,
  madeNow,
  notFound,
  parentOf,
  readContext,
  sameContent,
} from './change.ts'
import { mergedSettings, touch } from './change-namespace.ts'
import { claimClient, countClients, identityTaken, releaseClient } from './client-index.ts'
import { invalid, type Problem, type RegistryFailure, type Warning } from './failure.ts'
import { Fields, structureProblems } from './fields.ts'
import { mergePatch } from './merge-patch.ts'
import type { LimitName, NamespaceLimits } from './profile.ts'
import {
  bindingsThatName,
  checkIssuers,
  checkReferences,
  checkReservedTopics,
  registeredAuthorities,
} from './references.ts'
import { childProperties, childResource, etagOf, type Resource } from './resource.ts'
import type { ChildType, ResourceId } from './resource-id.ts'
import { removePieces, stagePieces, storedLists } from './revocation-lists.ts'
import {
  authorityNamed,
  certificateSeen,
  readRevocationList,
  warnOfDeniedAuthorities,
} from './revocation-references.ts'
import { findChild, putStored, type Stage } from './stage.ts'
import { childNameEntry, childPrefix, Index, keyOf, type StoredChild, type StoredNamespace } from './stored.ts'
import { readCaCertificate, readCaCertificateSettings } from './types/ca-certificate.ts'
import { readClient, readClientSettings } from './types/client.ts'
import { readClientGroup } from './types/client-group.ts'
import { nameProblem, type ReadContext } from './types/context.ts'
import { readDenyEntry } from './types/deny-entry.ts'
import { readPermissionBinding } from './types/permission-binding.ts'
import { readTopicSpace } from './types/topic-space.ts'

type Put = Extract<Change, { readonly kind: 'put' | 'patch' }>
type ChildId = ResourceId & { readonly child: NonNullable<ResourceId['child']> }

export function* putChild(stage: Stage, change: Put, id: ChildId, environment: ChangeEnvironment): Steps<ChangeResult> {
  const parent = parentOf(stage, id)
  if (!parent.ok) return parent
  const namespace = parent.value
  const { type, name } = id.child
  const existing = findChild(stage, namespace.uid, type, name) ?? null
  if (existing === null && change.kind === 'patch') return err(notFound(id))
  const wrongName = existing === null ? nameProblem(type, name) : null
  if (wrongName !== null) return err(invalid([{ code: 'InvalidName', target: 'name', message: wrongName }]))
  const condition = checkCondition(stage, existing === null ? null : keyOf(existing), change.condition)
  if (condition !== null) return err(condition)
  const structure = structureProblems(change.body)
  if (structure.length > 0) return err(invalid(structure))

  const warnings: Warning[] = []
  const context = readContext(name, namespace, change.apiVersion, environment, warnings)
  const read = yield* readContent(stage, change, namespace, existing, type, context, environment)
  if (!read.ok) return read
  const content = read.value
  const failure =
    admit(stage, namespace, existing, content, type, context.limits) ??
    admitOctets(stage, namespace, name, content, context.limits)
  if (failure !== null) return err(failure)

  const before = existing === null ? null : resourceOf(stage, existing, namespace)
  if (existing !== null && before !== null && sameContent(contentOf(existing), contentOf(content))) {
    return ok({ change: 'unchanged', id, before, resource: before, warnings })
  }
  const { random, author } = environment
  const stored = {
    format: 1,
    type,
    namespaceUid: namespace.uid,
    uid: existing?.uid ?? random.uid(),
    name: existing?.name ?? name,
    generation: (existing?.generation ?? 0) + 1,
    systemData: existing === null ? madeNow(author) : changedNow(existing.systemData, author),
    properties: content.properties,
    settings: content.settings,
  } as StoredChild
  putStored(stage, stored)
  if (stored.type === 'sealgateRevocationLists' && content.octets !== undefined) {
    const before = existing?.type === stored.type ? existing : null
    yield* stagePieces(stage, stored, content.octets, before)
  }
  if (existing === null) {
    countCreated(stage, namespace.uid, type)
    stage.claim(Index.ChildName, childNameEntry(type, namespace.uid, name), keyOf(stored))
    if (stored.type === 'clients') claimClient(stage, stored)
  }
  mark(stage, type, namespace.uid)
  const change_ = existing === null ? 'created' : 'updated'
  return ok({ change: change_, id, before, resource: resourceOf(stage, stored, namespace), warnings })
}

/** What others may name, with as little in it as they look at. */
const namedProperties = {
  caCertificates: { encodedCertificate: '' },
  clientGroups: { query: '' },
  topicSpaces: { topicTemplates: [] },
}

/**
 * Takes the place of a resource that was refused, so that what names it is not refused for that. For a stage that is given
 * up.
 */
export function standInChild(stage: Stage, id: ChildId, environment: ChangeEnvironment): void {
  const parent = parentOf(stage, id)
  const { type, name } = id.child
  if (!parent.ok || !(type in namedProperties)) return
  const namespaceUid = parent.value.uid
  if (findChild(stage, namespaceUid, type, name) !== undefined) return
  const stored = {
    format: 1,
    type,
    namespaceUid,
    uid: environment.random.uid(),
    name,
    generation: 1,
    systemData: madeNow(environment.author),
    properties: namedProperties[type as keyof typeof namedProperties],
    settings: {},
  } as unknown as StoredChild
  putStored(stage, stored)
  stage.claim(Index.ChildName, childNameEntry(type, namespaceUid, name), keyOf(stored))
}

export function* deleteChild(stage: Stage, change: Change, id: ChildId): Steps<ChangeResult> {
  const parent = parentOf(stage, id)
  if (!parent.ok) return err(notFound(id))
  const namespace = parent.value
  const { type, name } = id.child
  const existing = findChild(stage, namespace.uid, type, name) ?? null
  const condition = checkCondition(stage, existing === null ? null : keyOf(existing), change.condition)
  if (condition !== null) return err(condition)
  if (existing === null) return err(notFound(id))
  const by = bindingsThatName(stage, namespace.uid, type, existing.name)
  if (by.length > 0) {
    const message = `"${existing.name}" is named by ${by.length === 1 ? 'the permission binding' : 'the permission bindings'} ${by.join(', ')}. Delete ${by.length === 1 ? 'it' : 'them'} first.`
    return err({ kind: 'referenced', by, message })
  }
  const before = resourceOf(stage, existing, namespace)
  stage.remove(keyOf(existing))
  countAnew(stage, namespace.uid, type)
  stage.release(Index.ChildName, childNameEntry(type, namespace.uid, existing.name))
  if (existing.type === 'clients') releaseClient(stage, existing)
  if (existing.type === 'sealgateRevocationLists') yield* removePieces(stage, existing)
  mark(stage, type, namespace.uid)
  return ok({ change: 'deleted', id, before, resource: null, warnings: [] })
}

type Content = Pick<StoredChild, 'properties' | 'settings'> & {
  /** Of a revocation list that is another one than before. */
  readonly octets?: Uint8Array
}

function contentOf({ properties, settings }: Pick<StoredChild, 'properties' | 'settings'>): object {
  return { properties, settings }
}

function resourceOf(stage: Stage, stored: StoredChild, namespace: StoredNamespace): Resource {
  const revision = stage.revision(keyOf(stored))
  const etag = revision === null || revision === 'pending' ? '' : etagOf(revision)
  return childResource(stored, namespace, etag)
}

/** Everything that can be said about the document alone and about what it names. */
function* readContent(
  stage: Stage,
  change: Put,
  namespace: StoredNamespace,
  existing: StoredChild | null,
  type: ChildType,
  context: ReadContext,
  environment: ChangeEnvironment,
): Steps<Result<Content, RegistryFailure>> {
  const problems: Problem[] = []
  const isPatch = change.kind === 'patch' && existing !== null
  const merged = isPatch ? mergePatch({ properties: childProperties(existing) }, change.body) : change.body
  const properties = new Fields(merged, '', problems).nested('properties')
  const sent = isPatch ? new Fields(change.body, '', []).nested('properties') : properties
  const settings = new Fields(mergedSettings({ ...existing?.settings }, sent), 'properties.sealgate', problems)
  const content = type === 'sealgateRevocationLists' ? yield* readList() : read(type)
  return problems.length > 0 || content === null ? err(invalid(problems)) : ok(content)

  function* readList(): Steps<Content | null> {
    settings.refuseOthers([])
    const before = existing?.type === 'sealgateRevocationLists' ? existing.properties : null
    const named = { ...context, name: existing?.name ?? context.name }
    return yield* readRevocationList(stage, namespace.uid, properties, before, named, change, environment)
  }

  function read(type: Exclude<ChildType, 'sealgateRevocationLists'>): Content | null {
    switch (type) {
      case 'caCertificates': {
        const before = existing?.type === type ? existing.properties : null
        const own = readCaCertificateSettings(settings)
        const registered = registeredAuthorities(stage, namespace.uid)
        // The name as stored: replacing a certificate by itself is no duplicate.
        const named = { ...context, name: existing?.name ?? context.name }
        const certificate = readCaCertificate(properties, before, own, named, registered, environment.publicRoots)
        if (certificate === null) return null
        return { properties: certificate, settings: own }
      }
      case 'clients': {
        const before = existing?.type === type ? existing.properties : null
        const own = checkIssuers(stage, namespace.uid, readClientSettings(settings), settings)
        return { properties: readClient(properties, before, context), settings: own }
      }
      case 'clientGroups':
        settings.refuseOthers([])
        return { properties: readClientGroup(properties), settings: {} }
      case 'topicSpaces': {
        settings.refuseOthers([])
        const space = readTopicSpace(properties, context)
        checkReservedTopics(stage, namespace.uid, context.name, space, properties)
        return { properties: space, settings: {} }
      }
      case 'permissionBindings': {
        settings.refuseOthers([])
        const binding = readPermissionBinding(properties)
        return { properties: checkReferences(stage, namespace.uid, binding, properties), settings: {} }
      }
      case 'sealgateDenyEntries': {
        settings.refuseOthers([])
        const entry = readDenyEntry(properties, {
          authority: (name) => authorityNamed(stage, namespace.uid, name),
          seen: (sha256) => certificateSeen(stage, namespace.uid, sha256),
        })
        warnOfDeniedAuthorities(stage, namespace.uid, entry, context.warnings)
        return { properties: entry, settings: {} }
      }
    }
  }
}

const counted: Readonly<Record<ChildType, LimitName>> = {
  caCertificates: 'maximumCaCertificates',
  clients: 'maximumClients',
  clientGroups: 'maximumClientGroups',
  topicSpaces: 'maximumTopicSpaces',
  permissionBindings: 'maximumPermissionBindings',
  sealgateDenyEntries: 'maximumDenyEntries',
  sealgateRevocationLists: 'maximumRevocationLists',
}

/** Unique names and quotas; only creation can violate them, because names never change. */
function admit(
  stage: Stage,
  namespace: StoredNamespace,
  existing: StoredChild | null,
  content: Content,
  type: ChildType,
  limits: NamespaceLimits,
): RegistryFailure | null {
  if (existing !== null) return null
  if (type === 'clients' && 'authenticationName' in content.properties) {
    const taken = identityTaken(stage, namespace.uid, content.properties.authenticationName)
    if (taken !== null) return taken
  }
  const limit = counted[type]
  const value = limits[limit] as number
  const count =
    type === 'clients' ? countClients(stage, namespace.uid) : countChildren(stage, namespace.uid, type, value)
  if (count < value) return null
  const message = `The namespace has ${count} ${type} and the limit ${limit} is ${value}. Delete some, or raise the limit.`
  return { kind: 'quotaExceeded', limit, value, message }
}

/** @param name of the revocation list that is written, if it is one */
function admitOctets(
  stage: Stage,
  { uid }: StoredNamespace,
  name: string,
  { octets }: Content,
  { maximumRevocationListBytes: value }: NamespaceLimits,
): RegistryFailure | null {
  if (octets === undefined) return null
  let sum = octets.length
  for (const other of storedLists(stage, uid)) {
    if (other.name.toLowerCase() !== name.toLowerCase()) sum += other.properties.octets
  }
  if (sum <= value) return null
  const limit = 'maximumRevocationListBytes'
  const message = `The revocation lists of the namespace would have ${sum} bytes and the limit ${limit} is ${value}. Delete one, or raise the limit.`
  return { kind: 'quotaExceeded', limit, value, message }
}

/** Counted once for all changes of one write: a template of thousands of entries would count them thousands of times. */
const counts = new WeakMap<Stage, Map<string, number>>()

function countChildren(stage: Stage, namespaceUid: string, type: ChildType, upTo: number): number {
  const known = counts.get(stage) ?? new Map<string, number>()
  counts.set(stage, known)
  const prefix = childPrefix(type, namespaceUid)
  const count = known.get(prefix) ?? stage.range(prefix, null, upTo).length
  known.set(prefix, count)
  return count
}

function countCreated(stage: Stage, namespaceUid: string, type: ChildType): void {
  const known = counts.get(stage)
  const prefix = childPrefix(type, namespaceUid)
  const count = known?.get(prefix)
  if (count !== undefined) known?.set(prefix, count + 1)
}

function countAnew(stage: Stage, namespaceUid: string, type: ChildType): void {
  counts.get(stage)?.delete(childPrefix(type, namespaceUid))
}

function mark(stage: Stage, type: ChildType, namespaceUid: string): void {
  if (type === 'caCertificates' || type === 'sealgateDenyEntries' || type === 'sealgateRevocationLists') {
    touch(stage, 'trust', namespaceUid)
  } else if (type !== 'clients') touch(stage, 'rights', namespaceUid)
}
