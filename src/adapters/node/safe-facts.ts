/**
 * The last line of defence for S60: by contract no caller logs a secret, payload or key; should one slip in under its
 * usual name, the name is all that is printed. Everything is cut and flattened, so that a fact cannot flood the log.
 */
const secretNames =
  /^(?:password|passphrase|secret|clientSecret|token|bearer|authorization|authenticationData|payload|body|privateKey|key|cookie)$/i

const longestText = 4096
const deepest = 4
const mostMembers = 64

export function safeFacts(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return safeObject(facts, 0, new Set())
}

function safeObject(source: object, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  // Without a prototype: a member called `__proto__` stays a member (S47).
  const result: Record<string, unknown> = Object.create(null)
  let members = 0
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue
    if (++members > mostMembers) {
      result['…'] = 'more members'
      break
    }
    result[name] = secretNames.test(name) && value !== null ? '[hidden]' : safeValue(value, depth, above)
  }
  return result
}

function safeValue(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > longestText ? `${value.slice(0, longestText)}… (${value.length} characters)` : value
    case 'bigint':
      return value.toString()
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'function':
    case 'symbol':
      return `[${typeof value}]`
    case 'object':
      break
    default:
      return value
  }
  if (value === null) return null
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (above.has(value) || depth >= deepest) return '[…]'
  const below = new Set(above).add(value)
  if (value instanceof Error) return safeError(value, depth, below)
  if (Array.isArray(value)) {
    const items = value.slice(0, mostMembers).map((item) => safeValue(item, depth + 1, below))
    if (value.length > mostMembers) items.push(`… (${value.length} items)`)
    return items
  }
  return safeObject(value, depth + 1, below)
}

function safeError(error: Error, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  const code = (error as { readonly code?: unknown }).code
  return {
    name: error.name,
    message: safeValue(error.message, depth, above),
    ...(typeof code === 'string' ? { code } : {}),
    stack: safeValue(error.stack ?? '', depth, above),
    ...(error.cause === undefined ? {} : { cause: safeValue(error.cause, depth + 1, above) }),
  }
}
