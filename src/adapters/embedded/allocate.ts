import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'

/** `noWay`: neither the file system nor the machine can; then nothing is known of what would happen. */
export type Allocation = 'done' | 'noRoom' | 'noWay'

/**
 * Gives the file blocks of its own up to this length, where it has none yet. Neither its content nor its size changes, so
 * it may be in use. Node.js cannot ask the system for this itself; the program is part of util-linux, as `flock` is.
 */
export function allocateSync(path: string, bytes: number): Allocation {
  return verdict(spawnSync('fallocate', argumentsFor(path, bytes), { encoding: 'utf8' }))
}

export function allocate(path: string, bytes: number): Promise<Allocation> {
  return new Promise((resolve) => {
    const child = spawn('fallocate', argumentsFor(path, bytes), { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', () => resolve('noWay'))
    child.on('close', (status) => resolve(verdict({ status, stderr })))
  })
}

function argumentsFor(path: string, bytes: number): string[] {
  return ['--keep-size', '--offset', '0', '--length', String(bytes), path]
}

function verdict({ status, stderr }: Pick<SpawnSyncReturns<string>, 'status' | 'stderr'>): Allocation {
  if (status === 0) return 'done'
  return /no space|quota|too large/i.test(stderr ?? '') ? 'noRoom' : 'noWay'
}
