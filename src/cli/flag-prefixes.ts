import type { Command } from 'commander'
import { wrongUsage } from './command-failure.ts'

/**
 * Scripts for Azure's command line shorten flags (`--topic-template` for `--topic-templates`): a prefix that only one
 * flag of the command has stands for it. Only below `namespace`, where such scripts come from.
 */
export function expandPrefixes(program: Command, args: readonly string[]): string[] {
  const start = args.findIndex((word) => !word.startsWith('-'))
  if (args[start] !== 'namespace') return [...args]
  const command = commandOf(program, args)
  const flags = command.options.flatMap(({ long }) => (long == null ? [] : [long]))
  let literal = false
  return args.map((word) => {
    literal ||= word === '--'
    if (literal || !/^--[a-z]/.test(word)) return word
    const [name = '', ...value] = word.split('=')
    if (name === '--help' || flags.includes(name)) return word
    const candidates = flags.filter((flag) => flag.startsWith(name))
    const [only, second] = candidates
    if (only === undefined) {
      refuseKnown(name, command, flags)
      return word
    }
    if (second !== undefined) throw wrongUsage(`${name} may be ${candidates.join(', ')}`, 'Write more of it')
    return [only, ...value].join('=')
  })
}

/** Of a flag that stands for nothing here, says what its writer is likely to mean; of any other the parser says enough. */
function refuseKnown(name: string, command: Command, flags: readonly string[]): void {
  const [only, second] = flags.filter((flag) => flag.endsWith(name.slice(1)))
  if (only !== undefined && second === undefined) throw wrongUsage(`${name} is unknown`, `Did you mean ${only}?`)
  if (command.name() !== 'update') return
  const create = command.parent?.commands.find((sibling) => sibling.name() === 'create')
  if (create?.options.some(({ long }) => long === name) !== true) return
  throw wrongUsage(`${name} is fixed when it is created`, 'Delete it and create it again to have another')
}

/** The command that the words name, as far as they name one. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program
  for (const word of args) {
    if (command.commands.length === 0) break
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
    if (next !== undefined) command = next
    else if (!word.startsWith('-')) break
  }
  return command
}
