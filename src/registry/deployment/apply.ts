import { hash } from 'node:crypto'
import { ok, type Result } from '../../base/result.ts'
import type { Steps } from '../../base/steps.ts'
import type { Author, Change, Changed, EtagCondition } from '../change.ts'
import type { RegistryFailure } from '../failure.ts'
import type { Registry } from '../registry.ts'
import { type ChildType, type NamespaceAddress, prunedTypes, type ResourceId } from '../resource-id.ts'
import { nameKey } from '../stored.ts'
import { bytesOfText, textOfBytes } from '../text-bytes.ts'
import { type Difference, differences } from './difference.ts'
import type { Deployment } from './template.ts'

export interface ApplyOptions {
  /** Also deletes children of the template's namespaces that it does not name. */
  readonly prune?: boolean
  /**
   * Where the template comes from, e.g. its file. The same content and parameters from the same source are applied once
   * only: what an operator changed since stays changed (S67). Null or absent: apply in any case.
   */
  readonly source?: string | null
  /** What a namespace of the template must still be, by lower-case name; else `etagMismatch` and nothing is written. */
  readonly conditions?: ReadonlyMap<string, EtagCondition>
}

export interface Applied {
  /** True: equal to what this source applied last; nothing was looked at. */
  readonly skipped: boolean
  readonly changes: readonly PlannedChange[]
  readonly outputs: Deployment['outputs']
}

export interface PlannedChange extends Changed {
  /** What differs between before and after; empty for unchanged, created and deleted resources. */
  readonly differences: readonly Difference[]
}

/** Everything in one write of the store, or nothing and all problems. */
export async function applyDeployment(
  registry: Registry,
  deployment: Deployment,
  author: Author,
  options: ApplyOptions = {},
): Promise<Result<Applied, RegistryFailure>> {
  const { outputs, digest } = deployment
  const source = options.source ?? null
  const key = source === null ? null : noteKey(source)
  const note = key === null ? undefined : registry.note(key)
  if (note !== undefined && (JSON.parse(textOfBytes(note)) as { digest: string }).digest === digest) {
    return ok({ skipped: true, changes: [], outputs })
  }
  const changes = await registry.inSlices(changesOf(registry, deployment, options))
  const value = bytesOfText(JSON.stringify({ source, digest, at: author.at }))
  const done =
    key === null
      ? await registry.transact(changes, author)
      : await registry.transactWithNote(changes, author, { key, value })
  if (!done.ok) return done
  return ok({ skipped: false, changes: await registry.inSlices(planned(done.value)), outputs })
}

/** What `applyDeployment` would do now, whether or not it was applied before. */
export async function planDeployment(
  registry: Registry,
  deployment: Deployment,
  author: Author,
  options: Pick<ApplyOptions, 'prune'> = {},
): Promise<Result<Applied, RegistryFailure>> {
  const changes = await registry.inSlices(changesOf(registry, deployment, options))
  const done = await registry.rehearse(changes, author)
  if (!done.ok) return done
  const { outputs } = deployment
  return ok({ skipped: false, changes: await registry.inSlices(planned(done.value)), outputs })
}

function* planned(done: readonly Changed[]): Steps<readonly PlannedChange[]> {
  const changes: PlannedChange[] = []
  for (const changed of done) {
    const { change, before, resource } = changed
    const isUpdate = change === 'updated' && before !== null && resource !== null
    changes.push({ ...changed, differences: isUpdate ? differences(before.document, resource.document) : [] })
    yield
  }
  return changes
}

function noteKey(source: string): string {
  return `applied ${hash('sha256', source, 'hex')}`
}

function* changesOf(
  registry: Registry,
  deployment: Deployment,
  { prune, conditions }: ApplyOptions,
): Steps<readonly Change[]> {
  const puts: Change[] = []
  for (const { id, body, apiVersion, label } of deployment.resources) {
    const condition = id.child === null ? conditions?.get(id.namespace.toLowerCase()) : undefined
    puts.push({ kind: 'put', id, body, apiVersion, label, ...(condition === undefined ? {} : { condition }) })
    yield
  }
  if (prune !== true) return puts
  const deletes = yield* unnamed(registry, deployment)
  // A client makes room for another of the same name first; what bindings name goes when they are gone.
  const isNamed = ({ child }: ResourceId) => child?.type === 'clientGroups' || child?.type === 'topicSpaces'
  return [...deletes.filter(({ id }) => !isNamed(id)), ...puts, ...deletes.filter(({ id }) => isNamed(id))]
}

function* unnamed(registry: Registry, { resources }: Deployment): Steps<readonly Change[]> {
  const keep = new Set<string>()
  for (const { id } of resources) {
    if (id.child !== null) keep.add(nameIn(id, id.child.type, id.child.name))
    yield
  }
  const namespaces = resources.filter(({ id }) => id.child === null)
  const deletes: Change[] = []
  for (const { id } of namespaces) {
    for (const type of prunedTypes) {
      let after: string | null = null
      do {
        const page = registry.list({ ...id, type }, { limit: 200, after })
        if (!page.ok) break // the namespace is yet to be made
        for (const resource of page.value.resources) {
          const name = resource.id.child?.name ?? ''
          if (!keep.has(nameIn(id, type, name))) {
            deletes.push({ kind: 'delete', id: resource.id, label: `${type} ${name}` })
          }
        }
        after = page.value.next
        yield
      } while (after !== null)
    }
  }
  return deletes
}

function nameIn({ namespace }: NamespaceAddress, type: ChildType, name: string): string {
  return `${namespace.toLowerCase()} ${type} ${nameKey(type, name)}`
}
