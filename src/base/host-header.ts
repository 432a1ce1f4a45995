import { normalizeServerName } from './server-name.ts'

/**
 * The host that a request names, in the spelling of a server name; null for an address. Undefined when the request does
 * not say it once and well (RFC 9112 3.2): Node.js takes the first of several Host headers, which somebody in between
 * may not have looked at, and a target with a host of its own would outrank the header.
 */
export function requestedHost(request: {
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
}): string | null | undefined {
  if (request.url?.startsWith('/') !== true) return undefined
  let header: string | undefined
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() !== 'host') continue
    if (header !== undefined) return undefined
    header = request.rawHeaders[i + 1]
  }
  return header === undefined ? undefined : hostNameOf(header)
}

const longestHeader = 300
const hostAndPort = /^(?:\[[0-9a-f:.]+\]|([a-z0-9._-]+))(?::[0-9]{1,5})?$/i

/** Undefined: no host with an optional port. */
export function hostNameOf(text: string): string | null | undefined {
  if (text.length > longestHeader) return undefined
  const match = hostAndPort.exec(text)
  return match === null ? undefined : normalizeServerName(match[1])
}
