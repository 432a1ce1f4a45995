import { finish, type Steps } from '../base/steps.ts'
import type { Problem, ProblemCode } from './failure.ts'

/** Nesting that any document may have (S47). */
const maximumDepth = 32
const maximumProblems = 100

/** Levels that are walked in steps: a template's resources and what they hold. What lies deeper is one step, and bounded. */
const steppedDepth = 5
/** Values below one place of the last of these levels; a client has a few dozen. */
const maximumValues = 100_000

/**
 * Checks what every document must keep before its meaning is looked at (S47): plain JSON values, no own `__proto__`
 * key, nesting of at most 32, well-formed text.
 */
export function structureProblems(value: unknown, path = ''): readonly Problem[] {
  return finish(structureSteps(value, path))
}

/** The same in steps: a template may hold a hundred thousand resources. */
export function* structureSteps(value: unknown, path = ''): Steps<readonly Problem[]> {
  const walk = new StructureWalk()
  yield* walk.steps(value, path, 0)
  return walk.problems
}

class StructureWalk {
  readonly problems: Problem[] = []
  #left = 0

  #fail(target: string, message: string): void {
    if (this.problems.length < maximumProblems) this.problems.push({ code: 'InvalidJson', target, message })
  }

  /** Where the member stands; null: its key is a problem. */
  #member(path: string, key: string): string | null {
    const target = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') this.#fail(target, 'The key "__proto__" is not allowed.')
    else if (!key.isWellFormed()) this.#fail(path, 'A key holds half of a surrogate pair.')
    else return target
    return null
  }

  *steps(value: unknown, path: string, depth: number): Steps<undefined> {
    if (depth === steppedDepth || typeof value !== 'object' || value === null) {
      this.#left = maximumValues
      this.#value(value, path, depth)
      return
    }
    yield
    if (Array.isArray(value)) {
      for (const [index, element] of value.entries()) yield* this.steps(element, `${path}[${index}]`, depth + 1)
      return
    }
    for (const key of Object.keys(value)) {
      const target = this.#member(path, key)
      if (target === null) continue
      const member = (value as Record<string, unknown>)[key]
      // Most members are no containers: a generator for each of them costs more than the look at it.
      if (typeof member === 'object') yield* this.steps(member, target, depth + 1)
      else {
        this.#left = maximumValues
        this.#value(member, target, depth + 1)
      }
    }
  }

  #value(value: unknown, path: string, depth: number): void {
    if (this.problems.length >= maximumProblems || this.#left < 0) return
    if (--this.#left < 0) {
      this.#fail(path, `More than ${maximumValues} values lie below one place.`)
      return
    }
    switch (typeof value) {
      case 'string':
        if (!value.isWellFormed()) this.#fail(path, 'The text holds half of a surrogate pair.')
        return
      case 'number':
        if (!Number.isFinite(value)) this.#fail(path, 'The number is not finite.')
        return
      case 'boolean':
      case 'undefined':
        return
      case 'object':
        if (value !== null) this.#container(value, path, depth)
        return
      default:
        this.#fail(path, 'This is no JSON value.')
    }
  }

  #container(value: object, path: string, depth: number): void {
    if (depth === maximumDepth) {
      this.#fail(path, `Values are nested more than ${maximumDepth} deep.`)
      return
    }
    if (Array.isArray(value)) {
      for (const [index, element] of value.entries()) this.#value(element, `${path}[${index}]`, depth + 1)
      return
    }
    for (const key of Object.keys(value)) {
      const target = this.#member(path, key)
      if (target !== null) this.#value((value as Record<string, unknown>)[key], target, depth + 1)
    }
  }
}

/**
 * Reads one JSON object, property by property, and gathers every problem. A property that is null counts as absent:
 * Azure's tools clear with null. Only own properties are seen.
 */
export class Fields {
  readonly path: string
  readonly problems: Problem[]
  private readonly object: Readonly<Record<string, unknown>>

  constructor(value: unknown, path: string, problems: Problem[]) {
    this.path = path
    this.problems = problems
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    this.object = isObject ? (value as Record<string, unknown>) : {}
    if (!isObject && value !== undefined && value !== null) {
      problems.push({ code: 'InvalidType', target: path, message: 'Write an object.' })
    }
  }

  target(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  fail(name: string, code: ProblemCode, message: string): void {
    this.problems.push({ code, target: this.target(name), message })
  }

  /** Present and not null. */
  has(name: string): boolean {
    return this.raw(name) !== undefined
  }

  /** The value as it came; undefined when absent or null. */
  raw(name: string): unknown {
    return Object.hasOwn(this.object, name) ? (this.object[name] ?? undefined) : undefined
  }

  /** Own keys, those with null too. */
  keys(): readonly string[] {
    return Object.keys(this.object)
  }

  text(name: string, maximumLength = 1024): string | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') {
      this.fail(name, 'InvalidType', 'Write a text.')
      return undefined
    }
    if (value.length > maximumLength) {
      this.fail(name, 'TooLong', `The text has ${value.length} characters; at most ${maximumLength} are allowed.`)
      return undefined
    }
    return value
  }

  /** One of a closed set, ignoring case as Azure's tools do; the result has the set's spelling. */
  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    const found = typeof value === 'string' ? matchChoice(value, choices) : undefined
    if (found === undefined) this.fail(name, 'InvalidValue', `Write one of ${choices.join(', ')}.`)
    return found
  }

  integer(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum) return value
    this.fail(name, 'InvalidValue', `Write a whole number from ${minimum} to ${maximum}.`)
    return undefined
  }

  flag(name: string): boolean | undefined {
    const value = this.raw(name)
    if (value === undefined || typeof value === 'boolean') return value
    this.fail(name, 'InvalidType', 'Write true or false.')
    return undefined
  }

  /** Absent: an object without properties, so that the reading goes on. */
  nested(name: string): Fields {
    return new Fields(this.raw(name), this.target(name), this.problems)
  }

  list(name: string, maximumLength: number): readonly unknown[] | undefined {
    const value = this.raw(name)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) {
      this.fail(name, 'InvalidType', 'Write a list.')
      return undefined
    }
    if (value.length > maximumLength) {
      this.fail(name, 'TooMany', `The list has ${value.length} elements; at most ${maximumLength} are allowed.`)
      return undefined
    }
    return value
  }

  /** A list of texts; each element that is none is a problem of its own and left out. */
  texts(name: string, maximumLength: number): readonly string[] | undefined {
    return this.list(name, maximumLength)?.filter((element, index): element is string => {
      if (typeof element === 'string') return true
      this.fail(`${name}[${index}]`, 'InvalidType', 'Write a text.')
      return false
    })
  }

  objects(name: string, maximumLength: number): readonly Fields[] | undefined {
    return this.list(name, maximumLength)?.map(
      (element, index) => new Fields(element ?? 0, `${this.target(name)}[${index}]`, this.problems),
    )
  }

  /** Names every own key that is not among the known ones. */
  refuseOthers(known: readonly string[]): void {
    for (const key of this.keys()) {
      if (!known.includes(key)) this.fail(key, 'UnknownProperty', `Known here: ${known.join(', ')}.`)
    }
  }
}

export function matchChoice<Choice extends string>(value: string, choices: readonly Choice[]): Choice | undefined {
  return choices.find((choice) => choice === value) ?? choices.find((c) => c.toLowerCase() === value.toLowerCase())
}
