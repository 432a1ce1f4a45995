import { armError, tryLater } from '../arm/error.ts'
import { audit } from '../audit.ts'
import type { Answer, Call, Route } from '../route.ts'

const action = 'Sealgate/backup/action'

export const backupRoutes: readonly Route[] = [
  {
    id: 'Sealgate_Backup',
    method: 'POST',
    path: '/sealgate/backup',
    tag: 'Sealgate',
    summary:
      'A consistent copy of the whole store, made while it is in use: everything acknowledged before the request. For owners.',
    access: { action },
    apiVersion: 'optional',
    answers: { 200: 'File' },
    handle: backup,
  },
]

/** All namespaces, sessions, queued messages and hashes of tokens: whoever may have it may have everything. */
async function backup(call: Call): Promise<Answer> {
  const { backups } = call.house.parts
  const told = (outcome: string): void => audit(call, { action, resource: '/sealgate/backup', outcome })
  if (backups === undefined) {
    return armError(501, 'NotImplemented', 'This server keeps its state where it cannot be copied from here.')
  }
  const made = await backups()
  if (!made.ok) {
    told(made.error)
    if (made.error === 'underWay') return tryLater(429, 5, 'Another backup is under way. Try again when it is done.')
    return armError(507, 'InsufficientStorage', 'The disk has no room for a copy of the store beside it.')
  }
  told('made')
  return { status: 200, file: made.value }
}
