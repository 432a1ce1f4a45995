import { err, ok, type Result } from '../../base/result.ts'

/**
 * The short form in which Azure's command line takes objects and lists: `{state:Enabled,names:[a,b]}`. Scalars are text
 * without quotes up to `,` `]` `}`; single quotes protect characters, and a quote inside is written `'/`.
 */

export type Shorthand = string | null | readonly Shorthand[] | { readonly [key: string]: Shorthand }

export interface ShorthandFailure {
  /** Index of the character that does not fit. */
  readonly at: number
  readonly message: string
}

const maximumDepth = 32

export function parseShorthand(text: string): Result<Shorthand, ShorthandFailure> {
  const parser = new Parser(text)
  const value = parser.value(0, '')
  parser.end()
  return parser.failure === null ? ok(value) : err(parser.failure)
}

class Parser {
  readonly #text: string
  #at = 0
  failure: ShorthandFailure | null = null

  constructor(text: string) {
    this.#text = text
  }

  /** @param closing the character that would end what the value stands in */
  value(depth: number, closing: string): Shorthand {
    this.#space()
    if (depth > maximumDepth) return this.#fail(`nested more than ${maximumDepth} deep`)
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#list(depth)
      case "'":
        return this.#quoted()
      case '"':
        return this.#fail('a text in double quotes: in the short form, quotes are single')
      default:
        return this.#bare(closing === '' ? '' : `,${closing}`)
    }
  }

  end(): void {
    this.#space()
    if (this.failure === null && this.#at < this.#text.length) this.#fail('something follows behind the end')
  }

  #object(depth: number): Shorthand {
    const members: Record<string, Shorthand> = Object.create(null)
    this.#at++
    this.#space()
    if (this.#skip('}')) return members
    for (;;) {
      this.#space()
      const start = this.#at
      if (this.#text[start] === '"') return this.#fail('a key in double quotes: in the short form, quotes are single')
      const key = this.#text[start] === "'" ? this.#quoted() : this.#bare(':,}')
      if (typeof key !== 'string' || key === '') return this.#fail('a key expected', start)
      if (key in members || key === '__proto__')
        return this.#fail(`the key ${key} stands twice or is not allowed`, start)
      this.#space()
      if (!this.#skip(':')) return this.#fail(`: expected behind the key ${key}`)
      members[key] = this.value(depth + 1, '}')
      if (this.failure !== null) return null
      this.#space()
      if (this.#skip('}')) return members
      if (!this.#skip(',')) return this.#fail(', or } expected')
    }
  }

  #list(depth: number): Shorthand {
    const elements: Shorthand[] = []
    this.#at++
    this.#space()
    if (this.#skip(']')) return elements
    for (;;) {
      elements.push(this.value(depth + 1, ']'))
      if (this.failure !== null) return null
      this.#space()
      if (this.#skip(']')) return elements
      if (!this.#skip(',')) return this.#fail(', or ] expected')
    }
  }

  #quoted(): Shorthand {
    const start = this.#at++
    let text = ''
    for (;;) {
      const quote = this.#text.indexOf("'", this.#at)
      if (quote < 0) return this.#fail('the quote that opens here is never closed', start)
      text += this.#text.slice(this.#at, quote)
      this.#at = quote + 1
      if (this.#text[this.#at] !== '/') return text
      text += "'"
      this.#at++
    }
  }

  /** Up to one of the stops. A variable of a topic template, `${…}`, holds none of them. */
  #bare(stops: string): Shorthand {
    const start = this.#at
    while (this.#at < this.#text.length && !stops.includes(this.#text[this.#at] as string)) {
      const variable = this.#text.startsWith('${', this.#at) ? this.#text.indexOf('}', this.#at) : -1
      this.#at = variable < 0 ? this.#at + 1 : variable + 1
    }
    const text = this.#text.slice(start, this.#at).trimEnd()
    if (text === 'null') return null
    if (text === '' && stops !== '') return this.#fail("a value expected; an empty text is written ''", start)
    return text
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #fail(message: string, at = this.#at): null {
    this.failure ??= { at, message }
    this.#at = this.#text.length
    return null
  }
}
