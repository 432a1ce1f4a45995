import { err, ok, type Result } from '../../base/result.ts'
import { canonicalJson } from '../canonical-json.ts'
import { childId, formatResourceId, fullType, namespaceId, parseFullType } from '../resource-id.ts'
import type { Expression, ExpressionFailure } from './expression.ts'

/** What an expression may ask for: values of the template and of the place it is applied to. */
export interface Scope {
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly location: string
  parameter(name: string): Result<unknown, string>
  variable(name: string): Result<unknown, string>
}

type Evaluated = Result<unknown, ExpressionFailure>

/** A function that gets its arguments evaluated; a failure is a sentence. */
type Plain = (values: readonly unknown[], scope: Scope) => Result<unknown, string>

const maximumTextLength = 1_048_576

export function evaluate(expression: Expression, scope: Scope): Evaluated {
  switch (expression.kind) {
    case 'literal':
      return ok(expression.value)
    case 'member': {
      const of = evaluate(expression.of, scope)
      if (!of.ok) return of
      const key = evaluate(expression.key, scope)
      return key.ok ? member(of.value, key.value, expression.at) : key
    }
    case 'call':
      return call(expression, scope)
  }
}

function call(expression: Extract<Expression, { kind: 'call' }>, scope: Scope): Evaluated {
  const { at, name } = expression
  const lowerName = name.toLowerCase()
  if (lowerName === 'if') return choose(expression, scope)
  const known = Object.hasOwn(functions, lowerName) ? functions[lowerName] : undefined
  if (known === undefined) {
    return err({ at, message: `There is no function ${name}. Known: if, ${Object.keys(functions).join(', ')}.` })
  }
  const values: unknown[] = []
  for (const argument of expression.arguments) {
    const value = evaluate(argument, scope)
    if (!value.ok) return value
    values.push(value.value)
  }
  const result = known(values, scope)
  if (!result.ok) return err({ at, message: `${name}: ${result.error}` })
  if (typeof result.value === 'string' && result.value.length > maximumTextLength) {
    return err({ at, message: `${name} makes a text of more than ${maximumTextLength} characters.` })
  }
  return result
}

/** Only the branch that is taken is evaluated. */
function choose({ at, arguments: given }: Extract<Expression, { kind: 'call' }>, scope: Scope): Evaluated {
  const [condition, yes, no] = given
  if (condition === undefined || yes === undefined || no === undefined || given.length !== 3) {
    return err({ at, message: 'if: Write a condition and two values.' })
  }
  const value = evaluate(condition, scope)
  if (!value.ok) return value
  if (typeof value.value !== 'boolean') return err({ at, message: 'if: The condition is neither true nor false.' })
  return evaluate(value.value ? yes : no, scope)
}

function member(of: unknown, key: unknown, at: number): Evaluated {
  if (Array.isArray(of) && typeof key === 'number' && key in of) return ok(of[key])
  if (isObject(of) && typeof key === 'string') {
    // Azure Resource Manager ignores the case of property names.
    const found =
      Object.keys(of).find((name) => name === key) ??
      Object.keys(of).find((name) => name.toLowerCase() === key.toLowerCase())
    if (found !== undefined) return ok(of[found])
  }
  return err({ at, message: `There is no "${String(key)}" in the value before it.` })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function allText(values: readonly unknown[]): values is readonly (string | number | boolean)[] {
  return values.every((value) => ['string', 'number', 'boolean'].includes(typeof value))
}

function oneText(values: readonly unknown[], use: (text: string) => unknown): Result<unknown, string> {
  const [text] = values
  return values.length === 1 && typeof text === 'string' ? ok(use(text)) : err('Write one text.')
}

function flags(values: readonly unknown[], use: (flags: readonly boolean[]) => boolean): Result<unknown, string> {
  return values.length >= 1 && values.every((value) => typeof value === 'boolean')
    ? ok(use(values))
    : err('Write values that are true or false.')
}

const functions: Readonly<Record<string, Plain>> = {
  parameters: (values, scope) => named(values, (name) => scope.parameter(name)),
  variables: (values, scope) => named(values, (name) => scope.variable(name)),
  concat: (values) => {
    if (values.length > 0 && values.every(Array.isArray)) return ok(values.flat())
    return allText(values) && values.length > 0 ? ok(values.map(String).join('')) : err('Write texts, or lists.')
  },
  format,
  resourceid: resourceId,
  resourcegroup: (values, scope) => {
    if (values.length > 0) return err('It takes no arguments.')
    const { subscriptionId, resourceGroup, location } = scope
    return ok({ id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`, name: resourceGroup, location })
  },
  subscription: (values, { subscriptionId }) =>
    values.length > 0 ? err('It takes no arguments.') : ok({ id: `/subscriptions/${subscriptionId}`, subscriptionId }),
  base64: (values) => oneText(values, (text) => Buffer.from(text, 'utf8').toString('base64')),
  tolower: (values) => oneText(values, (text) => text.toLowerCase()),
  toupper: (values) => oneText(values, (text) => text.toUpperCase()),
  equals: (values) =>
    values.length === 2 ? ok(canonicalJson(values[0]) === canonicalJson(values[1])) : err('Write two values.'),
  not: (values) => (values.length === 1 ? flags(values, ([flag]) => !flag) : err('Write one value.')),
  and: (values) => flags(values, (list) => list.every(Boolean)),
  or: (values) => flags(values, (list) => list.some(Boolean)),
  empty: (values) => {
    const [value] = values
    if (values.length !== 1) return err('Write one value.')
    if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return ok(true)
    if (isObject(value)) return ok(Object.keys(value).length === 0)
    return typeof value === 'string' || Array.isArray(value) ? ok(false) : err('Write a text, a list or an object.')
  },
  coalesce: (values) =>
    values.length > 0
      ? ok(values.find((value) => value !== null && value !== undefined) ?? null)
      : err('Write values.'),
  true: (values) => (values.length === 0 ? ok(true) : err('It takes no arguments.')),
  false: (values) => (values.length === 0 ? ok(false) : err('It takes no arguments.')),
  null: (values) => (values.length === 0 ? ok(null) : err('It takes no arguments.')),
}

function named(values: readonly unknown[], read: (name: string) => Result<unknown, string>): Result<unknown, string> {
  const [name] = values
  return values.length === 1 && typeof name === 'string' ? read(name) : err('Write one name.')
}

/** `{0}` to `{n}`; braces of the text itself are written twice. */
function format(values: readonly unknown[]): Result<unknown, string> {
  const [pattern, ...given] = values
  if (typeof pattern !== 'string' || !allText(given)) return err('Write a text and the values for its {0}, {1} ….')
  let failure: string | null = null
  const text = pattern.replace(/\{\{|\}\}|\{(\d{1,3})\}|[{}]/g, (found, index: string | undefined) => {
    if (found === '{{' || found === '}}') return found[0]!
    const value = index === undefined ? undefined : given[Number(index)]
    if (value === undefined) failure ??= `There is no value for "${found}" of "${pattern}".`
    return String(value)
  })
  return failure === null ? ok(text) : err(failure)
}

/** `resourceId([subscription], [resource group], type, name, …)` */
function resourceId(values: readonly unknown[], scope: Scope): Result<unknown, string> {
  if (!values.every((value) => typeof value === 'string')) return err('Write texts.')
  const at = values.findIndex((value) => value.includes('/'))
  const typeText = values[at]
  if (typeText === undefined || at > 2) return err('Write a resource type and the names of the resource.')
  const type = parseFullType(typeText)
  if (type === null) return err(`There is no resource type "${typeText}" here.`)
  const [namespace, child, ...more] = values.slice(at + 1)
  const needed = type === 'namespaces' ? 1 : 2
  if (namespace === undefined || more.length > 0 || values.length - at - 1 !== needed) {
    return err(`${fullType(type)} has ${needed === 1 ? 'one name' : 'two names'}.`)
  }
  const address = {
    subscriptionId: at === 2 ? values[0]! : scope.subscriptionId,
    resourceGroup: at === 2 ? values[1]! : at === 1 ? values[0]! : scope.resourceGroup,
    namespace,
  }
  return ok(formatResourceId(type === 'namespaces' ? namespaceId(address) : childId(address, type, child!)))
}
