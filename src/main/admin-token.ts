import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Random } from '../ports/random.ts'
import type { DataDirectory } from './data-directory.ts'
import { refuseReadableSecret } from './files.ts'
import { codeOf, reasonOf, StartError } from './start-error.ts'

export interface AdminToken {
  readonly file: string
  /** SHA-256 of the token: all that the program keeps of it. */
  readonly hash: Uint8Array
}

const tokenPattern = /^[A-Za-z0-9_-]{43}$/

/**
 * The bearer token of the built-in administrator (S65): 256 random bits in a file that only its owner reads, made
 * exclusively so that nobody can have put a known one there in between.
 *
 * @throws StartError
 */
export function openAdminToken(directory: DataDirectory, random: Random): AdminToken {
  const file = directory.file('admin.token')
  try {
    const made = Buffer.from(random.bytes(32)).toString('base64url')
    writeFileSync(file, `${made}\n`, { flag: 'wx', mode: 0o600 })
    return { file, hash: hashOf(made) }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw new StartError([`${file}: ${reasonOf(error)}`], error)
  }
  refuseReadableSecret(file, 'groupAndWorld')
  const token = readFileSync(file, 'utf8').trim()
  if (!tokenPattern.test(token)) {
    throw new StartError([`${file}: not an administrator token; remove the file and a new one is made`])
  }
  return { file, hash: hashOf(token) }
}

function hashOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest()
}
