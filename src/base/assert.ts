/** A broken invariant of our own: a bug, never a peer's mistake. Caught at two doors only (connection, API request). */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
  readonly code = 'assertionFailed'
}

/** States what must be true here whatever a peer or an operator sends. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new AssertionError(why)
}

/** Closes a switch over a closed set: a new member is a compile error at the call. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
