const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function bytesOfText(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Throws on bytes that are not UTF-8: ours always are. */
export function textOfBytes(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
