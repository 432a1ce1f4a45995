import { err, ok, type Result } from '../../base/result.ts'
import type { EtagCondition } from '../../registry/change.ts'
import type { Resource } from '../../registry/resource.ts'
import type { Answer, Call } from '../route.ts'
import { armError } from './error.ts'

/** Azure has no ETags for these resources; ours are an extension that nobody has to use. */

export function etagHeader({ etag }: Pick<Resource, 'etag'>): Readonly<Record<string, string>> {
  return etag === '' ? {} : { etag: `"${etag}"` }
}

export function readCondition(headers: Call['headers']): Result<EtagCondition | null, Answer> {
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined && noneMatch !== '*') {
    return err(armError(400, 'InvalidHeaderValue', 'If-None-Match is * here.', { target: 'If-None-Match' }))
  }
  const ifNoneMatch = noneMatch === undefined ? {} : ({ ifNoneMatch: '*' } as const)
  if (match === undefined) return ok(noneMatch === undefined ? null : ifNoneMatch)
  if (match === '*') return ok({ ...ifNoneMatch, ifMatch: '*' })
  const etags = String(match)
    .split(',')
    .map((text) => /^\s*"([^"]*)"\s*$/.exec(text)?.[1])
  if (etags.some((etag) => etag === undefined)) {
    const message = 'If-Match is * or an ETag in double quotes, as an answer gave it.'
    return err(armError(400, 'InvalidHeaderValue', message, { target: 'If-Match' }))
  }
  return ok({ ...ifNoneMatch, ifMatch: etags as string[] })
}
