import { type Command, Option } from 'commander'
import { outputOption } from '../print.ts'
import type { Terminal } from '../terminal.ts'

export function addProfileCommands(program: Command, terminal: Terminal): void {
  const profile = program.command('profile').description('the two dialects of a namespace').helpCommand(false)
  profile
    .command('show')
    .description('limits and switches of the profiles, and what knowingly differs from Azure; needs no running server')
    .argument('[name]', 'one limit only')
    .addOption(new Option('--profile <name>', 'one profile only').choices(['full', 'event-grid']))
    .option('--differences', 'what knowingly differs from Azure Event Grid')
    .addOption(outputOption())
    .action(async (name, options) => {
      await (await import('./show.ts')).showProfile(terminal, name, options)
    })
}
