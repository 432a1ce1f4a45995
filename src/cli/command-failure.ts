/** What every command ends with. */
export const ExitCode = { CleanStop: 0, Failed: 1, WrongUsage: 2 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** A command could not do what it was asked for. The first line says why; the others what exists and what to do next. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code = 'commandFailed'
  readonly lines: readonly string[]
  readonly exitCode: ExitCode

  constructor(lines: string | readonly string[], exitCode: ExitCode = ExitCode.Failed, cause?: unknown) {
    const all = typeof lines === 'string' ? [lines] : lines
    super(all[0] ?? 'failed', { cause })
    this.lines = all
    this.exitCode = exitCode
  }
}

/** The command line itself is wrong. */
export function wrongUsage(...lines: readonly string[]): CommandFailure {
  return new CommandFailure(lines, ExitCode.WrongUsage)
}

const familiar: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'part of the path is not a directory',
  EEXIST: 'it exists already',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
}

/** What the machine said, in words and without the stack. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const known = 'code' in error && typeof error.code === 'string' ? familiar[error.code] : undefined
  return known ?? error.message.split('\n')[0] ?? ''
}
