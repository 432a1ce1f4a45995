import type { Steps } from '../../base/steps.ts'
import type { Problem } from '../failure.ts'
import { formatResourceId, fullType, type ResourceType } from '../resource-id.ts'
import type { TemplateResource } from './resources.ts'

/** Kinds in the order in which one may name another. */
const rank: Readonly<Record<ResourceType, number>> = {
  namespaces: 0,
  caCertificates: 1,
  clients: 2,
  clientGroups: 3,
  topicSpaces: 4,
  permissionBindings: 5,
  sealgateRevocationLists: 6,
  sealgateDenyEntries: 7,
}

/**
 * By kind, then by `dependsOn`, then as written. What depends on itself, on nothing that is there, or on a kind that
 * comes later is a problem.
 */
export function* orderResources(
  resources: readonly TemplateResource[],
  problems: Problem[],
): Steps<readonly TemplateResource[]> {
  // A fleet of which nobody depends on anything needs no names, of which there are four for each.
  const isAsked = resources.some(({ dependsOn }) => dependsOn.length > 0)
  const byName = isAsked ? yield* names(resources) : new Map<string, TemplateResource>()
  const needed = new Map<TemplateResource, readonly TemplateResource[]>()
  const byRank: TemplateResource[][] = Object.values(rank).map(() => [])
  for (const resource of resources) {
    yield
    byRank[rank[resource.type]]!.push(resource)
    const needs: TemplateResource[] = []
    for (const [index, text] of resource.dependsOn.entries()) {
      const other = byName.get(text.toLowerCase())
      const target = `${resource.label}.dependsOn[${index}]`
      if (other === undefined) {
        const message = `The template has no resource "${text}". Write its resourceId(…), its name or its symbolic name.`
        problems.push({ code: 'UnknownReference', target, message })
      } else if (rank[other.type] > rank[resource.type]) {
        const message = `A resource of type ${fullType(resource.type)} is written before those of type ${fullType(other.type)}.`
        problems.push({ code: 'InvalidTemplate', target, message })
      } else needs.push(other)
    }
    needed.set(resource, needs)
  }
  const ordered: TemplateResource[] = []
  const state = new Map<TemplateResource, 'underWay' | 'done'>()
  for (const resource of byRank.flat()) yield* visit(resource)
  return ordered.filter(({ wanted }) => wanted)

  /** Depth first with a list of its own: a chain may be as long as the template. */
  function* visit(first: TemplateResource): Steps<undefined> {
    const path: { readonly resource: TemplateResource; next: number }[] = []
    const enter = (resource: TemplateResource) => {
      state.set(resource, 'underWay')
      path.push({ resource, next: 0 })
    }
    if (state.has(first)) return
    enter(first)
    while (path.length > 0) {
      yield
      const step = path.at(-1)!
      const other = needed.get(step.resource)?.[step.next++]
      if (other === undefined) {
        state.set(step.resource, 'done')
        ordered.push(step.resource)
        path.pop()
      } else if (state.get(other) === 'underWay') {
        const message = 'Resources depend on each other in a circle.'
        problems.push({ code: 'InvalidTemplate', target: `${step.resource.label}.dependsOn`, message })
      } else if (!state.has(other)) enter(other)
    }
  }
}

/** Every way to name a resource: id, `type/name`, name, symbolic name. Lower case. */
function* names(resources: readonly TemplateResource[]): Steps<ReadonlyMap<string, TemplateResource>> {
  const byName = new Map<string, TemplateResource>()
  for (const resource of resources) {
    yield
    const { id, type, symbolicName } = resource
    const name = id.child === null ? id.namespace : `${id.namespace}/${id.child.name}`
    for (const text of [formatResourceId(id), `${fullType(type)}/${name}`, name, id.child?.name ?? name]) {
      const key = text.toLowerCase()
      if (!byName.has(key)) byName.set(key, resource)
    }
    if (symbolicName !== null) byName.set(symbolicName.toLowerCase(), resource)
  }
  return byName
}
