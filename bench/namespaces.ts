/**
 * `npm run bench -- namespaces`: what a namespace costs on a port that it shares with a thousand others: memory, the start,
 * and a handshake with CONNECT; with the one wildcard certificate and with a server certificate of its own for each host.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createSecureContext, type SecureContext } from 'node:tls'
import { unixSeconds } from '../src/base/time.ts'
import { encodePacket } from '../src/mqtt/encode.ts'
import { nameOfCommonName } from '../src/x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../src/x509/extensions.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generalNameOfText,
  generatePrivateKey,
  issueCertificate,
  privateKeyPem,
} from '../src/x509/issue.ts'
import { toPem } from '../src/x509/pem.ts'
import { readCpu } from './load/process-cpu.ts'

export const namespaceCounts: readonly number[] = [10, 1_000]
const domain = 'mqtt.test'
const connects = 2_000
const day = 86_400

export interface NamespacesResult {
  readonly namespaces: number
  readonly certificates: 'one wildcard' | 'one each'
  readonly readyMs: number
  /** Memory that is no file cache, ready and after each namespace was connected to. */
  readonly readyMebibytes: number
  readonly usedMebibytes: number
  /** Processor time of the broker for a handshake with client certificate and CONNECT, and its end. */
  readonly connectMs: number
}

export async function measureNamespaces(counts = namespaceCounts): Promise<readonly NamespacesResult[]> {
  const results: NamespacesResult[] = []
  for (const certificates of ['one wildcard', 'one each'] as const) {
    for (const namespaces of counts) results.push(await measure(namespaces, certificates))
  }
  return results
}

export function renderNamespaces(results: readonly NamespacesResult[]): string {
  const rows = results.map(
    ({ namespaces, certificates, readyMs, readyMebibytes, usedMebibytes, connectMs }) =>
      `| ${namespaces} | ${certificates} | ${readyMs} | ${readyMebibytes} | ${usedMebibytes} | ${connectMs.toFixed(2)} |`,
  )
  const perNamespace = (['one wildcard', 'one each'] as const).map((certificates) => {
    const of = results.filter((result) => result.certificates === certificates)
    const [few, many] = [of[0], of.at(-1)]
    if (few === undefined || many === undefined || few === many) return ''
    const kibibytes = ((many.usedMebibytes - few.usedMebibytes) * 1_024) / (many.namespaces - few.namespaces)
    return `${certificates}: ${kibibytes.toFixed(0)} KiB for each namespace`
  })
  return [
    '| namespaces | server certificates | ready, ms | memory ready, MiB | memory used, MiB | handshake and CONNECT, ms of CPU |',
    '| ---: | --- | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
    ...perNamespace,
  ].join('\n')
}

async function measure(count: number, certificates: NamespacesResult['certificates']): Promise<NamespacesResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-bench-namespaces-'))
  try {
    const now = Math.floor(Date.now() / 1_000)
    const dates = { notBefore: unixSeconds(now - day), notAfter: unixSeconds(now + 30 * day) }
    const authority = createCertificateAuthority({ subject: nameOfCommonName('Bench device CA'), ...dates })
    const names = Array.from({ length: count }, (_, i) => `tenant-${i}`)
    const template = join(folder, 'template.json')
    writeFileSync(template, JSON.stringify(templateOf(names, toPem('CERTIFICATE', authority.certificate.der))))
    if (certificates === 'one each') writeHosts(join(folder, 'data', 'tls', 'hosts'), names, dates)
    const broker = await start(folder, ['--apply', template])
    try {
      const readyMebibytes = anonymousMebibytes(broker.pid)
      const devices = new Map(deviceOf(authority, names, dates))
      const visit = (name: string) => connectOnce(broker.port, name, devices.get(name) as SecureContext)
      // Everything is compiled, and each namespace has been asked for.
      await inParallel(
        names.length < 500 ? Array.from({ length: 500 }, (_, i) => names[i % count] as string) : names,
        visit,
      )
      const before = readCpu(broker.pid).seconds
      await inParallel(
        Array.from({ length: connects }, (_, i) => names[i % count] as string),
        visit,
      )
      const connectMs = ((readCpu(broker.pid).seconds - before) * 1_000) / connects
      await sleep(1_000)
      const usedMebibytes = anonymousMebibytes(broker.pid)
      return { namespaces: count, certificates, readyMs: broker.readyMs, readyMebibytes, usedMebibytes, connectMs }
    } finally {
      await broker.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Dates = { readonly notBefore: ReturnType<typeof unixSeconds>; readonly notAfter: ReturnType<typeof unixSeconds> }

/** A device for each namespace: what one certificate may ask of us per second is limited, and is not what is measured. */
function* deviceOf(
  issuer: CertificateAuthority,
  names: readonly string[],
  dates: Dates,
): Generator<[name: string, context: SecureContext]> {
  const key = generatePrivateKey('P-256')
  for (const name of names) {
    const { certificate } = issueCertificate({ issuer, subject: nameOfCommonName('device'), key, ...dates })
    yield [name, createSecureContext({ cert: toPem('CERTIFICATE', certificate.der), key: privateKeyPem(key) })]
  }
}

function writeHosts(directory: string, names: readonly string[], dates: Dates): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const issuer = createCertificateAuthority({ subject: nameOfCommonName('Bench server CA'), ...dates })
  const key = generatePrivateKey('P-256')
  for (const name of names) {
    const host = `${name}.${domain}`
    const dnsName = generalNameOfText('dNSName', host)
    if (!dnsName.ok) throw new Error(host)
    const { certificate } = issueCertificate({
      ...{ issuer, key, subject: nameOfCommonName(host), subjectAltNames: [dnsName.value] },
      ...{ extendedKeyUsage: [ExtendedKeyUsage.ServerAuth], ...dates },
    })
    writeFileSync(join(directory, `${host}.pem`), toPem('CERTIFICATE', certificate.der))
    writeFileSync(join(directory, `${host}.key`), privateKeyPem(key), { mode: 0o600 })
  }
}

async function start(folder: string, flags: readonly string[]) {
  const readyFile = join(folder, 'ready.json')
  const any = '127.0.0.1:0'
  const args = ['serve', '--data-dir', join(folder, 'data'), '--ready-file', readyFile, '--log-level', 'error']
  args.push('--mqtts', any, '--wss', 'off', '--https', 'off', '--domain', domain)
  args.push('--handshake-rate', '0', '--handshake-rate-per-address', '0', ...flags)
  const launcher = join(import.meta.dirname, '..', 'bin', 'sealgate.js')
  const began = performance.now()
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'close')
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error('the broker does not start')
    await sleep(20)
  }
  const readyMs = Math.round(performance.now() - began)
  const { mqtts } = JSON.parse(readFileSync(readyFile, 'utf8')) as { readonly mqtts: { readonly port: number } }
  return {
    pid: child.pid as number,
    port: mqtts.port,
    readyMs,
    async stop() {
      child.kill('SIGTERM')
      await gone
    },
  }
}

let dialled = 0

async function connectOnce(port: number, namespace: string, secureContext: SecureContext): Promise<void> {
  const servername = `${namespace}.${domain}`
  const localAddress = `127.1.${(dialled >> 4) & 0xff}.1`
  dialled++
  const socket = connect({
    ...{ host: '127.0.0.1', port, localAddress, servername, secureContext },
    rejectUnauthorized: false,
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.write(
    encodePacket(
      {
        ...{ type: 'CONNECT', protocolVersion: 5, cleanStart: true, keepAliveSeconds: 0, clientId: '' },
        ...{ username: 'device', password: null, will: null, properties: {} },
      },
      5,
    ),
  )
  const [connack] = (await once(socket, 'data')) as [Buffer]
  if (connack[3] !== 0) throw new Error(`${servername}: CONNACK ${connack.toString('hex')}`)
  socket.end(Uint8Array.of(0xe0, 0))
  await once(socket, 'close')
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

function anonymousMebibytes(pid: number): number {
  const kibibytes = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kibibytes) / 1_024)
}

/** Each namespace with a CA certificate, a client, a topic space and bindings: all alike. */
function templateOf(names: readonly string[], encodedCertificate: string): unknown {
  const apiVersion = '2025-02-15'
  const resources = names.flatMap((namespace) => {
    const child = (type: string, name: string, properties: unknown): unknown => ({
      ...{ type: `Microsoft.EventGrid/namespaces/${type}`, apiVersion, name: `${namespace}/${name}`, properties },
      dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespace}')]`],
    })
    const binding = (permission: string): unknown =>
      child('permissionBindings', permission.toLowerCase(), {
        ...{ clientGroupName: '$all', topicSpaceName: 'machines', permission },
      })
    return [
      {
        ...{ type: 'Microsoft.EventGrid/namespaces', apiVersion, name: namespace, location: 'local' },
        properties: { topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 100 } },
      },
      child('caCertificates', 'device-ca', { encodedCertificate }),
      child('clients', 'device', {
        authenticationName: 'device',
        clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      }),
      child('topicSpaces', 'machines', { topicTemplates: ['machines/#'] }),
      binding('Publisher'),
      binding('Subscriber'),
    ]
  })
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources,
  }
}
