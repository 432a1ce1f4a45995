import { createHash } from 'node:crypto'
import { err, ok, type Result } from '../../base/result.ts'
import { finish, type Steps } from '../../base/steps.ts'
import { canonicalJson } from '../canonical-json.ts'
import type { Problem } from '../failure.ts'
import { Fields, structureSteps } from '../fields.ts'
import { evaluate, type Scope } from './evaluate.ts'
import { expressionOf, literalOf } from './expression.ts'
import { orderResources } from './order.ts'
import { isSecure, missing, readParameters, readParameterValues } from './parameters.ts'
import { readResources, type TemplateResource } from './resources.ts'

/** A template with its parameters put in: what to write, in which order. */
export interface Deployment {
  readonly resources: readonly TemplateResource[]
  readonly outputs: Readonly<Record<string, { readonly type: string; readonly value: unknown }>>
  /** SHA-256 of content and parameters, 64 hexadecimal digits: equal digests write the same. */
  readonly digest: string
  /** Types of resources that were passed over because the caller asked for it. */
  readonly ignoredTypes: readonly string[]
}

export interface DeploymentContext {
  readonly subscriptionId: string
  readonly resourceGroup: string
  /** `resourceGroup().location` */
  readonly location: string
  /** Resources of other types are passed over instead of refused. */
  readonly ignoreUnsupported?: boolean
}

export const defaultContext: DeploymentContext = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroup: 'local',
  location: 'local',
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

/** Puts values in the place of expressions; what fails is a problem and null. */
export class TemplateReader {
  readonly #problems: Problem[]
  readonly #template: Fields
  readonly #variables: Fields
  readonly #scope: Scope
  readonly #done = new Map<string, Result<unknown, string>>()
  readonly #underWay = new Set<string>()

  constructor(template: Fields, parameters: unknown, context: DeploymentContext, problems: Problem[]) {
    this.#problems = problems
    this.#template = template
    this.#variables = template.nested('variables')
    const values = new Map<string, unknown>()
    const declared = template.nested('parameters')
    this.#scope = {
      ...context,
      parameter: (name) => {
        const key = name.toLowerCase()
        return values.has(key) ? ok(values.get(key)) : missing('parameter', name, declared.keys())
      },
      variable: (name) => this.#variable(name),
    }
    const given = readParameterValues(parameters, problems)
    readParameters(declared, given, values, (value, target) => this.resolve(value, target), problems)
  }

  resolve(value: unknown, target: string): Result<unknown, null> {
    if (typeof value === 'string') return this.#text(value, target)
    if (typeof value !== 'object' || value === null) return ok(value)
    let failed = false
    const inside = (member: unknown, at: string) => {
      const resolved = this.resolve(member, at)
      failed ||= !resolved.ok
      return resolved.ok ? resolved.value : null
    }
    if (Array.isArray(value)) {
      const list = value.map((element, index) => inside(element, `${target}[${index}]`))
      return failed ? err(null) : ok(list)
    }
    const object: Record<string, unknown> = Object.create(null)
    for (const key of Object.keys(value)) {
      object[key] = inside((value as Record<string, unknown>)[key], target === '' ? key : `${target}.${key}`)
    }
    return failed ? err(null) : ok(object)
  }

  outputs(): Deployment['outputs'] {
    const outputs: Record<string, { type: string; value: unknown }> = Object.create(null)
    const declared = this.#template.nested('outputs')
    for (const name of declared.keys()) {
      const output = declared.nested(name)
      const type = output.text('type', 64) ?? 'string'
      const value = this.resolve(output.raw('value') ?? null, output.target('value'))
      if (value.ok && !isSecure(type)) outputs[name] = { type, value: value.value }
    }
    return outputs
  }

  #text(text: string, target: string): Result<unknown, null> {
    const expression = expressionOf(text)
    if (expression.ok && expression.value === null) return ok(literalOf(text))
    const value = expression.ok ? evaluate(expression.value!, this.#scope) : expression
    if (value.ok) return value
    const { at, message } = value.error
    this.#problems.push({ code: 'InvalidExpression', target, message: `At position ${at}: ${message}` })
    return err(null)
  }

  #variable(name: string): Result<unknown, string> {
    const found = this.#variables.keys().find((key) => key.toLowerCase() === name.toLowerCase())
    if (found === undefined) return missing('variable', name, this.#variables.keys())
    const done = this.#done.get(found)
    if (done !== undefined) return done
    if (this.#underWay.has(found)) return err(`The variable "${found}" needs itself.`)
    this.#underWay.add(found)
    const value = this.resolve(this.#variables.raw(found) ?? null, `variables.${found}`)
    this.#underWay.delete(found)
    const result = value.ok ? value : err(`The variable "${found}" has no value.`)
    this.#done.set(found, result)
    return result
  }
}
