/** DNS's own limits. */
const longestName = 253
const longestLabel = 63

/**
 * The host that a TLS client asked for, in the one spelling that namespaces are looked up by: lower case, one trailing
 * dot dropped, ASCII only. An address counts as no name: mosquitto sends one (RFC 6066 3 forbids it). Runs for every
 * handshake: a loop costs a tenth of what a regular expression does.
 */
export function normalizeServerName(sent: string | false | null | undefined): string | null {
  if (typeof sent !== 'string') return null
  const end = sent.endsWith('.') ? sent.length - 1 : sent.length
  if (end === 0 || end > longestName) return null
  let label = 0
  let labels = 1
  let isNumeric = true
  let hasUpper = false
  for (let i = 0; i < end; i++) {
    const code = sent.charCodeAt(i)
    if (code === dot) {
      if (label === 0) return null
      label = 0
      labels++
      continue
    }
    if (++label > longestLabel) return null
    if (code >= 0x30 && code <= 0x39) continue
    isNumeric = false
    if (code >= 0x41 && code <= 0x5a) hasUpper = true
    else if ((code < 0x61 || code > 0x7a) && code !== hyphen && code !== underscore) return null
  }
  if (label === 0 || (isNumeric && labels === 4)) return null
  const name = end === sent.length ? sent : sent.slice(0, end)
  return hasUpper ? name.toLowerCase() : name
}

const dot = 0x2e
const hyphen = 0x2d
const underscore = 0x5f
