import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../adapters/embedded/database.ts'
import { lastWriteOf } from '../adapters/embedded/store.ts'
import { checkStoreFile } from '../adapters/embedded/store-file.ts'
import type { UnixMillis } from '../base/time.ts'
import { reasonOf, StartError } from './start-error.ts'

export interface Restored {
  readonly records: number
  /** Of the copy; null: it does not say. */
  readonly lastWrite: UnixMillis | null
}

/**
 * Puts a backup where a broker that is started on the directory finds it. The directory must hold nothing yet, so a store
 * is never replaced by mistake; the copy gets its name only when it was opened and read.
 *
 * @throws StartError
 */
export async function restoreBackup(file: string, dataDirectory: string): Promise<Restored> {
  const bytes = sizeOf(file)
  if (existsSync(dataDirectory) && readdirSync(dataDirectory).length > 0) {
    throw new StartError([`${dataDirectory} is not empty; name a new directory with --data-dir, nothing was changed`])
  }
  const unfinished = join(dataDirectory, 'restoring')
  try {
    mkdirSync(unfinished, { recursive: true, mode: 0o700 })
    // As a broker that is started on an empty directory makes it; the copy's own mode may be anything.
    chmodSync(dataDirectory, 0o700)
    copyFileSync(file, join(unfinished, 'store.mdb'))
    chmodSync(join(unfinished, 'store.mdb'), 0o600)
    checkStoreFile(join(unfinished, 'store.mdb'), true)
    const database = openDatabase(unfinished)
    const statistics = database.statistics()
    const lastWrite = lastWriteOf(database.tables)
    await database.close()
    renameSync(join(unfinished, 'store.mdb'), join(dataDirectory, 'store.mdb'))
    return { records: Object.values(statistics).reduce((sum, count) => sum + count, 0), lastWrite }
  } catch (error) {
    throw new StartError(
      [`${file} (${bytes} bytes) is no backup that this version can read: ${reasonOf(error)}`],
      error,
    )
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function sizeOf(file: string): number {
  try {
    const { size } = statSync(file)
    if (size >= 8_192) return size
  } catch (error) {
    throw new StartError([`${file}: ${reasonOf(error)}`], error)
  }
  throw new StartError([`${file} is too short to be a backup`])
}
