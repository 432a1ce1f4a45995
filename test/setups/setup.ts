import type { DecisionCode } from '../../src/auth/decision.ts'
import type { UnixSeconds } from '../../src/base/time.ts'
import type { ProtocolVersion } from '../../src/mqtt/packet.ts'
import type { GeneralName } from '../../src/x509/general-name.ts'
import { type CertificateAuthority, createSelfSigned, issueCertificate } from '../../src/x509/issue.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import type { Identity, TlsVersion } from '../support/mqtt-peer.ts'
import { type Forged, forge, general, identified, key, name, pem, valid } from '../x509/kit.ts'

/**
 * The words in which a broken set-up is told: what is registered, what the client does, what the operator reads, and the
 * one change that makes it work. Everything is data, so that the same entry serves the live attempt, the dry run and the
 * remedy.
 */
export interface Setup {
  /** What somebody did, in the words of whoever did it. */
  readonly name: string
  /** Made in the namespace before anybody connects. */
  readonly registry: readonly Change[]
  /** Whether the namespace serves MQTT at all; default: it does. */
  readonly mqtt?: 'Disabled'
  /** Made in a second namespace of the same broker. */
  readonly elsewhere?: readonly Change[]
  /** A management write that is refused, and the sentence that says why. */
  readonly refusedWrite?: { readonly change: Change; readonly says: RegExp }
  /** Sessions that are there already: each connects, and leaves again when it says so. */
  readonly sessions?: readonly (Client & { readonly leaves: boolean })[]
  /** The broker's clock from now on; default: the instant that the certificates are made around. */
  readonly clock?: UnixSeconds
  /** What is tried follows at once, however slow the machine is. */
  readonly atOnce?: boolean
  readonly client: Client
  readonly code: DecisionCode
  /** A failed step of the record, with what was compared. */
  readonly shows: Shown
  /** Where the dry run is not given what decides: why, and what it says. Default: the same record as the live attempt. */
  readonly explain?: { readonly cannotKnow: string; readonly says: DecisionCode | 'accepted' | null }
  readonly remedy: Remedy
}

/** What looks like a mistake and is none. */
export interface Working {
  readonly name: string
  readonly registry: readonly Change[]
  readonly client: Client
}

export interface Client {
  /** Certificate, key and what is sent behind it; null: none. */
  readonly shows: Identity | null
  readonly username: string | null
  readonly clientId?: string
  readonly password?: string
  readonly authenticationMethod?: string | undefined
  readonly willTopic?: string
  readonly publishesTo?: string
  readonly subscribesTo?: string
  /** Default: that of the namespace. */
  readonly serverName?: ServerName
  readonly door?: 'tls' | 'plain TCP' | 'TLS 1.1'
  /** Over WebSocket, from a page of this origin. */
  readonly origin?: string
  readonly keepsSession?: boolean
  /** Default: TLS 1.3 with MQTT 5, and TLS 1.2 with MQTT 3.1.1. */
  readonly runs?: readonly Run[]
}

export type ServerName = 'of the namespace' | 'of the other namespace' | 'none' | 'of the HTTP host' | 'mistyped'

export interface Run {
  readonly tls: TlsVersion
  readonly mqtt: ProtocolVersion
}

export const bothVersions: readonly Run[] = [
  { tls: 'TLSv1.3', mqtt: 5 },
  { tls: 'TLSv1.2', mqtt: 4 },
]
export const onlyMqtt5: readonly Run[] = [{ tls: 'TLSv1.3', mqtt: 5 }]

export interface Shown {
  readonly step: string
  readonly expected?: string | RegExp
  readonly presented?: string | RegExp
  readonly detail?: string | RegExp
}

/** One change, somewhere: in the registry, at the client, or of the clock. */
export type Remedy =
  | { readonly change: readonly Change[]; readonly and?: Partial<Client> }
  | { readonly client: Partial<Client> }
  | { readonly clock: UnixSeconds }
  /** The command that the record itself ends with. */
  | { readonly command: RegExp }

/** One request to the management API; the path begins behind that of the namespace. */
export interface Change {
  readonly method: 'PUT' | 'PATCH'
  readonly path: string
  readonly body?: unknown
}

export type Scheme = 'Subject' | 'Dns' | 'Uri' | 'Ip' | 'Email'

export function registerCa(
  resource: string,
  certificate: CertificateAuthority | string,
  settings: { readonly allowExpired?: boolean } = {},
): Change {
  const encodedCertificate = typeof certificate === 'string' ? certificate : pem(certificate.certificate)
  const sealgate = Object.keys(settings).length === 0 ? {} : { sealgate: settings }
  return {
    method: 'PUT',
    path: `/caCertificates/${resource}`,
    body: { properties: { encodedCertificate, ...sealgate } },
  }
}

export interface ClientParts {
  /** Default: the resource name. */
  readonly authenticationName?: string
  readonly scheme?: Scheme
  readonly thumbprints?: readonly string[]
  readonly state?: 'Enabled' | 'Disabled'
  readonly issuers?: readonly string[]
}

export function registerClient(resource: string, parts: ClientParts = {}): Change {
  const { authenticationName = resource, scheme = 'Subject', thumbprints, state = 'Enabled', issuers } = parts
  const clientCertificateAuthentication =
    thumbprints === undefined
      ? { validationScheme: `${scheme}MatchesAuthenticationName` }
      : { validationScheme: 'ThumbprintMatch', allowedThumbprints: thumbprints }
  return {
    method: 'PUT',
    path: `/clients/${resource}`,
    body: {
      properties: {
        authenticationName,
        state,
        clientCertificateAuthentication,
        ...(issuers === undefined ? {} : { sealgate: { issuers } }),
      },
    },
  }
}

export function takeNamesFrom(...fields: readonly Scheme[]): Change {
  const alternativeAuthenticationNameSources = fields.map((field) => `ClientCertificate${field}`)
  return configure({ clientAuthentication: { alternativeAuthenticationNameSources } })
}

/** Part of the namespace's MQTT configuration. */
export function configure(topicSpacesConfiguration: Record<string, unknown>): Change {
  return { method: 'PATCH', path: '', body: { properties: { topicSpacesConfiguration } } }
}

export function limit(limits: Record<string, unknown>): Change {
  return { method: 'PATCH', path: '', body: { properties: { sealgate: { limits } } } }
}

export function policy(sealgate: Record<string, unknown>): Change {
  return { method: 'PATCH', path: '', body: { properties: { sealgate } } }
}

/** Everybody may publish or subscribe to these topics. */
export function allow(permission: 'Publisher' | 'Subscriber', topicTemplates: readonly string[]): readonly Change[] {
  const topicSpaceName = `${permission.toLowerCase()}-topics`
  return [
    { method: 'PUT', path: `/topicSpaces/${topicSpaceName}`, body: { properties: { topicTemplates } } },
    {
      method: 'PUT',
      path: `/permissionBindings/${permission.toLowerCase()}`,
      body: { properties: { clientGroupName: '$all', topicSpaceName, permission } },
    },
  ]
}

export interface LeafFields {
  readonly issuer: CertificateAuthority
  readonly sent?: readonly CertificateAuthority[]
  readonly dns?: readonly string[]
  readonly uri?: string
  readonly ip?: string
  readonly email?: string
  readonly names?: readonly GeneralName[]
  readonly notBefore?: UnixSeconds
  readonly notAfter?: UnixSeconds
  readonly extendedKeyUsage?: readonly string[]
}

/** A client certificate as tools make them. */
export function issued(subject: string, fields: LeafFields): Identity {
  const { issuer, sent = [], dns = [], uri, ip, email, names = [], ...more } = fields
  const { certificate } = issueCertificate({
    ...valid,
    ...more,
    issuer,
    subject: name(subject),
    key: key(9),
    subjectAltNames: [
      ...dns.map((text) => general('dNSName', text)),
      ...(uri === undefined ? [] : [general('uniformResourceIdentifier', uri)]),
      ...(ip === undefined ? [] : [general('iPAddress', ip)]),
      ...(email === undefined ? [] : [general('rfc822Name', email)]),
      ...names,
    ],
  })
  return { certificate: certificate.der, sent: sent.map((ca) => ca.certificate.der), key: key(9) }
}

/** A client certificate that no sane tool would make. */
export function forged(fields: Forged, sent: readonly CertificateAuthority[] = []): Identity {
  const privateKey = fields.key ?? key(9)
  return {
    certificate: forge(identified({ ...fields, key: privateKey })),
    sent: sent.map((ca) => ca.certificate.der),
    key: privateKey,
  }
}

/** What `openssl req -x509` leaves on a device. */
export function selfSigned(subject: string, fields: Partial<Parameters<typeof createSelfSigned>[0]> = {}): Identity {
  const { certificate, privateKey } = createSelfSigned({ ...valid, key: key(9), ...fields, subject: name(subject) })
  return { certificate: certificate.der, sent: [], key: privateKey }
}

export function thumbprint({ certificate }: Identity): string {
  return thumbprintsOf(certificate).sha256
}
