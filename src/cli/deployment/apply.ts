import { type Deployment as ReadTemplate, readTemplate } from '../../registry/deployment/template.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { escapeText } from '../escape-text.ts'
import { type OutputForm, printResult } from '../print.ts'
import { groupOf, type ScopeOptions, subscriptionOf } from '../resources/scope.ts'
import type { RestClient } from '../rest/client.ts'
import { RestFailure } from '../rest/rest-failure.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'
import { changeLines, countLine, type WhatIfChange } from './changes.ts'
import { type Slice, type Sliced, sliceTemplate } from './slices.ts'
import { isObject, type Json, readParameters, readTemplateFile } from './template-file.ts'
import { unknownProperties } from './unknown-properties.ts'

export interface ApplyOptions extends ScopeOptions {
  readonly file: string
  readonly parameters?: readonly string[]
  readonly dryRun?: boolean
  readonly prune?: boolean
  readonly output: OutputForm
}

/** Above, what would change is not listed before it is done: the list alone would be a large document. */
const listedResources = 5_000
const mostWarnings = 20

export async function apply(terminal: Terminal, options: ApplyOptions): Promise<void> {
  const { file } = options
  const read = await readTemplateFile(terminal, file)
  // The types of its parameters stand in the template; a large one is not parsed here, and they are text.
  const parameters = await readParameters(
    terminal,
    options.parameters ?? [],
    read.kind === 'whole' ? read.template : {},
  )
  await withClient(terminal, options, async (client) => {
    const subscriptionId = await subscriptionOf(client, options)
    const resourceGroup = await groupOf(client, terminal, options)
    const group = `/subscriptions/${encodeURIComponent(subscriptionId)}/resourceGroups/${encodeURIComponent(resourceGroup)}`
    const path = `${group}/providers/Microsoft.Resources/deployments/sealgate-apply`
    const deployment = new Deployment(client, terminal, path, parameters, options)
    if (read.kind === 'large') {
      const sliced = sliceTemplate(read.text)
      if (sliced !== null) return deployment.applySlices(sliced)
      throw new CommandFailure(
        `${file}: too large for one request, and it has no clients at its top level to divide it by`,
      )
    }
    const { template } = read
    const { resources } = readOrRefuse(file, template, parameters, { subscriptionId, resourceGroup, location: 'local' })
    for (const text of unknownProperties(resources).slice(0, mostWarnings))
      terminal.complain(`warning: ${escapeText(text)}`)
    return deployment.applyWhole(template)
  })
}

/** Everything that can be seen without the server, all of it at once. */
function readOrRefuse(
  file: string,
  template: Json,
  parameters: Json,
  context: Parameters<typeof readTemplate>[2],
): ReadTemplate {
  const read = readTemplate(template, parameters, context)
  if (read.ok) return read.value
  const { resources } = template
  const labelOf = (index: number) => resourceLabel(Array.isArray(resources) ? resources[index] : undefined)
  const lines = read.error.map(({ target, message }) =>
    withName(`${target === '' ? '' : `${target}: `}${message}`, labelOf),
  )
  throw new CommandFailure(
    lines.length === 1 ? `${file}: ${lines[0]}` : [`${file}: ${lines.length} problems; nothing was written`, ...lines],
  )
}

class Deployment {
  readonly #client: RestClient
  readonly #terminal: Terminal
  readonly #path: string
  readonly #parameters: Json
  readonly #options: ApplyOptions

  constructor(client: RestClient, terminal: Terminal, path: string, parameters: Json, options: ApplyOptions) {
    this.#client = client
    this.#terminal = terminal
    this.#path = path
    this.#parameters = parameters
    this.#options = options
  }

  async applyWhole(template: Json): Promise<void> {
    const { dryRun = false, output } = this.#options
    const count = Array.isArray(template['resources']) ? template['resources'].length : 0
    const changes = dryRun || count <= listedResources ? await this.#whatIf(template) : null
    const nothing = changes?.every(({ changeType }) => changeType === 'NoChange') === true
    const done = dryRun ? null : ((await this.#send('PUT', '', template)) as Json)
    this.#warn(dryRun ? (changes ?? []).flatMap(({ warnings = [] }) => warnings) : done?.['warnings'])
    const outputs = isObject(done?.['properties']) ? done['properties']['outputs'] : undefined
    const data = { dryRun, changes: changes ?? undefined, outputs }
    await printResult(this.#terminal, output, data, () => [
      ...changeLines(changes ?? []),
      ...(nothing
        ? [`Nothing to change: ${this.#options.file} is what there is`]
        : [
            ...(changes === null ? [] : [countLine(changes)]),
            dryRun ? 'Nothing was written: this was a dry run' : `Applied ${this.#options.file}`,
          ]),
      ...outputLines(outputs),
    ])
  }

  /** Everything is validated before the first slice is written. */
  async applySlices(sliced: Sliced): Promise<void> {
    const { dryRun = false, prune = false, output, file } = this.#options
    const { clients } = sliced
    if (prune)
      throw wrongUsage(`--prune: ${file} is too large to be applied in one piece, so what it leaves out is not known`)
    let seen = 0
    let parts = 0
    for (const slice of sliced.slices()) {
      await this.#sendSlice('POST', '/validate', slice)
      this.#progress('checked', seen, seen + slice.clients, clients)
      seen += slice.clients
      parts++
    }
    let done = 0
    for (const slice of dryRun ? [] : sliced.slices()) {
      try {
        await this.#sendSlice('PUT', '', slice)
      } catch (error) {
        if (!(error instanceof CommandFailure) || done === 0) throw error
        const note = `${done} of ${clients} clients were applied; the command may be repeated`
        throw new CommandFailure([...error.lines, note], error.exitCode, error)
      }
      this.#progress('applied', done, done + slice.clients, clients)
      done += slice.clients
    }
    await printResult(this.#terminal, output, { dryRun, clients, applied: done }, () => [
      dryRun ? 'Nothing was written: this was a dry run' : `Applied ${file} in ${parts} parts: ${clients} clients`,
    ])
  }

  /** At most a hundred lines, however many parts there are. */
  #progress(verb: string, before: number, count: number, all: number): void {
    if (count < all && Math.floor((100 * count) / all) === Math.floor((100 * before) / all)) return
    this.#terminal.complain(`${verb} ${count.toLocaleString('en')} of ${all.toLocaleString('en')} clients`)
  }

  async #whatIf(template: Json): Promise<readonly WhatIfChange[]> {
    const answer = (await this.#send('POST', '/whatIf', template)) as {
      readonly properties: { readonly changes: WhatIfChange[] }
    }
    return answer.properties.changes
  }

  async #send(method: 'PUT' | 'POST', action: string, template: Json): Promise<unknown> {
    const body = { properties: { mode: this.#mode, parameters: this.#parameters, template } }
    const { resources } = template
    const labelOf = (index: number) => resourceLabel(Array.isArray(resources) ? resources[index] : undefined)
    return (await this.#client.send({ method, path: this.#path + action, body }).catch(withNames(labelOf))).body
  }

  async #sendSlice(method: 'PUT' | 'POST', action: string, { text, labelOf }: Slice): Promise<void> {
    const rest = JSON.stringify({ mode: this.#mode, parameters: this.#parameters }).slice(1)
    const content = `{"properties":{"template":${text},${rest}}`
    await this.#client.send({ method, path: this.#path + action, content }).catch(withNames(labelOf))
  }

  get #mode(): 'Complete' | 'Incremental' {
    return this.#options.prune === true ? 'Complete' : 'Incremental'
  }

  #warn(warnings: unknown): void {
    if (!Array.isArray(warnings)) return
    for (const { message } of warnings as readonly { readonly message: string }[]) {
      this.#terminal.complain(`warning: ${escapeText(message)}`)
    }
  }
}

type LabelOf = (index: number) => string | null

/** The server's failure with the names of the resources that it tells of. */
function withNames(labelOf: LabelOf): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof RestFailure)) throw error
    const lines = error.lines.map((line) => withName(line.replace(/^properties\.template\./, ''), labelOf))
    throw new RestFailure(error.status, error.errorCode, lines)
  }
}

/** `resources[3]…` is hard to find; its type and name are not. */
function withName(line: string, labelOf: LabelOf): string {
  return line.replace(/^resources\[(\d+)\]/, (place, index: string) => {
    const label = labelOf(Number(index))
    return label === null ? place : `${place} (${label})`
  })
}

function resourceLabel(resource: unknown): string | null {
  if (!isObject(resource) || typeof resource['type'] !== 'string' || typeof resource['name'] !== 'string') return null
  return `${resource['type'].replace(/^.*\//, '')} ${resource['name']}`
}

function outputLines(outputs: unknown): string[] {
  if (!isObject(outputs)) return []
  return Object.entries(outputs).map(([name, output]) => {
    const value = isObject(output) ? output['value'] : output
    return `${name} = ${typeof value === 'string' ? value : JSON.stringify(value)}`
  })
}
