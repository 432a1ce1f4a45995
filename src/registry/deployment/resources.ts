import type { Steps } from '../../base/steps.ts'
import type { Problem } from '../failure.ts'
import type { Fields } from '../fields.ts'
import {
  childId,
  childTypes,
  formatResourceId,
  fullType,
  namespaceId,
  parseFullType,
  provider,
  type ResourceId,
  type ResourceType,
} from '../resource-id.ts'
import type { DeploymentContext } from './context.ts'
import type { TemplateReader } from './template-reader.ts'

/** One resource of a template with every expression put in. */
export interface TemplateResource {
  readonly id: ResourceId
  readonly type: ResourceType
  readonly apiVersion: string | null
  readonly body: Readonly<Record<string, unknown>>
  /** Where it stands in the template. */
  readonly label: string
  /** As written: resource ids, names or symbolic names. */
  readonly dependsOn: readonly string[]
  readonly symbolicName: string | null
  /** False: the condition does not hold, and the resource is not written. */
  readonly wanted: boolean
}

const known = ['type', 'apiVersion', 'name', 'location', 'tags', 'sku', 'identity', 'properties', 'dependsOn'].concat(
  'condition',
  'comments',
  'metadata',
  'resources',
)
const bodyMembers = ['location', 'tags', 'sku', 'identity', 'properties']
const maximumResources = 2_000_000
const maximumNesting = 4

interface Parent {
  readonly type: string
  readonly name: string
  readonly wanted: boolean
}

export function* readResources(
  template: Fields,
  reader: TemplateReader,
  context: DeploymentContext,
  problems: Problem[],
): Steps<{ readonly resources: readonly TemplateResource[]; readonly ignoredTypes: readonly string[] }> {
  const resources: TemplateResource[] = []
  const ignored = new Set<string>()
  yield* readList(template, null, 0)
  if (!template.has('resources')) {
    template.fail('resources', 'Required', 'A template lists what it describes in "resources".')
  }
  const seen = new Map<string, string>()
  for (const { id, label } of resources) {
    const key = formatResourceId(id).toLowerCase()
    // Names of clients are case-sensitive.
    const exact = id.child?.type === 'clients' ? `${key} ${id.child.name}` : key
    const other = seen.get(exact)
    if (other !== undefined) {
      problems.push({ code: 'InvalidTemplate', target: label, message: `The same resource stands at ${other}.` })
    }
    seen.set(exact, label)
    yield
  }
  return { resources, ignoredTypes: [...ignored] }

  /** A list, or an object whose keys are symbolic names (languageVersion 2.0). */
  function* readList(owner: Fields, parent: Parent | null, nesting: number): Steps<undefined> {
    const raw = owner.raw('resources')
    if (raw === undefined) return
    if (nesting > maximumNesting) {
      owner.fail('resources', 'InvalidTemplate', 'Resources are nested too deep.')
      return
    }
    if (Array.isArray(raw)) {
      for (const entry of owner.objects('resources', maximumResources) ?? []) {
        yield* readOne(entry, null, parent, nesting)
      }
      return
    }
    const named = owner.nested('resources')
    for (const name of named.keys()) yield* readOne(named.nested(name), name, parent, nesting)
  }

  function* readOne(
    entry: Fields,
    symbolicName: string | null,
    parent: Parent | null,
    nesting: number,
  ): Steps<undefined> {
    yield
    for (const key of entry.keys()) {
      if (!known.includes(key))
        entry.fail(key, 'Unsupported', `"${key}" is not supported. Supported: ${known.join(', ')}.`)
    }
    const text = (name: string): string | null => {
      const value = resolve(entry, name)
      if (value === undefined || typeof value === 'string') return value ?? null
      if (value !== null) entry.fail(name, 'InvalidType', 'Write a text.')
      return null
    }
    const wanted = (parent?.wanted ?? true) && readCondition(entry)
    const typeText = required(entry, 'type', text('type'))
    const name = required(entry, 'name', text('name'))
    if (typeText === null || name === null) return
    const place = placed(typeText, name, parent)
    const type = parseFullType(place.type)
    if (type === null) {
      if (context.ignoreUnsupported === true) ignored.add(place.type)
      else {
        const message = `Resources of type ${place.type} are not supported; only ${provider}/namespaces and its ${childTypes.slice(0, -1).join(', ')} and ${childTypes.at(-1)}.`
        entry.fail('type', 'UnsupportedResourceType', message)
      }
      return
    }
    const id = idOf(entry, type, place.name)
    const apiVersion = text('apiVersion')
    if (apiVersion !== null && !/^\d{4}-\d{2}-\d{2}(-preview)?$/i.test(apiVersion)) {
      entry.fail('apiVersion', 'InvalidValue', 'Write a version such as 2025-02-15 or 2025-07-15-preview.')
    }
    const dependsOn = readDependencies(entry)
    // A resource that is not wanted may hold expressions that have no value.
    const body = wanted ? readBody(entry) : {}
    if (id !== null) {
      resources.push({ id, type, apiVersion, body, label: entry.path, dependsOn, symbolicName, wanted })
    }
    yield* readList(entry, { ...place, wanted }, nesting + 1)
  }

  function resolve(entry: Fields, name: string): unknown {
    const raw = entry.raw(name)
    if (raw === undefined) return undefined
    const value = reader.resolve(raw, entry.target(name))
    return value.ok ? value.value : null
  }

  function readCondition(entry: Fields): boolean {
    const value = resolve(entry, 'condition')
    if (value === undefined || typeof value === 'boolean') return value ?? true
    if (value !== null)
      entry.fail('condition', 'InvalidType', 'Write true, false or an expression that is one of them.')
    return true
  }

  function readDependencies(entry: Fields): readonly string[] {
    const value = resolve(entry, 'dependsOn')
    if (value === undefined || value === null) return []
    if (Array.isArray(value) && value.every((element) => typeof element === 'string')) return value
    entry.fail('dependsOn', 'InvalidType', 'Write a list of resource ids or names.')
    return []
  }

  function readBody(entry: Fields): Readonly<Record<string, unknown>> {
    const body: Record<string, unknown> = Object.create(null)
    for (const name of bodyMembers) {
      const value = resolve(entry, name)
      if (value !== undefined) body[name] = value
    }
    return body
  }

  function idOf(entry: Fields, type: ResourceType, name: string): ResourceId | null {
    const [namespace = '', child, ...more] = name.split('/')
    const { subscriptionId, resourceGroup } = context
    const address = { subscriptionId, resourceGroup, namespace }
    if (type === 'namespaces' && child === undefined) return namespaceId(address)
    if (type !== 'namespaces' && child !== undefined && more.length === 0) return childId(address, type, child)
    const shape = type === 'namespaces' ? 'the name of the namespace' : '"<namespace>/<name>"'
    entry.fail('name', 'InvalidName', `The name of a resource of type ${fullType(type)} is ${shape}.`)
    return null
  }
}

function required(entry: Fields, name: string, value: string | null): string | null {
  if (value === null && !entry.has(name)) entry.fail(name, 'Required', `Each resource has a ${name}.`)
  return value
}

/** A nested resource is named below its parent, by a short type and a short name. */
function placed(type: string, name: string, parent: Parent | null): { readonly type: string; readonly name: string } {
  if (parent === null) return { type, name }
  const isFull = type.toLowerCase().startsWith(`${parent.type.toLowerCase()}/`)
  return { type: isFull ? type : `${parent.type}/${type}`, name: `${parent.name}/${name}` }
}
