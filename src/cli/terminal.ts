import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type UnixMillis, unixMillis } from '../base/time.ts'

/** What a command may touch of the place it was started in; tests bring their own. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  now(): UnixMillis
  /** Results; a newline follows. */
  print(line: string): void
  /** Mistakes, notes and progress. */
  complain(line: string): void
  /** Everything on the standard input. */
  readInput(): Promise<string>
  /** Asks a person; null: there is none to ask. */
  confirm(question: string): Promise<boolean | null>
  /** Resolves after so long, or at once when the user wants the command to end. */
  wait(milliseconds: number): Promise<void>
  /** Aborted when the user wants the command to end: what runs on and on ends then, as a success. */
  readonly interrupted: AbortSignal
}

export function processTerminal(): Terminal {
  endQuietlyWhenNobodyReads()
  return {
    environment: process.env,
    workingDirectory: process.cwd(),
    now: () => unixMillis(Date.now()),
    print: (line) => process.stdout.write(`${line}\n`),
    complain: (line) => process.stderr.write(`${line}\n`),
    readInput: () => text(process.stdin),
    confirm,
    wait: (milliseconds) => delay(milliseconds, undefined, { signal: interruption() }).catch(() => undefined),
    get interrupted() {
      return interruption()
    },
  }
}

/** `sealgate … | head` closes the pipe: that is no mistake of ours. */
function endQuietlyWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

let signalled: AbortSignal | null = null

/** Signals are taken over only by a command that asks: elsewhere they end the process as usual. */
function interruption(): AbortSignal {
  if (signalled !== null) return signalled
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort())
  }
  signalled = controller.signal
  return signalled
}

async function confirm(question: string): Promise<boolean | null> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null
  const asked = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await asked.question(`${question} [y/N] `)).trim())
  } finally {
    asked.close()
  }
}
