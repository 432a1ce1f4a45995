import { annotate } from '../mqtt/annotate.ts'
import { wrongUsage } from './command-failure.ts'
import { escapeText } from './escape-text.ts'
import type { Terminal } from './terminal.ts'

/** Prints a packet field by field. */
export function decode(terminal: Terminal, hex: string, version: string | null): void {
  const digits = hex.replace(/[\s:]|0x/gi, '')
  if (digits.length === 0 || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    throw wrongUsage('expected hexadecimal digits, two for each byte')
  }
  const protocol = version === null ? undefined : version === '5' ? 5 : 4
  for (const line of annotate(Buffer.from(digits, 'hex'), protocol)) terminal.print(escapeText(line))
}
