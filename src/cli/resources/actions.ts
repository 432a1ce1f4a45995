import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { escapeText } from '../escape-text.ts'
import { type OutputForm, printResult, table } from '../print.ts'
import type { RestClient } from '../rest/client.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'
import { documentLines } from './document-lines.ts'
import type { Kind, ResourceDocument } from './kind.ts'
import { sendLargeList } from './list-value.ts'
import { explainGroup, explainMissing, findByAuthenticationName } from './missing.ts'
import {
  findNamespace,
  groupOf,
  listNamespaces,
  type NamespaceScope,
  namespaceScope,
  type ScopeOptions,
  subscriptionOf,
} from './scope.ts'
import { adviseForce, listExpiring, seenOf, withPromotedThumbprint } from './seen.ts'
import { type Given, withFlags, withPlaces } from './with-flags.ts'

export interface ResourceOptions extends ScopeOptions {
  readonly name?: string
  readonly output: OutputForm
  /** The other spellings of `--name`, by their own names. */
  readonly [alias: string]: unknown
}

type UpdateOptions = ResourceOptions & {
  readonly set?: readonly string[]
  readonly remove?: readonly string[]
  readonly promoteSecondary?: boolean
}
type ShowOptions = ResourceOptions & { readonly authenticationName?: string }
type ListOptions = ResourceOptions & {
  readonly filter?: string
  readonly top?: string
  readonly maxItems?: string
  readonly expiring?: string
  readonly expired?: boolean
}
type DeleteOptions = ResourceOptions & { readonly yes?: boolean; readonly force?: boolean }

export async function create(
  terminal: Terminal,
  kind: Kind,
  positional: string | undefined,
  options: ResourceOptions,
  given: Given,
): Promise<void> {
  const name = requiredName(kind, positional, options)
  const missing = kind.flags.filter((flag) => flag.required === true && !given.has(flag)).map(({ flag }) => flag)
  if (missing.length > 0) throw wrongUsage(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`)
  await withClient(terminal, options, async (client) => {
    const scope = await scopeFor(client, terminal, kind, options, name, true)
    const wanted = withFlags(terminal.workingDirectory, kind.type === null ? { location: 'local' } : {}, given)
    const path = pathOf(scope, kind, name)
    const { body } = await sendLargeList(client, path, wanted)
    const { status, body: made } = await client
      .send({ method: 'PUT', path, body })
      .catch(explainGroup(client, kind, options))
    const document = made as ResourceDocument
    printWarnings(terminal, document)
    await printResult(terminal, options.output, withoutWarnings(document), () => [
      `${status === 201 ? 'Created' : 'Replaced'} ${kind.one} ${document.name}${kind.type === null ? '' : ` in namespace ${scope.name}`}`,
      ...nextSteps(kind, document),
    ])
  })
}

export async function update(
  terminal: Terminal,
  kind: Kind,
  positional: string | undefined,
  options: UpdateOptions,
  given: Given,
): Promise<void> {
  const name = nameOf(kind, positional, options)
  const { promoteSecondary = false } = options
  if (given.size === 0 && options.set === undefined && options.remove === undefined && !promoteSecondary) {
    throw wrongUsage(
      'nothing to change',
      `Flags of the properties: ${kind.flags
        .filter((flag) => flag.createOnly !== true)
        .map(({ flag }) => flag)
        .join(' ')}`,
    )
  }
  await withClient(terminal, options, async (client) => {
    const { scope, path, name: found } = await find(client, terminal, kind, options, name)
    const before = await client.send({ method: 'GET', path }).catch(explainMissing(client, scope, kind, found))
    const { workingDirectory } = terminal
    const promoted = promoteSecondary ? await withPromotedThumbprint(client, path, before.body) : before.body
    const wanted = withPlaces(workingDirectory, withFlags(workingDirectory, promoted as object, given), options)
    const { sent, body } = await sendLargeList(client, path, wanted)
    const ifMatch = sent ? null : before.etag
    const { body: made } = await client.send({ method: 'PUT', path, body, ifMatch })
    const document = made as ResourceDocument
    printWarnings(terminal, document)
    await printResult(terminal, options.output, withoutWarnings(document), () => [
      `Updated ${kind.one} ${document.name}${kind.type === null ? '' : ` in namespace ${scope.name}`}`,
    ])
  })
}

export async function show(
  terminal: Terminal,
  kind: Kind,
  positional: string | undefined,
  options: ShowOptions,
): Promise<void> {
  const { authenticationName } = options
  const name = authenticationName === undefined ? nameOf(kind, positional, options) : null
  await withClient(terminal, options, async (client) => {
    const { scope, path, name: found } = await find(client, terminal, kind, options, name)
    const document =
      authenticationName === undefined
        ? await readOne(client, path).catch(explainMissing(client, scope, kind, found))
        : await findByAuthenticationName(client, scope, authenticationName)
    const seen = await seenOf(client, kind, scope, document)
    await printResult(terminal, options.output, { ...document, ...seen.facts }, () => [
      ...documentLines(document),
      ...seen.lines,
    ])
  })
}

export async function list(terminal: Terminal, kind: Kind, options: ListOptions): Promise<void> {
  const top = wholeNumber('--top', options.top, 100)
  const most = wholeNumber('--max-items', options.maxItems, 100_000_000)
  const { expiring, expired = false } = options
  if (expired && expiring === undefined)
    throw wrongUsage('--expired goes with --expiring', 'For example: --expiring 30d --expired')
  if (expiring !== undefined && options.filter !== undefined) throw wrongUsage('--filter does not go with --expiring')
  await withClient(terminal, options, async (client) => {
    const query = { $filter: options.filter, $top: String(Math.min(top ?? 100, most ?? 100)) }
    const path = await collectionPath(client, terminal, kind, options)
    if (expiring !== undefined) {
      await listExpiring(client, terminal, kind, path, { expiring, expired, most, output: options.output })
      return
    }
    const documents: ResourceDocument[] = []
    for await (const one of client.list({
      method: 'GET',
      path,
      query,
    })) {
      documents.push(one as ResourceDocument)
      if (documents.length === most) break
    }
    await printResult(terminal, options.output, documents, () =>
      table(
        kind.columns.map(({ heading }) => heading),
        documents.map((document) => kind.columns.map(({ value }) => value(document))),
        `There are no ${kind.many}${options.filter === undefined ? '' : ' that fit'}.`,
      ),
    )
  })
}

export async function remove(
  terminal: Terminal,
  kind: Kind,
  positional: string | undefined,
  options: DeleteOptions,
): Promise<void> {
  const name = requiredName(kind, positional, options)
  await withClient(terminal, options, async (client) => {
    const scope = await scopeFor(client, terminal, kind, options, name, false)
    const shown = kind.type === null ? `namespace ${scope.name} with everything in it` : `${kind.one} ${name}`
    if (options.yes !== true && (await terminal.confirm(`Delete ${shown}?`)) === false) {
      throw new CommandFailure('nothing was deleted')
    }
    const careful = kind.type === 'caCertificates' && options.force !== true
    const { status } = await client
      .send({ method: 'DELETE', path: pathOf(scope, kind, name), ...(careful ? { query: { ifUnused: 'true' } } : {}) })
      .catch(adviseForce)
    if (status === 204) terminal.complain(`note: there was no ${kind.one} ${escapeText(name)}`)
    else if (options.output === 'table') terminal.print(`Deleted ${shown}`)
  })
}

export async function listKeys(
  terminal: Terminal,
  positional: string | undefined,
  options: ResourceOptions,
): Promise<void> {
  await keys(terminal, positional, options, 'listKeys', undefined)
}

export async function regenerateKey(
  terminal: Terminal,
  positional: string | undefined,
  options: ResourceOptions & { readonly keyName: string },
): Promise<void> {
  await keys(terminal, positional, options, 'regenerateKey', { keyName: options.keyName })
}

async function keys(
  terminal: Terminal,
  positional: string | undefined,
  options: ResourceOptions,
  action: string,
  body: unknown,
): Promise<void> {
  const name = positional ?? options.name ?? options.namespaceName
  await withClient(terminal, options, async (client) => {
    const scope = await findNamespace(client, terminal, {
      ...options,
      ...(name === undefined ? {} : { namespaceName: name }),
    })
    const answer = await client.send({ method: 'POST', path: `${scope.path}/${action}`, body })
    const { key1 = '', key2 = '' } = answer.body as Readonly<Record<string, string>>
    await printResult(terminal, options.output, answer.body, () => [`key1  ${key1}`, `key2  ${key2}`])
  })
}

async function readOne(client: RestClient, path: string): Promise<ResourceDocument> {
  return (await client.send({ method: 'GET', path })).body as ResourceDocument
}

function nameOf(kind: Kind, positional: string | undefined, options: ResourceOptions): string | null {
  const alias = kind.type === null ? 'namespaceName' : `${camelCase(kind.command)}Name`
  const other = options[alias]
  const names = [positional, options.name, typeof other === 'string' ? other : undefined].filter(
    (one) => one !== undefined,
  )
  if (new Set(names).size > 1) throw wrongUsage(`two names are given: ${names.join(' and ')}`)
  if (names[0] === undefined && kind.type !== null) throw wrongUsage(`which ${kind.one}? --name is missing`)
  return names[0] ?? null
}

function requiredName(kind: Kind, positional: string | undefined, options: ResourceOptions): string {
  const name = nameOf(kind, positional, options)
  if (name === null || name === '') throw wrongUsage('--name is missing', `For example: --name ${kind.example}`)
  return name
}

/** The namespace that the command is about, or that the resource is in. */
async function scopeFor(
  client: RestClient,
  terminal: Terminal,
  kind: Kind,
  options: ResourceOptions,
  name: string,
  isNew: boolean,
): Promise<NamespaceScope> {
  if (kind.type !== null) return findNamespace(client, terminal, options)
  const subscription = await subscriptionOf(client, options)
  if (isNew || options.resourceGroup !== undefined) {
    const known =
      options.resourceGroup === undefined
        ? (await listNamespaces(client, options)).find((one) => sameName(one.name, name))
        : undefined
    const group = known?.id.split('/')[4] ?? (await groupOf(client, terminal, options))
    return namespaceScope(subscription, group, name)
  }
  const known = (await listNamespaces(client, options)).find((one) => sameName(one.name, name))
  return namespaceScope(subscription, known?.id.split('/')[4] ?? (await groupOf(client, terminal, options)), name)
}

async function find(
  client: RestClient,
  terminal: Terminal,
  kind: Kind,
  options: ResourceOptions,
  name: string | null,
): Promise<{ readonly scope: NamespaceScope; readonly path: string; readonly name: string }> {
  const named = kind.type === null && name !== null ? { ...options, namespaceName: name } : options
  const scope = await findNamespace(client, terminal, named)
  return { scope, path: pathOf(scope, kind, name ?? scope.name), name: name ?? scope.name }
}

function pathOf({ path }: NamespaceScope, { type }: Kind, name: string): string {
  return type === null ? path : `${path}/${type}/${encodeURIComponent(name)}`
}

async function collectionPath(
  client: RestClient,
  terminal: Terminal,
  kind: Kind,
  options: ResourceOptions,
): Promise<string> {
  if (kind.type !== null) return `${(await findNamespace(client, terminal, options)).path}/${kind.type}`
  const subscription = `/subscriptions/${encodeURIComponent(await subscriptionOf(client, options))}`
  const group =
    options.resourceGroup === undefined ? '' : `/resourceGroups/${encodeURIComponent(options.resourceGroup)}`
  return `${subscription}${group}/providers/Microsoft.EventGrid/namespaces`
}

function printWarnings(terminal: Terminal, { warnings = [] }: ResourceDocument): void {
  for (const { message } of warnings) terminal.complain(`warning: ${escapeText(message)}`)
}

function withoutWarnings({ warnings: _, ...document }: ResourceDocument): object {
  return document
}

function nextSteps(kind: Kind, { name, properties }: ResourceDocument): string[] {
  if (kind.type !== null) return []
  const { state } = (properties['topicSpacesConfiguration'] ?? {}) as { readonly state?: string }
  if (state === 'Enabled') return []
  return [
    '',
    'Its MQTT broker is off. To turn it on:',
    `  sealgate namespace update --name ${name} --topic-spaces-configuration state=Enabled`,
  ]
}

function wholeNumber(flag: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null
  if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text)
  throw wrongUsage(`${flag} ${text}: expected a number from 1 to ${most}`)
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function camelCase(text: string): string {
  return text.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
