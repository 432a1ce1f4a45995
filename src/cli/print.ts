import { Option } from 'commander'
import { escapeQuoted, escapeText, isPrintable } from './escape-text.ts'
import type { Terminal } from './terminal.ts'

const outputForms = ['table', 'json', 'yaml'] as const
export type OutputForm = (typeof outputForms)[number]

export function outputOption(): Option {
  return new Option('-o, --output <form>', 'table for people, json or yaml for scripts')
    .choices(outputForms)
    .default('table')
}

/** A result: as data, or as the lines that people read. */
export async function printResult(
  terminal: Terminal,
  form: OutputForm,
  data: unknown,
  lines: () => readonly string[],
): Promise<void> {
  if (form === 'table') for (const line of lines()) terminal.print(line)
  else terminal.print(await formatData(form, data))
}

export async function formatData(form: 'json' | 'yaml', data: unknown): Promise<string> {
  if (form === 'json') return escapeQuoted(JSON.stringify(data, null, 2))
  const { Document, visit } = await import('yaml')
  const document = new Document(data, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_key, node) {
      // Only text in double quotes can be escaped.
      if (typeof node.value === 'string' && !isPrintable(node.value.replaceAll('\n', ''))) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeQuoted(document.toString({ lineWidth: 0 })).trimEnd()
}

export type Cell = string | number | boolean | null | undefined

/** Columns under upper-case headings; every cell is escaped. Nothing but `none` when there are no rows. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[], none: string): string[] {
  if (rows.length === 0) return [none]
  const cells = [headings.map((heading) => heading.toUpperCase()), ...rows.map((row) => row.map(cellText))]
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))))
  return cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  )
}

/** Label and value in two columns; a value of several lines goes on below itself. Absent values are left out. */
export function facts(rows: readonly (readonly [label: string, value: Cell | readonly string[]])[]): string[] {
  const shown = rows.flatMap(([label, value]) => {
    if (value === null || value === undefined) return []
    const values = Array.isArray(value) ? value.map(cellText) : [cellText(value as Cell)]
    return values.length === 0 ? [] : [{ label, values }]
  })
  const width = Math.max(0, ...shown.map(({ label }) => label.length))
  return shown.flatMap(({ label, values }) =>
    values.map((value, index) => `${(index === 0 ? label : '').padEnd(width)}  ${value}`.trimEnd()),
  )
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '-'
  return typeof cell === 'string' ? escapeText(cell) : String(cell)
}

/** Characters as most terminals draw them: two cells for the wide ones of East Asia, none for combining marks. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
      character,
    )
      ? 2
      : 1
  }
  return width
}
