import { unreachable } from '../base/assert.ts'
import { err, ok, type Result } from '../base/result.ts'
import type { Attributes, AttributeValue } from './attributes.ts'

/**
 * Client group queries.
 *
 *     query      = and { "or" and }
 *     and        = term { "and" term }
 *     term       = "(" query ")" | operand comparison literal | operand "IN" "[" literal { "," literal } "]"
 *     operand    = "attributes." key | "authenticationName"
 *     comparison = "=" | "!=" | "<>" | "<" | ">" | "<=" | ">="
 *     literal    = integer | 'text' | "text"
 *
 * Keywords ignore case, keys keep it. Quotes have no escapes: a text that holds one kind is written in the other.
 */

/** A parsed client group query. */
export interface AttributeQuery {
  readonly text: string
  readonly root: QueryNode
}

export type QueryNode =
  | { readonly kind: 'all' | 'any'; readonly terms: readonly QueryNode[] }
  | { readonly kind: 'equal' | 'notEqual'; readonly operand: Operand; readonly literal: Literal }
  | { readonly kind: 'order'; readonly operand: Operand; readonly comparison: Order; readonly literal: number }
  | { readonly kind: 'in'; readonly operand: Operand; readonly literals: ReadonlySet<Literal> }

export type Order = '<' | '>' | '<=' | '>='
type Literal = number | string
/** Null: the authentication name. */
type Operand = { readonly attribute: string | null }

/** Where the text stops being a query and what was expected there. `at` counts UTF-16 code units from 0. */
export interface QueryFailure {
  readonly at: number
  readonly expected: string
  readonly message: string
}

/** The facts of a client that a query may name. */
export interface QueryClient {
  /** Stored spelling; compared case-sensitively. */
  readonly authenticationName: string
  readonly attributes: Attributes
}

/** Bounds of a hand-written query that stays instant to evaluate (S46); Azure documents none. */
export const queryLimits = { maximumBytes: 4096, maximumTerms: 100, maximumNesting: 32 } as const

export function parseAttributeQuery(text: string): Result<AttributeQuery, QueryFailure> {
  if (new TextEncoder().encode(text).length > queryLimits.maximumBytes) {
    return err(failure(text, 0, `at most ${queryLimits.maximumBytes} bytes`, 'The query is too long.'))
  }
  const parser = new QueryParser(text)
  const root = parser.query(0)
  if (!root.ok) return root
  const rest = parser.end()
  return rest === null ? ok({ text, root: root.value }) : err(rest)
}

function failure(text: string, at: number, expected: string, message?: string): QueryFailure {
  const found = at >= text.length ? 'the end of the query' : `"${text.slice(at, at + 16)}"`
  return { at, expected, message: message ?? `Expected ${expected} at position ${at}, found ${found}.` }
}

class QueryParser {
  private readonly text: string
  private at = 0
  private terms = 0

  constructor(text: string) {
    this.text = text
  }

  /** Recursion is bounded by the nesting of parentheses. */
  query(nesting: number): Result<QueryNode, QueryFailure> {
    return this.chain('or', 'any', () => this.chain('and', 'all', () => this.term(nesting)))
  }

  end(): QueryFailure | null {
    this.space()
    if (this.at === this.text.length) return null
    return this.fail('"and", "or" or the end of the query')
  }

  private chain(
    word: 'and' | 'or',
    kind: 'all' | 'any',
    next: () => Result<QueryNode, QueryFailure>,
  ): Result<QueryNode, QueryFailure> {
    const terms: QueryNode[] = []
    do {
      const term = next()
      if (!term.ok) return term
      terms.push(term.value)
    } while (this.takeWord(word))
    return ok(terms.length === 1 ? terms[0]! : { kind, terms })
  }

  private term(nesting: number): Result<QueryNode, QueryFailure> {
    this.space()
    if (this.text[this.at] === '(') {
      if (nesting === queryLimits.maximumNesting) {
        return err(
          failure(
            this.text,
            this.at,
            `at most ${queryLimits.maximumNesting} nested parentheses`,
            `Parentheses are nested more than ${queryLimits.maximumNesting} deep at position ${this.at}.`,
          ),
        )
      }
      this.at++
      const inner = this.query(nesting + 1)
      if (!inner.ok) return inner
      this.space()
      if (this.text[this.at] !== ')') return err(this.fail('"and", "or" or ")"'))
      this.at++
      return inner
    }
    if (++this.terms > queryLimits.maximumTerms) {
      return err(
        failure(
          this.text,
          this.at,
          `at most ${queryLimits.maximumTerms} comparisons`,
          `The query has more than ${queryLimits.maximumTerms} comparisons.`,
        ),
      )
    }
    return this.comparison()
  }

  private comparison(): Result<QueryNode, QueryFailure> {
    const start = this.at
    const operand = this.operand()
    if (operand === null) {
      this.at = start
      return err(this.fail('attributes.<key>, authenticationName or "("'))
    }
    if (this.takeWord('in')) return this.list(operand)
    this.space()
    const operatorAt = this.at
    const operator = this.operator()
    if (operator === null) return err(this.fail('one of = != <> < > <= >= IN'))
    const literalAt = this.skipSpace()
    const literal = this.literal()
    if (!literal.ok) return literal
    if (operator === '=') return ok({ kind: 'equal', operand, literal: literal.value })
    if (operator === '!=') return ok({ kind: 'notEqual', operand, literal: literal.value })
    if (operand.attribute === null) {
      this.at = operatorAt
      return err(this.fail('= or != or IN, because a name has no order'))
    }
    if (typeof literal.value !== 'number') {
      this.at = literalAt
      return err(this.fail('an integer, because only integers have an order'))
    }
    return ok({ kind: 'order', operand, comparison: operator, literal: literal.value })
  }

  private list(operand: Operand): Result<QueryNode, QueryFailure> {
    this.space()
    if (this.text[this.at] !== '[') return err(this.fail('"["'))
    this.at++
    const literals = new Set<Literal>()
    for (;;) {
      this.space()
      const literal = this.literal()
      if (!literal.ok) return literal
      literals.add(literal.value)
      this.space()
      const next = this.text[this.at]
      if (next !== ',' && next !== ']') return err(this.fail('"," or "]"'))
      this.at++
      if (next === ']') return ok({ kind: 'in', operand, literals })
    }
  }

  private operand(): Operand | null {
    const word = this.word()
    if (word === 'authenticationName') return { attribute: null }
    if (word !== 'attributes' || this.text[this.at] !== '.') return null
    this.at++
    const key = this.word()
    return key === '' ? null : { attribute: key }
  }

  private operator(): '=' | '!=' | Order | null {
    const two = this.text.slice(this.at, this.at + 2)
    if (two === '!=' || two === '<>') {
      this.at += 2
      return '!='
    }
    if (two === '<=' || two === '>=') {
      this.at += 2
      return two
    }
    const one = two[0]
    if (one !== '=' && one !== '<' && one !== '>') return null
    this.at++
    return one
  }

  private literal(): Result<Literal, QueryFailure> {
    const start = this.at
    const quote = this.text[start]
    if (quote === "'" || quote === '"') {
      const close = this.text.indexOf(quote, start + 1)
      if (close < 0) {
        this.at = this.text.length
        return err(this.fail(`the closing ${quote} of the text that begins at position ${start}`))
      }
      this.at = close + 1
      return ok(this.text.slice(start + 1, close))
    }
    let end = quote === '-' ? start + 1 : start
    const digits = end
    while (end < this.text.length && isDigit(this.text.charCodeAt(end))) end++
    // 64-bit integers have at most 19 digits; a word character right after them makes it something else.
    if (end === digits || isWord(this.text.charCodeAt(end)) || this.text[end] === '.') {
      return err(this.fail('an integer, \'text\' or "text"'))
    }
    const value = BigInt(this.text.slice(start, end))
    if (BigInt.asIntN(64, value) !== value) return err(this.fail('an integer of 64 bits'))
    this.at = end
    // Attributes are integers that a double holds exactly, so a rounded literal beyond them still compares rightly.
    return ok(Number(value))
  }

  private word(): string {
    const start = this.at
    while (isWord(this.text.charCodeAt(this.at))) this.at++
    return this.text.slice(start, this.at)
  }

  private takeWord(word: string): boolean {
    this.space()
    const end = this.at + word.length
    if (this.text.slice(this.at, end).toLowerCase() !== word || isWord(this.text.charCodeAt(end))) return false
    this.at = end
    return true
  }

  private space(): void {
    while (this.at < this.text.length && ' \t\r\n'.includes(this.text[this.at]!)) this.at++
  }

  private skipSpace(): number {
    this.space()
    return this.at
  }

  private fail(expected: string): QueryFailure {
    return failure(this.text, this.at, expected)
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** Letters, digits, underscore; false for NaN (past the end). */
function isWord(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f
}

/**
 * A missing attribute fails every comparison, `!=` too; values of different types are unequal and have no order; an
 * array equals a text that is among its elements.
 */
export function evaluateAttributeQuery(query: AttributeQuery, client: QueryClient): boolean {
  return evaluate(query.root, client)
}

function evaluate(node: QueryNode, client: QueryClient): boolean {
  switch (node.kind) {
    case 'all':
      for (const term of node.terms) if (!evaluate(term, client)) return false
      return true
    case 'any':
      for (const term of node.terms) if (evaluate(term, client)) return true
      return false
    case 'equal': {
      const value = operandValue(node.operand, client)
      return value !== undefined && equals(value, node.literal)
    }
    case 'notEqual': {
      const value = operandValue(node.operand, client)
      return value !== undefined && !equals(value, node.literal)
    }
    case 'order': {
      const value = operandValue(node.operand, client)
      return typeof value === 'number' && inOrder(value, node.comparison, node.literal)
    }
    case 'in': {
      const value = operandValue(node.operand, client)
      if (value === undefined) return false
      if (typeof value !== 'object') return node.literals.has(value)
      return value.some((element) => node.literals.has(element))
    }
    default:
      return unreachable(node)
  }
}

function operandValue(operand: Operand, client: QueryClient): AttributeValue | undefined {
  if (operand.attribute === null) return client.authenticationName
  return Object.hasOwn(client.attributes, operand.attribute) ? client.attributes[operand.attribute] : undefined
}

function equals(value: AttributeValue, literal: Literal): boolean {
  if (typeof value !== 'object') return value === literal
  return typeof literal === 'string' && value.includes(literal)
}

function inOrder(value: number, comparison: Order, literal: number): boolean {
  switch (comparison) {
    case '<':
      return value < literal
    case '>':
      return value > literal
    case '<=':
      return value <= literal
    case '>=':
      return value >= literal
    default:
      return unreachable(comparison)
  }
}
