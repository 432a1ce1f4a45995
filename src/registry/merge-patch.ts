/**
 * JSON Merge Patch (RFC 7396) over own properties: objects merge, everything else is replaced, null takes a member away.
 * `replaced` names members of the top level that are taken as a whole although they are objects.
 */
export function mergePatch(target: unknown, patch: unknown, replaced: readonly string[] = []): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = Object.create(null)
  if (isObject(target)) for (const key of Object.keys(target)) merged[key] = target[key]
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (value === null || value === undefined) delete merged[key]
    else merged[key] = replaced.includes(key) ? value : mergePatch(merged[key], value)
  }
  return merged
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
