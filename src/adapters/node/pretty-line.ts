import type { LogLevel } from '../../ports/log.ts'
import { escapeText } from './escape-text.ts'

const colours: Readonly<Record<LogLevel, string>> = { debug: '90', info: '36', warn: '33', error: '31' }

export interface PrettyOptions {
  readonly colour: boolean
}

/** One entry for a person: `08:21:00.123 info  sessionOpened  clientId=a present=false`; errors add their stack below. */
export function prettyLine(
  time: Date,
  level: LogLevel,
  event: string,
  facts: Readonly<Record<string, unknown>>,
  options: PrettyOptions,
): string {
  const paint = (text: string, code: string): string => (options.colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const parts = [
    paint(time.toISOString().slice(11, 23), '90'),
    paint(level.padEnd(5), colours[level]),
    paint(escapeText(event), '1'),
  ]
  const stacks: string[] = []
  for (const [name, value] of Object.entries(facts)) {
    parts.push(`${paint(`${escapeText(name)}=`, '90')}${shown(value)}`)
    if (isError(value)) stacks.push(value.stack)
  }
  const lines = stacks.flatMap((stack) => stack.split('\n').slice(1))
  return [parts.join(' '), ...lines.map((line) => paint(escapeText(line), '90'))].join('\n').concat('\n')
}

function shown(value: unknown): string {
  if (isError(value)) return escapeText(value.message)
  if (typeof value !== 'string') return escapeText(JSON.stringify(value) ?? String(value))
  const escaped = escapeText(value)
  return /^[^\s="]+$/.test(escaped) ? escaped : `"${escaped.replaceAll('"', '\\"')}"`
}

function isError(value: unknown): value is { readonly message: string; readonly stack: string } {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value
}
