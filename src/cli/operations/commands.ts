import { type Command, Option } from 'commander'
import { outputOption } from '../print.ts'
import { addConnectionOptions } from '../rest/connection-options.ts'
import type { Terminal } from '../terminal.ts'

/** What an operator asks a running server: why, who is there, who may. */
export function addOperationCommands(program: Command, terminal: Terminal): void {
  const explain = program
    .command('explain')
    .description('why a certificate is accepted or refused, step by step, as the running server judges it')
    .option('--cert <file>', 'certificate of the client, PEM or DER; further ones in it count as sent with it')
    .option('--chain <file>', 'certificates that the client would send after its own')
    .option('--username <name>', 'username in CONNECT')
    .option('--client-id <id>', 'client id in CONNECT; with it, policies and the sessions that there are count too')
    .option('--authentication-method <name>', 'authentication method in CONNECT of MQTT 5')
    .option('--will-topic <topic>', 'topic of the will in CONNECT')
    .option('--publish <topic>', 'may it publish to this topic?')
    .option('--subscribe <filter>', 'may it subscribe with this topic filter?')
    .addOption(new Option('--mqtt <version>', 'protocol version').choices(['3.1.1', '5']).default('5'))
    .option('--check', 'exit code 1 if it is refused')
  addScope(explain).action(async (options) => {
    await (await import('./explain.ts')).explain(terminal, withNamespace(options))
  })

  const decisions = program
    .command('decisions')
    .description('what the server decided lately, the newest first, with every step and a remedy')
    .option('--code <code>', 'only this code, e.g. issuerNotRegistered')
    .option('--name <name>', 'only this authentication name, username or client id')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['accepted', 'refused']))
    .option('--details', 'every step of each')
    .option('--follow', 'go on with what is decided from now on')
    .option('--stray', 'those of peers that belong to no namespace: failed handshakes, unknown server names')
    .option('--max-items <n>', 'how many', '20')
  addScope(decisions).action(async (options) => {
    await (await import('./decisions.ts')).decisions(terminal, withNamespace(options))
  })

  const sessions = program.command('sessions').description('MQTT sessions, connected or not').helpCommand(false)
  const list = sessions
    .command('list')
    .description('sessions in order of client id')
    .option('--authentication-name <name>', 'only those of this client')
    .option('--max-items <n>', 'stop after so many')
  addScope(list).action(async (options) => {
    await (await import('./sessions.ts')).listSessions(terminal, withNamespace(options))
  })
  const close = sessions
    .command('close')
    .description('end a session and its connection; its name is free at once')
    .argument('<client-id>', 'as sessions list shows it')
  addScope(close).action(async (clientId, options) => {
    await (await import('./sessions.ts')).closeSession(terminal, clientId, withNamespace(options))
  })

  const backup = program
    .command('backup')
    .description('a consistent copy of everything, made while the server runs; for owners')
    .requiredOption('--to <path>', 'file to write, or a directory in which the time makes its name')
    .option('--force', 'replace the file')
  addConnectionOptions(backup).action(async (options) => {
    await (await import('./backup.ts')).backup(terminal, options)
  })
  program
    .command('restore')
    .description('make a data directory from a backup; no server may run on it')
    .requiredOption('--from <file>', 'what sealgate backup wrote')
    .requiredOption('--data-dir <directory>', 'an empty or new directory')
    .action(async (options) => {
      await (await import('./restore.ts')).restore(terminal, options)
    })

  addTokenCommands(program, terminal)
}

function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('access tokens of the management API').helpCommand(false)
  const create = token
    .command('create')
    .description('make a token, or a service principal for az login; its secret is shown once')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('--role <role>', 'what it may').choices(['owner', 'contributor', 'reader']).makeOptionMandatory(),
    )
    .option('--scope <id>', 'where it may: a resource id; default: everywhere, or --namespace or --resource-group')
    .option('--days <n>', 'until it expires, or never; default: 90')
    .option('--service-principal', 'a client id and secret, for az login --service-principal and Azure SDKs')
    .option(
      '--not-action <action...>',
      'an action that it may not, e.g. Microsoft.EventGrid/namespaces/caCertificates/write',
    )
    .option('--out <file>', 'write the token there, readable by you only, instead of printing it')
    .option('--force', 'replace --out')
  addScope(create).action(async (name, options) => {
    await (await import('./tokens.ts')).createToken(terminal, name, withNamespace(options))
  })
  const list = token.command('list').description('tokens and service principals; no secrets').addOption(outputOption())
  addConnectionOptions(list).action(async (options) => {
    await (await import('./tokens.ts')).listTokens(terminal, options)
  })
  const revoke = token
    .command('revoke')
    .description('make a token or service principal useless, at once')
    .argument('<name>', 'its name or id')
    .addOption(outputOption())
  addConnectionOptions(revoke).action(async (name, options) => {
    await (await import('./tokens.ts')).revokeToken(terminal, name, options)
  })
}

/** Which namespace, in which form, of which server. */
function addScope(command: Command): Command {
  command
    .option('--namespace <name>', 'namespace; default: SEALGATE_NAMESPACE, or the only one')
    .addOption(new Option('--namespace-name <name>').hideHelp())
    .addOption(new Option('-g, --resource-group <name>', 'resource group; may be left out'))
    .addOption(new Option('--subscription <id>', 'subscription').hideHelp())
    .addOption(outputOption())
  return addConnectionOptions(command)
}

function withNamespace<Options extends { readonly namespace?: string; readonly namespaceName?: string }>(
  options: Options,
): Options {
  const namespaceName = options.namespace ?? options.namespaceName
  return namespaceName === undefined ? options : { ...options, namespaceName }
}
