import { Argument, Command, CommanderError, Option } from 'commander'
import {
  flagOf,
  isRepeatable,
  type Mode,
  packageVersion,
  placeholderOf,
  type Setting,
  settingNames,
  settings,
} from '../config.ts'
import { addCertCommands } from './cert/commands.ts'
import { CommandFailure, ExitCode } from './command-failure.ts'
import type { Shell } from './completion.ts'
import { addDeploymentCommands } from './deployment/commands.ts'
import { escapeText } from './escape-text.ts'
import { expandPrefixes } from './flag-prefixes.ts'
import { addOperationCommands } from './operations/commands.ts'
import { addProfileCommands } from './profile/commands.ts'
import { addNamespaceCommands } from './resources/commands.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/** Reads the command line of this process and runs what it names. */
export async function main(args: readonly string[]): Promise<void> {
  const exitCode = await run(args, processTerminal())
  if (exitCode !== ExitCode.CleanStop) process.exitCode = exitCode
}

/** The exit code. Commands load what they need when they run. */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const program = createProgram(terminal)
  let path = 'sealgate'
  program.hook('preAction', (_, command) => {
    path = commandPath(command)
  })
  try {
    if (args.length === 0) program.outputHelp({ error: true })
    else await program.parseAsync(expandPrefixes(program, args), { from: 'user' })
    return args.length === 0 ? ExitCode.WrongUsage : ExitCode.CleanStop
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.CleanStop : ExitCode.WrongUsage
    if (!(error instanceof CommandFailure)) throw error
    const [first, ...more] = error.lines
    // A command without a word has said all that there is to say.
    if (first !== undefined) terminal.complain(`${path}: ${escapeText(first)}`)
    for (const line of more) terminal.complain(`  ${escapeText(line)}`)
    return error.exitCode
  }
}

/** Every command there is; docs/cli.md and the completion scripts are made from it. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('sealgate')
    .description('MQTT broker whose front door is the X.509 certificate')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.complain(text.replace(/\n$/, '')),
      // A mistake in the words of a command; where there is no likely word to suggest, the help has them all.
      outputError: (text, write) => write(text.replace(/^(error: [^\n]+)\n$/, '$1; --help shows what there is\n')),
    })
  addServer(program, 'dev', 'for development: loopback, with certificates, clients and topics made on first start')
  addServer(program, 'serve', 'for operation: nothing is made that was not asked for')
  addNamespaceCommands(program, terminal)
  addDeploymentCommands(program, terminal)
  addOperationCommands(program, terminal)
  addCertCommands(program, terminal)
  addProfileCommands(program, terminal)
  program
    .command('decode')
    .description('explain the bytes of an MQTT packet')
    .argument('<hex...>', 'hexadecimal digits; spaces and colons are ignored')
    .addOption(
      new Option('--mqtt <version>', 'protocol version of packets that do not tell it').choices(['3.1.1', '5']),
    )
    .action(async (hex: string[], options: { mqtt?: string }) => {
      const { decode } = await import('./decode.ts')
      decode(terminal, hex.join(''), options.mqtt ?? null)
    })
  program
    .command('completion')
    .description('a script that completes commands and flags')
    .addArgument(new Argument('<shell>', 'bash: source <(sealgate completion bash)').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: Shell) => {
      const { printCompletion } = await import('./completion.ts')
      printCompletion(terminal, program, shell)
    })
  return program
}

/** `sealgate namespace client create` */
export function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`
}

function addServer(program: Command, mode: Mode, description: string): void {
  const command = program.command(mode).description(description)
  for (const name of settingNames) {
    const setting: Setting = settings[name]
    if (setting.only === undefined || setting.only === mode) {
      const placeholder = placeholderOf(setting)
      const option = new Option(
        placeholder === null ? flagOf(name) : `${flagOf(name)} <${placeholder}>`,
        `${setting.description}${isRepeatable(setting) ? ' Repeatable.' : ''}`,
      )
      if (isRepeatable(setting)) option.argParser((value: string, earlier: string[] = []) => [...earlier, value])
      command.addOption(option)
    }
  }
  command.action(async (flags: Record<string, unknown>) => {
    const { runServer } = await import('./run-server.ts')
    await runServer(mode, flags)
  })
}
