import { canonicalJson } from '../canonical-json.ts'
import type { ResourceDocument } from '../resource.ts'

/** One place in which two documents differ. Undefined: not there. */
export interface Difference {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** Places in which an operator's part of two documents of one resource differs, in the order of the document. */
export function differences(before: ResourceDocument, after: ResourceDocument): readonly Difference[] {
  const found: Difference[] = []
  const { systemData: _, ...from } = before
  const { systemData: __, ...to } = after
  compare(from, to, '', found)
  return found
}

function compare(before: unknown, after: unknown, path: string, found: Difference[]): void {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return
  if (!isObject(before) || !isObject(after)) {
    found.push({ path, before, after })
    return
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compare(before[key], after[key], path === '' ? key : `${path}.${key}`, found)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
