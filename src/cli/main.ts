import { Command, CommanderError, Option } from 'commander'
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

/** What every command ends with. */
export const ExitCode = { CleanStop: 0, Failed: 1, WrongUsage: 2 } as const

/** Reads the command line and runs what it names. Commands load what they need when they run. */
export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('sealgate')
    .description('MQTT broker whose front door is the X.509 certificate')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .exitOverride()
  addServer(program, 'dev', 'for development: loopback, with certificates, clients and topics made on first start')
  addServer(program, 'serve', 'for operation: nothing is made that was not asked for')
  program
    .command('decode')
    .description('explain the bytes of an MQTT packet')
    .argument('<hex...>', 'hexadecimal digits; spaces and colons are ignored')
    .addOption(
      new Option('--mqtt <version>', 'protocol version of packets that do not tell it').choices(['3.1.1', '5']),
    )
    .action(async (hex: string[], options: { mqtt?: string }) => {
      const { decode } = await import('./decode.ts')
      process.exitCode = decode(hex.join(''), options.mqtt ?? null)
    })

  try {
    if (args.length === 0) program.outputHelp({ error: true })
    await program.parseAsync(args, { from: 'user' })
    if (args.length === 0) process.exitCode = ExitCode.WrongUsage
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? ExitCode.CleanStop : ExitCode.WrongUsage
  }
}

function addServer(program: Command, mode: Mode, description: string): void {
  const command = program.command(mode).description(description).helpOption('--help', 'print this help')
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
