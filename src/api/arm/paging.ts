import { err, ok, type Result } from '../../base/result.ts'
import type { Answer, Call, Query, QueryParameter } from '../route.ts'
import { armError } from './error.ts'
import { type Filter, parseFilter } from './filter.ts'

/** Azure: `$top` is 1 to 100, 20 when absent. */
const defaultTop = 20
const maximumTop = 100

export const pagingParameters: readonly QueryParameter[] = [
  { name: '$top', description: `Entries of a page, 1 to ${maximumTop}; ${defaultTop} when absent.` },
  { name: '$skiptoken', description: 'Where the page begins; taken from `nextLink`, opaque, stays valid.' },
]

export const filterParameter: QueryParameter = {
  name: '$filter',
  description: "OData on `name`: `contains(name,'x')`, `eq`, `ne`, `and`, `or`, `not`.",
}

export interface PageRequest {
  readonly top: number
  /** What the page before ended with; null: from the start. */
  readonly after: string | null
}

export function readPage(query: Query): Result<PageRequest, Answer> {
  const top = query.get('$top')
  const limit = top === null ? defaultTop : /^\d{1,3}$/.test(top) ? Number(top) : 0
  if (limit < 1 || limit > maximumTop) {
    return err(armError(400, 'InvalidQueryParameter', `$top is a number from 1 to ${maximumTop}.`, { target: '$top' }))
  }
  const token = query.get('$skiptoken')
  if (token === null) return ok({ top: limit, after: null })
  const after = decodeToken(token)
  if (after === null) {
    const message = 'This $skiptoken was not made by this server. Take it from nextLink, or leave it out.'
    return err(armError(400, 'InvalidSkipToken', message, { target: '$skiptoken' }))
  }
  return ok({ top: limit, after })
}

export function readFilter<Property extends string>(
  query: Query,
  properties: readonly Property[],
): Result<Filter<Property> | null, Answer> {
  const text = query.get('$filter')
  if (text === null) return ok(null)
  const filter = parseFilter(text, properties)
  if (filter.ok) return filter
  const message = `At position ${filter.error.at} of $filter: ${filter.error.message}`
  return err(armError(400, 'InvalidFilterInQueryString', message, { target: '$filter' }))
}

/** A page of a list; `next` null: the last one. The link keeps every other query parameter that is given. */
export function page(
  call: Call,
  path: string,
  value: readonly unknown[],
  next: string | null,
  kept: readonly string[] = ['$filter', '$top'],
): { readonly value: readonly unknown[]; readonly nextLink?: string } {
  if (next === null) return { value }
  const parameters = ['api-version', ...kept].flatMap((name) => {
    const given = call.query.get(name)
    return given === null ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(given)}`]
  })
  const token = Buffer.from(next, 'utf8').toString('base64url')
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  return { value, nextLink: `${call.baseUrl}${encoded}?${[...parameters, `%24skiptoken=${token}`].join('&')}` }
}

function decodeToken(token: string): string | null {
  if (!/^[A-Za-z0-9_-]{1,4096}$/.test(token)) return null
  const text = Buffer.from(token, 'base64url').toString('utf8')
  return Buffer.from(text, 'utf8').toString('base64url') === token ? text : null
}
