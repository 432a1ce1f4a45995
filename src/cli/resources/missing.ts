import { CommandFailure } from '../command-failure.ts'
import type { RestClient } from '../rest/client.ts'
import { RestFailure } from '../rest/rest-failure.ts'
import type { Kind, ResourceDocument } from './kind.ts'
import { existing, listed, type NamespaceScope, type ScopeOptions, subscriptionOf } from './scope.ts'

export async function findByAuthenticationName(
  client: RestClient,
  scope: NamespaceScope,
  authenticationName: string,
): Promise<ResourceDocument> {
  const path = `${scope.path}/clients`
  for await (const one of client.list({ method: 'GET', path, query: { authenticationName } }))
    return one as ResourceDocument
  throw new CommandFailure([
    `there is no client with the authentication name ${authenticationName} in namespace ${scope.name}`,
    'sealgate namespace client list shows all clients',
  ])
}

/** Of what does not exist: what does, and what is near. */
export function explainMissing(
  client: RestClient,
  scope: NamespaceScope,
  kind: Kind,
  name: string,
): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!(error instanceof RestFailure) || error.errorCode !== 'ResourceNotFound' || kind.type === null) throw error
    const lines = [`there is no ${kind.one} ${name} in namespace ${scope.name}`]
    if (kind.type === 'clients') {
      const path = `${scope.path}/clients`
      for await (const one of client.list({ method: 'GET', path, query: { authenticationName: name } })) {
        lines.push(`${name} is the authentication name of the client ${(one as ResourceDocument).name}`)
        throw new CommandFailure(lines)
      }
    }
    const names: string[] = []
    for await (const one of client.list({
      method: 'GET',
      path: `${scope.path}/${kind.type}`,
      query: { $top: '100' },
    })) {
      names.push((one as ResourceDocument).name)
      if (names.length === 1_000) break
    }
    throw new CommandFailure([...lines, ...existing(kind.one, name, names)])
  }
}

export function explainGroup(
  client: RestClient,
  kind: Kind,
  options: ScopeOptions,
): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!(error instanceof RestFailure) || error.errorCode !== 'ResourceGroupNotFound' || kind.type !== null)
      throw error
    const groups: string[] = []
    const path = `/subscriptions/${encodeURIComponent(await subscriptionOf(client, options))}/resourceGroups`
    for await (const one of client.list({ method: 'GET', path })) groups.push((one as { readonly name: string }).name)
    throw new CommandFailure([...error.lines, `There is ${listed(groups)}; --resource-group NAME says which`])
  }
}
