import { parseAttributeQuery, queryLimits } from '../attribute-query.ts'
import type { Fields } from '../fields.ts'
import { readDescription } from './context.ts'

export interface ClientGroupProperties {
  readonly description?: string
  readonly query: string
}

/** Named in bindings; holds every client; not stored. */
export const allClients = '$all'

export function readClientGroup(properties: Fields): ClientGroupProperties {
  const description = readDescription(properties)
  const query = properties.text('query', queryLimits.maximumBytes)
  if (query === undefined) {
    if (!properties.has('query')) {
      properties.fail('query', 'Required', "Write which clients belong to the group, e.g. attributes.role = 'machine'.")
    }
    return { ...description, query: '' }
  }
  const parsed = parseAttributeQuery(query)
  if (!parsed.ok) properties.fail('query', 'InvalidQuery', parsed.error.message)
  return { ...description, query }
}

export function clientGroupDocument({ description, query }: ClientGroupProperties): Record<string, unknown> {
  return { ...(description === undefined ? {} : { description }), query }
}
