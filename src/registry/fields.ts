import type { Problem, ProblemCode } from './failure.ts'

/** Nesting that any document may have (S47). */
const maximumDepth = 32

/**
 * Checks what every document must keep before its meaning is looked at (S47): plain JSON values, no own `__proto__`
 * key, nesting of at most 32, well-formed text.
 */
export function structureProblems(value: unknown, path = ''): readonly Problem[] {
  const problems: Problem[] = []
  walk(value, path, 0, problems)
  return problems
}

function walk(value: unknown, path: string, depth: number, problems: Problem[]): void {
  const fail = (message: string) => problems.push({ code: 'InvalidJson', target: path, message })
  if (problems.length >= 100) return
  if (typeof value === 'string') {
    if (!value.isWellFormed()) fail('The text holds half of a surrogate pair.')
    return
  }
  if (value === null || typeof value === 'boolean' || value === undefined) return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) fail('The number is not finite.')
    return
  }
  if (typeof value !== 'object') {
    fail('This is no JSON value.')
    return
  }
  if (depth === maximumDepth) {
    fail(`Values are nested more than ${maximumDepth} deep.`)
    return
  }
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) walk(element, `${path}[${index}]`, depth + 1, problems)
    return
  }
  for (const key of Object.keys(value)) {
    const target = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') {
      problems.push({ code: 'InvalidJson', target, message: 'The key "__proto__" is not allowed.' })
    } else if (!key.isWellFormed()) {
      problems.push({ code: 'InvalidJson', target: path, message: 'A key holds half of a surrogate pair.' })
    } else {
      walk((value as Record<string, unknown>)[key], target, depth + 1, problems)
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
