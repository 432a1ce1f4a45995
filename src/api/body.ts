import { err, ok, type Result } from '../base/result.ts'
import type { Steps } from '../base/steps.ts'
import { parseJsonSteps } from '../registry/strict-json.ts'
import { armError } from './arm/error.ts'
import { type Content, lengthOf, octetsOf, textOf } from './content.ts'
import type { House } from './house.ts'
import type { Answer, Body } from './route.ts'

/**
 * Reads a request's body, a large one in slices: others have their turn meanwhile. The content type is not asked: every client of Azure sends JSON, and some say something else.
 *
 * @returns undefined when there is none
 */
export async function readBody(
  { parts }: House,
  body: Body | undefined,
  content: Content | undefined,
): Promise<Result<unknown, Answer>> {
  if (content === undefined || lengthOf(content) === 0) {
    if (body?.required !== true) return ok(undefined)
    return err(armError(400, 'InvalidRequestContent', 'The request has no content. Send a JSON document.'))
  }
  if (body === undefined) return ok(undefined)
  const { registry } = parts
  if (body.form === 'octets') return ok(await registry.inSlices(octetsOf(content)))
  return registry.inSlices(readText(content, body))
}

function* readText(content: Content, body: Body): Steps<Result<unknown, Answer>> {
  const text = yield* textOf(content)
  if (text === null) return err(armError(400, 'InvalidRequestContent', 'The content is not UTF-8.'))
  if (body.form === 'text') return ok(text)
  const parsed = yield* parseJsonSteps(text, body.dialect ?? 'json')
  if (!parsed.ok) {
    const { line, column, message } = parsed.error
    const target = `line ${line}, column ${column}`
    return err(armError(400, 'InvalidRequestContent', `The content is not JSON. At ${target}: ${message}`, { target }))
  }
  if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) {
    return err(armError(400, 'InvalidRequestContent', 'The content is JSON, but not an object.'))
  }
  return parsed
}
