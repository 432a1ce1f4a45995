import { err, ok, type Result } from '../base/result.ts'
import type { ChoiceRow, ProfileRow } from './profile-row.ts'
import { profileRows } from './profile-rows.ts'

/**
 * The two dialects of a namespace as one table (`profile-rows.ts`). `event-grid` repeats the numbers and refusals that
 * Azure documents; `full` is the standards with bounds that only protect the broker. Code asks for a limit, never for a
 * profile. Each row can be overridden per namespace as `properties.sealgate.limits.<name>`.
 */

export const profileNames = ['full', 'event-grid'] as const
export type ProfileName = (typeof profileNames)[number]

export type LimitName = keyof typeof profileRows
export type LimitValue = number | boolean | string | null

type ValueOf<Row> = Row extends { readonly kind: 'number'; readonly nullable: true }
  ? number | null
  : Row extends { readonly kind: 'number' }
    ? number
    : Row extends { readonly kind: 'switch' }
      ? boolean
      : Row extends ChoiceRow<infer Choice>
        ? Choice
        : never

/** Limits and switches of a namespace: the profile's table with the namespace's overrides. Null: no limit. Frozen. */
export type NamespaceLimits = { readonly [Name in LimitName]: ValueOf<(typeof profileRows)[Name]> }
export type LimitOverrides = { readonly [Name in LimitName]?: NamespaceLimits[Name] }

/** Rows in the order of the table, for the profile page and `profile show`. */
export const profileTable: readonly { readonly name: LimitName; readonly row: ProfileRow }[] = (
  Object.keys(profileRows) as LimitName[]
).map((name) => ({ name, row: profileRows[name] }))

/** @param units throughput units of the namespace (`sku.capacity`); rows per unit of `event-grid` are multiplied */
export function limitsOf(profile: ProfileName, overrides: LimitOverrides = {}, units = 1): NamespaceLimits {
  const limits: Record<string, LimitValue> = {}
  for (const { name, row } of profileTable) {
    const override = Object.hasOwn(overrides, name) ? overrides[name] : undefined
    limits[name] = override === undefined ? profileValue(row, profile, units) : override
  }
  return Object.freeze(limits) as NamespaceLimits
}

/** The table's value without overrides. */
export function profileValue(row: ProfileRow, profile: ProfileName, units: number): LimitValue {
  if (profile === 'full') return row.full
  return row.kind === 'number' && row.perUnit && row.eventGrid !== null ? row.eventGrid * units : row.eventGrid
}

/** Checks one member of `properties.sealgate.limits`; the failure is a sentence that says what to write. */
export function readOverride(name: string, value: unknown): Result<LimitValue, string> {
  const row = Object.hasOwn(profileRows, name) ? (profileRows[name as LimitName] as ProfileRow) : undefined
  if (row === undefined) {
    return err(`There is no limit of the name "${name}"; "sealgate profile show" lists the names.`)
  }
  switch (row.kind) {
    case 'number': {
      const [minimum, maximum] = row.range
      if (value === 'none' && row.nullable) return ok(null)
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum
      if (fits) return ok(value)
      return err(
        `Write a whole number from ${minimum} to ${maximum} (${row.unit})${row.nullable ? ', or "none" for no limit' : ''}.`,
      )
    }
    case 'switch':
      return typeof value === 'boolean' ? ok(value) : err('Write true or false.')
    case 'choice':
      return row.choices.some((choice) => choice === value)
        ? ok(value as LimitValue)
        : err(`Write one of ${row.choices.join(', ')}.`)
  }
}
