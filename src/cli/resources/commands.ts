import { type Command, Option } from 'commander'
import { outputOption } from '../print.ts'
import { addConnectionOptions } from '../rest/connection-options.ts'
import type { Terminal } from '../terminal.ts'
import { childKinds } from './child-kinds.ts'
import type { Flag, Kind } from './kind.ts'
import { namespaceKind } from './namespace-kind.ts'
import type { Given } from './with-flags.ts'

/** `sealgate namespace …`, with the verbs and flags of Azure's `az eventgrid namespace …`. */
export function addNamespaceCommands(program: Command, terminal: Terminal): void {
  const namespace = program
    .command('namespace')
    .description('namespaces and what is in them: CA certificates, clients, groups, topic spaces, permissions')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Flags and values are those of az eventgrid namespace: "{key:value}", "[a,b]", key.sub=value, @file, JSON.
--resource-group and --namespace-name may be left out where there is one.`,
    )
  addVerbs(namespace, namespaceKind, terminal)
  addKeyCommands(namespace, terminal)
  for (const kind of childKinds) {
    const group = namespace.command(kind.command).description(`${kind.many} of a namespace`).helpCommand(false)
    addVerbs(group, kind, terminal)
  }
}

function addVerbs(parent: Command, kind: Kind, terminal: Terminal): void {
  const create = named(
    parent.command('create').description(`make a ${kind.one}, or replace the one of this name`),
    kind,
  )
  addFlags(create, kind, 'create')
  common(create, kind).action(async (name, options, command) => {
    await (await import('./actions.ts')).create(terminal, kind, name, options, given(command, kind))
  })

  const update = named(parent.command('update').description(`change a ${kind.one}; what is not named stays`), kind)
  addFlags(update, kind, 'update')
  update
    .addOption(new Option('--set <path=value...>', 'change any property, e.g. properties.state=Disabled'))
    .addOption(new Option('--remove <path...>', 'remove any property, e.g. properties.description'))
  if (kind.type === 'clients') {
    update.option(
      '--promote-secondary',
      'once its secondary thumbprint is in use: makes it the primary one and takes the other away',
    )
  }
  common(update, kind).action(async (name, options, command) => {
    await (await import('./actions.ts')).update(terminal, kind, name, options, given(command, kind))
  })

  const show = named(parent.command('show').description(`one ${kind.one}`), kind)
  if (kind.type === 'clients') show.option('--authentication-name <name>', 'find it by its authentication name')
  common(show, kind).action(async (name, options) => {
    await (await import('./actions.ts')).show(terminal, kind, name, options)
  })

  const list = parent
    .command('list')
    .description(`all ${kind.many}`)
    .option('--filter <expression>', 'only some, e.g. "contains(name,\'press\')"')
    .option('--top <n>', 'how many to fetch at once, 1 to 100')
    .option('--max-items <n>', 'stop after so many')
  if (kind.type === 'clients' || kind.type === 'caCertificates') {
    list
      .option(
        '--expiring <time>',
        'only those whose certificate expires within this time, e.g. 30d or 12h, soonest first',
      )
      .option('--expired', 'with --expiring: also those whose certificate has expired')
  }
  common(list, kind).action(async (options) => {
    await (await import('./actions.ts')).list(terminal, kind, options)
  })

  const remove = named(parent.command('delete').description(`delete a ${kind.one}`), kind).option(
    '-y, --yes',
    'do not ask',
  )
  if (kind.type === 'caCertificates') remove.option('--force', 'although clients use it: their sessions end')
  common(remove, kind).action(async (name, options) => {
    await (await import('./actions.ts')).remove(terminal, kind, name, options)
  })
}

function addKeyCommands(namespace: Command, terminal: Terminal): void {
  const list = named(namespace.command('list-key').description('the two access keys of a namespace'), namespaceKind)
  common(list, namespaceKind).action(async (name, options) => {
    await (await import('./actions.ts')).listKeys(terminal, name, options)
  })
  const regenerate = named(
    namespace.command('regenerate-key').description('make one of the two access keys anew'),
    namespaceKind,
  ).addOption(new Option('--key-name <name>', 'key1 or key2').choices(['key1', 'key2']).makeOptionMandatory())
  common(regenerate, namespaceKind).action(async (name, options) => {
    await (await import('./actions.ts')).regenerateKey(terminal, name, options)
  })
}

/** The name may be given as az has it, or simply behind the verb. */
function named(command: Command, kind: Kind): Command {
  const alias = kind.command === '' ? '--namespace-name' : `--${kind.command}-name`
  return command
    .argument('[name]', `name of the ${kind.one}`)
    .addOption(new Option('-n, --name <name>', `name of the ${kind.one}`))
    .addOption(new Option(`${alias} <name>`).hideHelp())
}

function common(command: Command, kind: Kind): Command {
  command.addOption(new Option('-g, --resource-group <name>', 'resource group; may be left out'))
  if (kind.command !== '') {
    command.option('--namespace-name <name>', 'namespace; default: SEALGATE_NAMESPACE, or the only one')
  }
  command
    .addOption(new Option('--subscription <id>', 'subscription').hideHelp())
    // Every request is answered when it is done.
    .addOption(new Option('--no-wait').hideHelp())
    .addOption(outputOption())
  return addConnectionOptions(command)
}

function addFlags(command: Command, kind: Kind, verb: 'create' | 'update'): void {
  for (const flag of kind.flags) {
    if (verb === 'update' && flag.createOnly === true) continue
    const short = flag.aliases?.find((alias) => /^-[a-z]$/.test(alias))
    const placeholder = isWordy(flag) ? `<${flag.placeholder}...>` : `<${flag.placeholder}>`
    const flags = `${short === undefined ? '' : `${short}, `}${flag.flag} ${placeholder}`
    command.addOption(
      new Option(
        flags,
        verb === 'create' && flag.required === true ? `${flag.description}. Required` : flag.description,
      ),
    )
    for (const alias of flag.aliases ?? []) {
      if (alias.startsWith('--')) command.addOption(new Option(`${alias} ${placeholder}`).hideHelp())
    }
  }
}

function isWordy({ schema }: Flag): boolean {
  return ['list', 'object', 'map', 'json'].includes(schema.kind)
}

function given(command: Command, kind: Kind): Given {
  const found = new Map<Flag, readonly string[]>()
  for (const flag of kind.flags) {
    const words = [flag.flag, ...(flag.aliases ?? [])].flatMap((one): string[] => {
      const option = command.options.find(({ long }) => long === one)
      const value: unknown = option === undefined ? undefined : command.getOptionValue(option.attributeName())
      return value === undefined ? [] : Array.isArray(value) ? value : [String(value)]
    })
    if (words.length > 0) found.set(flag, words)
  }
  return found
}
