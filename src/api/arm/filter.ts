import { err, ok, type Result } from '../../base/result.ts'

/**
 * The subset of OData that Azure's lists take as `$filter`: `contains(name,'x')`, `substringof('x',name)`,
 * `startswith(name,'x')`, `eq`, `ne`, `and`, `or`, `not`, parentheses. Texts are compared without regard to case, as
 * Azure compares names.
 */

export type Filter<Property extends string> = (read: (property: Property) => string) => boolean

export interface FilterFailure {
  /** Position in the text, from 0. */
  readonly at: number
  readonly message: string
}

const maximumLength = 2_048
const maximumDepth = 32
const maximumTerms = 100

/** @param properties names that may be used; their case plays no part */
export function parseFilter<Property extends string>(
  text: string,
  properties: readonly Property[],
): Result<Filter<Property>, FilterFailure> {
  if (text.length > maximumLength) return err({ at: 0, message: `A filter has at most ${maximumLength} characters.` })
  try {
    return ok(new FilterParser(text, properties).filter())
  } catch (error) {
    if (error instanceof Stop) return err({ at: error.at, message: error.message })
    throw error
  }
}

/** Leaves the recursion; never leaves this file. */
class Stop extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

interface Token {
  readonly kind: 'word' | 'text' | 'sign' | 'end'
  readonly value: string
  readonly at: number
}

const tokenPattern = /\s*(?:([A-Za-z_][A-Za-z0-9_/.]*)|'((?:[^']|'')*)'|([(),]))/y

class FilterParser<Property extends string> {
  readonly #text: string
  readonly #properties: readonly Property[]
  #at = 0
  #terms = 0
  #next: Token

  constructor(text: string, properties: readonly Property[]) {
    this.#text = text
    this.#properties = properties
    this.#next = this.#read()
  }

  filter(): Filter<Property> {
    const filter = this.#either(0)
    if (this.#next.kind !== 'end') throw this.#expected('"and", "or" or the end')
    return filter
  }

  #either(depth: number): Filter<Property> {
    let filter = this.#both(depth)
    while (this.#takes('or')) {
      const [left, right] = [filter, this.#both(depth)]
      filter = (read) => left(read) || right(read)
    }
    return filter
  }

  #both(depth: number): Filter<Property> {
    let filter = this.#term(depth)
    while (this.#takes('and')) {
      const [left, right] = [filter, this.#term(depth)]
      filter = (read) => left(read) && right(read)
    }
    return filter
  }

  #term(depth: number): Filter<Property> {
    if (depth === maximumDepth) throw new Stop(this.#next.at, `A filter is nested at most ${maximumDepth} deep.`)
    if (++this.#terms > maximumTerms) throw new Stop(this.#next.at, `A filter has at most ${maximumTerms} terms.`)
    if (this.#takes('not')) {
      const inner = this.#term(depth + 1)
      return (read) => !inner(read)
    }
    if (this.#takes('(')) {
      const inner = this.#either(depth + 1)
      this.#expect(')')
      return inner
    }
    for (const name of ['contains', 'startswith', 'substringof'] as const) {
      if (this.#takes(name)) return this.#call(name)
    }
    return this.#comparison()
  }

  #call(name: 'contains' | 'startswith' | 'substringof'): Filter<Property> {
    this.#expect('(')
    const textFirst = name === 'substringof'
    const text = textFirst ? this.#textThenComma() : ''
    const property = this.#property()
    const wanted = textFirst ? text : this.#commaThenText()
    this.#expect(')')
    return name === 'startswith'
      ? (read) => read(property).toLowerCase().startsWith(wanted)
      : (read) => read(property).toLowerCase().includes(wanted)
  }

  #textThenComma(): string {
    const text = this.#quoted()
    this.#expect(',')
    return text
  }

  #commaThenText(): string {
    this.#expect(',')
    return this.#quoted()
  }

  #comparison(): Filter<Property> {
    const property = this.#property()
    const isEqual = this.#takes('eq')
    if (!isEqual && !this.#takes('ne')) throw this.#expected('"eq" or "ne"')
    const wanted = this.#quoted()
    return (read) => (read(property).toLowerCase() === wanted) === isEqual
  }

  #property(): Property {
    const { kind, value } = this.#next
    const found =
      kind === 'word' ? this.#properties.find((name) => name.toLowerCase() === value.toLowerCase()) : undefined
    if (found === undefined) throw this.#expected(`a property to filter by (${this.#properties.join(', ')})`)
    this.#advance()
    return found
  }

  #quoted(): string {
    if (this.#next.kind !== 'text') throw this.#expected('a text in single quotes')
    const { value } = this.#next
    this.#advance()
    return value.toLowerCase()
  }

  #takes(word: string): boolean {
    const { kind, value } = this.#next
    if (kind === 'text' || kind === 'end' || value.toLowerCase() !== word) return false
    this.#advance()
    return true
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw this.#expected(`"${sign}"`)
  }

  #advance(): void {
    this.#next = this.#read()
  }

  #read(): Token {
    tokenPattern.lastIndex = this.#at
    const match = tokenPattern.exec(this.#text)
    if (match === null) {
      const rest = this.#text.slice(this.#at).trimStart()
      const at = this.#text.length - rest.length
      if (rest === '') return { kind: 'end', value: '', at }
      throw new Stop(
        at,
        rest.startsWith("'") ? 'The text that begins here is not closed.' : `Unexpected "${rest.slice(0, 12)}".`,
      )
    }
    const at = this.#at
    this.#at = tokenPattern.lastIndex
    const [, word, text, sign] = match
    if (word !== undefined) return { kind: 'word', value: word, at }
    return text === undefined
      ? { kind: 'sign', value: sign as string, at }
      : { kind: 'text', value: text.replaceAll("''", "'"), at }
  }

  #expected(what: string): Stop {
    const { kind, value, at } = this.#next
    return new Stop(at, `Expected ${what}, found ${kind === 'end' ? 'the end' : `"${value.slice(0, 40)}"`}.`)
  }
}
