import { extname } from 'node:path'
import { parseJson } from '../../registry/strict-json.ts'
import { readFileOrInput } from '../cert/files.ts'
import { CommandFailure, reasonOf, wrongUsage } from '../command-failure.ts'
import { withDoubleQuotes } from '../resources/flag-value.ts'
import type { Terminal } from '../terminal.ts'

export type Json = Readonly<Record<string, unknown>>

/** What the server takes in one request is 25 MiB, parameters and all. */
const wholeBytes = 20 * 1_048_576

/** A template as it was written; `large` is JSON that no single request can hold, and stays text. */
export type TemplateFile =
  | { readonly kind: 'whole'; readonly template: Json }
  | { readonly kind: 'large'; readonly text: string }

/** JSON as Azure's tools write it, with comments and trailing commas, or YAML; no key twice (S47), no private key (S21). */
export async function readTemplateFile(terminal: Terminal, file: string): Promise<TemplateFile> {
  const octets = await readFileOrInput(terminal, file)
  const text = new TextDecoder().decode(octets)
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new CommandFailure([
      `${file}: holds a private key; nothing was sent`,
      'A template describes CA certificates by their CERTIFICATE block alone',
    ])
  }
  if (octets.length > wholeBytes) {
    if (isJson(file, text)) return { kind: 'large', text }
    throw new CommandFailure(`${file}: YAML of more than ${wholeBytes / 1_048_576} MiB; write it as JSON`)
  }
  const template = await parseDocument(file, text)
  if (!isObject(template)) throw new CommandFailure(`${file}: expected an object with "resources"`)
  return { kind: 'whole', template }
}

function isJson(file: string, text: string): boolean {
  return /^\.jsonc?$/i.test(extname(file)) || /^\s*[{[]/.test(text)
}

async function parseDocument(file: string, text: string): Promise<unknown> {
  if (isJson(file, text)) {
    const read = parseJson(text, 'template')
    if (read.ok) return read.value
    const { line, column, message } = read.error
    throw new CommandFailure(`${file}, line ${line}, column ${column}: ${message}`)
  }
  const { parse } = await import('yaml')
  try {
    return parse(text, { logLevel: 'error' })
  } catch (error) {
    throw new CommandFailure(`${file}: ${reasonOf(error).replace(/:$/, '')}`, 1, error)
  }
}

/** `name=value`, `@file` or a parameters file, merged in their order into `{name: {value}}`. */
export async function readParameters(terminal: Terminal, words: readonly string[], template: Json): Promise<Json> {
  let parameters: Json = {}
  for (const word of words) {
    const equals = word.indexOf('=')
    const isFile = word.startsWith('@') || (equals < 0 && /\.(?:jsonc?|ya?ml)$/i.test(word))
    if (isFile) parameters = { ...parameters, ...(await readParametersFile(terminal, word.replace(/^@/, ''))) }
    else if (equals > 0)
      parameters = { ...parameters, ...readParameter(word.slice(0, equals), word.slice(equals + 1), template) }
    else throw wrongUsage(`--parameters ${word}: expected name=value or a parameters file`)
  }
  return parameters
}

async function readParametersFile(terminal: Terminal, file: string): Promise<Json> {
  const read = await readTemplateFile(terminal, file)
  if (read.kind === 'large') throw new CommandFailure(`${file}: too large for a parameters file`)
  const { template } = read
  const inner = template['parameters']
  return isObject(inner) && ('$schema' in template || 'contentVersion' in template) ? inner : template
}

/** Text is cast to the type that the template declares. */
function readParameter(name: string, text: string, template: Json): Json {
  const declared = isObject(template['parameters']) ? template['parameters'] : {}
  const key = Object.keys(declared).find((one) => one.toLowerCase() === name.toLowerCase())
  const declaration = key === undefined ? undefined : declared[key]
  const type =
    isObject(declaration) && typeof declaration['type'] === 'string' ? declaration['type'].toLowerCase() : 'string'
  if (type === 'string' || type === 'securestring') return { [name]: { value: text } }
  const read = parseJson(withDoubleQuotes(text), 'template')
  if (read.ok) return { [name]: { value: read.value } }
  throw wrongUsage(`--parameters ${name}: the template wants ${type}, found ${text.slice(0, 60)}`)
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
