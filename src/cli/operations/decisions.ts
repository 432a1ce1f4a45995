import { wrongUsage } from '../command-failure.ts'
import { escapeText } from '../escape-text.ts'
import { formatData, type OutputForm, printResult, table } from '../print.ts'
import { findNamespace, type ScopeOptions } from '../resources/scope.ts'
import type { RestClient } from '../rest/client.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'
import { type DecisionDocument, decisionLines, subjectOf } from './decision-lines.ts'

export interface DecisionsOptions extends ScopeOptions {
  readonly code?: string
  readonly name?: string
  readonly outcome?: 'accepted' | 'refused'
  readonly follow?: boolean
  readonly details?: boolean
  readonly stray?: boolean
  readonly maxItems: string
  readonly output: OutputForm
}

const pollMs = 1_000
/** What is shown of the past before following. */
const shownBefore = 10

export async function decisions(terminal: Terminal, options: DecisionsOptions): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(options.maxItems))
    throw wrongUsage(`--max-items ${options.maxItems}: expected a number from 1 to 999999`)
  await withClient(terminal, options, async (client) => {
    const path =
      options.stray === true
        ? '/sealgate/decisions'
        : `${(await findNamespace(client, terminal, options)).path}/decisions`
    if (options.follow === true) await follow(client, terminal, path, options)
    else await printOnce(client, terminal, path, options)
  })
}

async function printOnce(
  client: RestClient,
  terminal: Terminal,
  path: string,
  options: DecisionsOptions,
): Promise<void> {
  const found = await newest(client, path, options, Number(options.maxItems))
  await printResult(terminal, options.output, found, () => {
    if (found.length === 0) return ['There are no such decisions.']
    if (options.details === true) return found.flatMap((one) => [...inFull(one, terminal), ''])
    return table(['time', 'decision', 'action', 'who', 'from', 'times'], found.map(row), '')
  })
}

function row(decision: DecisionDocument) {
  const { lastAt, at, outcome, code, action, remoteAddress, count } = decision
  return [lastAt ?? at, code ?? outcome, action, subjectOf(decision), remoteAddress, count ?? 1]
}

function inFull(decision: DecisionDocument, terminal: Terminal): string[] {
  const { code, outcome, action, remoteAddress, count = 1 } = decision
  const from = remoteAddress == null ? '' : ` from ${remoteAddress}`
  const times = count > 1 ? `, ${count} times` : ''
  const head = `${decision.lastAt ?? decision.at}  ${code ?? outcome}  ${action} of ${subjectOf(decision)}${from}${times}`
  return [escapeText(head), ...decisionLines(decision, terminal.workingDirectory)]
}

/** Prints what is decided from now on, until the user ends it. A decision that repeats is shown again with its count. */
async function follow(client: RestClient, terminal: Terminal, path: string, options: DecisionsOptions): Promise<void> {
  const seen = new Map<string, number>()
  let most = shownBefore
  while (!terminal.interrupted.aborted) {
    const recent = await newest(client, path, options, 1_000)
    const fresh = recent.filter(({ id = '', count = 1 }) => (seen.get(id) ?? 0) < count)
    for (const decision of fresh.slice(0, most).reverse()) await printOne(terminal, options, decision)
    // What fell out of the list cannot come back.
    seen.clear()
    for (const { id = '', count = 1 } of recent) seen.set(id, count)
    most = Number.POSITIVE_INFINITY
    await terminal.wait(pollMs)
  }
}

async function printOne(terminal: Terminal, { output }: DecisionsOptions, decision: DecisionDocument): Promise<void> {
  if (output === 'table') for (const line of [...inFull(decision, terminal), '']) terminal.print(line)
  else if (output === 'json') terminal.print((await formatData('json', decision)).replaceAll(/\n\s*/g, ''))
  else terminal.print(`---\n${await formatData('yaml', decision)}`)
}

async function newest(
  client: RestClient,
  path: string,
  { code, name, outcome }: DecisionsOptions,
  most: number,
): Promise<DecisionDocument[]> {
  const found: DecisionDocument[] = []
  const query = { code, name, outcome, $top: String(Math.min(100, most)) }
  for await (const one of client.list({ method: 'GET', path, query })) {
    found.push(one as DecisionDocument)
    if (found.length === most) break
  }
  return found
}
