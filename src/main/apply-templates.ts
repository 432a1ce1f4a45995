import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parse } from 'yaml'
import type { Config } from '../config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { applyDeployment } from '../registry/deployment/apply.ts'
import { defaultContext } from '../registry/deployment/context.ts'
import { type Deployment, readTemplate } from '../registry/deployment/template.ts'
import { type Problem, problemsOf } from '../registry/failure.ts'
import type { Registry } from '../registry/registry.ts'
import { parseJson } from '../registry/strict-json.ts'
import { reasonOf, StartError } from './start-error.ts'

/**
 * Applies ARM templates in their order, each as one transaction; what equals the last one applied from the same file is
 * passed over, so that a restart undoes nothing that an operator did since (S67). All files are read before the first
 * is applied.
 *
 * @throws StartError with a line for each problem
 */
export async function applyTemplates(
  registry: Registry,
  files: readonly string[],
  config: Pick<Config, 'subscriptionId' | 'resourceGroup'>,
  clock: Clock,
  log: Log,
): Promise<void> {
  const read = files.map((file) => ({ file, deployment: readDeployment(file, config) }))
  for (const { file, deployment } of read) {
    const author = { name: `apply:${basename(file)}`, type: 'Application', at: clock.now() } as const
    const applied = await applyDeployment(registry, deployment, author, { source: file })
    if (!applied.ok) throw explain(file, problemsOf(applied.error, ''))
    const { skipped, changes } = applied.value
    const count = (change: string): number => changes.filter((planned) => planned.change === change).length
    log.write('info', 'applied', { file, skipped, created: count('created'), updated: count('updated') })
    for (const { id, warnings } of changes) {
      for (const { code, message } of warnings) {
        log.write('warn', 'applyWarning', { file, resource: id.child?.name ?? id.namespace, code, message })
      }
    }
  }
}

function readDeployment(file: string, config: Pick<Config, 'subscriptionId' | 'resourceGroup'>): Deployment {
  const content = parseDocument(file)
  const { subscriptionId, resourceGroup } = config
  const template = readTemplate(content, {}, { ...defaultContext, subscriptionId, resourceGroup })
  if (template.ok) return template.value
  const failure = explain(file, template.error)
  const wantsValues = template.error.some(({ code, target }) => code === 'Required' && target.startsWith('parameters.'))
  throw wantsValues ? new StartError([...failure.lines, valuesElsewhere(file)]) : failure
}

function valuesElsewhere(file: string): string {
  return (
    '--apply takes no values of parameters: give each a defaultValue, or start without this file and run ' +
    `sealgate apply -f ${file} --parameters NAME=VALUE`
  )
}

/** JSON as Azure's tools write it, or YAML; neither with a key that stands twice (S47). */
function parseDocument(file: string): unknown {
  try {
    const text = readFileSync(file, 'utf8')
    if (!file.endsWith('.json')) return parse(text, { logLevel: 'error' })
    const read = parseJson(text, 'template')
    if (read.ok) return read.value
    const { line, column, message } = read.error
    throw new StartError([`--apply ${file}: line ${line}, column ${column}: ${message}`])
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError([`--apply ${file}: ${reasonOf(error).replace(/:$/, '')}`], error)
  }
}

function explain(file: string, problems: readonly Problem[]): StartError {
  return new StartError(
    problems.map(({ target, message }) => `--apply ${file}: ${target === '' ? '' : `${target}: `}${message}`),
  )
}
