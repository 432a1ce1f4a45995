import { annotate } from '../mqtt/annotate.ts'

/** Prints a packet field by field; the exit code. */
export function decode(hex: string, version: string | null): number {
  const digits = hex.replace(/[\s:]|0x/gi, '')
  if (digits.length === 0 || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    console.error('sealgate decode: expected hexadecimal digits, two for each byte')
    return 2
  }
  const protocol = version === null ? undefined : version === '5' ? 5 : 4
  for (const line of annotate(Buffer.from(digits, 'hex'), protocol)) console.log(line)
  return 0
}
