import { fold } from '../../base/fold.ts'
import type { SessionListing } from '../../broker/operations.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import { armError, failed } from '../arm/error.ts'
import { page, pagingParameters, readPage } from '../arm/paging.ts'
import { namespacePath } from '../arm/paths.ts'
import { namespaceOf } from '../arm/resources.ts'
import { audit } from '../audit.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'

const common = { tag: 'Sealgate', apiVersion: 'optional' } as const
const closeAction = 'Microsoft.EventGrid/namespaces/sessions/close/action'

export const sessionRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Sealgate_ListSessions',
    method: 'GET',
    path: `${namespacePath}/sessions`,
    summary: 'Sessions of a namespace in order of Client Identifier, those whose client is away included.',
    access: { action: 'Microsoft.EventGrid/namespaces/sessions/read' },
    query: [{ name: 'authenticationName', description: 'Only sessions of this client.' }, ...pagingParameters],
    answers: { 200: 'SessionList' },
    handle: listSessions,
  },
  {
    ...common,
    id: 'Sealgate_CloseSession',
    method: 'POST',
    path: `${namespacePath}/sessions/{clientId}/close`,
    summary: 'Ends a session and its connection; its name is free at once.',
    access: { action: closeAction },
    answers: { 200: 'SessionClosed' },
    handle: closeSession,
  },
]

function listSessions(call: Call): Answer {
  const found = call.house.parts.registry.get(namespaceOf(call))
  if (!found.ok) return failed(found.error)
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const { top, after } = request.value
  const name = call.query.get('authenticationName')
  const listed = call.house.parts.operations.sessions({
    namespace: found.value.uid as NamespaceId,
    after,
    limit: top + 1,
    ...(name === null ? {} : { foldedName: fold(name) }),
  })
  const shown = listed.slice(0, top)
  const next = listed.length > top ? (shown.at(-1)?.record.clientId ?? null) : null
  const path = `${found.value.document.id}/sessions`
  return json(200, page(call, path, shown.map(documentOf), next, ['authenticationName', '$top']))
}

async function closeSession(call: Call): Promise<Answer> {
  const found = call.house.parts.registry.get(namespaceOf(call))
  if (!found.ok) return failed(found.error)
  const { clientId = '' } = call.params
  const closed = await call.house.parts.operations.closeSession(found.value.uid as NamespaceId, clientId)
  const resource = `${found.value.document.id}/sessions/${clientId.slice(0, 256)}`
  audit(call, { action: closeAction, resource, outcome: closed ? 'closed' : 'notFound' })
  if (closed) return json(200, { clientId, closed: true })
  const message = `There is no session with the Client Identifier ${JSON.stringify(clientId.slice(0, 256))}.`
  return armError(404, 'ResourceNotFound', message)
}

function documentOf({ record, online, queued }: SessionListing) {
  const { clientId, owner, principal, sequenceNumber, connectedAt, expiresAt, expiryIntervalSeconds } = record
  return {
    clientId,
    authenticationName: owner.authenticationName,
    authority: owner.authority,
    method: principal.method,
    online,
    sequenceNumber,
    connectedAt: new Date(connectedAt).toISOString(),
    expiryIntervalSeconds,
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    subscriptions: record.subscriptions,
    hasWill: record.will !== null,
    queued,
  }
}
