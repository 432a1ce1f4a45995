import { parseResourceId } from '../../registry/resource-id.ts'
import type { Answer } from '../route.ts'
import { armError } from './error.ts'

/** What a path that leads nowhere was probably meant to be. */
export function unknownPath(path: string): Answer {
  const parsed = parseResourceId(path)
  if (!parsed.ok && parsed.error.kind === 'unknownType') {
    return armError(404, 'InvalidResourceType', parsed.error.message)
  }
  const provider = /\/providers\/([^/]+)/i.exec(path)?.[1]
  if (provider !== undefined && !/^Microsoft\.(EventGrid|Resources)$/i.test(provider)) {
    const message = `There is no resource provider "${provider.slice(0, 80)}" here. There is Microsoft.EventGrid.`
    return armError(404, 'InvalidResourceNamespace', message)
  }
  return armError(404, 'NotFound', 'There is nothing under this path. GET /openapi.json lists everything there is.')
}
