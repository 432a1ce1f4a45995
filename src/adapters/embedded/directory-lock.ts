import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface DirectoryLock {
  release(): void
}

/**
 * Keeps a second process out of the directory: the store would open there without complaint. The lock belongs to our
 * file descriptor, so it ends with the process however that ends, and holds between containers that share a volume.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, 'lock')
  const descriptor = openSync(path, 'a', 0o600)
  // Node.js has no flock of its own; the program locks the descriptor that it shares with us.
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] })
  if (error === undefined && status === 0) return { release: () => closeSync(descriptor) }
  closeSync(descriptor)
  if (error === undefined) throw inUse(directory)
  return lockByPid(directory)
}

/** Where there is no `flock` (macOS, Windows): a file with our process id, valid while that process lives. */
function lockByPid(directory: string): DirectoryLock {
  const path = join(directory, 'lock.pid')
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const descriptor = openSync(path, 'wx', 0o600)
      writeSync(descriptor, `${process.pid}\n`)
      closeSync(descriptor)
      return { release: () => rmSync(path, { force: true }) }
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'EEXIST') throw error
      if (isAlive(Number.parseInt(readFileSync(path, 'utf8'), 10))) break
      rmSync(path, { force: true })
    }
  }
  throw inUse(directory)
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { readonly code?: string }).code === 'EPERM'
  }
}

function inUse(directory: string): Error {
  return new Error(`the data directory is in use by another process: ${directory}`)
}
