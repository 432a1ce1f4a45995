/**
 * What an api-version cannot say, it must not wipe: a PUT with the stable version, which has no client authentication at
 * all, would otherwise drop the name sources that a preview version set.
 */

/** Properties of a namespace that came with some version, and the first date that has them. */
const since = {
  clientAuthentication: '2023-06-01',
  customJwtAuthentication: '2024-06-01',
  webhookAuthentication: '2025-04-01',
  ipV6Enabled: '2025-11-15',
} as const

/** The one stable version with MQTT resources; it knows none of the above. */
const stable = '2025-02-15'

export type VersionedProperty = keyof typeof since

/** @param apiVersion null: our own tools, which can say everything */
export function canExpress(apiVersion: string | null, property: VersionedProperty): boolean {
  if (apiVersion === null) return true
  const date = apiVersion.slice(0, 10)
  if (!apiVersion.toLowerCase().endsWith('-preview') && date <= stable) return false
  return date >= since[property]
}
