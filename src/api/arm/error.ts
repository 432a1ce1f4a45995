import { unreachable } from '../../base/assert.ts'
import type { Problem, RegistryFailure } from '../../registry/failure.ts'
import { type Answer, json } from '../route.ts'

/**
 * Errors as Azure Resource Manager writes them: `{"error":{"code","message","target"?,"details"?}}`. This is the one place
 * that turns a failure of the registry into a status code.
 */

export interface ErrorDetail {
  readonly code: string
  readonly message: string
  readonly target?: string
}

/** Problems that one answer lists; a document of a million clients may have as many. */
const maximumDetails = 200

export function armError(
  status: number,
  code: string,
  message: string,
  more: {
    readonly target?: string
    readonly details?: readonly ErrorDetail[]
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Answer {
  const { target, details, headers } = more
  const error = {
    code,
    message,
    ...(target === undefined || target === '' ? {} : { target }),
    ...(details === undefined ? {} : { details: details.slice(0, maximumDetails) }),
  }
  return json(status, { error }, headers)
}

/** Asks to come again after some seconds: the clients of Azure wait that long and repeat. */
export function tryLater(status: 429 | 503, seconds: number, message: string): Answer {
  const code = status === 429 ? 'TooManyRequests' : 'ServiceUnavailable'
  return armError(status, code, message, { headers: { 'retry-after': String(seconds) } })
}

export function failed(failure: RegistryFailure): Answer {
  const { message } = failure
  switch (failure.kind) {
    case 'notFound':
      return armError(404, 'ResourceNotFound', message)
    case 'parentNotFound': {
      const text = `Can not perform requested operation on nested resource. Parent resource '${failure.id.namespace}' not found.`
      return armError(404, 'ParentResourceNotFound', text)
    }
    case 'invalid':
      return invalidDocument(failure.problems, message)
    case 'nameTaken':
      return armError(409, 'Conflict', message, { target: failure.target })
    case 'immutable':
      return armError(409, 'Conflict', message, { target: failure.target })
    case 'referenced': {
      const details = failure.by.map((name) => ({
        code: 'Referenced',
        target: `permissionBindings/${name}`,
        message: `The permission binding "${name}" names it.`,
      }))
      return armError(409, 'Conflict', message, { target: details[0]?.target ?? '', details })
    }
    case 'etagMismatch':
      return armError(412, 'PreconditionFailed', message, {
        ...(failure.etag === null ? {} : { headers: { etag: `"${failure.etag}"` } }),
      })
    case 'quotaExceeded':
      return armError(403, 'QuotaExceeded', message, { target: failure.limit })
    case 'conflict':
      return armError(409, 'Conflict', message)
    case 'unavailable':
      return tryLater(503, 1, message)
    default:
      return unreachable(failure)
  }
}

/** Problems that stand in the message itself: some clients of Azure show nothing else. */
const toldProblems = 5

/** All problems of one document: the first one chooses the code, all of them stand in `details`. */
export function invalidDocument(problems: readonly Problem[], message: string): Answer {
  const [first] = problems
  const details = problems.map(({ code, target, message: text }) => ({ code, target, message: text }))
  const told = problems
    .slice(0, toldProblems)
    .map(({ target, message: text }) => (target === '' ? text : `${target}: ${text}`))
  const more = problems.length - told.length
  const sentences = more > 0 ? [...told, `And ${more} more problems, see details.`] : told
  const one = (status: number, code: string): Answer =>
    armError(status, code, first === undefined ? message : sentences.join(' '), {
      target: first?.target ?? '',
      details,
    })
  if (first === undefined) return one(400, 'InvalidRequest')
  const { code, target } = first
  if (code === 'InvalidJson' || code === 'InvalidType') return one(400, 'InvalidRequestContent')
  if (code === 'InvalidName' && target === 'name') return one(400, 'InvalidResourceName')
  if (target === 'location' && code === 'Required') return one(400, 'LocationRequired')
  if (target === 'location' && code === 'Immutable') return one(409, 'InvalidResourceLocation')
  return one(400, 'InvalidRequest')
}
