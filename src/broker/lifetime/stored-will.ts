/**
 * A will as the store keeps it: 2, the number of certificates, each with its length before it (two octets, big-endian), then
 * the message. A will without certificates, and every one of before, is the message alone, which begins with 1.
 */
const format = 2

/** @param chain DER of the certificates that its client was accepted by, none of them longer than a search reads */
export function encodeStoredWill(chain: readonly Uint8Array[], message: Uint8Array): Uint8Array {
  if (chain.length === 0) return message
  const parts: Uint8Array[] = [Buffer.of(format, chain.length)]
  for (const der of chain) parts.push(Buffer.of(der.length >> 8, der.length & 0xff), der)
  return Buffer.concat([...parts, message])
}

export function readStoredWill(body: Uint8Array): {
  readonly chain: readonly Uint8Array[]
  readonly message: Uint8Array
} {
  if (body[0] !== format) return { chain: [], message: body }
  const chain: Uint8Array[] = []
  let at = 2
  for (let left = body[1]!; left > 0; left--) {
    const length = (body[at]! << 8) | body[at + 1]!
    chain.push(body.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return { chain, message: body.subarray(at) }
}
