import type { Result } from '../../base/result.ts'
import type { Changed } from '../../registry/change.ts'
import type { RegistryFailure } from '../../registry/failure.ts'
import type { WriteOptions } from '../../registry/registry.ts'
import type { Resource } from '../../registry/resource.ts'
import { formatResourceId, fullType, namespaceId, type ResourceId, typeOf } from '../../registry/resource-id.ts'
import { type AuditFacts, audit, authorOf } from '../audit.ts'
import { type Answer, type Call, empty, json } from '../route.ts'
import { failed } from './error.ts'
import { etagHeader, readCondition } from './etag.ts'
import { changesTrust, mayChangeTrust, trustDenied } from './trust-change.ts'

/** What all six resources share: read, write and delete one of them. */

export function namespaceOf({ params, house }: Call): ResourceId {
  return namespaceId({
    subscriptionId: house.parts.settings.subscriptionId,
    // The spelling that the group was made with; the request's may be another.
    resourceGroup: house.groups.find(params['resourceGroupName'] ?? '')?.name ?? params['resourceGroupName'] ?? '',
    namespace: params['namespaceName'] ?? '',
  })
}

export function getResource(call: Call, id: ResourceId): Answer {
  const found = call.house.parts.registry.get(id)
  return found.ok ? resourceAnswer(200, found.value) : failed(found.error)
}

function resourceAnswer(status: number, resource: Resource, warnings: Changed['warnings'] = []): Answer {
  const { document } = resource
  return json(status, warnings.length === 0 ? document : { ...document, warnings }, etagHeader(resource))
}

/** PUT and PATCH answer when everything is done: every poller of Azure's clients is content with that. */
export async function writeResource(
  call: Call,
  kind: 'put' | 'patch',
  id: ResourceId,
  { body, content }: { readonly body: unknown; readonly content?: Uint8Array } = { body: call.body ?? {} },
): Promise<Answer> {
  const condition = readCondition(call.headers)
  if (!condition.ok) return condition.error
  const { registry } = call.house.parts
  let options: WriteOptions = {
    apiVersion: call.apiVersion,
    ...(condition.value === null ? {} : { condition: condition.value }),
    ...(content === undefined ? {} : { content }),
  }
  if (id.child === null && !mayChangeTrust(call, id)) {
    const rehearsed = await registry.rehearse([{ kind, id, body, ...options }], authorOf(call))
    // What fails now may not be tried again unseen: a moment later it might succeed, with trust in it.
    if (!rehearsed.ok) {
      auditChange(call, id, 'write', rehearsed)
      return failed(rehearsed.error)
    }
    const [changed] = rehearsed.value
    if (changed !== undefined && changesTrust(changed, body)) return trustDenied(call, id)
    // What was looked at is what is written.
    const etag = changed?.before?.etag
    options = { ...options, condition: etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: [etag] } }
  }
  const done = await registry[kind](id, body, authorOf(call), options)
  auditChange(call, id, 'write', done)
  if (!done.ok) return failed(done.error)
  const { resource, change, warnings } = done.value
  if (resource === null) throw new Error('a write leaves a resource')
  return resourceAnswer(change === 'created' ? 201 : 200, resource, warnings)
}

/** `more` goes into the audit log beside what was deleted. */
export async function deleteResource(
  call: Call,
  id: ResourceId,
  more: Pick<AuditFacts, 'inUse'> = {},
): Promise<Answer> {
  const condition = readCondition(call.headers)
  if (!condition.ok) return condition.error
  const options = condition.value === null ? {} : { condition: condition.value }
  const done = await call.house.parts.registry.delete(id, authorOf(call), options)
  if (done.ok || done.error.kind !== 'notFound') auditChange(call, id, 'delete', done, more)
  if (done.ok) return empty(200)
  // A delete that comes twice is done twice.
  return done.error.kind === 'notFound' || done.error.kind === 'parentNotFound' ? empty(204) : failed(done.error)
}

function auditChange(
  call: Call,
  id: ResourceId,
  verb: 'write' | 'delete',
  done: Result<Changed, RegistryFailure>,
  more: Pick<AuditFacts, 'inUse'> = {},
): void {
  const facts = { action: `${fullType(typeOf(id))}/${verb}`, resource: formatResourceId(id) }
  if (!done.ok) {
    audit(call, { ...facts, ...more, outcome: done.error.kind })
    return
  }
  const { change, before, resource, warnings } = done.value
  audit(call, {
    ...facts,
    ...more,
    outcome: change,
    revisionBefore: before?.etag ?? null,
    revisionAfter: resource?.etag ?? null,
    ...(warnings.length === 0 ? {} : { warnings: warnings.map(({ code }) => code) }),
  })
}

/** Lines that are written between two turns of the loop: so many the log can take without dropping any. */
const auditBatch = 200

/** For parts of a larger request, which are audited one by one. @param uses of what may be deleted, by uid */
export async function auditAll(
  call: Call,
  changes: readonly Changed[],
  uses: ReadonlyMap<string, object> = new Map(),
): Promise<void> {
  let written = 0
  for (const changed of changes) {
    if (changed.change === 'unchanged') continue
    const isDeleted = changed.change === 'deleted'
    const inUse = isDeleted ? uses.get(changed.before?.uid ?? '') : undefined
    const more = inUse === undefined ? {} : { inUse }
    auditChange(call, changed.id, isDeleted ? 'delete' : 'write', { ok: true, value: changed }, more)
    if (++written % auditBatch === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}
