/**
 * Who may do what. Actions are named as Azure names them (`Microsoft.EventGrid/namespaces/clients/write`), so that trust
 * (CA certificates) and rights (bindings) can be kept from whoever may only write clients (S69).
 */

export const roles = ['owner', 'contributor', 'reader'] as const
export type Role = (typeof roles)[number]

interface RoleDefinition {
  readonly meaning: string
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
}

export const roleDefinitions: Readonly<Record<Role, RoleDefinition>> = {
  owner: { meaning: 'everything, tokens and backups included', actions: ['*'], notActions: [] },
  contributor: {
    meaning: 'everything but tokens and backups',
    actions: ['*'],
    notActions: ['Sealgate/tokens/*', 'Sealgate/backup/*'],
  },
  reader: {
    meaning: 'reads everything but access keys and tokens; may ask why a certificate is accepted or refused',
    actions: [
      '*/read',
      'Microsoft.EventGrid/namespaces/explain/action',
      'Microsoft.EventGrid/namespaces/export/action',
    ],
    notActions: ['Sealgate/tokens/*'],
  },
}

/** What a principal holds: a role in a scope, less some actions. */
export interface Grant {
  readonly role: Role
  /** Canonical id of a subscription, resource group or namespace; empty: everything. */
  readonly scope: string
  readonly notActions: readonly string[]
}

/** Whether the role has the action anywhere in its scope. */
export function holdsAction({ role, notActions }: Grant, action: string): boolean {
  const definition = roleDefinitions[role]
  return (
    definition.actions.some((pattern) => matchesAction(pattern, action)) &&
    ![...definition.notActions, ...notActions].some((pattern) => matchesAction(pattern, action))
  )
}

export function allows(grant: Grant, action: string, scope: string): boolean {
  return covers(grant.scope, scope) && holdsAction(grant, action)
}

/** Whether `scope` is `outer` or lies below it. Ids ignore case. */
function covers(outer: string, scope: string): boolean {
  const [high, low] = [outer.toLowerCase(), scope.toLowerCase()]
  return high === '' || low === high || low.startsWith(`${high}/`)
}

/** `*` stands for any text. Each piece is looked for once from where the last one ended: linear in pieces × text. */
export function matchesAction(pattern: string, action: string): boolean {
  const pieces = pattern.toLowerCase().split('*')
  const text = action.toLowerCase()
  const [first = ''] = pieces
  if (pieces.length === 1) return text === first
  const last = pieces.at(-1) as string
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
  let at = first.length
  const end = text.length - last.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

const scopePattern =
  /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+)(?:\/providers\/Microsoft\.EventGrid\/namespaces\/([^/]+))?)?\/?$/i

/** Canonical casing; null: no scope that a token can have. */
export function parseScope(text: string): string | null {
  const match = scopePattern.exec(text)
  if (match === null) return null
  const [, subscriptionId = '', resourceGroup, namespace] = match
  return formatScope(subscriptionId, resourceGroup ?? null, namespace ?? null)
}

export function formatScope(subscriptionId: string, resourceGroup: string | null, namespace: string | null): string {
  const subscription = `/subscriptions/${subscriptionId}`
  if (resourceGroup === null) return subscription
  const group = `${subscription}/resourceGroups/${resourceGroup}`
  return namespace === null ? group : `${group}/providers/Microsoft.EventGrid/namespaces/${namespace}`
}
