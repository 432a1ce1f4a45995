import { existsSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { CommandFailure } from '../command-failure.ts'
import type { ServerAddress } from './find-server.ts'
import type { RestRequest } from './request.ts'

/** The server said no. */
export class RestFailure extends CommandFailure {
  readonly status: number
  /** As Azure Resource Manager names it, e.g. `ResourceNotFound`. */
  readonly errorCode: string

  constructor(status: number, errorCode: string, lines: readonly string[]) {
    super(lines)
    this.status = status
    this.errorCode = errorCode
  }
}

interface ArmError {
  readonly code: string
  readonly message: string
  readonly target?: string
  readonly details?: readonly ArmError[]
}

export function refusal(
  address: ServerAddress,
  { method, path }: RestRequest,
  response: IncomingMessage,
  content: string,
): RestFailure {
  const status = response.statusCode ?? 0
  if (status >= 300 && status < 400) {
    return new RestFailure(status, 'Redirected', [
      `${address.origin} sends us elsewhere; the token is for this server alone, so nothing was sent there`,
      '--server URL names the other server, if it is the right one',
    ])
  }
  const error = readError(content)
  if (error === null) {
    return new RestFailure(status, 'Unexpected', [
      `${address.origin} answered ${method} ${path} with status ${status} and no explanation`,
      'Is this the management API of Sealgate?',
    ])
  }
  return new RestFailure(status, error.code, [...linesOf(error), ...adviceFor(status, error.code, address)])
}

function linesOf(error: ArmError): string[] {
  const details = error.details ?? []
  const place = (one: ArmError): string => (one.target === undefined || one.target === '' ? '' : `${one.target}: `)
  const [only] = details
  if (only !== undefined && details.length === 1) return [`${place(only)}${only.message}`]
  if (details.length > 1) return [`${details.length} problems`, ...details.map((one) => `${place(one)}${one.message}`)]
  return [`${place(error)}${error.message}`]
}

function adviceFor(status: number, code: string, { origin, tokenSource }: ServerAddress): string[] {
  switch (status) {
    case 401:
      return code === 'ExpiredAuthenticationToken'
        ? [`The token of ${tokenSource} has expired. sealgate token create makes another, with an owner's token`]
        : [`The token of ${tokenSource} was made by another server, or was revoked`, `The server is ${origin}`]
    case 412:
      return ['Somebody changed it at the same moment: look at it again, then repeat the command']
    default:
      return []
  }
}

function readError(content: string): ArmError | null {
  try {
    const { error } = JSON.parse(content) as { readonly error?: Partial<ArmError> }
    if (typeof error?.code !== 'string' || typeof error.message !== 'string') return null
    return error as ArmError
  } catch {
    return null
  }
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
])

/** What went wrong before there was an answer, in words. */
export function connectionFailure(address: ServerAddress, error: Error): CommandFailure {
  if (error instanceof CommandFailure) return error
  const { origin, caSource, dataDir } = address
  const code = codeOf(error)
  if (untrusted.has(code)) {
    return new CommandFailure(
      [
        `${origin} has a certificate that ${caSource === null ? 'no public CA' : `the CA of ${caSource} has not`} signed; nothing was sent`,
        '--ca-file FILE names the CA certificate of the server: tls/ca.pem of its data directory, if it made its own',
      ],
      1,
      error,
    )
  }
  switch (code) {
    case 'ECONNREFUSED':
      return new CommandFailure(
        [
          `nothing answers at ${origin}`,
          dataDir === null
            ? '--server URL names another address'
            : `Is the server of ${dataDir} running? ${startOf(dataDir)} starts it; --server URL names another address`,
        ],
        1,
        error,
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandFailure([`${origin}: the host name is unknown`], 1, error)
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return new CommandFailure(
        [
          `${origin}: the certificate of the server is for other names; nothing was sent`,
          '--server URL with one of its names reaches it; serve --server-name NAME puts a name into it',
        ],
        1,
        error,
      )
    case 'CERT_HAS_EXPIRED':
      return new CommandFailure([`${origin}: the certificate of the server has expired; nothing was sent`], 1, error)
    default:
      return new CommandFailure([`${origin}: ${error.message.split('\n')[0]}`], 1, error)
  }
}

/** `serve` refuses what `dev` made. */
function startOf(dataDir: string): string {
  const mode = existsSync(join(dataDir, 'made-by-sealgate-dev')) ? 'dev' : 'serve'
  return `sealgate ${mode} --data-dir ${dataDir}`
}

/** Of several addresses that were tried, the first one's. */
function codeOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((one) => codeOf(one as Error))[0] ?? ''
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
