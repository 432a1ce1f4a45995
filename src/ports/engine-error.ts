export type EngineErrorCode =
  /** Another owner opened the session: drop the connection, write nothing. */
  | 'fenced'
  /** A registry condition (revision or unique index) did not hold. */
  | 'conflict'
  /** No quorum, disk full, closing: nothing may be acknowledged. */
  | 'unavailable'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineErrorCode
  /** True when the same call (with the same `opId`) may succeed later. */
  readonly retryable: boolean
  /** For `conflict`: the registry key or `index:value` whose condition failed. */
  readonly subject: string | null

  constructor(code: EngineErrorCode, message: string, options: { subject?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = code === 'unavailable'
    this.subject = options.subject ?? null
  }
}
