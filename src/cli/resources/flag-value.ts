import { existsSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { parseJson } from '../../registry/strict-json.ts'
import { reasonOf } from '../command-failure.ts'
import { cast, memberOf, misfit, type Schema } from './schema.ts'
import { parseShorthand } from './shorthand.ts'

/** What the words behind one flag ask for: values for places in what is there. */
export interface Assignment {
  /** Empty: the whole. */
  readonly path: readonly (string | number)[]
  readonly value: unknown
}

/**
 * Reads the words behind a flag: one value in the short form, as JSON or from a file, or several of `key.sub=value`; for
 * lists also plain words.
 *
 * @throws Misfit
 */
export function readFlagValue(
  flag: string,
  words: readonly string[],
  schema: Schema,
  workingDirectory: string,
): readonly Assignment[] {
  const context = { flag, workingDirectory }
  if (schema.kind === 'list' && schema.of.kind !== 'object' && schema.of.kind !== 'json') {
    return readWords(context, words, schema)
  }
  if (schema.kind !== 'list' && schema.kind !== 'object' && schema.kind !== 'map' && schema.kind !== 'json') {
    if (words.length > 1) throw misfit(flag, `expected one value, found ${words.length}`)
    return [{ path: [], value: cast(words[0] ?? '', schema, flag) }]
  }
  return words.map((word) => partial(context, word, schema) ?? whole(context, word, schema))
}

interface Context {
  readonly flag: string
  readonly workingDirectory: string
}

/** `a b c`, or `[a,b,c]`, or `@file`, or `[0]=a`. */
function readWords(context: Context, words: readonly string[], schema: Schema & { kind: 'list' }): Assignment[] {
  const assignments: Assignment[] = []
  const elements: unknown[] = []
  for (const word of words) {
    const indexed = /^\[-?\d{1,6}\]=/.test(word) ? partial(context, word, schema) : null
    if (indexed !== null) assignments.push(indexed)
    else if (word.startsWith('[') || word.startsWith('@')) {
      const value = whole(context, word, schema).value
      if (words.length === 1) return [{ path: [], value }]
      elements.push(...(value as unknown[]))
    } else if (word === 'null' && words.length === 1) return [{ path: [], value: null }]
    else elements.push(cast(word, schema.of, context.flag))
  }
  return elements.length > 0 ? [{ path: [], value: elements }, ...assignments] : assignments
}

function whole(context: Context, word: string, schema: Schema): Assignment {
  const { flag, workingDirectory } = context
  const file = fileOf(word, workingDirectory)
  const value = file === null ? readInline(flag, word, schema) : readFile(flag, file, workingDirectory)
  return { path: [], value: cast(value, schema, flag) }
}

/** `@file`, or the name of a JSON or YAML file that exists. */
function fileOf(word: string, workingDirectory: string): string | null {
  if (word.startsWith('@')) return word.slice(1)
  const isData = /\.(?:json|ya?ml)$/i.test(word)
  return isData && existsSync(resolve(workingDirectory, word)) ? word : null
}

function readFile(flag: string, file: string, workingDirectory: string): unknown {
  let content: string
  try {
    content = readFileSync(resolve(workingDirectory, file), 'utf8')
  } catch (error) {
    throw misfit(flag, `${file}: ${reasonOf(error)}`)
  }
  if (/^\.ya?ml$/i.test(extname(file))) {
    try {
      return parseYaml(content, { logLevel: 'error' })
    } catch (error) {
      throw misfit(flag, `${file}: ${reasonOf(error)}`)
    }
  }
  const read = parseJson(content, 'template')
  if (read.ok) return read.value
  throw misfit(flag, `${file}, line ${read.error.line}, column ${read.error.column}: ${read.error.message}`)
}

function readInline(flag: string, word: string, schema: Schema): unknown {
  if (word === 'null') return null
  const json = () => parseJson(withDoubleQuotes(word), 'template')
  // Free values keep their types, and the short form has none.
  if (schema.kind === 'json') {
    const read = json()
    if (read.ok) return read.value
    throw misfit(flag, `not JSON, at character ${read.error.column}: ${read.error.message}`)
  }
  const short = parseShorthand(word)
  if (short.ok) return short.value
  const read = parseJson(word)
  if (read.ok) return read.value
  const { at, message } = short.error
  throw misfit(flag, `${message}, at ${at < word.length ? `character ${at + 1}` : 'the end'}`)
}

/** JSON in which texts stand in single quotes, which is easier to write in a shell. */
export function withDoubleQuotes(text: string): string {
  let written = ''
  let at = 0
  while (at < text.length) {
    const quote = text[at]
    if (quote !== '"' && quote !== "'") {
      written += quote
      at++
      continue
    }
    const end = closingQuote(text, at)
    if (end < 0) return text
    const inside = text.slice(at + 1, end)
    written += quote === '"' ? `"${inside}"` : `"${inside.replaceAll("\\'", "'").replaceAll(/(?<!\\)"/g, '\\"')}"`
    at = end + 1
  }
  return written
}

function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[start]) return at
  }
  return -1
}

const step = /([A-Za-z0-9_-]+)|\[(-?\d{1,6})\]/y

/** `key.sub[0]=value`; null: the word is none. */
function partial({ flag }: Context, word: string, schema: Schema): Assignment | null {
  const equals = word.indexOf('=')
  if (equals <= 0) return null
  const written = word.slice(0, equals)
  if (!/^(?:\[-?\d{1,6}\]|[A-Za-z0-9_-]+(?:\[-?\d{1,6}\])*)(?:\.[A-Za-z0-9_-]+(?:\[-?\d{1,6}\])*)*$/.test(written))
    return null
  const path: (string | number)[] = []
  let place = flag
  let inner: Schema = schema
  step.lastIndex = 0
  for (let at = 0; at < written.length; ) {
    step.lastIndex = at
    const found = step.exec(written)
    if (found === null) return null
    const [whole, key, index] = found
    const next = index === undefined ? stepInto(inner, key as string, place) : elementOf(inner, place)
    path.push(index === undefined ? (next.name ?? (key as string)) : Number(index))
    place += index === undefined ? `.${path.at(-1)}` : `[${index}]`
    inner = next.schema
    at += whole.length
    if (written[at] === '.') at++
  }
  return { path, value: cast(readValue(flag, word.slice(equals + 1), inner), inner, place) }
}

interface Step {
  readonly schema: Schema
  readonly name?: string
}

function stepInto(schema: Schema, key: string, place: string): Step {
  switch (schema.kind) {
    case 'object': {
      const name = memberOf(schema.members, key, place)
      return { schema: schema.members[name] as Schema, name }
    }
    case 'map':
      return { schema: schema.of }
    case 'json':
      return { schema }
    default:
      throw misfit(place, `has no ${key}`)
  }
}

function elementOf(schema: Schema, place: string): Step {
  if (schema.kind === 'list') return { schema: schema.of }
  if (schema.kind === 'json') return { schema }
  throw misfit(place, 'is no list')
}

function readValue(flag: string, word: string, schema: Schema): unknown {
  if (schema.kind === 'json') {
    // `floor=5` is a number, `role=machine` a text.
    const read = parseJson(withDoubleQuotes(word), 'template')
    return read.ok ? read.value : word
  }
  if (schema.kind === 'text' || schema.kind === 'choice' || schema.kind === 'scalar') {
    return word === 'null' ? null : word.startsWith("'") ? readInline(flag, word, schema) : word
  }
  return readInline(flag, word, schema)
}

/** What is there, with the assignments made. */
export function assigned(existing: unknown, assignments: readonly Assignment[], schema: Schema, flag: string): unknown {
  let result = existing
  for (const { path, value } of assignments) {
    result = path.length === 0 ? replaced(result, value, schema) : set(result, path, value, flag)
  }
  return result
}

function replaced(existing: unknown, value: unknown, schema: Schema): unknown {
  if (schema.kind !== 'object' || schema.whole === true || !isObject(existing) || !isObject(value)) return value
  const merged: Record<string, unknown> = { ...existing }
  for (const [key, one] of Object.entries(value))
    merged[key] = replaced(existing[key], one, schema.members[key] as Schema)
  return merged
}

function set(existing: unknown, path: readonly (string | number)[], value: unknown, flag: string): unknown {
  const [head, ...rest] = path
  if (head === undefined) return value
  if (typeof head === 'number') {
    const elements = Array.isArray(existing) ? [...existing] : []
    const index = head < 0 ? elements.length + head : head
    if (index < 0 || index > elements.length) {
      throw misfit(flag, `there is no element ${head}: the list has ${elements.length}`)
    }
    if (value === null && rest.length === 0) elements.splice(index, 1)
    else elements[index] = set(elements[index], rest, value, flag)
    return elements
  }
  return {
    ...(isObject(existing) ? existing : {}),
    [head]: set(isObject(existing) ? existing[head] : undefined, rest, value, flag),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
