import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { createMetrics } from '../../src/adapters/node/metrics.ts'
import { nodeRandom } from '../../src/adapters/node/random.ts'
import { type UnixSeconds, unixMillis, unixSeconds } from '../../src/base/time.ts'
import { readConfig } from '../../src/cli/read-config.ts'
import { start } from '../../src/main.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { createCertificateAuthority, generalNameOfText, issueCertificate, privateKeyPem } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import type { Address } from './mqtt-peer.ts'

/** A whole broker in this process, as `sealgate serve` starts it, with a wall clock that stands until it is moved. */

export const domain = 'mqtt.test'
export const httpDomain = 'test'
const apiVersion = '2025-07-15-preview'

export interface Reply {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape, which the test states
  readonly body: any
}

export interface RunningBroker {
  readonly mqtts: Address
  readonly https: Address
  readonly wss: Address
  /** Null unless asked for. */
  readonly mqttTcp: Address | null
  readonly caFile: string
  readonly dataDirectory: string
  /** Environment of a command line that finds the broker. */
  readonly environment: Readonly<Record<string, string>>
  /** A directory that goes with the broker. */
  readonly directory: string
  /** Moves the wall clock, and nothing else. */
  setClock(now: UnixSeconds): void
  /** No time passes for rates and deadlines until the returned function is called. */
  holdTime(): () => void
  /** Time passes for rates and deadlines without anybody waiting for it. */
  passTime(durationMs: number): void
  /** The management API as the built-in administrator; `path` begins behind the namespace's collection or with `/`. */
  call(method: string, path: string, body?: unknown): Promise<Reply>
  /** The same, and it must succeed. */
  must(method: string, path: string, body?: unknown): Promise<Reply>
  stop(): Promise<void>
}

export function serverNameOf(namespace: string): string {
  return `${namespace}.${domain}`
}

/** @param now where the wall clock stands; certificates of a test are made around it, so none expires */
export async function runBroker(
  now: UnixSeconds,
  options: {
    readonly defaultNamespace?: string
    readonly mqttTcp?: string
    readonly mqttTcpIdentity?: string
  } = {},
): Promise<RunningBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-running-'))
  const files = writeServerCertificate(directory)
  const config = readConfig('serve', {
    flags: {
      ...{ dataDir: 'data', readyFile: 'ready.json', logLevel: 'error', domain },
      ...{
        mqtts: '127.0.0.1:0',
        https: '127.0.0.1:0',
        wss: '127.0.0.1:0',
        tlsCert: files.certificate,
        tlsKey: files.key,
      },
      ...{ handshakeRatePerAddress: '0', handshakeRate: '0' },
      ...options,
    },
    environment: {},
    file: null,
    workingDirectory: directory,
  })
  assert.ok(config.ok, config.ok ? '' : config.error.join('\n'))
  const clock = standingClock(now)
  const running = await start(config.value, {
    clock,
    random: nodeRandom(),
    log: { write: () => {} },
    events: createEvents(),
    metrics: createMetrics(),
    openEngine: async (node) => createMemoryWorld().engine(node, clock),
  })
  const { mqtts, https, wss, mqttTcp, tokenFile } = running.ready
  assert.ok(mqtts !== null && https !== null && wss !== null)
  const token = readFileSync(tokenFile, 'utf8').trim()
  const agent = new Agent({ ca: readFileSync(files.ca), keepAlive: true, servername: 'localhost' })
  const call: RunningBroker['call'] = async (method, path, body) => {
    const reply = await callOnce(agent, https, token, method, path, body)
    if (reply.status !== 429) return reply
    // A limit of the API, not what is tested here.
    clock.passMs(2_000)
    return callOnce(agent, https, token, method, path, body)
  }
  return {
    mqtts,
    https,
    wss,
    mqttTcp,
    caFile: files.ca,
    dataDirectory: join(directory, 'data'),
    environment: {
      SEALGATE_SERVER: `https://${https.host}:${https.port}`,
      SEALGATE_TOKEN_FILE: tokenFile,
      SEALGATE_CA_FILE: files.ca,
    },
    directory,
    setClock: (to) => clock.set(to),
    holdTime: () => clock.hold(),
    passTime: (durationMs) => clock.passMs(durationMs),
    call,
    async must(method, path, body) {
      const reply = await call(method, path, body)
      assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
      return reply
    },
    async stop() {
      agent.destroy()
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function callOnce(
  agent: Agent,
  { host, port }: Address,
  token: string,
  method: string,
  path: string,
  body: unknown,
): Promise<Reply> {
  const collection = `/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces`
  const whole = path.startsWith('/') ? path : `${collection}/${path}`
  const content = body === undefined ? null : JSON.stringify(body)
  const sent = request({
    host,
    port,
    agent,
    method,
    path: `${whole}${whole.includes('?') ? '&' : '?'}api-version=${apiVersion}`,
    headers: {
      authorization: `Bearer ${token}`,
      ...(content === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
    },
  })
  sent.end(content ?? undefined)
  const [response] = await once(sent, 'response')
  const said = await text(response)
  return { status: response.statusCode, body: said === '' ? undefined : JSON.parse(said) }
}

interface StandingClock extends Clock {
  set(now: UnixSeconds): void
  /** Of what measures durations only. */
  passMs(durationMs: number): void
  hold(): () => void
}

function standingClock(start: UnixSeconds): StandingClock {
  const real = nodeClock()
  let now = start
  let passed = 0
  let held: number | null = null
  return {
    now: () => unixMillis(now * 1_000),
    monotonicMs: () => held ?? real.monotonicMs() + passed,
    setTimer: (delayMs, callback) => real.setTimer(delayMs, callback),
    endOfTurn: (callback) => real.endOfTurn(callback),
    set(to) {
      now = to
    },
    passMs(durationMs) {
      passed += durationMs
    },
    hold() {
      held = real.monotonicMs() + passed
      return () => {
        held = null
      }
    },
  }
}

/** An operator's own server certificate, valid whatever clock looks at it. */
function writeServerCertificate(directory: string): {
  readonly certificate: string
  readonly key: string
  readonly ca: string
} {
  const validity = { notBefore: unixSeconds(0), notAfter: unixSeconds(4_000_000_000) }
  const issuer = createCertificateAuthority({ subject: nameOfCommonName('Test server CA'), ...validity })
  const names = [
    generalNameOfText('dNSName', 'localhost'),
    generalNameOfText('dNSName', `*.${domain}`),
    generalNameOfText('iPAddress', '127.0.0.1'),
  ]
  const { certificate, privateKey } = issueCertificate({
    issuer,
    subject: nameOfCommonName('Test server'),
    subjectAltNames: names.flatMap((name) => (name.ok ? [name.value] : [])),
    extendedKeyUsage: [ExtendedKeyUsage.ServerAuth],
    ...validity,
  })
  assert.ok(privateKey !== null)
  const files = {
    certificate: join(directory, 'server.pem'),
    key: join(directory, 'server.key'),
    ca: join(directory, 'server-ca.pem'),
  }
  writeFileSync(files.certificate, toPem('CERTIFICATE', certificate.der))
  writeFileSync(files.key, privateKeyPem(privateKey), { mode: 0o600 })
  writeFileSync(files.ca, toPem('CERTIFICATE', issuer.certificate.der))
  return files
}
