import { type LimitValue, type ProfileName, profileTable, profileValue } from '../../registry/profile.ts'
import type { LimitUnit, ProfileRow } from '../../registry/profile-row.ts'
import { CommandFailure } from '../command-failure.ts'
import { nearest } from '../did-you-mean.ts'
import { type OutputForm, printResult, table } from '../print.ts'
import type { Terminal } from '../terminal.ts'
import { type Difference, differences, limitsNotYetEnforced, notYet, ownChoices } from './known-differences.ts'

export interface ShowOptions {
  readonly profile?: ProfileName
  readonly differences?: boolean
  readonly output: OutputForm
}

/** `sealgate profile show`: limits and switches of one profile, or of both side by side. */
export async function showProfile(terminal: Terminal, name: string | undefined, options: ShowOptions): Promise<void> {
  if (options.differences === true) {
    await printResult(terminal, options.output, { differences, ownChoices, notYet, limitsNotYetEnforced }, () => [
      ...section('Where Azure documents something else', differences),
      ...section('Where Azure is silent', ownChoices),
      ...section('Not there yet', notYet),
    ])
    return
  }
  const rows = profileTable.filter((entry) => name === undefined || entry.name.toLowerCase() === name.toLowerCase())
  if (rows.length === 0) {
    const names = profileTable.map((entry) => entry.name)
    const near = nearest(name ?? '', names)
    throw new CommandFailure([
      `there is no limit ${name}`,
      near === null ? 'sealgate profile show lists all' : `Did you mean ${near}?`,
    ])
  }
  const profiles: readonly ProfileName[] = options.profile === undefined ? ['event-grid', 'full'] : [options.profile]
  await printResult(
    terminal,
    options.output,
    rows.map((entry) => documentOf(entry, profiles)),
    () => [
      ...table(
        ['name', ...profiles, 'unit', 'meaning'],
        rows.map((entry) => [
          entry.name,
          ...profiles.map((profile) => valueText(profileValue(entry.row, profile, 1))),
          unitText(entry.row),
          entry.row.meaning,
        ]),
        '',
      ),
      '',
      'To change one for a namespace: sealgate namespace update --limits NAME=VALUE; policies with --sealgate.',
      ...(profiles.includes('event-grid')
        ? ['Per unit: times the throughput units of the namespace (--sku). Sources: docs/profile.md']
        : []),
    ],
  )
}

function documentOf({ name, row }: (typeof profileTable)[number], profiles: readonly ProfileName[]) {
  return {
    name,
    ...Object.fromEntries(profiles.map((profile) => [profile, profileValue(row, profile, 1)])),
    unit: row.unit,
    perThroughputUnit: row.kind === 'number' && row.perUnit,
    ...(row.kind === 'number' ? { minimum: row.range[0], maximum: row.range[1] } : {}),
    ...(row.kind === 'choice' ? { choices: row.choices } : {}),
    policy: row.policy === true,
    meaning: row.meaning,
    source: row.source,
    enforced: !limitsNotYetEnforced.includes(name),
  }
}

export function valueText(value: LimitValue): string {
  if (value === null) return 'none'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return typeof value === 'number' ? value.toLocaleString('en') : value
}

const units: Readonly<Record<LimitUnit, string>> = {
  bytes: 'bytes',
  characters: 'characters',
  count: '',
  perSecond: 'per second',
  bytesPerSecond: 'bytes per second',
  milliseconds: 'ms',
  seconds: 's',
  hours: 'h',
  switch: '',
  choice: '',
}

export function unitText(row: ProfileRow): string {
  const unit = units[row.unit]
  return row.kind === 'number' && row.perUnit ? `${unit}${unit === '' ? '' : ', '}per unit` : unit
}

function section(title: string, entries: readonly Difference[]): string[] {
  const lines = entries.flatMap(({ about, azure, here }) => [
    `  ${about}`,
    ...(azure === 'silent' ? [] : [`    Azure  ${azure}`]),
    `    here   ${here}`,
  ])
  return [title, ...lines, '']
}
