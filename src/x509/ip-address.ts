/**
 * IP addresses as a certificate carries them (RFC 5280 4.2.1.6) and as people write them (RFC 4291, RFC 5952).
 * The 4 octets of `10.0.0.1` and the 16 of `::ffff:10.0.0.1` are two different names (S7).
 */

/** Four plain decimals, or RFC 4291 text without a zone; 4 or 16 octets, null for anything else (S7). */
export function parseIpAddress(text: string): Uint8Array | null {
  if (text.length > 45) return null
  if (!text.includes(':')) return parseDotted(text)
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = parseGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : []
  if (head === null || tail === null) return null
  const missing = 16 - head.length - tail.length
  // `::` stands for at least one group of zeros (RFC 4291 2.2).
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

/** Octets of `a:b:…`; the last group may be dotted when it ends the address. */
function parseGroups(text: string, endsAddress: boolean): number[] | null {
  if (text === '') return []
  const octets: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (endsAddress && index === groups.length - 1 && group.includes('.')) {
      const dotted = parseDotted(group)
      if (dotted === null) return null
      octets.push(...dotted)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null
      const value = Number.parseInt(group, 16)
      octets.push(value >> 8, value & 0xff)
    }
  }
  return octets.length > 16 ? null : octets
}

/** Four decimals from 0 to 255 without leading zeros: `010` is eight to some and ten to others. */
function parseDotted(text: string): Uint8Array | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  const octets = new Uint8Array(4)
  for (const [index, part] of parts.entries()) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null
    octets[index] = Number(part)
  }
  return octets
}

/** Dotted decimals, or RFC 5952: lower case, the longest run of two or more zero groups as `::`; hex for other lengths. */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  if (octets.length !== 16) return Buffer.from(octets).toString('hex')
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(octets[i]! * 256 + octets[i + 1]!)
  // RFC 5952 section 5: an IPv4-mapped address shows its dotted part.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${octets.subarray(12).join('.')}`
  }
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.start < 0) return hex(groups)
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`
}
