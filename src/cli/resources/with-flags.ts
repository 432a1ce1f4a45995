import { CommandFailure, ExitCode } from '../command-failure.ts'
import { readCertificateValue } from './certificate-value.ts'
import { assigned, readFlagValue } from './flag-value.ts'
import type { Flag } from './kind.ts'
import { readListValue } from './list-value.ts'
import { Misfit } from './schema.ts'

/** The words behind each flag of the kind that was given, under its own name. */
export type Given = ReadonlyMap<Flag, readonly string[]>

/** A document with the values of the flags in it. */
export function withFlags(workingDirectory: string, document: object, given: Given): unknown {
  return usage(() => {
    let result: Record<string, unknown> = { ...document }
    for (const [flag, words] of given) result = withFlag(workingDirectory, result, flag, words)
    return result
  })
}

/** `--set path=value` and `--remove path`, for any place of the document. */
export function withPlaces(
  workingDirectory: string,
  document: unknown,
  { set = [], remove = [] }: { readonly set?: readonly string[]; readonly remove?: readonly string[] },
): unknown {
  const anything = { kind: 'json' } as const
  return usage(() => {
    const changed = assigned(document, readFlagValue('--set', set, anything, workingDirectory), anything, '--set')
    const removals = remove.map((place) => `${place}=null`)
    return assigned(changed, readFlagValue('--remove', removals, anything, workingDirectory), anything, '--remove')
  })
}

function withFlag(
  workingDirectory: string,
  document: Record<string, unknown>,
  flag: Flag,
  words: readonly string[],
): Record<string, unknown> {
  const isFile = flag.certificate === true || flag.list === true
  const readFile = flag.list === true ? readListValue : readCertificateValue
  const read = isFile ? words.map((word) => readFile(flag.flag, word, workingDirectory)) : words
  const assignments = isFile
    ? [{ path: [], value: read[0] }]
    : readFlagValue(flag.flag, read, flag.schema, workingDirectory)
  return within(document, flag.path, (before) => {
    const after = assigned(before, assignments, flag.schema, flag.flag)
    // Our own settings are added to: null resets one of them.
    return flag.path.includes('sealgate') && isObject(before) && isObject(after) ? { ...before, ...after } : after
  })
}

function within(
  document: Record<string, unknown>,
  [head = '', ...rest]: readonly string[],
  change: (before: unknown) => unknown,
): Record<string, unknown> {
  const before = document[head]
  const inner = isObject(before) ? before : {}
  return { ...document, [head]: rest.length === 0 ? change(before) : within(inner, rest, change) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function usage<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof Misfit) throw new CommandFailure(error.message, ExitCode.WrongUsage, error)
    throw error
  }
}
