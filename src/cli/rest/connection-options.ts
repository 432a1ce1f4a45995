import type { Command } from 'commander'

/** How commands find the server. Each also an environment variable; nothing here is a secret. */
export interface ConnectionOptions {
  readonly dataDir?: string
  readonly server?: string
  readonly tokenFile?: string
  readonly caFile?: string
  readonly readyFile?: string
}

/** Variables that the client commands read; `serve` and `dev` leave them alone. */
export const clientVariables = [
  'SEALGATE_SERVER',
  'SEALGATE_TOKEN_FILE',
  'SEALGATE_TOKEN',
  'SEALGATE_CA_FILE',
  'SEALGATE_NAMESPACE',
] as const

const heading = 'Server:'

export function addConnectionOptions(command: Command): Command {
  return command
    .optionsGroup(heading)
    .option(
      '--data-dir <dir>',
      'data directory of a server on this machine; default: SEALGATE_DATA_DIR, .sealgate or data',
    )
    .option('--server <url>', 'address of the management API, https://HOST:PORT; default: SEALGATE_SERVER')
    .option(
      '--token-file <file>',
      'file with the access token; default: SEALGATE_TOKEN_FILE, or admin.token of the data directory',
    )
    .option(
      '--ca-file <file>',
      'CA that signed the server certificate; default: SEALGATE_CA_FILE, or tls/ca.pem of the data directory',
    )
    .option('--ready-file <file>', 'ready file of the server, if it is not in the data directory')
}
