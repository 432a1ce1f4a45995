import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const chunk = Buffer.alloc(64 * 1024)

/**
 * A small file system of its own, made in a file and mounted through a loop device: what the broker meets on it is what it
 * meets on any disk that is full.
 */
export class SmallDisk {
  readonly path: string
  readonly #folder: string
  readonly #ballast: string

  private constructor(folder: string, path: string) {
    this.#folder = folder
    this.path = path
    this.#ballast = join(path, 'ballast')
  }

  /** A text: why this machine has none; only root may mount, and a container may not even then. */
  static mount(mebibytes: number): SmallDisk | string {
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-disk-'))
    const image = join(folder, 'image')
    const path = join(folder, 'mounted')
    mkdirSync(path)
    closeSync(openSync(image, 'w'))
    truncateSync(image, mebibytes * 2 ** 20)
    const problem =
      run('mkfs.ext4', '-q', '-F', '-m', '0', '-O', '^has_journal', image) ?? run('mount', '-o', 'loop', image, path)
    if (problem === null) return new SmallDisk(folder, path)
    rmSync(folder, { recursive: true, force: true })
    return `a small file system cannot be mounted here (${problem}); run this as root on a machine with loop devices`
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Somebody else takes what room there is, but for `leave` bytes. */
  fill(leave: number): void {
    const descriptor = openSync(this.#ballast, 'a')
    try {
      while (this.freeBytes > leave) writeSync(descriptor, chunk, 0, Math.min(chunk.length, this.freeBytes - leave))
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'ENOSPC') throw error
    } finally {
      closeSync(descriptor)
    }
  }

  /** The room is there again. */
  clear(): void {
    rmSync(this.#ballast, { force: true })
  }

  unmount(): void {
    const problem = run('umount', this.path)
    if (problem !== null) throw new Error(`${this.path}: ${problem}`)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Null: it did what it should. */
function run(command: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) return `${command}: ${error.message}`
  return status === 0 ? null : `${command}: ${stderr.trim()}`
}
