/** Printable ASCII without what no host name holds; 253 is DNS's own limit. */
const hostName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/
const dottedDecimals = /^\d+(?:\.\d+){3}$/

/**
 * The host that a TLS client asked for, in the one spelling that namespaces are looked up by: lower case, one trailing
 * dot dropped, ASCII only. An address counts as no name: mosquitto sends one (RFC 6066 3 forbids it).
 */
export function normalizeServerName(sent: string | false | null | undefined): string | null {
  if (typeof sent !== 'string') return null
  const name = sent.endsWith('.') ? sent.slice(0, -1) : sent
  if (name.length > 253) return null
  const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  if (!hostName.test(lower) || dottedDecimals.test(lower)) return null
  return lower
}
