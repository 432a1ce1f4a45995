import { fold } from '../../base/fold.ts'
import type { Operations } from '../../broker/operations.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import { failed } from '../arm/error.ts'
import { page, pagingParameters, readPage } from '../arm/paging.ts'
import { namespacePath } from '../arm/paths.ts'
import { namespaceOf } from '../arm/resources.ts'
import { type Answer, type Call, json, type Query, type Route } from '../route.ts'

type DecisionEntry = ReturnType<Operations['decisions']>[number]

const common = {
  method: 'GET',
  tag: 'Sealgate',
  apiVersion: 'optional',
  query: [
    { name: 'code', description: 'Only decisions with this code, e.g. `issuerNotRegistered`.' },
    { name: 'name', description: 'Only decisions about this authentication name, username or Client Identifier.' },
    { name: 'outcome', description: '`accepted` or `refused`.' },
    ...pagingParameters,
  ],
  answers: { 200: 'DecisionList' },
} as const

export const decisionRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Sealgate_ListDecisions',
    path: `${namespacePath}/decisions`,
    summary: 'Recent decisions of a namespace with every step and a remedy, the newest first.',
    access: { action: 'Microsoft.EventGrid/namespaces/decisions/read' },
    handle(call) {
      const found = call.house.parts.registry.get(namespaceOf(call))
      if (!found.ok) return failed(found.error)
      const { id } = found.value.document
      return listDecisions(call, found.value.uid as NamespaceId, `${id}/decisions`)
    },
  },
  {
    ...common,
    id: 'Sealgate_ListStrayDecisions',
    path: '/sealgate/decisions',
    summary: 'The same for peers that belong to no namespace: failed handshakes, unknown server names.',
    access: { action: 'Sealgate/decisions/read' },
    handle: (call) => listDecisions(call, null, '/sealgate/decisions'),
  },
]

/** More than the rings of a namespace hold. */
const everything = 1_000_000

function listDecisions(call: Call, namespace: NamespaceId | null, path: string): Answer {
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const { top, after } = request.value
  const entries = call.house.parts.operations.decisions(namespace, everything).filter(isWanted(call.query))
  // A decision that repeats moves to the front meanwhile, and old ones fall out: go on behind the time of the last one.
  const rest = after === null ? entries : entries.filter((entry) => positionOf(entry) < after)
  const shown = rest.slice(0, top)
  const next = rest.length > top ? positionOf(shown.at(-1) as DecisionEntry) : null
  return json(200, page(call, path, shown.map(documentOf), next, ['code', 'name', 'outcome', '$top']))
}

/** Time, then id: in the order of the list, and unique. */
function positionOf({ lastAt, record }: DecisionEntry): string {
  return `${String(Math.trunc(lastAt)).padStart(15, '0')} ${record.id}`
}

function isWanted(query: Query): (entry: DecisionEntry) => boolean {
  const code = query.get('code')?.toLowerCase() ?? null
  const outcome = query.get('outcome')?.toLowerCase() ?? null
  const given = query.get('name')
  const name = given === null ? null : fold(given)
  return ({ record }) => {
    const names = [record.authenticationName, record.username, record.clientId]
    return (
      (code === null || record.code?.toLowerCase() === code) &&
      (outcome === null || record.outcome === outcome) &&
      (name === null || names.some((candidate) => candidate !== null && fold(candidate) === name))
    )
  }
}

function documentOf({ record, count, lastAt }: DecisionEntry) {
  const { id, at, ...facts } = record
  return { id, at: new Date(at).toISOString(), lastAt: new Date(lastAt).toISOString(), count, ...facts }
}
