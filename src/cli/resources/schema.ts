import { nearest } from '../did-you-mean.ts'

/** What the value of a flag may be. Text is cast to it, as the short form knows only text. */
export type Schema =
  | { readonly kind: 'text' | 'integer' | 'boolean' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'list'; readonly of: Schema }
  /** `whole`: an update replaces all of it. Else what is left out stays. */
  | { readonly kind: 'object'; readonly members: Readonly<Record<string, Schema>>; readonly whole?: true }
  | { readonly kind: 'map'; readonly of: Schema }
  /** A number, switch or text, told by its look: for tables of settings. */
  | { readonly kind: 'scalar' }
  /** JSON, passed on as it is. */
  | { readonly kind: 'json' }

export const text: Schema = { kind: 'text' }
export const integer: Schema = { kind: 'integer' }
export const boolean: Schema = { kind: 'boolean' }
export const list = (of: Schema): Schema => ({ kind: 'list', of })
export const choice = (...choices: readonly string[]): Schema => ({ kind: 'choice', choices })
export const object = (members: Readonly<Record<string, Schema>>): Schema => ({ kind: 'object', members })

/** Does not fit; the message names the place. */
export class Misfit extends Error {}

/** The value as the schema has it: enumerations in their canonical case, keys in camel case. Null stays: it resets. */
export function cast(value: unknown, schema: Schema, place: string): unknown {
  if (value === null) return null
  switch (schema.kind) {
    case 'text':
      if (typeof value === 'string') return value
      if (typeof value === 'number' || typeof value === 'boolean') return String(value)
      throw misfit(place, 'expected a text')
    case 'integer': {
      const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
      if (typeof number === 'number' && Number.isSafeInteger(number)) return number
      throw misfit(place, `expected a whole number, found ${shown(value)}`)
    }
    case 'boolean': {
      const word = String(value).toLowerCase()
      if (['true', 't', 'yes', 'y', '1'].includes(word)) return true
      if (['false', 'f', 'no', 'n', '0'].includes(word)) return false
      throw misfit(place, `expected true or false, found ${shown(value)}`)
    }
    case 'choice':
      return castChoice(value, schema.choices, place)
    case 'list':
      if (!Array.isArray(value)) throw misfit(place, 'expected a list, such as [a,b]')
      return value.map((element, index) => cast(element, schema.of, `${place}[${index}]`))
    case 'object':
      return castObject(value, schema.members, place)
    case 'map':
      return Object.fromEntries(
        entriesOf(value, place).map(([key, one]) => [key, cast(one, schema.of, `${place}.${key}`)]),
      )
    case 'scalar': {
      if (typeof value !== 'string') return value
      if (/^-?\d{1,15}$/.test(value)) return Number(value)
      return value === 'true' ? true : value === 'false' ? false : value
    }
    case 'json':
      return value
  }
}

function castChoice(value: unknown, choices: readonly string[], place: string): string {
  const given = String(value)
  const found = choices.find((one) => one.toLowerCase() === given.toLowerCase())
  if (found !== undefined) return found
  const near = nearest(given, choices)
  throw misfit(
    place,
    `${shown(given)} is none of ${choices.join(', ')}${near === null ? '' : `; did you mean ${near}?`}`,
  )
}

function castObject(value: unknown, members: Readonly<Record<string, Schema>>, place: string): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  for (const [key, one] of entriesOf(value, place)) {
    const name = memberOf(members, key, place)
    if (name in made) throw misfit(place, `${name} is given twice`)
    made[name] = cast(one, members[name] as Schema, `${place}.${name}`)
  }
  return made
}

/** Keys may be in camel case or kebab case, also mixed in one object, as in Azure's quickstarts. */
export function memberOf(members: Readonly<Record<string, Schema>>, key: string, place: string): string {
  const wanted = key.replaceAll(/[-_]/g, '').toLowerCase()
  const names = Object.keys(members)
  const found = names.find((name) => name.toLowerCase() === wanted)
  if (found !== undefined) return found
  const near = nearest(wanted, names)
  throw misfit(place, `there is no ${key}; ${near === null ? `there is ${names.join(', ')}` : `did you mean ${near}?`}`)
}

function entriesOf(value: unknown, place: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw misfit(place, 'expected an object, such as {key:value}')
}

export function misfit(place: string, message: string): Misfit {
  return new Misfit(`${place}: ${message}`)
}

function shown(value: unknown): string {
  const written = typeof value === 'string' ? value : JSON.stringify(value)
  return written.length > 60 ? `${written.slice(0, 60)}…` : written
}
