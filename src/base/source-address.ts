/** The whole of an IPv4 address; the first 64 bits of an IPv6 address, which is what one subscriber line is given. */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const end = tail === '' ? [] : tail.split(':')
    // An address that ends in dotted decimals has two groups in its last part; only the first four groups matter here.
    const missing = 8 - groups.length - end.length - (tail.includes('.') ? 1 : 0)
    groups.push(...Array<string>(Math.max(0, missing)).fill('0'), ...end)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`
}

/** One spelling for an address whatever family the listener's socket has: `::ffff:192.0.2.1` is IPv4, a zone is dropped. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}
