import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { TestContext } from 'node:test'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { createMetrics, type MetricsRegister } from '../../src/adapters/node/metrics.ts'
import { nodeRandom } from '../../src/adapters/node/random.ts'
import type { ApiLimits, ApiParts, ApiSettings } from '../../src/api/parts.ts'
import { type Api, openApi } from '../../src/api/server.ts'
import { toUnixSeconds, unixMillis, unixSeconds } from '../../src/base/time.ts'
import { type Broker, createBroker } from '../../src/broker/broker.ts'
import { defaultSettings } from '../../src/broker/core/settings.ts'
import { TlsContexts } from '../../src/listeners/tls-context.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Engine } from '../../src/ports/engine.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { CertificatesSeen } from '../../src/registry/seen/certificates-seen.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generalNameOfText,
  issueCertificate,
  privateKeyPem,
} from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'

export const subscriptionId = '00000000-0000-0000-0000-000000000000'
export const administratorToken = 'A'.repeat(43)
export const version = '2025-07-15-preview'
export const groupPath = `/subscriptions/${subscriptionId}/resourceGroups/local`
export const plantPath = `${groupPath}/providers/Microsoft.EventGrid/namespaces/plant`
export const namespaceBody = {
  location: 'local',
  properties: { topicSpacesConfiguration: { state: 'Enabled' } },
}

const now = toUnixSeconds(unixMillis(Date.now()))
const validity = { notBefore: unixSeconds(now - 3_600), notAfter: unixSeconds(now + 86_400) }

/** Signs the server certificate of these tests. */
const serverAuthority = createCertificateAuthority({ subject: nameOfCommonName('Test server CA'), ...validity })
export const serverCa = toPem('CERTIFICATE', serverAuthority.certificate.der)

function serverCertificate() {
  const names = (['localhost', 'a.test', 'b.test'] as const).map((name) => generalNameOfText('dNSName', name))
  const address = generalNameOfText('iPAddress', '127.0.0.1')
  const subjectAltNames = [...names, address].flatMap((name) => (name.ok ? [name.value] : []))
  const { certificate, privateKey } = issueCertificate({
    issuer: serverAuthority,
    subject: nameOfCommonName('Test server'),
    subjectAltNames,
    extendedKeyUsage: [ExtendedKeyUsage.ServerAuth],
    ...validity,
  })
  assert.ok(privateKey !== null)
  return { certificate: toPem('CERTIFICATE', certificate.der), privateKey: privateKeyPem(privateKey) }
}

const serverFiles = serverCertificate()

/** A CA whose certificates devices show. */
export function deviceAuthority(commonName: string, days = 1): CertificateAuthority {
  const notAfter = unixSeconds(now + days * 86_400)
  return createCertificateAuthority({ subject: nameOfCommonName(commonName), ...validity, notAfter })
}

export function pemOf({ certificate }: CertificateAuthority): string {
  return toPem('CERTIFICATE', certificate.der)
}

export function deviceCertificate(issuer: CertificateAuthority, commonName: string, days = 1): string {
  const { certificate } = issueCertificate({
    issuer,
    subject: nameOfCommonName(commonName),
    notBefore: validity.notBefore,
    notAfter: unixSeconds(now + days * 86_400),
  })
  return toPem('CERTIFICATE', certificate.der)
}

export interface LogEntry {
  readonly level: string
  readonly event: string
  readonly facts: Readonly<Record<string, unknown>>
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Parsed JSON; undefined: none. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape, which the test states
  readonly body: any
}

export interface CallOptions {
  readonly body?: unknown
  /** Null: no Authorization header. */
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Null: none is added. */
  readonly apiVersion?: string | null
  readonly request?: RequestOptions
}

export interface TestApi {
  readonly api: Api
  readonly broker: Broker
  readonly registry: Registry
  readonly engine: Engine
  readonly metrics: MetricsRegister
  readonly entries: LogEntry[]
  readonly endpoint: string
  /** Sends one request as the built-in administrator. `raw` keeps the path exactly as it is written. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>
  /** Makes the namespace `plant`. */
  plant(): Promise<void>
  audited(): readonly Readonly<Record<string, unknown>>[]
}

export interface TestApiOptions {
  readonly limits?: Partial<ApiLimits>
  readonly settings?: Partial<ApiSettings>
  readonly clock?: Clock
  readonly backups?: ApiParts['backups']
  /** Stands between the API and the registry. */
  readonly registry?: (registry: Registry) => Registry
  readonly expiryFigures?: ApiParts['expiryFigures']
}

export async function testApi(t: TestContext, options: TestApiOptions = {}): Promise<TestApi> {
  const clock = options.clock ?? nodeClock()
  const random = nodeRandom()
  const entries: LogEntry[] = []
  const log: ApiParts['log'] = { write: (level, event, facts) => void entries.push({ level, event, facts }) }
  const events = createEvents()
  const metrics = createMetrics()
  const engine = createMemoryWorld().engine('n1' as NodeId, clock)
  const domain = options.settings?.domain ?? null
  const registry = await openRegistry({ store: engine.registry, random, clock, defaultProfile: 'full', domain })
  const certificatesSeen = new CertificatesSeen({ store: engine.registry, registry, clock, log })
  const broker = createBroker({
    settings: { ...defaultSettings, nodeId: 'n1' as NodeId, domain },
    engine,
    registry,
    clock,
    random,
    log,
    events,
    certificatesSeen,
  })
  const contexts = new TlsContexts(serverFiles)
  const api = await openApi({
    registry: options.registry?.(registry) ?? registry,
    store: engine.registry,
    operations: broker.operations,
    certificatesSeen,
    expiryFigures: options.expiryFigures ?? (() => []),
    clock,
    random,
    log,
    events,
    metrics,
    backups: options.backups,
    administratorHash: createHash('sha256').update(administratorToken).digest(),
    tls: {
      get options() {
        return contexts.fallbackOptions
      },
      onChange: (callback) => contexts.onFallbackChange(callback),
    },
    settings: {
      host: '127.0.0.1',
      port: 0,
      version: '0.0.0',
      subscriptionId,
      resourceGroup: 'local',
      publicUrl: null,
      domain: null,
      maximumConnections: 1_000,
      handshakeTimeoutMs: 5_000,
      openMetrics: false,
      ...options.settings,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    },
  })
  const agent = new Agent({ ca: serverCa, keepAlive: true, maxSockets: 8 })
  t.after(async () => {
    agent.destroy()
    await api.close()
    await broker.drain(1_000)
    await certificatesSeen.close()
    await registry.idle()
    registry.close()
    await engine.close()
  })
  const self: TestApi = {
    api,
    broker,
    registry,
    engine,
    metrics,
    entries,
    endpoint: `https://127.0.0.1:${api.port}`,
    call: (method, path, given = {}) => call(agent, api.port, method, path, given),
    async plant() {
      const made = await self.call('PUT', plantPath, { body: namespaceBody })
      assert.equal(made.status, 201, made.text)
    },
    audited: () => entries.filter(({ event }) => event === 'audit').map(({ facts }) => facts),
  }
  return self
}

function call(agent: Agent, port: number, method: string, path: string, options: CallOptions): Promise<Reply> {
  const { body, token = administratorToken, headers = {}, apiVersion = version } = options
  const query = apiVersion === null ? '' : `${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  const content = body === undefined ? null : isRaw ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path: path + query,
        agent,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(content === null ? {} : { 'content-type': 'application/json' }),
          ...(content === null || 'transfer-encoding' in headers
            ? {}
            : { 'content-length': Buffer.byteLength(content) }),
          ...headers,
        },
        ...options.request,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const isJson = response.headers['content-type']?.startsWith('application/json') === true
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: isJson && text !== '' ? JSON.parse(text) : undefined,
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(content ?? undefined)
  })
}
