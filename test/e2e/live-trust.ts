import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { unixSeconds } from '../../src/base/time.ts'
import { parseDistinguishedName } from '../../src/x509/distinguished-name.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createRevocationList,
  generatePrivateKey,
  issueCertificate,
  privateKeyPem,
} from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { Fleet } from './fleet.ts'
import type { Device, Ended, Pulse } from './fleet-process.ts'
import { serve } from './sealgate.ts'

/**
 * Continuous trust under many live mTLS connections: each kind of fact changes once, by the management API, and it is
 * looked at who ends, when, and whether the others notice. Devices and witnesses have processes of their own.
 */

export interface LiveTrustOptions {
  readonly directory: string
  /** Connections of all slices together, about. */
  readonly connections: number
  /** Others that keep a heartbeat of 10 Hz throughout. */
  readonly witnesses: number
  /** How long certificates that expire during the run live: until all of theirs are connected, and a bit. */
  readonly lifeSeconds: number
}

export interface ChangeReport {
  readonly change: string
  readonly affected: number
  /** Of those: how many have ended. */
  readonly ended: number
  /** Others that have ended as well. */
  readonly strays: readonly string[]
  /** Reason codes of DISCONNECT, `none` for a stream that ended without. */
  readonly told: readonly string[]
  /** From the answer of the management API, or the instant of expiry, to the last end. */
  readonly lastEndMs: number
  readonly pulse: Pulse
}

export interface LiveTrustReport {
  readonly connections: number
  readonly alone: Pulse
  readonly changes: readonly ChangeReport[]
}

const day = 86_400
const key = generatePrivateKey('P-256')

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

function nameOf(subject: string) {
  const parsed = parseDistinguishedName(subject)
  assert.ok(parsed.ok)
  return parsed.value
}

function authority(
  commonName: string,
  more: { issuer?: CertificateAuthority; key?: typeof key; notAfter?: number } = {},
) {
  const { notAfter = nowSeconds() + 30 * day, ...rest } = more
  const dates = { notBefore: unixSeconds(nowSeconds() - day), notAfter: unixSeconds(notAfter) }
  return createCertificateAuthority({ subject: nameOf(`CN=${commonName}`), ...dates, ...rest })
}

/** One kind of change and those whom it concerns. */
interface Slice {
  readonly name: string
  /** Part of all connections. */
  readonly share: number
  /** How many sessions one client has; default: one. */
  readonly sessionsPerClient?: number
  readonly ca?: keyof Cas
  readonly properties?: (leaf: Uint8Array) => Readonly<Record<string, unknown>>
  /** Topic space of its own, for slices that lose a right. */
  readonly hasOwnTopics?: boolean
  readonly willTopic?: string
}

type Cas = ReturnType<typeof makeCas>

function makeCas() {
  const removed = authority('Removed CA')
  const stays = authority('Line CA')
  const crossedKey = generatePrivateKey('P-256')
  return {
    stays,
    removed,
    replaced: authority('Replaced CA'),
    second: authority('Second CA'),
    listed: authority('Listed CA'),
    /** Registered itself, and what its devices send below another: when the first goes, the other way remains. */
    crossed: authority('Crossed CA', { key: crossedKey }),
    crossedBelow: authority('Crossed CA', { issuer: removed, key: crossedKey }),
  }
}

const elsewhere = '0'.repeat(64)
const scheme = (validationScheme: string) => ({ clientCertificateAuthentication: { validationScheme } })
const bySubject = scheme('SubjectMatchesAuthenticationName')
const byThumbprint = (...allowedThumbprints: string[]) => ({
  clientCertificateAuthentication: { validationScheme: 'ThumbprintMatch', allowedThumbprints },
})

const slices: readonly Slice[] = [
  { name: 'disabled', share: 0.01, sessionsPerClient: 50 },
  { name: 'deleted', share: 0.01, sessionsPerClient: 50 },
  { name: 'rescheme', share: 0.01, sessionsPerClient: 50 },
  {
    name: 'thumbprint',
    share: 0.01,
    sessionsPerClient: 50,
    properties: (leaf) => byThumbprint(thumbprintsOf(leaf).sha256, elsewhere),
  },
  { name: 'attribute', share: 0.01, sessionsPerClient: 50, hasOwnTopics: true },
  { name: 'sha1', share: 0.04, properties: (leaf) => byThumbprint(thumbprintsOf(leaf).sha1) },
  { name: 'denied', share: 0.01, sessionsPerClient: 50 },
  { name: 'revoked', share: 0.05, ca: 'listed' },
  { name: 'removed', share: 0.2, ca: 'removed' },
  { name: 'replaced', share: 0.1, ca: 'replaced' },
  { name: 'crossed', share: 0.05, ca: 'crossed' },
  { name: 'group', share: 0.1, hasOwnTopics: true },
  { name: 'space', share: 0.05, hasOwnTopics: true },
  { name: 'binding', share: 0.1, hasOwnTopics: true },
  { name: 'will', share: 0.05, willTopic: 't/will/x' },
  { name: 'rest', share: 0.15, ca: 'listed' },
]

export async function runLiveTrust(options: LiveTrustOptions): Promise<LiveTrustReport> {
  const { directory, connections, lifeSeconds } = options
  const cas = makeCas()
  const { devices, resources } = populate(cas, connections, options.witnesses)
  const templateFile = join(directory, 'plant.json')
  writeFileSync(templateFile, JSON.stringify(templateOf(resources)))
  const { sealgate, ready } = await serve(directory, [
    ...['--apply', templateFile, '--drain-timeout', '2'],
    ...['--handshake-rate', '0', '--handshake-rate-per-address', '0'],
  ])
  const crowd = new Fleet()
  const witnesses = new Fleet()
  try {
    const api = management(ready)
    const pem = privateKeyPem(key)
    const open = (fleet: Fleet, some: readonly Device[]) =>
      fleet.ask({ kind: 'open', port: ready.mqtts.port, key: pem, devices: some })
    await open(
      crowd,
      devices.filter(({ id }) => !id.startsWith('witness/')),
    )
    await open(
      witnesses,
      devices.filter(({ id }) => id.startsWith('witness/')),
    )
    await witnesses.ask({ kind: 'beat', topic: 't/base/beat' })
    await sleep(1_000)
    await witnesses.ask({ kind: 'report' })
    await sleep(2_000)
    const alone = (await witnesses.ask({ kind: 'report' })).pulse
    const all = new Map(devices.map((device) => [device.id, device]))
    const changes: ChangeReport[] = []

    /** @param act resolves with the instant from which the second counts */
    const change = async (
      name: string,
      concerned: string | readonly string[],
      act: () => Promise<number>,
    ): Promise<void> => {
      await witnesses.ask({ kind: 'report' })
      const slices = typeof concerned === 'string' ? [concerned] : concerned
      const affected = new Set([...all.keys()].filter((id) => slices.some((slice) => id.startsWith(`${slice}/`))))
      const from = await act()
      const ended: Ended[] = []
      let pulse: Pulse | null = null
      // Long enough to see who comes late, and who ends without reason.
      for (let waited = 0; waited < 6_000 && (ended.length < affected.size || waited < 1_200); waited += 100) {
        await sleep(100)
        ended.push(...(await crowd.ask({ kind: 'report' })).ended)
      }
      const witnessed = await witnesses.ask({ kind: 'report' })
      pulse = witnessed.pulse
      const theirs = ended.filter(({ id }) => affected.has(id))
      const strays = [...ended, ...witnessed.ended]
        .filter(({ id }) => !affected.has(id) && all.has(id))
        .map(({ id }) => id)
      const told = new Set(
        theirs.map(({ id, reasonCode }) => `MQTT ${all.get(id)?.version} ${reasonCode?.toString(16) ?? 'none'}`),
      )
      changes.push({
        change: name,
        affected: affected.size,
        ended: theirs.length,
        strays,
        told: [...told].sort(),
        lastEndMs: Math.round(Math.max(0, ...theirs.map(({ at }) => at - from))),
        pulse,
      })
      for (const { id } of ended) all.delete(id)
    }
    const put = (path: string, properties: unknown) => () => api('PUT', path, { properties })
    const remove = (path: string) => () => api('DELETE', path)
    const changed = (slice: string, properties: object) =>
      put(`clients/${slice}-0`, {
        authenticationName: `${slice}-0`,
        attributes: { slice },
        ...bySubject,
        ...properties,
      })
    await change('client disabled', 'disabled/0', changed('disabled', { state: 'Disabled' }))
    await change('client deleted', 'deleted/0', remove('clients/deleted-0'))
    await change('scheme changed', 'rescheme/0', changed('rescheme', scheme('EmailMatchesAuthenticationName')))
    await change('thumbprint removed', 'thumbprint/0', changed('thumbprint', byThumbprint(elsewhere)))
    await change('attribute changed', 'attribute/0', changed('attribute', { attributes: { slice: 'none' } }))
    await change('SHA-1 thumbprints turned off', 'sha1', () =>
      api('PATCH', '', { properties: { sealgate: { allowSha1Thumbprints: false } } }),
    )
    await change('CA certificate removed, another path stays', [], remove('caCertificates/crossed'))
    await change('CA certificate removed', ['removed', 'crossed'], remove('caCertificates/removed'))
    const serialNumbersOf = (slice: string): readonly bigint[] =>
      devices.flatMap(({ id, cert }) =>
        id.startsWith(`${slice}/`) ? [BigInt(`0x${new X509Certificate(cert).serialNumber}`)] : [],
      )
    // Not the certificate: its key would be denied as well, and here it is everybody's.
    const entry = { caCertificateName: 'stays', serialNumber: `0x${serialNumbersOf('denied')[0]?.toString(16)}` }
    await change('deny entry added', 'denied', put('sealgateDenyEntries/stolen', entry))
    const encodedRevocationList = listOf(cas.listed, serialNumbersOf('revoked'))
    await change('CRL updated', 'revoked', put('sealgateRevocationLists/listed', { encodedRevocationList }))
    const successor = pemOf(authority('Replaced CA'))
    await change(
      'CA certificate replaced',
      'replaced',
      put('caCertificates/replaced', { encodedCertificate: successor }),
    )
    await change('group query changed', 'group', put('clientGroups/group', { query: "attributes.slice = 'none'" }))
    await change('topic space changed', 'space', put('topicSpaces/space', { topicTemplates: ['elsewhere/#'] }))
    await change('binding removed', 'binding', remove('permissionBindings/binding'))
    await change("right to the will's topic removed", 'will', remove('permissionBindings/will'))

    // What expires is connected last, so that its life is no longer than it has to be.
    const brief = Math.max(2, Math.round(connections * 0.05))
    for (const kind of ['CA certificate expired', 'certificate expired mid-session'] as const) {
      const isCa = kind === 'CA certificate expired'
      // A machine that is too busy to connect them in time gets another chance, with a longer life.
      for (let attempt = 0; ; attempt++) {
        const slice = `${isCa ? 'brief-ca' : 'brief'}-${attempt}`
        const notAfter = nowSeconds() + lifeSeconds * 2 ** attempt
        const issuer = isCa ? authority(`Brief CA ${attempt}`, { notAfter }) : cas.second
        const some = Array.from({ length: brief }, (_, i) =>
          deviceOf(slice, i, 0, leafOf(`${slice}-${i}`, issuer, isCa ? undefined : notAfter)),
        )
        if (isCa) await api('PUT', 'caCertificates/brief', { properties: { encodedCertificate: pemOf(issuer) } })
        await inParallel(some, ({ username }) =>
          api('PUT', `clients/${username}`, { properties: { authenticationName: username, ...bySubject } }),
        )
        const expiry = (notAfter + 1) * 1_000
        const isIn = await open(crowd, some).then(
          () => Date.now() < expiry - 500,
          () => false,
        )
        assert.ok(isIn || attempt < 6, 'they are connected before they expire')
        if (!isIn) continue
        for (const device of some) all.set(device.id, device)
        await change(kind, slice, async () => {
          await sleep(expiry - Date.now())
          return expiry
        })
        break
      }
    }
    return { connections: devices.length + 2 * brief, alone, changes }
  } finally {
    crowd.end()
    witnesses.end()
    await sealgate.stop()
  }
}

interface Resource {
  readonly type: string
  readonly name: string
  readonly properties: unknown
}

function populate(cas: Cas, connections: number, witnesses: number) {
  const devices: Device[] = []
  const resources: Resource[] = []
  const add = (type: string, name: string, properties: unknown) => void resources.push({ type, name, properties })
  for (const name of ['stays', 'removed', 'replaced', 'second', 'listed', 'crossed'] as const) {
    add('caCertificates', name, { encodedCertificate: pemOf(cas[name]) })
  }
  const topics = (name: string, permission: string, clientGroupName: string, template: string): void => {
    add('topicSpaces', name, { topicTemplates: [template] })
    add('permissionBindings', name, { clientGroupName, topicSpaceName: name, permission })
  }
  topics('base', 'Subscriber', '$all', 't/base/#')
  add('permissionBindings', 'base-publish', {
    clientGroupName: '$all',
    topicSpaceName: 'base',
    permission: 'Publisher',
  })
  topics('will', 'Publisher', '$all', 't/will/#')
  const members = (slice: Slice, count: number): void => {
    const { name, sessionsPerClient = 1, ca = 'stays' } = slice
    if (slice.hasOwnTopics === true) {
      add('clientGroups', name, { query: `attributes.slice = '${name}'` })
      topics(name, 'Subscriber', name, `t/${name}/#`)
    }
    for (let i = 0; i < count; i += sessionsPerClient) {
      const username = `${name}-${i / sessionsPerClient}`
      const leaf = leafOf(username, cas[ca])
      add('clients', username, {
        authenticationName: username,
        attributes: { slice: name },
        ...(slice.properties?.(leaf) ?? bySubject),
      })
      const sent = ca === 'crossed' ? [cas.crossedBelow] : []
      for (let session = 0; session < Math.min(sessionsPerClient, count - i); session++) {
        const device = deviceOf(name, i / sessionsPerClient, session, leaf, sent)
        const subscribe = slice.hasOwnTopics === true ? `t/${name}/#` : 't/base/none'
        devices.push({ ...device, subscribe, willTopic: slice.willTopic ?? null })
      }
    }
  }
  for (const slice of slices) members(slice, Math.max(2, Math.round(connections * slice.share)))
  members({ name: 'witness', share: 0 }, witnesses)
  return { devices, resources }
}

function deviceOf(
  slice: string,
  client: number,
  session: number,
  leaf: Uint8Array,
  sent: readonly CertificateAuthority[] = [],
): Device {
  return {
    id: `${slice}/${client}/${session}`,
    clientId: `${slice}-${client}-${session}`,
    username: `${slice}-${client}`,
    cert: [leaf, ...sent.map(({ certificate }) => certificate.der)].map((der) => toPem('CERTIFICATE', der)).join(''),
    version: (client + session) % 2 === 0 ? 5 : 4,
    subscribe: 't/base/none',
    willTopic: null,
  }
}

function leafOf(commonName: string, issuer: CertificateAuthority, notAfter = nowSeconds() + 30 * day): Uint8Array {
  const dates = { notBefore: unixSeconds(nowSeconds() - day), notAfter: unixSeconds(notAfter) }
  return issueCertificate({ issuer, subject: nameOf(`CN=${commonName}`), ...dates, key }).certificate.der
}

function listOf(issuer: CertificateAuthority, serialNumbers: readonly bigint[]): string {
  const thisUpdate = unixSeconds(nowSeconds() - 60)
  const dates = { thisUpdate, nextUpdate: unixSeconds(nowSeconds() + day) }
  const revoked = serialNumbers.map((serialNumber) => ({ serialNumber, revokedAt: thisUpdate }))
  return toPem('X509 CRL', createRevocationList({ issuer, crlNumber: 1n, revoked, ...dates }))
}

function pemOf({ certificate }: CertificateAuthority): string {
  return toPem('CERTIFICATE', certificate.der)
}

function templateOf(resources: readonly Resource[]): unknown {
  const topicSpacesConfiguration = { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 100 }
  const apiVersion = '2025-02-15'
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.EventGrid/namespaces',
        ...{ apiVersion, name: 'plant', location: 'local' },
        properties: { topicSpacesConfiguration, sealgate: { limits: { maximumCaCertificates: 20 } } },
      },
      ...resources.map(({ type, name, properties }) => ({
        ...{ type: `Microsoft.EventGrid/namespaces/${type}`, apiVersion, name: `plant/${name}`, properties },
        dependsOn: ["[resourceId('Microsoft.EventGrid/namespaces', 'plant')]"],
      })),
    ],
  }
}

/** Resolves with the instant at which the answer was there. */
function management(ready: Awaited<ReturnType<typeof serve>>['ready']) {
  const agent = new Agent({ ca: readFileSync(ready.caFile), keepAlive: true, servername: 'localhost', maxSockets: 8 })
  const token = readFileSync(ready.tokenFile, 'utf8').trim()
  const namespace =
    '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/plant'
  return async (method: string, path: string, body?: unknown): Promise<number> => {
    for (;;) {
      const sent = request({
        ...{ ...ready.https, agent, method },
        path: `${namespace}${path === '' ? '' : `/${path}`}?api-version=2025-07-15-preview`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      })
      sent.end(body === undefined ? undefined : JSON.stringify(body))
      const [response] = await once(sent, 'response')
      const at = performance.timeOrigin + performance.now()
      const said = await text(response)
      if (response.statusCode < 300) return at
      if (response.statusCode !== 429) throw new Error(`${method} ${path}: ${response.statusCode} ${said}`)
      await sleep(1_000)
    }
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}
