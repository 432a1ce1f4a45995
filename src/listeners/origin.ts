/** Which web pages may use the certificate of the browser's user. */
export interface OriginPolicy {
  /** As browsers write them: scheme, host and port, lower case. */
  readonly allowedOrigins: readonly string[]
  /** Pages that this machine serves: for development. */
  readonly allowLoopback: boolean
}

/**
 * Whether a page of this origin is one of ours. A browser sends its user's certificate for whatever page asks, so a
 * foreign page must not profit from it (S51). A page that came without TLS is none of ours even under our name: anybody
 * on the way can have written it. `null`, the origin of sandboxed pages and files, is foreign.
 *
 * @param host the Host header of the same request
 */
export function isOwnOrigin(origin: string, host: string, policy: OriginPolicy): boolean {
  if (policy.allowedOrigins.includes(origin.toLowerCase())) return true
  const page = partsOf(origin)
  if (page === null) return false
  if (policy.allowLoopback && isLoopback(page.hostname)) return true
  return page.protocol === 'https:' && page.hostname === partsOf(`https://${host}`)?.hostname
}

function partsOf(origin: string): URL | null {
  if (origin.length > 300 || !URL.canParse(origin)) return null
  const url = new URL(origin)
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  // An origin has no path, no user and no query.
  return isWeb && url.origin.length > 0 && url.href === `${url.origin}/` ? url : null
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  )
}
