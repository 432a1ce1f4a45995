import type { JsonDialect } from '../registry/strict-json.ts'
import type { Caller } from './access/caller.ts'
import type { FileAnswer } from './file-answer.ts'
import type { House } from './house.ts'

/**
 * One row of the table of everything this server answers (`routes.ts`). The router, the access check, the OpenAPI
 * document and docs/management-api.md are all made from these rows, so none of them can say something else.
 */
export interface Route {
  /** `operationId` of the OpenAPI document. */
  readonly id: string
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'
  /** Parameters in braces: `/subscriptions/{subscriptionId}`. */
  readonly path: string
  readonly summary: string
  readonly tag: Tag
  readonly access: Access
  /** Whether a request has to say which version of Azure's API it means. */
  readonly apiVersion: 'required' | 'optional' | 'none'
  readonly query?: readonly QueryParameter[]
  readonly body?: Body
  /** Schema name for each status of success; null: no body. */
  readonly answers: Readonly<Record<number, string | null>>
  /** The resource group of the path need not exist. */
  readonly anyGroup?: true
  handle(call: Call): Answer | Promise<Answer>
}

export type Tag = 'Resources' | 'Azure Resource Manager' | 'Sealgate' | 'Access' | 'Health'

/**
 * `open`: nobody is asked who they are. `authenticated`: any valid token. An action: the token's role and scope must hold
 * it for the scope that the path names; `filtered`: a narrower scope sees its part of the answer; `unless`: open to all where that setting says so.
 */
export type Access =
  | 'open'
  | 'authenticated'
  | { readonly action: string; readonly filtered?: true; readonly unless?: 'openMetrics' }

export interface QueryParameter {
  readonly name: string
  readonly description: string
}

export interface Body {
  readonly schema: string
  /** False: the request may have none. */
  readonly required: boolean
  readonly dialect?: JsonDialect
  readonly limit?: 'templateBytes' | 'formBytes' | 'listBytes'
  /** Not JSON: the raw text or the octets are wanted. */
  readonly form?: 'text' | 'octets'
}

/** One request that passed routing, access and parsing. */
export interface Call {
  readonly house: House
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Parsed JSON, the text of a form, or octets; undefined: no body. */
  readonly body: unknown
  /** Null on open routes. */
  readonly caller: Caller | null
  /** Null: the route asks for none and none was given. */
  readonly apiVersion: string | null
  /** `https://host:port` without a slash at the end. */
  readonly baseUrl: string
  readonly requestId: string
  readonly remoteAddress: string
}

export interface Answer {
  readonly status: number
  /** JSON. Absent: no body. */
  readonly body?: unknown
  /** Instead of `body`: pieces of a text that is made while it is sent. */
  readonly stream?: Iterable<string>
  /** Instead of `body`: the content of a file. */
  readonly file?: FileAnswer
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Query parameters by lower-case name, percent-decoded in name and value: some clients send `%24top` for `$top`. */
export class Query {
  readonly #values = new Map<string, string[]>()

  constructor(search: string) {
    for (const [name, value] of new URLSearchParams(search)) {
      const key = name.toLowerCase()
      const values = this.#values.get(key)
      if (values === undefined) this.#values.set(key, [value])
      else values.push(value)
    }
  }

  /** The only or first value; an empty one counts as absent. */
  get(name: string): string | null {
    return this.#values.get(name.toLowerCase())?.[0] || null
  }

  all(name: string): readonly string[] {
    return this.#values.get(name.toLowerCase()) ?? []
  }
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, body, headers }
}

export function empty(status: number): Answer {
  return { status }
}

/** Of a route whose access is not `open` there is always one. */
export function callerOf(call: Call): Caller {
  if (call.caller === null) throw new Error('an open route has no caller')
  return call.caller
}
