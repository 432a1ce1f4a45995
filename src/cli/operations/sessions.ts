import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { type OutputForm, printResult, table } from '../print.ts'
import { existing, findNamespace, type ScopeOptions } from '../resources/scope.ts'
import { RestFailure } from '../rest/rest-failure.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'

interface SessionDocument {
  readonly clientId: string
  readonly authenticationName: string
  readonly online: boolean
  readonly connectedAt: string
  readonly expiresAt: string | null
  readonly subscriptions: number | readonly unknown[]
  readonly queued: { readonly messages: number; readonly bytes: number }
}

export async function listSessions(
  terminal: Terminal,
  options: ScopeOptions & {
    readonly authenticationName?: string
    readonly maxItems?: string
    readonly output: OutputForm
  },
): Promise<void> {
  const { authenticationName, maxItems } = options
  if (maxItems !== undefined && !/^[1-9]\d{0,8}$/.test(maxItems))
    throw wrongUsage(`--max-items ${maxItems}: expected a number`)
  await withClient(terminal, options, async (client) => {
    const { path } = await findNamespace(client, terminal, options)
    const found: SessionDocument[] = []
    const query = { authenticationName, $top: '100' }
    for await (const one of client.list({ method: 'GET', path: `${path}/sessions`, query })) {
      found.push(one as SessionDocument)
      if (found.length === Number(maxItems)) break
    }
    await printResult(terminal, options.output, found, () =>
      table(
        ['client id', 'authentication name', 'state', 'since', 'expires', 'subscriptions', 'queued'],
        found.map((session) => [
          session.clientId,
          session.authenticationName,
          session.online ? 'online' : 'offline',
          session.connectedAt,
          session.online ? null : session.expiresAt,
          typeof session.subscriptions === 'number' ? session.subscriptions : session.subscriptions.length,
          session.queued.messages,
        ]),
        'There are no sessions.',
      ),
    )
  })
}

export async function closeSession(
  terminal: Terminal,
  clientId: string,
  options: ScopeOptions & { readonly output: OutputForm },
): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const { path, name } = await findNamespace(client, terminal, options)
    const close = `${path}/sessions/${encodeURIComponent(clientId)}/close`
    try {
      const { body } = await client.send({ method: 'POST', path: close })
      await printResult(terminal, options.output, body, () => [`Closed the session ${clientId}; its name is free`])
    } catch (error) {
      if (!(error instanceof RestFailure) || error.errorCode !== 'ResourceNotFound') throw error
      const ids: string[] = []
      for await (const one of client.list({ method: 'GET', path: `${path}/sessions`, query: { $top: '100' } })) {
        ids.push((one as SessionDocument).clientId)
        if (ids.length === 1_000) break
      }
      throw new CommandFailure([
        `there is no session with the client id ${clientId} in namespace ${name}`,
        ...existing('session', clientId, ids),
      ])
    }
  })
}
