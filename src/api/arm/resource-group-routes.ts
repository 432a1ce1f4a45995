import { invalid, type Problem } from '../../registry/failure.ts'
import { Fields, structureProblems } from '../../registry/fields.ts'
import { readTags } from '../../registry/types/namespace.ts'
import { may } from '../access/caller.ts'
import { denied, groupNotFound } from '../access/gate.ts'
import { formatScope } from '../access/role.ts'
import { audit, authorOf } from '../audit.ts'
import { type Answer, type Call, callerOf, empty, json, type Route } from '../route.ts'
import { armError, failed } from './error.ts'
import { seesGroup } from './namespace-list.ts'
import { page, readPage } from './paging.ts'
import { groupPath } from './paths.ts'
import type { ResourceGroup } from './resource-groups.ts'
import { auditAll } from './resources.ts'

const type = 'Microsoft.Resources/subscriptions/resourceGroups'
const common = { tag: 'Azure Resource Manager', apiVersion: 'required', anyGroup: true } as const
const list = '/subscriptions/{subscriptionId}/resourceGroups'
const one = groupPath

export const resourceGroupRoutes: readonly Route[] = [
  {
    ...common,
    id: 'ResourceGroups_List',
    method: 'GET',
    path: list,
    summary: 'Resource groups.',
    access: { action: `${type}/read`, filtered: true },
    answers: { 200: 'ResourceGroupList' },
    handle: listGroups,
  },
  {
    ...common,
    id: 'ResourceGroups_Get',
    method: 'GET',
    path: one,
    summary: 'One resource group.',
    access: { action: `${type}/read`, filtered: true },
    answers: { 200: 'ResourceGroup' },
    handle(call) {
      const group = call.house.groups.find(nameOf(call))
      return group === null ? groupNotFound(nameOf(call)) : json(200, documentOf(call, group))
    },
  },
  {
    ...common,
    id: 'ResourceGroups_CreateOrUpdate',
    method: 'PUT',
    path: one,
    summary: 'Makes a resource group, or changes its tags.',
    access: { action: `${type}/write` },
    body: { schema: 'ResourceGroup', required: true },
    answers: { 200: 'ResourceGroup', 201: 'ResourceGroup' },
    handle: putGroup,
  },
  {
    ...common,
    id: 'ResourceGroups_Update',
    method: 'PATCH',
    path: one,
    summary: 'Changes the tags of a resource group.',
    access: { action: `${type}/write` },
    body: { schema: 'ResourceGroup', required: true },
    answers: { 200: 'ResourceGroup' },
    handle: (call) => (call.house.groups.find(nameOf(call)) === null ? groupNotFound(nameOf(call)) : putGroup(call)),
  },
  {
    ...common,
    id: 'ResourceGroups_Delete',
    method: 'DELETE',
    path: one,
    summary: 'Deletes a resource group with every namespace in it.',
    access: { action: `${type}/delete` },
    answers: { 200: null },
    handle: deleteGroup,
  },
]

function nameOf({ params }: Call): string {
  return params['resourceGroupName'] ?? ''
}

function listGroups(call: Call): Answer {
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const { top, after } = request.value
  const key = ({ name }: ResourceGroup): string => name.toLowerCase()
  const seen = call.house.groups.list().filter((group) => seesGroup(call, group.name))
  const rest = seen.filter((group) => after === null || key(group) > after)
  const shown = rest.slice(0, top)
  const next = rest.length > top ? key(shown.at(-1) as ResourceGroup) : null
  const path = `/subscriptions/${call.house.parts.settings.subscriptionId}/resourceGroups`
  const documents = shown.map((group) => documentOf(call, group))
  return json(200, page(call, path, documents, next))
}

async function putGroup(call: Call): Promise<Answer> {
  const problems: Problem[] = [...structureProblems(call.body)]
  const body = new Fields(problems.length > 0 ? {} : call.body, '', problems)
  const existing = call.house.groups.find(nameOf(call))
  const location = body.text('location', 128) ?? existing?.location
  if (location === undefined)
    body.fail('location', 'Required', 'Write where the group lies; any name will do, e.g. "local".')
  if (existing === null && !/^[-\w.()]{0,89}[-\w()]$/.test(nameOf(call))) {
    const message = 'A name has 1 to 90 characters: letters, digits, and - _ . ( ), without a dot at the end.'
    body.fail('name', 'InvalidName', message)
  }
  const tags = body.has('tags') ? readTags(body) : (existing?.tags ?? {})
  if (problems.length > 0) return failed(invalid(problems))
  const group = { name: existing?.name ?? nameOf(call), location: location ?? '', tags }
  await call.house.groups.put(group)
  const outcome = existing === null ? 'created' : 'updated'
  audit(call, { action: `${type}/write`, resource: idOf(call, group), outcome })
  return json(existing === null ? 201 : 200, documentOf(call, group))
}

/** In one write or not at all, as the namespaces go. */
async function deleteGroup(call: Call): Promise<Answer> {
  const { groups, parts } = call.house
  const group = groups.find(nameOf(call))
  if (group === null) return groupNotFound(nameOf(call))
  if (group.name.toLowerCase() === parts.settings.resourceGroup.toLowerCase()) {
    const message = `The resource group '${group.name}' is part of this server's configuration. Delete its namespaces one by one.`
    return armError(409, 'Conflict', message)
  }
  const namespaces = groups.namespaces(group.name)
  const caller = callerOf(call)
  for (const { id } of namespaces) {
    const scope = formatScope(id.subscriptionId, id.resourceGroup, id.namespace)
    const action = 'Microsoft.EventGrid/namespaces/delete'
    if (!may(caller, action, scope)) return denied({ ...call, caller }, action, scope)
  }
  const deletes = namespaces.map(({ id }) => ({ kind: 'delete', id }) as const)
  const done = await parts.registry.transact(deletes, authorOf(call))
  if (!done.ok) return failed(done.error)
  await auditAll(call, done.value)
  await groups.remove(group.name)
  audit(call, { action: `${type}/delete`, resource: idOf(call, group), outcome: 'deleted' })
  return empty(200)
}

function idOf({ house }: Call, { name }: ResourceGroup): string {
  return formatScope(house.parts.settings.subscriptionId, name, null)
}

function documentOf(call: Call, group: ResourceGroup) {
  return {
    id: idOf(call, group),
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: 'Succeeded' },
  }
}
