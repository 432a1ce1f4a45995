import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { facts, type OutputForm, printResult, table } from '../print.ts'
import type { RestClient } from '../rest/client.ts'
import { RestFailure } from '../rest/rest-failure.ts'
import type { Terminal } from '../terminal.ts'
import type { Kind, ResourceDocument } from './kind.ts'
import type { NamespaceScope } from './scope.ts'

/** What the server knows of the certificates out there: which are in use, by whom, and until when. */

interface SeenCertificate {
  readonly sha256: string
  readonly sha1: string
  readonly subject: string
  readonly notAfter: string
  readonly caCertificateName: string | null
  readonly thumbprint?: 'primary' | 'secondary' | null
  readonly lastSeenAt: string
}

interface CaUse {
  readonly clients: number
  readonly liveSessions: number
  readonly lastUsedAt: string | null
}

interface ExpiringClient {
  readonly name: string
  readonly authenticationName: string
  readonly certificate: SeenCertificate
}

/** Shown beside a client or a CA certificate. */
export async function seenOf(
  client: RestClient,
  { type }: Kind,
  { path }: NamespaceScope,
  { name }: ResourceDocument,
): Promise<{ readonly facts: object; readonly lines: readonly string[] }> {
  const one = `${path}/${type}/${encodeURIComponent(name)}`
  if (type === 'caCertificates') {
    const use = (await client.send({ method: 'GET', path: `${one}/use` })).body as CaUse
    return {
      facts: { use },
      lines: facts([
        ['clients last seen with it', use.clients],
        ['connected sessions that rest on it', use.liveSessions],
        ['last used', use.lastUsedAt ?? 'never'],
      ]),
    }
  }
  if (type === 'clients') {
    const certificates = await certificatesOf(client, one)
    return { facts: { certificates }, lines: certificateLines(certificates) }
  }
  return { facts: {}, lines: [] }
}

async function certificatesOf(client: RestClient, path: string): Promise<readonly SeenCertificate[]> {
  const { body } = await client.send({ method: 'GET', path: `${path}/certificates` })
  return (body as { readonly value: readonly SeenCertificate[] }).value
}

function certificateLines(certificates: readonly SeenCertificate[]): readonly string[] {
  return [
    '',
    ...table(
      ['certificates seen', 'thumbprint', 'valid until', 'last seen', 'CA certificate'],
      certificates.map(({ sha256, thumbprint, notAfter, lastSeenAt, caCertificateName }, index) => [
        index === 0 ? `${sha256} (in use)` : sha256,
        thumbprint ?? null,
        notAfter,
        lastSeenAt,
        caCertificateName,
      ]),
      'It was not seen with a certificate yet.',
    ),
  ]
}

export interface ExpiringOptions {
  readonly expiring: string
  readonly expired: boolean
  readonly most: number | null
  readonly output: OutputForm
}

/** @param path of the collection */
export async function listExpiring(
  client: RestClient,
  terminal: Terminal,
  kind: Kind,
  path: string,
  options: ExpiringOptions,
): Promise<void> {
  const seconds = secondsOf(options.expiring)
  const now = terminal.now()
  const { expiring, expired, most, output } = options
  const none = `There are no ${kind.many} whose certificate expires within ${expiring}.`
  if (kind.type === 'clients') {
    const query = { within: expiring, $top: '100', ...(expired ? { expired: 'true' } : {}) }
    const found: ExpiringClient[] = []
    for await (const one of client.list({ method: 'GET', path: path.replace(/clients$/, 'expiringClients'), query })) {
      found.push(one as ExpiringClient)
      if (found.length === most) break
    }
    await printResult(terminal, output, found, () =>
      table(
        ['name', 'authentication name', 'valid until', 'left', 'subject', 'last seen', 'CA certificate'],
        found.map(({ name, authenticationName, certificate }) => [
          name,
          authenticationName,
          certificate.notAfter,
          leftUntil(certificate.notAfter, now),
          certificate.subject,
          certificate.lastSeenAt,
          certificate.caCertificateName,
        ]),
        none,
      ),
    )
    return
  }
  const all: ResourceDocument[] = []
  for await (const one of client.list({ method: 'GET', path, query: { $top: '100' } }))
    all.push(one as ResourceDocument)
  const expiryOf = ({ properties }: ResourceDocument) => Date.parse(String(properties['expiryTimeInUtc']))
  const found = all
    .filter((document) => expiryOf(document) <= now + seconds * 1_000 && (expired || expiryOf(document) >= now))
    .sort((a, b) => expiryOf(a) - expiryOf(b))
    .slice(0, most ?? all.length)
  await printResult(terminal, output, found, () =>
    table(
      ['name', 'valid until', 'left', 'description'],
      found.map((document) => {
        const expiry = String(document.properties['expiryTimeInUtc'])
        return [document.name, expiry, leftUntil(expiry, now), document.properties['description'] as string | undefined]
      }),
      none,
    ),
  )
}

function secondsOf(text: string): number {
  const match = /^(\d{1,6})([dh])$/i.exec(text)
  if (match === null) throw wrongUsage(`--expiring ${text}: expected days or hours, e.g. 30d or 12h`)
  return Number(match[1]) * (match[2]?.toLowerCase() === 'd' ? 86_400 : 3_600)
}

function leftUntil(text: string, now: number): string {
  const hours = Math.floor((Date.parse(text) - now) / 3_600_000)
  if (hours < 0) return 'expired'
  return hours >= 48 ? `${Math.floor(hours / 24)} d` : `${hours} h`
}

/**
 * The document of a client with its secondary thumbprint in the place of the primary one. Refused until the device shows it: whoever
 * takes away a thumbprint that is in use locks the device out.
 */
export async function withPromotedThumbprint(client: RestClient, path: string, document: unknown): Promise<unknown> {
  const { properties, ...rest } = document as ResourceDocument
  const authentication = (properties['clientCertificateAuthentication'] ?? {}) as {
    readonly allowedThumbprints?: readonly string[]
  }
  const [, ...secondary] = authentication.allowedThumbprints ?? []
  if (secondary.length === 0) {
    throw new CommandFailure([
      `client ${rest.name} has no secondary thumbprint`,
      'A second one is given beside the first: --client-certificate-authentication "{validation-scheme:ThumbprintMatch,allowed-thumbprints:[<first>,<second>]}"',
    ])
  }
  const [used] = await certificatesOf(client, path)
  const inUse = secondary.find((thumbprint) => thumbprint === used?.sha256 || thumbprint === used?.sha1)
  if (inUse === undefined) {
    const seen = used === undefined ? 'it was not seen with a certificate yet' : `it was last seen with ${used.sha256}`
    throw new CommandFailure([
      `client ${rest.name} does not use its secondary thumbprint: ${seen}`,
      `The secondary one is ${secondary.join(', ')}. Install that certificate on the device and let it connect, then repeat this.`,
      'A device that is gone for good: name the only thumbprint with --client-certificate-authentication.',
    ])
  }
  return {
    ...rest,
    properties: {
      ...properties,
      clientCertificateAuthentication: {
        ...authentication,
        allowedThumbprints: [inUse, ...secondary.filter((thumbprint) => thumbprint !== inUse)],
      },
    },
  }
}

/** The server told that a CA certificate is in use; here it is a flag that deletes it all the same. */
export function adviseForce(error: unknown): never {
  if (!(error instanceof RestFailure) || error.errorCode !== 'CaCertificateInUse') throw error
  const said = (error.lines[0] ?? '').replace(/ Move them to another one first.*$/, '')
  throw new RestFailure(error.status, error.errorCode, [
    said,
    'Move its devices to another CA certificate first (docs/certificates.md, rotation).',
    'To end their sessions and delete it all the same: --force',
  ])
}
