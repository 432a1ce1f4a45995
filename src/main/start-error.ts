/** Why a start failed, for a person: one clear line per cause. The command prints them and exits with 1. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[], cause?: unknown) {
    super(lines.join('\n'), { cause })
    this.lines = lines
  }
}

/** One line about an error of the operating system or of a library; the code tells more than the message's rest. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message.split('\n')[0] ?? error.message
}

/** The `code` of an error of Node.js; null for anything else. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const { code } = error as NodeJS.ErrnoException
  return code ?? null
}
