import { formatResourceId, namespaceId, provider } from '../../registry/resource-id.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { nearest } from '../did-you-mean.ts'
import type { RestClient } from '../rest/client.ts'
import type { ConnectionOptions } from '../rest/connection-options.ts'
import type { Terminal } from '../terminal.ts'
import type { ResourceDocument } from './kind.ts'

/** Which namespace a command means. */
export interface ScopeOptions extends ConnectionOptions {
  readonly resourceGroup?: string
  readonly namespaceName?: string
  readonly subscription?: string
}

export interface NamespaceScope {
  /** Path of the namespace, percent-encoded. */
  readonly path: string
  readonly name: string
  readonly resourceGroup: string
  readonly subscriptionId: string
}

export function namespaceScope(subscriptionId: string, resourceGroup: string, name: string): NamespaceScope {
  const encoded = { subscriptionId, resourceGroup, namespace: name }
  const id = formatResourceId(namespaceId(mapped(encoded, encodeURIComponent)))
  return { path: id, name, resourceGroup, subscriptionId }
}

function mapped<T extends Record<string, string>>(values: T, change: (value: string) => string): T {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)])) as T
}

/** The subscription that is named or the only one that the server has. */
export async function subscriptionOf(client: RestClient, options: ScopeOptions): Promise<string> {
  const known = options.subscription ?? client.address.subscriptionId
  if (known !== null && known !== undefined) return known
  for await (const one of client.list({ method: 'GET', path: '/subscriptions' })) {
    const { subscriptionId } = one as { readonly subscriptionId?: unknown }
    if (typeof subscriptionId === 'string') return subscriptionId
  }
  throw new CommandFailure('the token sees no subscription')
}

export async function groupOf(client: RestClient, terminal: Terminal, options: ScopeOptions): Promise<string> {
  return (
    options.resourceGroup ||
    terminal.environment['SEALGATE_RESOURCE_GROUP'] ||
    (client.address.resourceGroup ?? 'local')
  )
}

export async function listNamespaces(client: RestClient, options: ScopeOptions): Promise<ResourceDocument[]> {
  const subscription = await subscriptionOf(client, options)
  const { resourceGroup } = options
  const group = resourceGroup === undefined ? '' : `/resourceGroups/${encodeURIComponent(resourceGroup)}`
  const path = `/subscriptions/${encodeURIComponent(subscription)}${group}/providers/${provider}/namespaces`
  const found: ResourceDocument[] = []
  for await (const one of client.list({ method: 'GET', path, query: { $top: '100' } }))
    found.push(one as ResourceDocument)
  return found
}

/** The namespace that is named, or the only one there is. */
export async function findNamespace(
  client: RestClient,
  terminal: Terminal,
  options: ScopeOptions,
): Promise<NamespaceScope> {
  const name = options.namespaceName || terminal.environment['SEALGATE_NAMESPACE'] || null
  if (name !== null && options.resourceGroup !== undefined) {
    return namespaceScope(await subscriptionOf(client, options), options.resourceGroup, name)
  }
  const all = await listNamespaces(client, options)
  const names = all.map((one) => one.name)
  const found = name === null ? all : all.filter((one) => one.name.toLowerCase() === name.toLowerCase())
  const [only] = found
  if (only !== undefined && found.length === 1) {
    const [, , subscriptionId = '', , resourceGroup = ''] = only.id.split('/')
    return namespaceScope(subscriptionId, resourceGroup, only.name)
  }
  if (all.length === 0) {
    throw new CommandFailure([
      'there is no namespace yet',
      'sealgate namespace create --name NAME --topic-spaces-configuration "{state:Enabled}" makes one',
    ])
  }
  if (name === null) {
    throw wrongUsage(`there are ${all.length} namespaces: ${listed(names)}`, 'Say which with --namespace-name NAME')
  }
  throw new CommandFailure([`there is no namespace ${name}`, ...existing('namespace', name, names)])
}

/** What exists instead of what was asked for. */
export function existing(one: string, wanted: string, names: readonly string[]): string[] {
  const near = nearest(wanted, names)
  if (near !== null) return [`Did you mean ${near}?`]
  return names.length === 0 ? [`There is no ${one} at all`] : [`There is ${listed(names)}`]
}

export function listed(names: readonly string[]): string {
  const most = 10
  const shown = names.slice(0, most).join(', ')
  return names.length > most ? `${shown} and ${names.length - most} more` : shown
}
