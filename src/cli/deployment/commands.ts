import { type Command, Option } from 'commander'
import { outputOption } from '../print.ts'
import { addConnectionOptions } from '../rest/connection-options.ts'
import type { Terminal } from '../terminal.ts'

/** Whole namespaces as documents. */
export function addDeploymentCommands(program: Command, terminal: Terminal): void {
  const apply = program
    .command('apply')
    .description('make namespaces as a template describes them: everything, or nothing and all problems')
    .requiredOption('-f, --file <file>', 'Azure Resource Manager template, JSON or YAML; - reads the standard input')
    .option('--parameters <name=value...>', 'values of its parameters, or a parameters file')
    .option('--dry-run', 'say what would change, property by property, and write nothing')
    .option(
      '--prune',
      'also delete what is in its namespaces and not in the template; deny entries and revocation lists stay',
    )
    .addOption(new Option('-g, --resource-group <name>', 'resource group; may be left out'))
    .addOption(new Option('--subscription <id>', 'subscription').hideHelp())
    .addOption(outputOption())
  addConnectionOptions(apply).action(async (options) => {
    await (await import('./apply.ts')).apply(terminal, options)
  })

  const exported = program
    .command('export')
    .description('a template that makes the same namespace again; holds no secret')
    .option('--namespace <name>', 'namespace; default: SEALGATE_NAMESPACE, or the only one')
    .addOption(new Option('--namespace-name <name>').hideHelp())
    .addOption(new Option('-g, --resource-group <name>', 'resource group; may be left out'))
    .addOption(new Option('--subscription <id>', 'subscription').hideHelp())
    .addOption(new Option('-o, --output <form>', 'json or yaml').choices(['json', 'yaml']).default('json'))
    .option('--out <file>', 'write it there instead of printing it')
    .option('--force', 'replace --out')
  addConnectionOptions(exported).action(async (options) => {
    const namespaceName = options.namespace ?? options.namespaceName
    await (await import('./export.ts')).exportNamespace(terminal, {
      ...options,
      ...(namespaceName === undefined ? {} : { namespaceName }),
    })
  })
}
