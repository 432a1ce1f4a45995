import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type UnixMillis, unixMillis } from '../../src/base/time.ts'
import { run } from '../../src/cli/main.ts'

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Place {
  readonly directory: string
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
  readonly now?: UnixMillis
  readonly interrupted?: AbortSignal
  /** What the person at the terminal answers. */
  readonly confirms?: boolean
  /** Called instead of waiting. */
  readonly onWait?: (milliseconds: number) => void | Promise<void>
  /** Called with each line as it is printed. */
  readonly onPrint?: (line: string) => void
}

/** 2027-01-15T08:00:00Z */
export const now = unixMillis(1_800_000_000_000)

/** Runs a command line in this process, on a clock of the test's own. */
export async function sealgate(place: Place, ...args: readonly string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, {
    environment: place.environment ?? {},
    workingDirectory: place.directory,
    now: () => place.now ?? now,
    print: (line) => {
      out.push(line)
      place.onPrint?.(line)
    },
    complain: (line) => err.push(line),
    readInput: async () => place.input ?? '',
    wait: async (milliseconds) => place.onWait?.(milliseconds),
    confirm: async () => place.confirms ?? null,
    interrupted: place.interrupted ?? new AbortController().signal,
  })
  return { code, out: out.map((line) => `${line}\n`).join(''), err: err.map((line) => `${line}\n`).join('') }
}

const entry = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')

/** Runs a command line as its own process, through the program that users start. */
export function sealgateProcess(place: Place, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = { cwd: place.directory, env: { PATH: process.env['PATH'], ...place.environment } }
    const child = execFile(process.execPath, [entry, ...args], options, (error, out, err) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
    child.stdin?.end(place.input ?? '')
  })
}

export function temporaryPlace(t: TestContext): Place & { readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-cli-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return { directory }
}
