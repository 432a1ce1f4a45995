import { err, ok, type Result } from '../../base/result.ts'
import type { Problem } from '../failure.ts'
import type { Fields } from '../fields.ts'
import type { DeploymentContext } from './context.ts'
import { evaluate, type Scope } from './evaluate.ts'
import { expressionOf, literalOf } from './expression.ts'
import { isSecure, missing, readParameters, readParameterValues } from './parameters.ts'

export type TemplateOutputs = Readonly<Record<string, { readonly type: string; readonly value: unknown }>>

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
        if (values.has(key)) return ok(values.get(key))
        const isDeclared = declared.keys().some((known) => known.toLowerCase() === key)
        return isDeclared ? err(`The parameter "${name}" has no value.`) : missing('parameter', name, declared.keys())
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

  outputs(): TemplateOutputs {
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
