import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { codeOf, reasonOf, StartError } from './start-error.ts'

/** In one step: a reader sees the old content or the new, never a part, also after a crash. */
export function writeFileAtomically(path: string, content: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.new`
  try {
    const descriptor = openSync(temporary, 'w', mode)
    try {
      writeFileSync(descriptor, content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Null when there is no such file. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw new StartError([`${path}: ${reasonOf(error)}`], error)
  }
}

/**
 * A secret that everyone on the machine can read is none.
 *
 * @param others which permissions are too many: all but the owner's, or only the world's where a group may share it
 * @throws StartError
 */
export function refuseReadableSecret(path: string, others: 'groupAndWorld' | 'world'): void {
  if (process.platform === 'win32') return
  const mode = statSync(path).mode & 0o777
  const tooMany = mode & (others === 'world' ? 0o007 : 0o077)
  if (tooMany !== 0) {
    throw new StartError([`${path}: other users can read it (mode ${mode.toString(8)}); chmod 600 ${path}`])
  }
}
