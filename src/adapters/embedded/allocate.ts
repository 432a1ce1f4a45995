import { execFile, spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import type { Clock } from '../../ports/clock.ts'
import { type Ending, Helper } from './allocating-helper.ts'

/**
 * `notNow`: there is no room, or no process was to be had for it; worth another try.
 * `noWay`: neither the file system nor the machine can; then nothing is known of what would happen.
 */
export type Allocation = 'done' | 'notNow' | 'noWay'

const program = 'fallocate'
const options = ['--keep-size', '--offset', '0', '--length']
/** The system has no process, no memory or no descriptor for us now. */
const transient = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'])

/**
 * Gives a file blocks of its own up to a length, where it has none yet. Neither its content nor its size changes, so
 * it may be in use. Node.js cannot ask the system for this itself; the program is part of util-linux, as `flock` is.
 *
 * The system copies the page tables of a process that starts another one, and it stands still until that one runs:
 * 20 to 90 ms with 10,000 connections (bench: storm). So a helper is started while this one is small, and starts the
 * program from then on; where there is none, or none any more, the program is started from here. Decision record 0010.
 */
export class Allocator {
  readonly #path: string
  readonly #helper: Helper | null

  /** To be made before the file is opened: a process that is started later holds what the library has open. */
  constructor(path: string, clock: Clock) {
    // Absolute: it cannot be taken for an option, and means the same wherever the program runs.
    this.#path = resolve(path)
    this.#helper = Helper.start({ program, options, path: this.#path, environment: environment(), clock })
  }

  /** Called again only when the one before has answered. */
  async allocate(bytes: number): Promise<Allocation> {
    const ending = (await this.#helper?.ask(bytes)) ?? (await this.#fromHere(bytes))
    return verdict(ending)
  }

  allocateSync(bytes: number): Allocation {
    const { error, status, signal, stderr } = spawnSync(program, this.#arguments(bytes), {
      encoding: 'utf8',
      env: environment(),
    })
    const code = (error as { readonly code?: string } | undefined)?.code
    return verdict({ status: status ?? code ?? signal, said: stderr ?? '' })
  }

  /** The helper has ended: nothing of it is in the way of whoever removes or unmounts what we were in. */
  async close(): Promise<void> {
    await this.#helper?.close()
  }

  #fromHere(bytes: number): Promise<Ending> {
    return new Promise((resolve) => {
      try {
        execFile(program, this.#arguments(bytes), { env: environment() }, (error, _, stderr) => {
          resolve({ status: error === null ? 0 : (error.code ?? error.signal ?? null), said: stderr })
        })
      } catch (error) {
        resolve({ status: (error as { readonly code?: string }).code ?? null, said: '' })
      }
    })
  }

  #arguments(bytes: number): string[] {
    return [...options, String(bytes), this.#path]
  }
}

/** Nothing that we were told in variables, and messages in the language that `verdict` reads. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C' }
}

function verdict({ status, said }: Ending): Allocation {
  if (status === 0) return 'done'
  // What the system said comes last; the path may stand before it, with any words.
  const reason = said.slice(said.lastIndexOf(':'))
  if (/no space|quota|too large/i.test(reason)) return 'notNow'
  if (typeof status === 'string') return transient.has(status) || status in constants.signals ? 'notNow' : 'noWay'
  // A shell says so of what a signal ended.
  return status !== null && status > 128 ? 'notNow' : 'noWay'
}
