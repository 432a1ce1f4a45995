import type { Fields } from '../fields.ts'
import {
  type LimitName,
  type LimitOverrides,
  type LimitValue,
  limitsOf,
  type NamespaceLimits,
  type ProfileName,
  profileNames,
  profileTable,
  readOverride,
} from '../profile.ts'

/** `properties.sealgate` of a namespace: what Azure has no word for. */
export interface NamespaceSettings {
  readonly profile: ProfileName
  /** Overrides of rows of the profile table, policies among them. Null: no limit. */
  readonly overrides: LimitOverrides
  /** Origins of browsers that may use client certificates (S51). */
  readonly allowedOrigins: readonly string[]
}

const policyNames: readonly string[] = profileTable.filter(({ row }) => row.policy).map(({ name }) => name)

/** @param defaultProfile what a namespace gets that names none */
export function readNamespaceSettings(settings: Fields, defaultProfile: ProfileName): NamespaceSettings {
  settings.refuseOthers(['profile', 'limits', 'allowedOrigins', ...policyNames])
  const overrides: Record<string, LimitValue> = {}
  const read = (fields: Fields, name: string) => {
    const value = readOverride(name, fields.raw(name))
    if (value.ok) overrides[name] = value.value
    else fields.fail(name, 'InvalidValue', value.error)
  }
  for (const name of policyNames) if (settings.has(name)) read(settings, name)
  const limits = settings.nested('limits')
  for (const name of limits.keys()) {
    if (policyNames.includes(name)) limits.fail(name, 'UnknownProperty', `Write ${name} beside limits, not in it.`)
    else if (limits.has(name)) read(limits, name)
  }
  const allowedOrigins = settings.texts('allowedOrigins', 100) ?? []
  for (const [index, origin] of allowedOrigins.entries()) {
    if (!/^https?:\/\/[a-z0-9.:[\]-]+$/.test(origin)) {
      settings.fail(
        `allowedOrigins[${index}]`,
        'InvalidValue',
        'Write an origin as browsers send it: scheme, host and port in lower case, without a path.',
      )
    }
  }
  return { profile: settings.choice('profile', profileNames) ?? defaultProfile, overrides, allowedOrigins }
}

/** As it is written in a document; reading it again yields the same. */
export function namespaceSettingsDocument({
  profile,
  overrides,
  allowedOrigins,
}: NamespaceSettings): Record<string, unknown> {
  const policies: Record<string, LimitValue> = {}
  const limits: Record<string, LimitValue> = {}
  for (const name of Object.keys(overrides) as LimitName[]) {
    const written = overrides[name] ?? 'none'
    if (policyNames.includes(name)) policies[name] = written
    else limits[name] = written
  }
  return {
    profile,
    ...policies,
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(allowedOrigins.length > 0 ? { allowedOrigins } : {}),
  }
}

const known = new WeakMap<NamespaceSettings, { readonly capacity: number; readonly limits: NamespaceLimits }>()

export function limitsOfSettings(settings: NamespaceSettings, capacity: number): NamespaceLimits {
  const found = known.get(settings)
  if (found?.capacity === capacity) return found.limits
  const limits = limitsOf(settings.profile, settings.overrides, capacity)
  known.set(settings, { capacity, limits })
  return limits
}
