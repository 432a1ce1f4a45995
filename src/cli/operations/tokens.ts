import { refuseExisting, writeNewFiles } from '../cert/files.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { type OutputForm, printResult, table } from '../print.ts'
import { existing, findNamespace, type ScopeOptions, subscriptionOf } from '../resources/scope.ts'
import type { RestClient } from '../rest/client.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'

interface TokenDocument {
  readonly id: string
  readonly name: string
  readonly kind: 'token' | 'servicePrincipal'
  readonly role: string
  readonly scope: string
  readonly expiresAt: string | null
  readonly token?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly tenantId?: string
}

export interface CreateOptions extends ScopeOptions {
  readonly role: string
  readonly scope?: string
  readonly days?: string
  readonly servicePrincipal?: boolean
  readonly notAction?: readonly string[]
  readonly out?: string
  readonly force?: boolean
  readonly output: OutputForm
}

/** The secret is in this answer and never shown again: printed, or written to a file that only its owner reads. */
export async function createToken(terminal: Terminal, name: string, options: CreateOptions): Promise<void> {
  const { role, servicePrincipal, notAction, out } = options
  if (out !== undefined && servicePrincipal === true)
    throw wrongUsage('--out is for a token; a service principal is printed')
  const expiresInDays = daysOf(options.days)
  // Before the token is made: one that nobody got to see would be of no use.
  if (out !== undefined) refuseExisting(terminal, [out], options.force === true)
  await withClient(terminal, options, async (client) => {
    const body = {
      name,
      role,
      kind: servicePrincipal === true ? 'servicePrincipal' : 'token',
      ...(expiresInDays === undefined ? {} : { expiresInDays }),
      ...(notAction === undefined ? {} : { notActions: notAction }),
      ...(await scopeOf(client, terminal, options)),
    }
    const made = (await client.send({ method: 'POST', path: '/sealgate/tokens', body })).body as TokenDocument
    const { token } = made
    if (out !== undefined && token !== undefined) {
      writeNewFiles(terminal, [{ path: out, content: `${token}\n`, secret: true }], options.force === true)
      const { token: _, ...shown } = made
      await printResult(terminal, options.output, shown, () => [
        `Created the token ${made.name} (${made.role}); it is in ${out}, readable by you only`,
        `  sealgate namespace list --server URL --token-file ${out}`,
      ])
      return
    }
    await printResult(terminal, options.output, made, () => secretLines(made))
  })
}

function secretLines(made: TokenDocument): string[] {
  const until = made.expiresAt === null ? 'does not expire' : `expires ${made.expiresAt}`
  if (made.token !== undefined) {
    return [`Created the token ${made.name} (${made.role}); it ${until}. It is not shown again:`, made.token]
  }
  return [
    `Created the service principal ${made.name} (${made.role}); it ${until}. The secret is not shown again:`,
    `client id      ${made.clientId}`,
    `client secret  ${made.clientSecret}`,
    `tenant         ${made.tenantId}; adfs for az login (docs/management-api.md, With Azure's CLI)`,
  ]
}

export async function listTokens(
  terminal: Terminal,
  options: ScopeOptions & { readonly output: OutputForm },
): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const tokens = await tokensOf(client)
    await printResult(terminal, options.output, tokens, () =>
      table(
        ['name', 'kind', 'role', 'expires', 'scope', 'id'],
        tokens.map(({ name, kind, role, expiresAt, scope, id }) => [
          name,
          kind === 'token' ? 'token' : 'service principal',
          role,
          expiresAt ?? 'never',
          scope.replace(/^.*\/namespaces\//, 'namespace ').replace(/^.*\/resourceGroups\//, 'resource group '),
          id,
        ]),
        'There are no tokens besides the one in the data directory.',
      ),
    )
  })
}

export async function revokeToken(
  terminal: Terminal,
  nameOrId: string,
  options: ScopeOptions & { readonly output: OutputForm },
): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const tokens = await tokensOf(client)
    const wanted = nameOrId.toLowerCase()
    const found = tokens.find(({ id, name }) => id === wanted || name.toLowerCase() === wanted)
    if (found === undefined) {
      const names = tokens.map(({ name }) => name)
      throw new CommandFailure([`there is no token ${nameOrId}`, ...existing('token', nameOrId, names)])
    }
    await client.send({ method: 'DELETE', path: `/sealgate/tokens/${encodeURIComponent(found.id)}` })
    if (options.output === 'table') terminal.print(`Revoked ${found.name}; it is of no use any more`)
  })
}

async function tokensOf(client: RestClient): Promise<readonly TokenDocument[]> {
  const found: TokenDocument[] = []
  for await (const one of client.list({ method: 'GET', path: '/sealgate/tokens' })) found.push(one as TokenDocument)
  return found
}

/** `--scope ID`, or the namespace or resource group that is named; else everything. */
async function scopeOf(
  client: RestClient,
  terminal: Terminal,
  options: CreateOptions,
): Promise<{ readonly scope?: string }> {
  const { scope, namespaceName, resourceGroup } = options
  if (scope !== undefined) {
    if (namespaceName !== undefined || resourceGroup !== undefined)
      throw wrongUsage('--scope says it all: leave the others out')
    return { scope }
  }
  if (namespaceName !== undefined)
    return { scope: decodeURIComponent((await findNamespace(client, terminal, options)).path) }
  if (resourceGroup === undefined) return {}
  return { scope: `/subscriptions/${await subscriptionOf(client, options)}/resourceGroups/${resourceGroup}` }
}

function daysOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw wrongUsage(`--days ${text}: expected a number of days, or never`)
}
