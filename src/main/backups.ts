import { mkdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Backups } from '../api/parts.ts'
import { err, ok } from '../base/result.ts'
import type { Engine } from '../ports/engine.ts'
import type { Random } from '../ports/random.ts'
import type { DataDirectory } from './data-directory.ts'

/** Room that is left on the disk beside the copy. */
const leftBytes = 64 * 2 ** 20

/**
 * Consistent copies of the store, made while it is in use. A copy lies in the data directory until it was handed over, one
 * at a time; what a killed process left there is removed. Undefined: this store is no file.
 */
export function openBackups(engine: Engine, directory: DataDirectory, random: Random): Backups | undefined {
  const { copyTo } = engine
  if (copyTo === undefined) return undefined
  const folder = directory.file('backup')
  rmSync(folder, { recursive: true, force: true })
  let isUnderWay = false
  return async () => {
    if (isUnderWay) return err('underWay')
    isUnderWay = true
    const path = join(folder, `${random.uid()}.mdb`)
    const dispose = (): void => {
      rmSync(folder, { recursive: true, force: true })
      isUnderWay = false
    }
    try {
      const { bavail, bsize } = statfsSync(directory.path)
      if (bavail * bsize < statSync(directory.file('store.mdb')).size + leftBytes) {
        dispose()
        return err('noRoom')
      }
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      await copyTo(path)
      return ok({ path, bytes: statSync(path).size, dispose })
    } catch (error) {
      dispose()
      throw error
    }
  }
}
