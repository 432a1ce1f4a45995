export interface RestRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'
  /** Begins with a slash; every segment is percent-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  /** Instead of `body`: text that is sent as it is. */
  readonly content?: string
  readonly ifMatch?: string | null
  /** How long nothing may come; default: two minutes. */
  readonly timeoutMs?: number
}
