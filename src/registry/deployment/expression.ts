import { err, ok, type Result } from '../../base/result.ts'

/** Expressions of Azure Resource Manager templates: texts in square brackets. Parsed here, never run as code. */

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'call'; readonly name: string; readonly at: number; readonly arguments: readonly Expression[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly at: number; readonly key: Expression }

export interface ExpressionFailure {
  /** UTF-16 code units from the start of the text, the opening bracket included. */
  readonly at: number
  readonly message: string
}

/** Azure: longest expression of a template. */
const maximumLength = 24_576
const maximumNesting = 32

/** Null: the text is a literal. `[[` at its start stands for one bracket of a literal. */
export function expressionOf(text: string): Result<Expression | null, ExpressionFailure> {
  if (!text.startsWith('[') || text.startsWith('[[') || !text.endsWith(']')) return ok(null)
  if (text.length > maximumLength) {
    return err({ at: maximumLength, message: `The expression is longer than ${maximumLength} characters.` })
  }
  return new ExpressionParser(text).whole()
}

/** The literal that a text without expression stands for. */
export function literalOf(text: string): string {
  return text.startsWith('[[') ? text.slice(1) : text
}

/** The text that a template writes for a literal: the reverse of `literalOf`. */
export function escapeLiteral(literal: string): string {
  return literal.startsWith('[') ? `[${literal}` : literal
}

class ExpressionParser {
  readonly #text: string
  /** Where the expression's own closing bracket stands. */
  readonly #end: number
  #at = 1

  constructor(text: string) {
    this.#text = text
    this.#end = text.length - 1
  }

  whole(): Result<Expression, ExpressionFailure> {
    const expression = this.#expression(0)
    if (!expression.ok) return expression
    this.#space()
    return this.#at === this.#end ? expression : this.#expected('the end of the expression')
  }

  #expression(nesting: number): Result<Expression, ExpressionFailure> {
    if (nesting > maximumNesting) {
      return err({ at: this.#at, message: `Expressions are nested more than ${maximumNesting} deep.` })
    }
    this.#space()
    const start = this.#at
    const character = this.#peek()
    if (character === "'") return this.#quoted()
    if (/[-0-9]/.test(character)) return this.#number()
    const name = this.#word()
    if (name === '') return this.#expected("a function, a 'text' or a number")
    this.#space()
    if (this.#peek() !== '(') return this.#expected(`"(" after the name of the function ${name}`)
    this.#at++
    const list = this.#arguments(nesting)
    if (!list.ok) return list
    let expression: Expression = { kind: 'call', name, at: start, arguments: list.value }
    for (;;) {
      this.#space()
      const at = this.#at
      const next = this.#peek()
      if (next === '.') {
        this.#at++
        this.#space()
        const key = this.#word()
        if (key === '') return this.#expected('the name of a property')
        expression = { kind: 'member', of: expression, at, key: { kind: 'literal', value: key } }
      } else if (next === '[') {
        this.#at++
        const key = this.#expression(nesting + 1)
        if (!key.ok) return key
        this.#space()
        if (this.#peek() !== ']') return this.#expected('"]"')
        this.#at++
        expression = { kind: 'member', of: expression, at, key: key.value }
      } else return ok(expression)
    }
  }

  #arguments(nesting: number): Result<readonly Expression[], ExpressionFailure> {
    const list: Expression[] = []
    this.#space()
    if (this.#peek() === ')') {
      this.#at++
      return ok(list)
    }
    for (;;) {
      const argument = this.#expression(nesting + 1)
      if (!argument.ok) return argument
      list.push(argument.value)
      this.#space()
      const next = this.#peek()
      if (next !== ',' && next !== ')') return this.#expected('"," or ")"')
      this.#at++
      if (next === ')') return ok(list)
    }
  }

  /** A quote inside is written twice. */
  #quoted(): Result<Expression, ExpressionFailure> {
    const start = this.#at++
    let value = ''
    for (;;) {
      const close = this.#text.indexOf("'", this.#at)
      if (close < 0 || close >= this.#end) {
        return err({ at: start, message: "The text that begins here is not closed with '." })
      }
      value += this.#text.slice(this.#at, close)
      this.#at = close + 1
      if (this.#peek() !== "'") return ok({ kind: 'literal', value })
      value += "'"
      this.#at++
    }
  }

  #number(): Result<Expression, ExpressionFailure> {
    const digits = /^-?\d{1,16}/.exec(this.#text.slice(this.#at, this.#at + 17))
    const value = Number(digits?.[0])
    if (digits === null || !Number.isSafeInteger(value)) return this.#expected('an integer')
    this.#at += digits[0].length
    return /[0-9.a-zA-Z_]/.test(this.#peek()) ? this.#expected('an integer') : ok({ kind: 'literal', value })
  }

  #word(): string {
    const start = this.#at
    while (/[A-Za-z0-9_]/.test(this.#peek())) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** Empty at the end. */
  #peek(): string {
    return this.#at < this.#end ? this.#text[this.#at]! : ''
  }

  #space(): void {
    while (this.#peek() !== '' && ' \t\r\n'.includes(this.#peek())) this.#at++
  }

  #expected(what: string): Result<never, ExpressionFailure> {
    const found = this.#at >= this.#end ? 'the end' : `"${this.#text.slice(this.#at, this.#at + 12)}"`
    return err({ at: this.#at, message: `Expected ${what}, found ${found}.` })
  }
}
