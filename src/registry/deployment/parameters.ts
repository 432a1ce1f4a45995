import { err, ok, type Result } from '../../base/result.ts'
import { canonicalJson } from '../canonical-json.ts'
import type { Problem } from '../failure.ts'
import { Fields } from '../fields.ts'

/** Parameters of a template: declared with a type and bounds, given by the caller, else their default. */

const parameterTypes = ['string', 'int', 'bool', 'object', 'array', 'secureString', 'secureObject'] as const
type ParameterType = 'string' | 'int' | 'bool' | 'object' | 'array'

/**
 * The given values by name, from `{"name": {"value": …}}` or a whole parameters file.
 */
export function readParameterValues(given: unknown, problems: Problem[]): ReadonlyMap<string, unknown> {
  const outer = new Fields(given, 'parameters', problems)
  const isFile = outer.has('parameters') && (outer.has('$schema') || outer.has('contentVersion'))
  const fields = isFile ? outer.nested('parameters') : outer
  const values = new Map<string, unknown>()
  for (const name of fields.keys()) {
    const entry = fields.nested(name)
    if (entry.has('reference')) {
      entry.fail('reference', 'Unsupported', 'A key vault is not reachable here. Give the value.')
    } else if (!entry.keys().includes('value')) {
      fields.fail(name, 'InvalidType', 'Write {"value": …}.')
    } else values.set(name.toLowerCase(), entry.raw('value') ?? null)
  }
  return values
}

/**
 * @param values gets the value of each parameter by its lower-case name, in the order of declaration, so that a default
 *   may name the parameters before it
 * @param defaultOf evaluates the default of a parameter, which may be an expression
 */
export function readParameters(
  declared: Fields,
  given: ReadonlyMap<string, unknown>,
  values: Map<string, unknown>,
  defaultOf: (value: unknown, target: string) => Result<unknown, null>,
  problems: Problem[],
): void {
  const unknown = new Set(given.keys())
  for (const name of declared.keys()) {
    const declaration = declared.nested(name)
    const type = declaration.choice('type', parameterTypes)
    if (type === undefined) {
      if (!declaration.has('type')) declaration.fail('type', 'Required', `Write one of ${parameterTypes.join(', ')}.`)
      continue
    }
    const key = name.toLowerCase()
    const isGiven = unknown.delete(key)
    const hasDefault = declaration.keys().includes('defaultValue')
    if (!isGiven && !hasDefault) {
      declared.fail(name, 'Required', `The parameter "${name}" has no default: give a value.`)
      continue
    }
    const value = isGiven
      ? ok(given.get(key))
      : defaultOf(declaration.raw('defaultValue') ?? null, declaration.target('defaultValue'))
    if (!value.ok) continue
    const problem = valueProblem(plainType(type), value.value, declaration)
    if (problem !== null) declared.fail(name, 'InvalidValue', problem)
    values.set(key, value.value)
  }
  for (const name of unknown) {
    const message = `The template has no parameter "${name}". It has: ${declared.keys().join(', ') || 'none'}.`
    problems.push({ code: 'UnknownProperty', target: `parameters.${name}`, message })
  }
}

export function isSecure(type: unknown): boolean {
  return typeof type === 'string' && type.toLowerCase().startsWith('secure')
}

function plainType(type: (typeof parameterTypes)[number]): ParameterType {
  if (type === 'secureString') return 'string'
  return type === 'secureObject' ? 'object' : type
}

function typeFits(type: ParameterType, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'int':
      return Number.isSafeInteger(value)
    case 'bool':
      return typeof value === 'boolean'
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
}

function valueProblem(type: ParameterType, value: unknown, declaration: Fields): string | null {
  if (!typeFits(type, value)) return `The value is no ${type}.`
  const allowed = declaration.list('allowedValues', 1_000)
  if (allowed?.some((candidate) => canonicalJson(candidate) === canonicalJson(value)) === false) {
    return `The value is not allowed. Allowed: ${allowed.map((candidate) => JSON.stringify(candidate)).join(', ')}.`
  }
  const bounds = (lower: string, upper: string, size: number, what: string): string | null => {
    const minimum = declaration.integer(lower, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const maximum = declaration.integer(upper, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    if (minimum !== undefined && size < minimum) return `The ${what} is ${size}; at least ${minimum} is required.`
    return maximum !== undefined && size > maximum ? `The ${what} is ${size}; at most ${maximum} is allowed.` : null
  }
  if (typeof value === 'number') return bounds('minValue', 'maxValue', value, 'value')
  if (typeof value === 'string' || Array.isArray(value)) {
    return bounds('minLength', 'maxLength', value.length, 'length')
  }
  return null
}

export function missing(what: string, name: string, known: readonly string[]): Result<never, string> {
  return err(`There is no ${what} "${name}". Known: ${known.join(', ') || 'none'}.`)
}
