import { err, ok, type Result } from '../base/result.ts'
import { finish, type Steps } from '../base/steps.ts'

/**
 * JSON as an operator's document has to be (S47): no key twice, no `__proto__`, nesting of at most 32, objects without a
 * prototype, and a failure that tells line and column. `JSON.parse` keeps the last of two equal keys and says nothing.
 */

export interface JsonFailure {
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
}

/**
 * `template`: what Azure's tools send and accept as a template: comments, trailing commas, line breaks in texts, and
 * keys without quotes.
 */
export type JsonDialect = 'json' | 'template'

const maximumDepth = 32

export function parseJson(text: string, dialect: JsonDialect = 'json'): Result<unknown, JsonFailure> {
  return finish(parseJsonSteps(text, dialect))
}

/** The same in steps: a document of many megabytes takes longer than others can wait. */
export function* parseJsonSteps(text: string, dialect: JsonDialect = 'json'): Steps<Result<unknown, JsonFailure>> {
  const parser = new JsonParser(text.startsWith('\ufeff') ? text.slice(1) : text, dialect === 'template')
  try {
    return ok(yield* parser.document())
  } catch (error) {
    if (error instanceof Stop) return err(parser.place(error))
    throw error
  }
}

/** Leaves the parser; never leaves this file. */
class Stop extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const wordPattern = /[A-Za-z_$][A-Za-z0-9_$]*/y
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

const words: readonly (readonly [word: string, value: unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

/** Values that one step reads. */
const valuesPerStep = 256

/** An object or a list whose end is not reached yet. */
type Open =
  | { readonly close: '}'; readonly value: Record<string, unknown>; key: string }
  | { readonly close: ']'; readonly value: unknown[] }

class JsonParser {
  readonly #text: string
  readonly #lenient: boolean
  #at = 0

  constructor(text: string, lenient: boolean) {
    this.#text = text
    this.#lenient = lenient
  }

  /** With a list of what is open in place of a recursion, so that it can be left between any two values. */
  *document(): Steps<unknown> {
    const open: Open[] = []
    for (let read = 1; ; read++) {
      if (read % valuesPerStep === 0) yield
      let value: unknown
      const opened = this.#open(open.length)
      if (opened === null) value = this.#scalar()
      else if (this.#closesEmpty(opened)) value = opened.value
      else {
        open.push(opened)
        continue
      }
      for (;;) {
        const inside = open.at(-1)
        if (inside === undefined) {
          this.#space()
          if (this.#at < this.#text.length) throw this.#expected('the end of the document')
          return value
        }
        if (inside.close === '}') inside.value[inside.key] = value
        else inside.value.push(value)
        if (!this.#ends(inside.close) && !this.#closesAfterComma(inside)) break
        open.pop()
        value = inside.value
      }
    }
  }

  place({ at, message }: Stop): JsonFailure {
    let line = 1
    let start = 0
    for (let next = this.#text.indexOf('\n'); next >= 0 && next < at; next = this.#text.indexOf('\n', start)) {
      line++
      start = next + 1
    }
    return { line, column: at - start + 1, message }
  }

  #open(depth: number): Open | null {
    this.#space()
    const character = this.#text[this.#at]
    if (character !== '{' && character !== '[') return null
    if (depth === maximumDepth) throw new Stop(this.#at, `Values are nested more than ${maximumDepth} deep.`)
    this.#at++
    return character === '{' ? { close: '}', value: Object.create(null), key: '' } : { close: ']', value: [] }
  }

  #closesEmpty(opened: Open): boolean {
    this.#space()
    if (this.#text[this.#at] === opened.close) {
      this.#at++
      return true
    }
    if (opened.close === '}') this.#member(opened)
    return false
  }

  #closesAfterComma(inside: Open): boolean {
    this.#space()
    if (this.#text[this.#at] === inside.close) {
      if (!this.#lenient) throw this.#expected(inside.close === '}' ? 'a key' : 'a value')
      this.#at++
      return true
    }
    if (inside.close === '}') this.#member(inside)
    return false
  }

  /** A key and the colon behind it. */
  #member(object: Extract<Open, { readonly close: '}' }>): void {
    const start = this.#at
    const key = this.#key()
    if (key === '__proto__') throw new Stop(start, 'The key "__proto__" is not allowed.')
    if (key in object.value) throw new Stop(start, `The key ${JSON.stringify(key)} stands twice in one object.`)
    this.#space()
    if (this.#text[this.#at] !== ':') throw this.#expected('":"')
    this.#at++
    object.key = key
  }

  #scalar(): unknown {
    if (this.#text[this.#at] === '"') return this.#quoted()
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    const number = this.#match(numberPattern)
    if (number === null) throw this.#expected('a value')
    return Number(number)
  }

  /** After a member: a comma, or the end. */
  #ends(close: '}' | ']'): boolean {
    this.#space()
    const next = this.#text[this.#at]
    if (next !== ',' && next !== close) throw this.#expected(`"," or "${close}"`)
    this.#at++
    return next === close
  }

  #key(): string {
    if (this.#text[this.#at] === '"') return this.#quoted()
    const word = this.#lenient ? this.#match(wordPattern) : null
    if (word === null) throw this.#expected('a key in double quotes')
    return word
  }

  #quoted(): string {
    const start = this.#at++
    let value = ''
    for (;;) {
      const from = this.#at
      let code = this.#text.charCodeAt(this.#at)
      while (code !== 0x22 && code !== 0x5c && (code >= 0x20 || (this.#lenient && (code === 0x0a || code === 0x0d)))) {
        code = this.#text.charCodeAt(++this.#at)
      }
      value += this.#text.slice(from, this.#at)
      if (Number.isNaN(code)) throw new Stop(start, 'The text that begins here is not closed.')
      if (code === 0x22) {
        this.#at++
        if (!value.isWellFormed()) throw new Stop(start, 'The text holds half of a surrogate pair.')
        return value
      }
      if (code !== 0x5c) throw new Stop(this.#at, 'Write control characters in a text as escapes.')
      value += this.#escape()
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ''
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Stop(this.#at, 'After \\u stand four hexadecimal digits.')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const value = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
    if (value === undefined) throw new Stop(this.#at, 'This is no escape of JSON.')
    this.#at += 2
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) this.#at++
      else if (this.#lenient && code === 0x2f) this.#comment()
      else return
    }
  }

  #comment(): void {
    const start = this.#at
    const kind = this.#text[start + 1]
    if (kind !== '/' && kind !== '*') throw this.#expected('a value')
    const end = this.#text.indexOf(kind === '/' ? '\n' : '*/', start + 2)
    if (end < 0 && kind === '*') throw new Stop(start, 'The comment that begins here is not closed.')
    this.#at = end < 0 ? this.#text.length : end + (kind === '/' ? 1 : 2)
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return null
    this.#at = pattern.lastIndex
    return found[0]
  }

  #expected(what: string): Stop {
    const found = this.#at >= this.#text.length ? 'the end' : JSON.stringify(this.#text.slice(this.#at, this.#at + 12))
    return new Stop(this.#at, `Expected ${what}, found ${found}.`)
  }
}
