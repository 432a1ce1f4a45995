import type { SecureContextOptions } from 'node:tls'
import type { Result } from '../base/result.ts'
import type { Operations } from '../broker/operations.ts'
import type { Clock } from '../ports/clock.ts'
import type { Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import type { Labels } from '../ports/metrics.ts'
import type { Random } from '../ports/random.ts'
import type { RegistryStore } from '../ports/registry-store.ts'
import type { Stop } from '../ports/stop.ts'
import type { Registry } from '../registry/registry.ts'
import type { CertificatesSeen } from '../registry/seen/certificates-seen.ts'
import type { ExpiryFigures } from '../registry/seen/expiry-watch.ts'
import type { FileAnswer } from './file-answer.ts'

/** What the management API is made of; `main.ts` brings it. */
export interface ApiParts {
  readonly registry: Registry
  /** For our own small records: tokens, resource groups, deployments. */
  readonly store: RegistryStore
  readonly operations: Operations
  readonly certificatesSeen: CertificatesSeen
  /** Of the last look at what expires. */
  readonly expiryFigures: () => readonly ExpiryFigures[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly events: Events
  readonly metrics: MetricsSource
  /** When the server certificate expires, milliseconds since 1970. Absent: nobody knows. */
  readonly serverCertificateNotAfter?: () => number
  /** SHA-256 of the built-in administrator's token. */
  readonly administratorHash: Uint8Array
  readonly tls: TlsSource
  /** Makes a copy of everything. Absent: the state is nothing that can be copied. */
  readonly backups?: Backups | undefined
  readonly settings: ApiSettings
  /** Asked for each new connection before any work; false cuts it. */
  readonly admit?: (remoteAddress: string) => boolean
}

/** `underWay`: one at a time. */
export type Backups = () => Promise<Result<FileAnswer, 'underWay' | 'noRoom'>>

export interface ApiSettings {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly version: string
  readonly subscriptionId: string
  /** A resource group that exists without having been made. */
  readonly resourceGroup: string
  /** Base of absolute links; null: what the request's Host header says. */
  readonly publicUrl: string | null
  /** A namespace's host is `<namespace>.<domain>`. */
  readonly domain: string | null
  readonly maximumConnections: number
  readonly handshakeTimeoutMs: number
  /** `/metrics` without a token: for a server that only this machine reaches. */
  readonly openMetrics: boolean
  readonly limits?: Partial<ApiLimits>
}

export interface ApiLimits {
  /** Bytes of a request's body; templates have a limit of their own. */
  readonly bodyBytes: number
  readonly templateBytes: number
  /** Of a revocation list as it is uploaded; PEM is longer than what it holds. */
  readonly listBytes: number
  /** Bodies above `bodyBytes` that one principal has under way: from the headers of the request to its answer. */
  readonly largeBodiesPerPrincipal: number
  /** All bodies under way; half of it for one principal. */
  readonly bodiesBytes: number
  /** Of the form that anybody may send to the token endpoint. */
  readonly formBytes: number
  /** From the first byte of a request to the last one of its headers, and of its body. */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How often connections are asked whether they are too slow. */
  readonly connectionsCheckingIntervalMs: number
  /** An idle connection is closed after this long. */
  readonly keepAliveTimeoutMs: number
  /** A connection on which nothing moves is closed: longer than the longest deployment takes, and no peer keeps an answer for ever. */
  readonly inactivityTimeoutMs: number
  /** A file that is sent goes on as long as the other side takes at least this much in this time. */
  readonly fileBytesPerLook: number
  readonly fileLookMs: number
  /** How long a stop waits for the requests that are under way. */
  readonly closeTimeoutMs: number
  /** Requests per second of one principal, and how many at once. */
  readonly requestsPerSecond: number
  readonly requestBurst: number
  /** Failed authentications per second of one source address, and how many at once. */
  readonly failuresPerSecond: number
  readonly failureBurst: number
  /** Dry runs of a CONNECT per second of one principal, and how many at once: each may search a certification path. */
  readonly explainsPerSecond: number
  readonly explainBurst: number
}

export const defaultLimits: ApiLimits = {
  bodyBytes: 4 * 1_048_576,
  templateBytes: 25 * 1_048_576,
  listBytes: 48 * 1_048_576,
  largeBodiesPerPrincipal: 2,
  bodiesBytes: 256 * 1_048_576,
  formBytes: 16_384,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  connectionsCheckingIntervalMs: 2_000,
  keepAliveTimeoutMs: 72_000,
  inactivityTimeoutMs: 300_000,
  fileBytesPerLook: 4 * 1_048_576,
  fileLookMs: 60_000,
  closeTimeoutMs: 5_000,
  requestsPerSecond: 5_000,
  requestBurst: 10_000,
  failuresPerSecond: 1,
  failureBurst: 20,
  explainsPerSecond: 20,
  explainBurst: 40,
}

/** The server certificate and how TLS is spoken, which changes when the certificate is renewed. */
export interface TlsSource {
  readonly options: SecureContextOptions
  onChange(callback: () => void): Stop
}

export interface MetricsSource {
  snapshot(): readonly {
    readonly name: string
    readonly help: string
    readonly type: 'counter' | 'gauge'
    readonly series: readonly { readonly labels: Labels; readonly value: number }[]
  }[]
}
