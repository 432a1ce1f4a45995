import {
  type ChildType,
  childId,
  childTypes,
  formatResourceId,
  fullType,
  type ResourceId,
} from '../../registry/resource-id.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'
import { caInUse, caUseOf, isInUse } from '../sealgate/ca-use.ts'
import { armError, failed } from './error.ts'
import { uploadList } from './list-upload.ts'
import { namespaceActions } from './namespace-actions.ts'
import { listNamespaces } from './namespace-list.ts'
import { filterParameter, page, pagingParameters, readFilter, readPage } from './paging.ts'
import { groupPath, namespacePath } from './paths.ts'
import { deleteResource, getResource, namespaceOf, writeResource } from './resources.ts'

/** The operations of `Microsoft.EventGrid/namespaces` and the five kinds of resources below it. */

const common = { tag: 'Resources', apiVersion: 'required' } as const
const paged = [filterParameter, ...pagingParameters]

const namespaceRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Namespaces_ListBySubscription',
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.EventGrid/namespaces',
    summary: 'Namespaces of the subscription.',
    access: { action: 'Microsoft.EventGrid/namespaces/read', filtered: true },
    query: paged,
    answers: { 200: 'NamespaceList' },
    handle: (call) => listNamespaces(call, null),
  },
  {
    ...common,
    id: 'Namespaces_ListByResourceGroup',
    method: 'GET',
    path: `${groupPath}/providers/Microsoft.EventGrid/namespaces`,
    summary: 'Namespaces of a resource group.',
    access: { action: 'Microsoft.EventGrid/namespaces/read', filtered: true },
    query: paged,
    answers: { 200: 'NamespaceList' },
    handle: (call) => listNamespaces(call, namespaceOf(call).resourceGroup),
  },
  {
    ...common,
    id: 'Namespaces_Get',
    method: 'GET',
    path: namespacePath,
    summary: 'One namespace.',
    access: { action: 'Microsoft.EventGrid/namespaces/read' },
    answers: { 200: 'Namespace' },
    handle: (call) => getResource(call, namespaceOf(call)),
  },
  {
    ...common,
    id: 'Namespaces_CreateOrUpdate',
    method: 'PUT',
    path: namespacePath,
    summary: 'Makes or replaces a namespace. `properties.sealgate` and its members stay when they are left out.',
    access: { action: 'Microsoft.EventGrid/namespaces/write' },
    body: { schema: 'Namespace', required: true },
    answers: { 200: 'Namespace', 201: 'Namespace' },
    handle: (call) => writeResource(call, 'put', namespaceOf(call)),
  },
  {
    ...common,
    id: 'Namespaces_Update',
    method: 'PATCH',
    path: namespacePath,
    summary: 'Changes some properties: objects merge, lists and tags are replaced, null resets.',
    access: { action: 'Microsoft.EventGrid/namespaces/write' },
    body: { schema: 'Namespace', required: true },
    answers: { 200: 'Namespace' },
    handle: (call) => writeResource(call, 'patch', namespaceOf(call)),
  },
  {
    ...common,
    id: 'Namespaces_Delete',
    method: 'DELETE',
    path: namespacePath,
    summary: 'Deletes a namespace with everything in it.',
    access: { action: 'Microsoft.EventGrid/namespaces/delete' },
    answers: { 200: null, 204: null },
    handle: (call) => deleteResource(call, namespaceOf(call)),
  },
]

interface ChildTexts {
  readonly operations: string
  readonly parameter: string
  readonly schema: string
  readonly one: string
  readonly many: string
}

const texts: Readonly<Record<ChildType, ChildTexts>> = {
  caCertificates: {
    operations: 'CaCertificates',
    parameter: 'caCertificateName',
    schema: 'CaCertificate',
    one: 'a CA certificate',
    many: 'CA certificates',
  },
  clients: { operations: 'Clients', parameter: 'clientName', schema: 'Client', one: 'a client', many: 'Clients' },
  clientGroups: {
    operations: 'ClientGroups',
    parameter: 'clientGroupName',
    schema: 'ClientGroup',
    one: 'a client group',
    many: 'Client groups',
  },
  topicSpaces: {
    operations: 'TopicSpaces',
    parameter: 'topicSpaceName',
    schema: 'TopicSpace',
    one: 'a topic space',
    many: 'Topic spaces',
  },
  permissionBindings: {
    operations: 'PermissionBindings',
    parameter: 'permissionBindingName',
    schema: 'PermissionBinding',
    one: 'a permission binding',
    many: 'Permission bindings',
  },
  sealgateDenyEntries: {
    operations: 'DenyEntries',
    parameter: 'denyEntryName',
    schema: 'DenyEntry',
    one: 'a deny entry',
    many: 'Deny entries',
  },
  sealgateRevocationLists: {
    operations: 'RevocationLists',
    parameter: 'revocationListName',
    schema: 'RevocationList',
    one: 'a revocation list',
    many: 'Revocation lists',
  },
}

function childRoutes(type: ChildType): readonly Route[] {
  const { operations, parameter, schema, one, many } = texts[type]
  const collection = `${namespacePath}/${type}`
  const path = `${collection}/{${parameter}}`
  const action = fullType(type)
  const idOf = (call: Call) => childId(namespaceOf(call), type, call.params[parameter] ?? '')
  return [
    {
      ...common,
      id: `${operations}_ListByNamespace`,
      method: 'GET',
      path: collection,
      summary: `${many} of a namespace, in order of names.`,
      access: { action: `${action}/read` },
      query: type === 'clients' ? [...paged, authenticationNameParameter] : paged,
      answers: { 200: `${schema}List` },
      handle: (call) => listChildren(call, type),
    },
    {
      ...common,
      id: `${operations}_Get`,
      method: 'GET',
      path,
      summary: `Reads ${one}.`,
      access: { action: `${action}/read` },
      answers: { 200: schema },
      handle: (call) => getResource(call, idOf(call)),
    },
    {
      ...common,
      id: `${operations}_CreateOrUpdate`,
      method: 'PUT',
      path,
      summary: `Makes or replaces ${one}.`,
      access: { action: `${action}/write` },
      body: { schema, required: true },
      answers: { 200: schema, 201: schema },
      handle: (call) => writeResource(call, 'put', idOf(call)),
    },
    {
      ...common,
      id: `${operations}_Delete`,
      method: 'DELETE',
      path,
      summary: `Deletes ${one}.`,
      access: { action: `${action}/delete` },
      ...(type === 'caCertificates' ? { query: [ifUnusedParameter] } : {}),
      answers: { 200: null, 204: null },
      handle: (call) =>
        type === 'caCertificates' ? deleteCaCertificate(call, idOf(call)) : deleteResource(call, idOf(call)),
    },
  ]
}

const ifUnusedParameter = {
  name: 'ifUnused',
  description: '`true`: not while clients use it. Azure knows no such thing, so without it the delete is done.',
}

/** Whoever deletes a CA certificate that is in use is not kept from it, but it stands in the audit log. */
async function deleteCaCertificate(call: Call, id: ResourceId): Promise<Answer> {
  const ifUnused = call.query.all('ifUnused').map((value) => value.toLowerCase())
  // Whoever meant it must not have the CA deleted for a misspelling.
  if (ifUnused.some((value) => value !== 'true' && value !== 'false')) {
    return armError(400, 'InvalidQueryParameter', 'ifUnused is true or false.', { target: 'ifUnused' })
  }
  // Who connected a moment ago counts.
  await call.house.parts.certificatesSeen.idle()
  const found = call.house.parts.registry.get(id)
  if (!found.ok) return deleteResource(call, id)
  const use = caUseOf(call.house, found.value)
  if (!isInUse(use)) return deleteResource(call, id)
  if (ifUnused.includes('true')) return caInUse(found.value.id.child?.name ?? '', use)
  return deleteResource(call, id, { inUse: use })
}

const authenticationNameParameter = {
  name: 'authenticationName',
  description: 'Only the client with this authentication name, in any spelling that counts as the same name.',
}

function listChildren(call: Call, type: ChildType) {
  const { registry } = call.house.parts
  const namespace = registry.get(namespaceOf(call))
  if (!namespace.ok) {
    const { message } = namespace.error
    return failed({ kind: 'parentNotFound', id: namespaceOf(call), message })
  }
  const { id } = namespace.value
  const name = type === 'clients' ? call.query.get('authenticationName') : null
  if (name !== null) {
    const found = registry.findClient(id.namespace, name)
    return json(200, { value: found === undefined ? [] : [found.document] })
  }
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const filter = readFilter(call.query, ['name'])
  if (!filter.ok) return filter.error
  const where = filter.value
  const listed = registry.list(
    { ...id, type },
    {
      after: request.value.after,
      limit: request.value.top,
      ...(where === null ? {} : { where: (candidate: string) => where(() => candidate) }),
    },
  )
  if (!listed.ok) return failed(listed.error)
  const { resources, next } = listed.value
  const documents = resources.map(({ document }) => document)
  return json(200, page(call, `${formatResourceId(id)}/${type}`, documents, next))
}

export const resourceRoutes: readonly Route[] = [
  ...namespaceRoutes,
  ...namespaceActions,
  ...childTypes.flatMap(childRoutes),
  uploadList,
]
