import { err, ok, type Result } from '../../base/result.ts'
import type { Answer, Query } from '../route.ts'
import { armError } from './error.ts'

/** A date, as all versions of Azure's management APIs are; many are in use, and none of them is refused. */
const pattern = /^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:-preview)?$/i

/** Versions that are offered where a client asks which there are: newest first. */
export const offeredVersions = [
  '2026-06-15-preview',
  '2025-11-15-preview',
  '2025-07-15-preview',
  '2025-04-01-preview',
  '2025-02-15',
  '2024-12-15-preview',
  '2024-06-01-preview',
  '2023-12-15-preview',
  '2023-06-01-preview',
] as const

export function readApiVersion(query: Query, required: boolean): Result<string | null, Answer> {
  const [first, ...others] = query.all('api-version')
  if (first === undefined || first === '') {
    if (!required) return ok(null)
    const message = `The api-version query parameter (?api-version=) is required for all requests. Write for example api-version=${offeredVersions[4]}.`
    return err(armError(400, 'MissingApiVersionParameter', message, { target: 'api-version' }))
  }
  if (others.length > 0 || !pattern.test(first)) {
    const message = `An api-version is one date, such as ${offeredVersions[4]} or ${offeredVersions[2]}.`
    return err(armError(400, 'InvalidApiVersionParameter', message, { target: 'api-version' }))
  }
  return ok(first.toLowerCase())
}
