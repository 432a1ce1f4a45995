import type { Result } from '../../base/result.ts'
import { err, ok } from '../../base/result.ts'
import type { EtagCondition } from '../../registry/change.ts'
import { type Applied, applyDeployment, type PlannedChange, planDeployment } from '../../registry/deployment/apply.ts'
import { type Deployment, readTemplateSteps } from '../../registry/deployment/template.ts'
import { invalid, type Problem, type RegistryFailure } from '../../registry/failure.ts'
import { Fields } from '../../registry/fields.ts'
import { formatResourceId, fullType, prunedTypes, type ResourceId, typeOf } from '../../registry/resource-id.ts'
import { may } from '../access/caller.ts'
import { denied } from '../access/gate.ts'
import { formatScope } from '../access/role.ts'
import { audit, authorOf } from '../audit.ts'
import { JsonRecords } from '../json-records.ts'
import { type Answer, type Call, callerOf, json, type Route } from '../route.ts'
import { type CaUseDocument, caUseOf, isInUse } from '../sealgate/ca-use.ts'
import { armError, failed, invalidDocument } from './error.ts'
import { groupPath } from './paths.ts'
import { auditAll } from './resources.ts'
import { changesTrust, mayChangeTrust, trustDenied } from './trust-change.ts'

/**
 * Deployments of templates: validated whole, written in one transaction, answered when done. az splices the text of the
 * template into its request, so the body is not JSON: keys without quotes, comments.
 */

const type = 'Microsoft.Resources/deployments'
const common = { tag: 'Azure Resource Manager', apiVersion: 'required' } as const
const list = `${groupPath}/providers/Microsoft.Resources/deployments`
const one = `${list}/{deploymentName}`
const body = { schema: 'Deployment', required: true, dialect: 'template', limit: 'templateBytes' } as const

/** What is kept of the last deployments of a group. */
const maximumRecords = 200

interface DeploymentRecord {
  readonly format: 1
  readonly at: number
  readonly document: Readonly<Record<string, unknown>>
}

export const deploymentRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Deployments_Validate',
    method: 'POST',
    path: `${one}/validate`,
    summary: 'Says everything that is wrong with a template; writes nothing.',
    access: { action: `${type}/validate/action` },
    body,
    answers: { 200: 'Deployment' },
    async handle(call) {
      const read = await readDeployment(call)
      if (!read.ok) return read.error
      const { deployment, prune } = read.value
      const planned = await planDeployment(call.house.parts.registry, deployment, authorOf(call), { prune })
      return planned.ok ? json(200, documentOf(call, read.value, [])) : failed(planned.error)
    },
  },
  {
    ...common,
    id: 'Deployments_WhatIf',
    method: 'POST',
    path: `${one}/whatIf`,
    summary: 'Says what a template would change, property by property; writes nothing.',
    access: { action: `${type}/whatIf/action` },
    body,
    answers: { 200: 'WhatIf' },
    async handle(call) {
      const read = await readDeployment(call)
      if (!read.ok) return read.error
      const { deployment, prune } = read.value
      const forbidden = forbiddenRead(call, deployment, prune)
      if (forbidden !== null) return forbidden
      const planned = await planDeployment(call.house.parts.registry, deployment, authorOf(call), { prune })
      if (!planned.ok) return failed(planned.error)
      return { status: 200, stream: whatIfText(planned.value.changes) }
    },
  },
  {
    ...common,
    id: 'Deployments_CreateOrUpdate',
    method: 'PUT',
    path: one,
    summary:
      'Applies a template: everything in one write, or nothing. Mode Complete also deletes what it does not name.',
    access: { action: `${type}/write` },
    body,
    answers: { 200: 'Deployment', 201: 'Deployment' },
    handle: deploy,
  },
  {
    ...common,
    id: 'Deployments_Get',
    method: 'GET',
    path: one,
    summary: 'What a deployment did.',
    access: { action: `${type}/read` },
    answers: { 200: 'Deployment' },
    handle(call) {
      const record = nameOf(call).length > 64 ? undefined : recordsOf(call).get(keyOf(call))
      if (record !== undefined) return json(200, record.document)
      return armError(404, 'DeploymentNotFound', `Deployment '${nameOf(call)}' could not be found.`)
    },
  },
  {
    ...common,
    id: 'Deployments_List',
    method: 'GET',
    path: list,
    summary: 'The last deployments of a resource group.',
    access: { action: `${type}/read` },
    answers: { 200: 'GenericList' },
    handle: (call) => {
      const records = [...recordsOf(call).all(groupPrefix(call))].sort((a, b) => b.at - a.at)
      return json(200, { value: records.map(({ document }) => document) })
    },
  },
]

interface Request {
  readonly deployment: Deployment
  readonly prune: boolean
  /** As they may be shown: nothing secure. */
  readonly parameters: Readonly<Record<string, unknown>>
}

async function deploy(call: Call): Promise<Answer> {
  const read = await readDeployment(call)
  if (!read.ok) return read.error
  const { deployment, prune } = read.value
  const forbidden = forbiddenChange(call, deployment, prune)
  if (forbidden !== null) return forbidden
  const uses = prune ? await usesOfAuthorities(call, deployment) : new Map<string, CaUseDocument>()
  const applied = await applyAsJudged(call, deployment, prune)
  const resource = `${groupOf(call)}/providers/${type}/${nameOf(call)}`
  if ('answer' in applied) return applied.answer
  if (!applied.ok) {
    audit(call, { action: `${type}/write`, resource, outcome: applied.error.kind })
    return failed(applied.error)
  }
  const { changes } = applied.value
  await auditAll(call, changes, uses)
  audit(call, { action: `${type}/write`, resource, outcome: 'applied' })
  const warnings = changes.flatMap((change) => change.warnings)
  const document = documentOf(call, read.value, changes)
  await keep(call, document)
  return json(201, warnings.length === 0 ? document : { ...document, warnings })
}

/** Whom each CA certificate carries that a template may take away, by its uid: afterwards nobody can say. */
async function usesOfAuthorities(call: Call, { resources }: Deployment): Promise<ReadonlyMap<string, CaUseDocument>> {
  const { registry, certificatesSeen } = call.house.parts
  // Who connected a moment ago counts.
  await certificatesSeen.idle()
  const uses = new Map<string, CaUseDocument>()
  for (const { id } of resources) {
    if (id.child !== null) continue
    const listed = registry.list({ ...id, type: 'caCertificates' }, { limit: 1_000 })
    for (const authority of listed.ok ? listed.value.resources : []) {
      const use = caUseOf(call.house, authority)
      if (isInUse(use)) uses.set(authority.uid, use)
    }
  }
  return uses
}

/** A template may do nothing that its author may not do one by one (S69). */
function forbiddenChange(call: Call, deployment: Deployment, prune: boolean): Answer | null {
  return forbidden(call, deployment, (id) => {
    const deletes = prune && id.child === null ? prunedTypes.map((child) => `${fullType(child)}/delete`) : []
    return [`${fullType(typeOf(id))}/write`, ...deletes]
  })
}

/** What would change is shown as it is now: to whoever may read it. */
function forbiddenRead(call: Call, deployment: Deployment, prune: boolean): Answer | null {
  return forbidden(call, deployment, (id) => {
    const deleted = prune && id.child === null ? prunedTypes.map((child) => `${fullType(child)}/read`) : []
    return [`${fullType(typeOf(id))}/read`, ...deleted]
  })
}

/** A namespace that changes each time between the look and the write is told as a conflict. */
const looks = 3

/**
 * Whose tokens and which webhook are believed is no part of what writes a namespace (S69): whoever may not change it has
 * the template looked at first, and applied only to the namespaces as they were then.
 */
async function applyAsJudged(
  call: Call,
  deployment: Deployment,
  prune: boolean,
): Promise<Result<Applied, RegistryFailure> | { readonly answer: Answer }> {
  const { registry } = call.house.parts
  const careful = deployment.resources.some(({ id }) => id.child === null && !mayChangeTrust(call, id))
  if (!careful) return applyDeployment(registry, deployment, authorOf(call), { prune })
  for (let look = 1; look <= looks; look++) {
    const planned = await planDeployment(registry, deployment, authorOf(call), { prune })
    if (!planned.ok) return planned
    const judged = judgeTrust(call, deployment, planned.value.changes)
    if ('answer' in judged) return judged
    const applied = await applyDeployment(registry, deployment, authorOf(call), { prune, ...judged })
    if (applied.ok || applied.error.kind !== 'etagMismatch') return applied
  }
  return err({ kind: 'conflict', message: 'Others changed the same namespaces at the same time. Try again.' })
}

function judgeTrust(
  call: Call,
  deployment: Deployment,
  changes: readonly PlannedChange[],
): { readonly conditions: ReadonlyMap<string, EtagCondition> } | { readonly answer: Answer } {
  const bodies = new Map(
    deployment.resources.flatMap(({ id, body: content }) =>
      id.child === null ? [[id.namespace.toLowerCase(), content] as const] : [],
    ),
  )
  const conditions = new Map<string, EtagCondition>()
  for (const changed of changes) {
    const { id, before } = changed
    if (id.child !== null || mayChangeTrust(call, id)) continue
    const name = id.namespace.toLowerCase()
    if (changesTrust(changed, bodies.get(name))) return { answer: trustDenied(call, id) }
    conditions.set(name, before === null ? { ifNoneMatch: '*' } : { ifMatch: [before.etag] })
  }
  return { conditions }
}

function forbidden(
  call: Call,
  { resources }: Deployment,
  actionsOf: (id: ResourceId) => readonly string[],
): Answer | null {
  const caller = callerOf(call)
  const allowed = new Set<string>()
  let last: ResourceId | null = null
  for (const { id } of resources) {
    // Of a fleet one client stands for all.
    if (last !== null && last.namespace === id.namespace && last.child?.type === id.child?.type) continue
    last = id
    const kind = `${typeOf(id)} ${id.namespace}`
    if (allowed.has(kind)) continue
    const scope = formatScope(id.subscriptionId, id.resourceGroup, id.namespace)
    const missing = actionsOf(id).find((action) => !may(caller, action, scope))
    if (missing !== undefined) return denied({ ...call, caller }, missing, scope)
    allowed.add(kind)
  }
  return null
}

async function readDeployment(call: Call): Promise<Result<Request, Answer>> {
  const problems: Problem[] = []
  if (!/^[-\w.()]{1,64}$/.test(nameOf(call))) {
    const message = 'A deployment name has 1 to 64 characters: letters, digits, and - _ . ( ).'
    return err(armError(400, 'InvalidDeploymentName', message, { target: 'name' }))
  }
  const properties = new Fields(call.body, '', problems).nested('properties')
  const mode = properties.choice('mode', ['Incremental', 'Complete']) ?? 'Incremental'
  if (properties.has('templateLink') || properties.has('parametersLink')) {
    properties.fail('templateLink', 'Unsupported', 'Nothing is fetched from elsewhere. Send the template itself.')
  }
  if (!properties.has('template')) properties.fail('template', 'Required', 'Send the template.')
  if (problems.length > 0) return err(failed(invalid(problems)))
  const { settings } = call.house.parts
  const group = call.house.groups.find(call.params['resourceGroupName'] ?? '')
  const parameters = properties.raw('parameters') ?? {}
  const template = properties.raw('template')
  const context = {
    subscriptionId: settings.subscriptionId,
    resourceGroup: group?.name ?? settings.resourceGroup,
    location: group?.location ?? 'local',
  }
  const read = await call.house.parts.registry.inSlices(readTemplateSteps(template, parameters, context))
  if (!read.ok) {
    const below = read.error.map((problem) => ({ ...problem, target: `properties.template.${problem.target}` }))
    return err(invalidDocument(below, 'The template is not valid.'))
  }
  return ok({ deployment: read.value, prune: mode === 'Complete', parameters: shownParameters(template, parameters) })
}

/** Values of secure parameters are for the template alone. */
function shownParameters(template: unknown, given: unknown): Readonly<Record<string, unknown>> {
  const declared = new Fields(template, '', []).nested('parameters')
  const values = new Fields(given, '', [])
  const shown: Record<string, unknown> = Object.create(null)
  for (const name of declared.keys()) {
    const declaredType = declared.nested(name).text('type') ?? ''
    const isSecure = declaredType.toLowerCase().startsWith('secure')
    const value = values.nested(name).raw('value')
    shown[name] = { type: declaredType, ...(isSecure || value === undefined ? {} : { value }) }
  }
  return shown
}

function documentOf(call: Call, { deployment, prune, parameters }: Request, changes: readonly PlannedChange[]) {
  const changed = changes.filter(({ resource }) => resource !== null)
  return {
    id: `${groupOf(call)}/providers/${type}/${nameOf(call)}`,
    name: nameOf(call),
    type,
    properties: {
      provisioningState: 'Succeeded',
      mode: prune ? 'Complete' : 'Incremental',
      timestamp: new Date(call.house.parts.clock.now()).toISOString(),
      duration: 'PT0S',
      correlationId: call.requestId,
      parameters,
      outputs: deployment.outputs,
      outputResources: changed.slice(0, 1_000).map(({ id }) => ({ id: formatResourceId(id) })),
      providers: [],
      dependencies: [],
      templateHash: deployment.digest,
    },
  }
}

/** Written while it is read, a change at a time: the whole may be larger than the template. */
function* whatIfText(changes: readonly PlannedChange[]): Generator<string> {
  yield '{"status":"Succeeded","properties":{"changes":['
  for (const [index, change] of changes.entries()) yield (index === 0 ? '' : ',') + JSON.stringify(whatIf(change))
  yield ']}}'
}

const changeTypes = { created: 'Create', updated: 'Modify', unchanged: 'NoChange', deleted: 'Delete' } as const

function whatIf({ change, id, before, resource, differences, warnings }: PlannedChange) {
  return {
    resourceId: formatResourceId(id),
    changeType: changeTypes[change],
    before: before?.document ?? null,
    after: resource?.document ?? null,
    delta: differences.map(({ path, before: from, after: to }) => ({
      path,
      propertyChangeType: from === undefined ? 'Create' : to === undefined ? 'Delete' : 'Modify',
      before: from ?? null,
      after: to ?? null,
    })),
    ...(warnings.length === 0 ? {} : { warnings }),
  }
}

async function keep(call: Call, document: DeploymentRecord['document']): Promise<void> {
  const records = recordsOf(call)
  await records.put(keyOf(call), { format: 1, at: call.house.parts.clock.now(), document })
  const kept = [...records.all(groupPrefix(call))].sort((a, b) => b.at - a.at)
  const over = kept
    .slice(maximumRecords)
    .map((record) => groupPrefix(call) + String(record.document['name']).toLowerCase())
  await records.remove(over)
}

function recordsOf({ house }: Call): JsonRecords<DeploymentRecord> {
  return new JsonRecords(house.parts.store, 'deployment')
}

function groupOf({ house, params }: Call): string {
  const name = params['resourceGroupName'] ?? ''
  return formatScope(house.parts.settings.subscriptionId, house.groups.find(name)?.name ?? name, null)
}

function groupPrefix({ params }: Call): string {
  return `${(params['resourceGroupName'] ?? '').toLowerCase()} `
}

function nameOf({ params }: Call): string {
  return params['deploymentName'] ?? ''
}

function keyOf(call: Call): string {
  return groupPrefix(call) + nameOf(call).toLowerCase()
}
