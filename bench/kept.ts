import type { CaseTable } from './results.ts'

/** When, where and on what something was measured. */
export interface Facts {
  readonly commit: string
  /** UTC, to the minute. */
  readonly date: string
  readonly machine: string
}

export interface KeptCase extends CaseTable {
  readonly facts: Facts
}

/** What a command says that is no case, and the figures of it that something is asked of. */
export interface Report {
  readonly title: string
  /** Markdown, as it was printed. */
  readonly text: string
  readonly figures: Readonly<Record<string, number>>
}

export interface KeptReport extends Report {
  readonly name: string
  readonly facts: Facts
}

/** The newest figures of each case and command, in the order in which they are shown. */
export interface Kept {
  readonly cases: Readonly<Record<string, KeptCase>>
  readonly reports: Readonly<Record<string, KeptReport>>
}

/** What results.jsonl holds: one case or command a line. */
export function parseKept(lines: string): Kept {
  const kept: { cases: Record<string, KeptCase>; reports: Record<string, KeptReport> } = { cases: {}, reports: {} }
  for (const line of lines.split('\n').filter((text) => text !== '')) {
    const one = JSON.parse(line) as KeptCase | KeptReport
    if ('rows' in one) kept.cases[one.name] = one
    else kept.reports[one.name] = one
  }
  return kept
}

export function formatKept({ cases, reports }: Kept): string {
  return [...Object.values(cases), ...Object.values(reports)].map((one) => `${JSON.stringify(one, rounded)}\n`).join('')
}

/** Five digits are more than any figure here has. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

/**
 * What was just measured takes the place of what is there under its name; the rest stays, with the commit and date at which it was
 * measured, but for what there is no case or command for any more.
 *
 * @param names of all cases and commands, in the order in which they are shown
 */
export function mergeKept(kept: Kept, measured: KeptCase | KeptReport, names: readonly string[]): Kept {
  const cases: Record<string, KeptCase> = { ...kept.cases }
  const reports: Record<string, KeptReport> = { ...kept.reports }
  if ('rows' in measured) cases[measured.name] = measured
  else reports[measured.name] = measured
  return { cases: inOrder(cases, names), reports: inOrder(reports, names) }
}

function inOrder<T>(entries: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.flatMap((name) => (entries[name] === undefined ? [] : [[name, entries[name]]])))
}
