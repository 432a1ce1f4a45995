import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CommandFailure, reasonOf, wrongUsage } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'
import type { ConnectionOptions } from './connection-options.ts'

/** Where the management API is, what proves that it is the one, and what proves who we are. */
export interface ServerAddress {
  /** `https://host:port` without a slash at the end. */
  readonly origin: string
  readonly token: string
  /** Where the token came from, for messages. */
  readonly tokenSource: string
  /** PEM; null: the roots that the runtime trusts. */
  readonly ca: string | null
  readonly caSource: string | null
  /** The server's own certificate in the data directory: it is the right one by whatever name it was reached. */
  readonly pinnedCertificate: string | null
  /** Null: to be asked for. */
  readonly subscriptionId: string | null
  readonly resourceGroup: string | null
  /** The data directory that all this was found in, for messages. */
  readonly dataDir: string | null
}

/** Directories that `dev` and `serve` use when they are told nothing. */
const usualDirectories = ['.sealgate', 'data']
const usualPort = 8443

export function findServer(terminal: Terminal, options: ConnectionOptions): ServerAddress {
  const { environment } = terminal
  const server = options.server ?? nonEmpty(environment['SEALGATE_SERVER'])
  const tokenFile = options.tokenFile ?? nonEmpty(environment['SEALGATE_TOKEN_FILE'])
  const caFile = options.caFile ?? nonEmpty(environment['SEALGATE_CA_FILE'])
  const tokenText = options.tokenFile === undefined ? nonEmpty(environment['SEALGATE_TOKEN']) : undefined
  const named = options.dataDir ?? nonEmpty(environment['SEALGATE_DATA_DIR'])
  const isRemote = server !== undefined
  const complete = isRemote && (tokenFile !== undefined || tokenText !== undefined)
  const dataDir = named ?? (complete ? undefined : usualDirectory(terminal))
  if (dataDir === undefined && !complete) throw nothingFound(isRemote)
  const ready = isRemote ? null : readReady(terminal, options, dataDir ?? null)

  const inData = (...parts: string[]): string | undefined =>
    dataDir === undefined ? undefined : join(resolve(terminal.workingDirectory, dataDir), ...parts)
  const token = tokenText ?? readToken(terminal, tokenFile ?? ready?.tokenFile ?? inData('admin.token') ?? '')
  const ownCa = ready?.caFile ?? existing(inData('tls', 'ca.pem'))
  // A server that was named may have a certificate of a public CA: then a local CA file that happens to be here says nothing.
  const caSource = caFile ?? (isRemote && named === undefined ? undefined : (ownCa ?? undefined))
  const pinned = isRemote ? undefined : existing(inData('tls', 'server.pem'))
  return {
    origin: server === undefined ? originOf(ready) : parseServer(server),
    token,
    tokenSource:
      tokenText === undefined ? (tokenFile ?? ready?.tokenFile ?? `${dataDir}/admin.token`) : 'SEALGATE_TOKEN',
    ca: caSource === undefined ? null : readText(terminal, caSource),
    caSource: caSource ?? null,
    pinnedCertificate:
      caFile === undefined && ownCa != null && pinned !== undefined ? readText(terminal, pinned) : null,
    subscriptionId: ready?.subscriptionId ?? null,
    resourceGroup: ready?.resourceGroup ?? null,
    dataDir: dataDir ?? null,
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

function existing(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? path : undefined
}

/** The one of the usual directories that a server was started on; with both, the one whose server is running. */
function usualDirectory({ workingDirectory }: Terminal): string | undefined {
  const there = usualDirectories.filter((name) => existsSync(join(workingDirectory, name, 'admin.token')))
  const running = there.filter((name) => existsSync(join(workingDirectory, name, 'ready.json')))
  if (there.length > 1 && running.length !== 1) {
    throw wrongUsage(`there are data directories ${there.join(' and ')} here`, 'Say which with --data-dir DIR')
  }
  return running[0] ?? there[0]
}

function nothingFound(isRemote: boolean): CommandFailure {
  if (isRemote) return new CommandFailure(['no access token', '--token-file FILE names it, or SEALGATE_TOKEN holds it'])
  return new CommandFailure([
    'no server to talk to: there is no data directory here',
    'sealgate dev starts one for development',
    '--data-dir DIR names the directory of a server on this machine',
    '--server https://HOST:8443 --token-file FILE names one elsewhere',
  ])
}

interface Ready {
  readonly https: { readonly host: string; readonly port: number } | null
  readonly caFile: string | null
  readonly tokenFile: string | undefined
  readonly subscriptionId: string | null
  readonly resourceGroup: string | null
}

/** Null when there is no ready file: the server then has the usual port, or does not run. */
function readReady(terminal: Terminal, options: ConnectionOptions, dataDir: string | null): Ready | null {
  const named = options.readyFile ?? nonEmpty(terminal.environment['SEALGATE_READY_FILE'])
  const usual = dataDir === null ? undefined : existing(resolve(terminal.workingDirectory, dataDir, 'ready.json'))
  const path = named ?? usual
  if (
    path === undefined ||
    (options.readyFile === undefined && existing(resolve(terminal.workingDirectory, path)) === undefined)
  ) {
    return null
  }
  const text = readText(terminal, path)
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new CommandFailure(`${path}: not a ready file`, 1, error)
  }
  const ready = content as Partial<Ready> | null
  if (typeof ready !== 'object' || ready === null || ready.https === undefined) {
    throw new CommandFailure(`${path}: not a ready file`)
  }
  if (ready.https === null) {
    throw new CommandFailure(['the server has no management API: it was started with --https off'])
  }
  return {
    https: ready.https,
    caFile: ready.caFile ?? null,
    tokenFile: ready.tokenFile,
    subscriptionId: ready.subscriptionId ?? null,
    resourceGroup: ready.resourceGroup ?? null,
  }
}

/** A server on all interfaces is on this one. */
function originOf(ready: Ready | null): string {
  const { host, port } = ready?.https ?? { host: '127.0.0.1', port: usualPort }
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? 'localhost' : host
  return `https://${name.includes(':') ? `[${name}]` : name}:${port}`
}

function parseServer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw wrongUsage(`--server ${text}: expected https://HOST:PORT`)
  }
  return url.origin
}

/** A token that others can read is no secret (S65). */
function readToken(terminal: Terminal, file: string): string {
  const path = resolve(terminal.workingDirectory, file)
  try {
    const mode = statSync(path).mode & 0o777
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new CommandFailure([
        `${file}: other users can read this token (mode ${mode.toString(8)}), so it was not used`,
        `chmod 600 ${file}`,
      ])
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw new CommandFailure([
      `${file}: ${reasonOf(error)}`,
      'It holds the access token; sealgate serve makes it in its data directory. --token-file FILE names another',
    ])
  }
  const token = readText(terminal, file).trim()
  if (/^[A-Za-z0-9._~+/=-]{1,4096}$/.test(token)) return token
  throw new CommandFailure(`${file}: holds no access token`)
}

function readText({ workingDirectory }: Terminal, file: string): string {
  try {
    return readFileSync(resolve(workingDirectory, file), 'utf8')
  } catch (error) {
    throw new CommandFailure(`${file}: ${reasonOf(error)}`, 1, error)
  }
}
