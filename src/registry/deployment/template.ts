import { createHash } from 'node:crypto'
import { err, ok, type Result } from '../../base/result.ts'
import { finish, type Steps } from '../../base/steps.ts'
import { canonicalJson } from '../canonical-json.ts'
import type { Problem } from '../failure.ts'
import { Fields, structureSteps } from '../fields.ts'
import { type DeploymentContext, defaultContext } from './context.ts'
import { orderResources } from './order.ts'
import { readResources, type TemplateResource } from './resources.ts'
import { type TemplateOutputs, TemplateReader } from './template-reader.ts'

/** A template with its parameters put in: what to write, in which order. */
export interface Deployment {
  readonly resources: readonly TemplateResource[]
  readonly outputs: TemplateOutputs
  /** SHA-256 of content and parameters, 64 hexadecimal digits: equal digests write the same. */
  readonly digest: string
  /** Types of resources that were passed over because the caller asked for it. */
  readonly ignoredTypes: readonly string[]
}

const known = [
  '$schema',
  'contentVersion',
  'languageVersion',
  'apiProfile',
  'metadata',
  'parameters',
  'variables',
].concat('resources', 'outputs')

/** Reads the subset of Azure Resource Manager templates that describes namespaces; all problems at once. */
export function readTemplate(
  json: unknown,
  parameters: unknown = {},
  context: DeploymentContext = defaultContext,
): Result<Deployment, readonly Problem[]> {
  return finish(readTemplateSteps(json, parameters, context))
}

/** The same in steps, for a template that describes a fleet. */
export function* readTemplateSteps(
  json: unknown,
  parameters: unknown = {},
  context: DeploymentContext = defaultContext,
): Steps<Result<Deployment, readonly Problem[]>> {
  const structure = [...(yield* structureSteps(json)), ...(yield* structureSteps(parameters, 'parameters'))]
  if (structure.length > 0) return err(structure)
  const problems: Problem[] = []
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return err([{ code: 'InvalidTemplate', target: '', message: 'A template is an object with "resources".' }])
  }
  const template = new Fields(json, '', problems)
  for (const key of template.keys()) {
    if (!known.includes(key)) template.fail(key, 'Unsupported', `Templates with "${key}" are not supported.`)
  }
  const reader = new TemplateReader(template, parameters, context, problems)
  const { resources, ignoredTypes } = yield* readResources(template, reader, context, problems)
  const ordered = yield* orderResources(resources, problems)
  const outputs = reader.outputs()
  if (problems.length > 0) return err(problems)
  const digest = yield* digestOf(template, { parameters, context })
  return ok({ resources: ordered, outputs, digest, ignoredTypes })
}

/** Of everything that is there, resource by resource. */
function* digestOf(template: Fields, more: object): Steps<string> {
  const digest = createHash('sha256')
  const add = (value: unknown): void => {
    // The separator stands in no JSON text.
    digest.update(`${canonicalJson(value)}\u001f`)
  }
  add(more)
  for (const key of template.keys().toSorted()) {
    add(key)
    const value = template.raw(key)
    const members = key === 'resources' && typeof value === 'object' && value !== null
    if (members && !Array.isArray(value)) {
      for (const name of Object.keys(value).toSorted()) {
        add([name, (value as Record<string, unknown>)[name]])
        yield
      }
    } else if (members) {
      for (const resource of value as readonly unknown[]) {
        add(resource)
        yield
      }
    } else add(value ?? null)
  }
  return digest.digest('hex')
}
