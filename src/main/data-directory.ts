import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DirectoryLock, lockDirectory } from '../adapters/embedded/directory-lock.ts'
import type { Config } from '../config.ts'
import type { ReadyFile } from './ready-file.ts'
import { codeOf, reasonOf, StartError } from './start-error.ts'

/** Its presence says that `sealgate dev` made the directory: certificate authorities and clients that anyone can read of. */
const devMark = 'made-by-sealgate-dev'

export interface DataDirectory {
  readonly path: string
  file(...parts: string[]): string
}

/**
 * Makes the directory (0700) or takes the one there is. A directory that `dev` made is not served to others (S68): it
 * holds certificate authorities whose keys lie in plain files.
 *
 * @throws StartError
 */
export function openDataDirectory(config: Pick<Config, 'mode' | 'dataDir' | 'reset' | 'adoptDevData'>): DataDirectory {
  const { dataDir, mode } = config
  if (config.reset) wipe(dataDir)
  let fresh: boolean
  try {
    fresh = mkdirSync(dataDir, { recursive: true, mode: 0o700 }) !== undefined || isEmpty(dataDir)
  } catch (error) {
    throw new StartError([`data directory ${dataDir}: ${reasonOf(error)}`], error)
  }
  const marked = isDevDirectory(dataDir)
  if (mode === 'serve' && marked && !config.adoptDevData) {
    throw new StartError([
      `data directory ${dataDir} was made by sealgate dev, with certificate authorities and clients for development; --adopt-dev-data serves it all the same, or name another with --data-dir`,
    ])
  }
  if (mode === 'dev' && !marked) {
    if (!fresh) {
      throw new StartError([
        `data directory ${dataDir} was not made by sealgate dev; name another with --data-dir, or start it with sealgate serve`,
      ])
    }
    writeFileSync(join(dataDir, devMark), 'sealgate serve refuses this directory. See --adopt-dev-data.\n')
  }
  if (fresh) chmodSync(dataDir, 0o700)
  return { path: dataDir, file: (...parts) => join(dataDir, ...parts) }
}

/** A wiped directory holds the lock and nothing else. */
function isEmpty(directory: string): boolean {
  return readdirSync(directory).every((name) => name === 'lock')
}

function isDevDirectory(directory: string): boolean {
  try {
    return statSync(join(directory, devMark)).isFile()
  } catch {
    return false
  }
}

/** Only what `dev` made, and never anything else that a mistyped path may name. */
function wipe(directory: string): void {
  if (!isDevDirectory(directory)) {
    try {
      if (isEmpty(directory)) return
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
    }
    throw new StartError([`--reset: ${directory} was not made by sealgate dev; nothing was removed`])
  }
  // Under the lock of the store: a broker that runs on the directory keeps it.
  let lock: DirectoryLock
  try {
    lock = lockDirectory(directory)
  } catch (error) {
    throw new StartError([`--reset: ${reasonOf(error)}${holderOf(directory)}`], error)
  }
  for (const name of readdirSync(directory)) {
    if (name !== 'lock') rmSync(join(directory, name), { recursive: true, force: true })
  }
  lock.release()
}

/** Which broker has the directory, by its ready file; nothing where none is told. For the end of a message. */
export function holderOf(directory: string): string {
  try {
    const { pid, mqtts } = JSON.parse(readFileSync(join(directory, 'ready.json'), 'utf8')) as Partial<ReadyFile>
    if (!Number.isInteger(pid)) return ''
    return ` (process ${pid}${mqtts == null ? '' : `, MQTT on ${mqtts.host}:${mqtts.port}`})`
  } catch {
    return ''
  }
}
