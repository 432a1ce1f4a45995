import type { Argument, Command, Option } from 'commander'
import { commandPath, createProgram } from '../src/cli/main.ts'
import { clientVariables } from '../src/cli/rest/connection-options.ts'
import type { Terminal } from '../src/cli/terminal.ts'
import { table } from './markdown.ts'

/** A place where nothing is done: for looking at the commands. */
export const nobody: Terminal = {
  environment: {},
  workingDirectory: '/',
  now: () => {
    throw new Error('a page is made without a clock')
  },
  print: () => undefined,
  complain: () => undefined,
  readInput: async () => '',
  confirm: async () => null,
  wait: async () => undefined,
  interrupted: new AbortController().signal,
}

/** docs/cli.md, from the tree of commands. */
export function cliPage(): string {
  const program = createProgram(nobody)
  const leaves = leavesOf(program)
  const server = leaves.flatMap((command) => command.options).filter(isServerOption)
  const once = [...new Map(server.map((option) => [option.long, option])).values()]
  return `# Command line

<!-- Made by \`npm run docs\` from the commands in src/cli. Do not edit. -->

${table(
  ['command', 'for'],
  leaves.map((command) => [`[\`${commandPath(command)}\`](#${anchorOf(command)})`, command.description()]),
)}

Exit codes: 0 done, 1 not done (one sentence says why, the next lines what exists and what to do), 2 wrong usage. Results go to the standard
output, notes and warnings to the standard error. \`--output json\` and \`--output yaml\` give the documents of the management API. Whatever a peer or a
certificate said is escaped.

## Which server

Commands that ask a server find it by its data directory: address from \`ready.json\` or port 8443 of this machine, CA from \`tls/ca.pem\`, token
from \`admin.token\`. For a server elsewhere name its address, a token and, if it made its own certificate, its CA. A flag wins over its
environment variable (${clientVariables.map((name) => `\`${name}\``).join(', ')}). The token is sent to that server only, after its certificate
was checked; a token file that others can read is refused.

${optionTable(once)}

## Values

\`sealgate namespace …\` has the verbs, flags and values of \`az eventgrid namespace …\`:

| written | means |
|---|---|
| \`{state:Enabled,names:[a,b]}\` | an object with a list; keys in camelCase or kebab-case; \`'a,b'\` protects characters, \`'/\` is a quote inside, \`null\` is nothing |
| \`key.sub=value\` \`list[0]=value\` | one place of what is there; several words, several places |
| \`a b c\` | a list, where the flag takes one |
| \`@file\` | the content of a JSON or YAML file |
| JSON | is taken too; for \`--attributes\`, also with single quotes |

Words of enumerations ignore case, and a flag may be cut as long as one flag only begins so. On \`update\`, an object changes the members it
names; lists and \`--client-certificate-authentication\` are replaced whole; \`null\` resets.

${leaves.map(section).join('\n\n')}
`
}

/** Commands that do something, in the order of the tree. */
export function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function section(command: Command): string {
  const path = commandPath(command)
  const usage = [path, ...command.registeredArguments.map(argumentText)].join(' ')
  const own = command.options.filter((option) => !option.hidden && !isServerOption(option))
  const parts = [`## ${path}`, `${sentence(command.description())}`, `\`\`\`\n${usage} [options]\n\`\`\``]
  const args = command.registeredArguments.filter(({ description }) => description !== '')
  if (args.length > 0) {
    parts.push(args.map((argument) => `- \`${argumentText(argument)}\`: ${argument.description}`).join('\n'))
  }
  if (['dev', 'serve'].includes(command.name()) && command.parent?.parent === null) {
    parts.push('Its options are the settings of [configuration.md](configuration.md).')
  } else if (own.length > 0) parts.push(optionTable(own))
  if (command.options.some(isServerOption)) parts.push('And the options of [which server](#which-server).')
  return parts.join('\n\n')
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['option', 'meaning'],
    options.map((option) => [`\`${option.flags}\``, meaningOf(option)]),
  )
}

function meaningOf({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? '' : `: ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`
  const standard = defaultValue === undefined ? '' : `; default: \`${String(defaultValue)}\``
  return `${description}${choices}${standard}`
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

function isServerOption({ helpGroupHeading }: Option): boolean {
  return helpGroupHeading === 'Server:'
}

function anchorOf(command: Command): string {
  return commandPath(command).replaceAll(' ', '-')
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
