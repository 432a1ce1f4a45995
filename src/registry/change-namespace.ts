import { err, ok } from '../base/result.ts'
import {
  addressedNamespace,
  type Change,
  type ChangeEnvironment,
  type ChangeResult,
  changedNow,
  checkCondition,
  madeNow,
  notFound,
  readContext,
  sameContent,
} from './change.ts'
import { invalid, type Problem, type RegistryFailure, type Warning } from './failure.ts'
import { Fields, structureProblems } from './fields.ts'
import { mergePatch } from './merge-patch.ts'
import { etagOf, namespaceResource, type Resource } from './resource.ts'
import type { ResourceId } from './resource-id.ts'
import { findNamespace, putStored, type Stage } from './stage.ts'
import { countsKey, Index, markKey, namespaceKey, namespacePrefix, purgeKey, type StoredNamespace } from './stored.ts'
import { bytesOfText } from './text-bytes.ts'
import { nameProblem } from './types/context.ts'
import { type NamespaceProperties, readManagedIdentity, readNamespace, readSku, readTags } from './types/namespace.ts'
import { namespaceSettingsDocument, readNamespaceSettings } from './types/namespace-settings.ts'

type PutNamespace = Extract<Change, { readonly kind: 'put' | 'patch' }>

export function putNamespace(stage: Stage, change: PutNamespace, environment: ChangeEnvironment): ChangeResult {
  const { id } = change
  const name = id.namespace
  const existing = addressedNamespace(stage, id)
  if (existing === undefined && change.kind === 'patch') return err(notFound(id))
  const wrongName = existing === undefined ? nameProblem('namespaces', name) : null
  if (wrongName !== null) return err(invalid([{ code: 'InvalidName', target: 'name', message: wrongName }]))
  const key = existing === undefined ? null : namespaceKey(existing.uid)
  const condition = checkCondition(stage, key, change.condition)
  if (condition !== null) return err(condition)
  const structure = structureProblems(change.body)
  if (structure.length > 0) return err(invalid(structure))

  const before = existing === undefined ? null : resourceOf(stage, existing, environment)
  const problems: Problem[] = []
  const warnings: Warning[] = []
  const content = readContent(change, existing, before, environment, problems, warnings)
  if (problems.length > 0) return err(invalid(problems))
  const { properties } = content
  const taken = takenNames(stage, name, properties, existing)
  if (taken !== null) return err(taken)

  if (existing !== undefined && before !== null) {
    const { location, tags, identity } = existing
    const now = {
      location,
      tags,
      sku: existing.sku,
      identity,
      properties: existing.properties,
      settings: existing.settings,
    }
    if (sameContent(now, content)) return ok({ change: 'unchanged', id, before, resource: before, warnings })
    const stored: StoredNamespace = {
      ...existing,
      ...content,
      generation: existing.generation + 1,
      systemData: changedNow(existing.systemData, environment.author),
    }
    writeNamespace(stage, stored, existing)
    return ok({ change: 'updated', id, before, resource: resourceOf(stage, stored, environment), warnings })
  }
  // Said once, by the one that makes the difference.
  if (stage.range(namespacePrefix, null, 2).length === 1) {
    warnings.push({
      code: 'SecondNamespace',
      message:
        'There is more than one namespace now: peers that name no host, or an unknown one, are refused unless a default namespace is set.',
    })
  }
  const stored = newNamespace(id, content, environment)
  writeNamespace(stage, stored, null)
  stage.put(countsKey(stored.uid), bytesOfText(JSON.stringify({ clients: 0 })))
  return ok({ change: 'created', id, before: null, resource: resourceOf(stage, stored, environment), warnings })
}

/**
 * Takes the place of a namespace that was refused, as far as its document can be read, so that the problems of its
 * children are told too. For a stage that is given up.
 */
export function standIn(stage: Stage, change: PutNamespace, environment: ChangeEnvironment): void {
  const existing = addressedNamespace(stage, change.id)
  const before = existing === undefined ? null : resourceOf(stage, existing, environment)
  const isReadable = structureProblems(change.body).length === 0
  const readable = isReadable ? change : { ...change, body: {} }
  const content = readContent(readable, existing, before, environment, [], [])
  if (existing !== undefined) {
    putStored(stage, { ...existing, ...content })
    return
  }
  const stored = newNamespace(change.id, content, environment)
  putStored(stage, stored)
  stage.claim(Index.NamespaceName, stored.name.toLowerCase(), stored.uid)
}

type NamespaceContent = Pick<StoredNamespace, 'location' | 'tags' | 'sku' | 'identity' | 'properties' | 'settings'>

function readContent(
  change: PutNamespace,
  existing: StoredNamespace | undefined,
  before: Resource | null,
  environment: ChangeEnvironment,
  problems: Problem[],
  warnings: Warning[],
): NamespaceContent {
  const isPatch = change.kind === 'patch' && before !== null
  const body = new Fields(isPatch ? mergePatch(writable(before), change.body, ['tags']) : change.body, '', problems)
  const input = body.nested('properties')
  const kept = existing === undefined ? {} : namespaceSettingsDocument(existing.settings)
  // Settings merge in any case, so they are read from what was sent.
  const sent = isPatch ? new Fields(change.body, '', []).nested('properties') : input
  const settings = readNamespaceSettings(
    new Fields(mergedSettings(kept, sent), 'properties.sealgate', problems),
    environment.defaultProfile,
  )
  const sku = readSku(body)
  const context = readContext(change.id.namespace, { settings, sku }, change.apiVersion, environment, warnings)
  return {
    location: readLocation(body, existing),
    tags: readTags(body),
    sku,
    identity: readManagedIdentity(body),
    properties: readNamespace(input, existing?.properties ?? null, context),
    settings,
  }
}

function newNamespace(id: ResourceId, content: NamespaceContent, environment: ChangeEnvironment): StoredNamespace {
  return {
    format: 1,
    type: 'namespaces',
    uid: environment.random.uid(),
    name: id.namespace,
    generation: 1,
    systemData: madeNow(environment.author),
    subscriptionId: id.subscriptionId,
    resourceGroup: id.resourceGroup,
    ...content,
    keys: { key1: newKey(environment), key2: newKey(environment) },
  }
}

/** Children lie under the uid, which nobody finds any more; they are taken away later, page by page (`purge.ts`). */
export function deleteNamespace(stage: Stage, change: Change, environment: ChangeEnvironment): ChangeResult {
  const existing = addressedNamespace(stage, change.id)
  const key = existing === undefined ? null : namespaceKey(existing.uid)
  const condition = checkCondition(stage, key, change.condition)
  if (condition !== null) return err(condition)
  if (existing === undefined) return err(notFound(change.id))
  const before = resourceOf(stage, existing, environment)
  stage.remove(namespaceKey(existing.uid))
  stage.remove(markKey('rights', existing.uid))
  stage.remove(markKey('trust', existing.uid))
  stage.remove(countsKey(existing.uid))
  stage.release(Index.NamespaceName, existing.name.toLowerCase())
  for (const host of hostsOf(existing.properties)) stage.release(Index.Host, host)
  stage.put(purgeKey(existing.uid), bytesOfText('{}'))
  return ok({ change: 'deleted', id: change.id, before, resource: null, warnings: [] })
}

/** New value of one of the two access keys. */
export function regenerateKey(
  stage: Stage,
  existing: StoredNamespace,
  keyName: 'key1' | 'key2',
  environment: ChangeEnvironment,
): StoredNamespace['keys'] {
  const keys = { ...existing.keys, [keyName]: newKey(environment) }
  putStored(stage, { ...existing, keys, generation: existing.generation + 1 })
  return keys
}

function newKey({ random }: ChangeEnvironment): string {
  return Buffer.from(random.bytes(32)).toString('base64')
}

function resourceOf(stage: Stage, stored: StoredNamespace, environment: ChangeEnvironment): Resource {
  const revision = stage.revision(namespaceKey(stored.uid))
  const etag = revision === null || revision === 'pending' ? '' : etagOf(revision)
  return namespaceResource(stored, etag, environment.hostname)
}

/** What a PATCH merges into: the document without what only we write. */
function writable({ document }: Resource): Record<string, unknown> {
  const { location, tags, sku, identity, properties } = document
  const { sealgate: _, ...rest } = properties
  return { location, tags, sku, identity, properties: rest }
}

/** Absent members stay as they are, null takes them back to their defaults (S66). */
export function mergedSettings(kept: Readonly<Record<string, unknown>>, properties: Fields): unknown {
  if (!properties.keys().includes('sealgate')) return kept
  const given = properties.raw('sealgate')
  return given === undefined ? {} : mergePatch(kept, given)
}

function readLocation(body: Fields, existing: StoredNamespace | undefined): string {
  const location = body.text('location', 128)
  if (existing === undefined) {
    if (location === undefined && !body.has('location')) {
      body.fail('location', 'Required', 'Write where the namespace lies; any name will do, e.g. "local".')
    }
    return location ?? ''
  }
  if (location !== undefined && plainLocation(location) !== plainLocation(existing.location)) {
    body.fail('location', 'Immutable', `The location is fixed at "${existing.location}" when a namespace is created.`)
  }
  return existing.location
}

/** `West Europe` and `westeurope` are one place. */
function plainLocation(location: string): string {
  return location.replaceAll(' ', '').toLowerCase()
}

function hostsOf({ topicSpacesConfiguration, topicsCustomDomains }: NamespaceProperties): readonly string[] {
  const domains = [...topicSpacesConfiguration.customDomains, ...topicsCustomDomains]
  return domains.map(({ fullyQualifiedDomainName }) => fullyQualifiedDomainName)
}

/** Says that a name is taken, never by whom (S50). */
function takenNames(
  stage: Stage,
  name: string,
  properties: NamespaceProperties,
  existing: StoredNamespace | undefined,
): RegistryFailure | null {
  const holder = findNamespace(stage, name)
  if (holder !== undefined && holder.uid !== existing?.uid) {
    return { kind: 'nameTaken', target: 'name', message: `The namespace name "${name}" is taken. Choose another one.` }
  }
  for (const host of hostsOf(properties)) {
    const owner = stage.lookup(Index.Host, host)
    if (owner === undefined || owner === existing?.uid) continue
    const target = 'properties.topicSpacesConfiguration.customDomains'
    return { kind: 'nameTaken', target, message: `The host name "${host}" is taken.` }
  }
  return null
}

function writeNamespace(stage: Stage, stored: StoredNamespace, before: StoredNamespace | null): void {
  putStored(stage, stored)
  stage.claim(Index.NamespaceName, stored.name.toLowerCase(), stored.uid)
  for (const host of before === null ? [] : hostsOf(before.properties)) stage.release(Index.Host, host)
  for (const host of hostsOf(stored.properties)) stage.claim(Index.Host, host, stored.uid)
  // Policies and limits are part of what verdicts about paths and rights rest on.
  if (before !== null && sameContent(before.settings, stored.settings) && sameContent(before.sku, stored.sku)) return
  touch(stage, 'rights', stored.uid)
  touch(stage, 'trust', stored.uid)
}

/** Moves the revision of what the mark stands for. */
export function touch(stage: Stage, mark: 'rights' | 'trust', namespaceUid: string): void {
  stage.put(markKey(mark, namespaceUid), bytesOfText('{}'))
}
