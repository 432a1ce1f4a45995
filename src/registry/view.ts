import type { NamespaceId } from '../ports/identity.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { Revocation } from '../x509/revocation.ts'
import type { AttributeQuery } from './attribute-query.ts'
import type { Attributes } from './attributes.ts'
import type { NamespaceLimits } from './profile.ts'
import type { TopicTemplate } from './topic-template.ts'

/**
 * Synchronous reads of the registry. No snapshot object is built: a decision never awaits, so all its reads see one
 * revision. Records are parsed when first read and kept until their revision changes.
 */

export type ValidationScheme =
  | 'SubjectMatchesAuthenticationName'
  | 'DnsMatchesAuthenticationName'
  | 'UriMatchesAuthenticationName'
  | 'IpMatchesAuthenticationName'
  | 'EmailMatchesAuthenticationName'
  | 'ThumbprintMatch'

export type AuthenticationNameSource =
  | 'ClientCertificateSubject'
  | 'ClientCertificateDns'
  | 'ClientCertificateUri'
  | 'ClientCertificateIp'
  | 'ClientCertificateEmail'

/** A client of the registry as a decision needs it. */
export interface RegisteredClient {
  readonly uid: string
  /** Resource name: case-sensitive; never an identity on the wire. */
  readonly name: string
  /** Stored spelling; topic templates and events use it. */
  readonly authenticationName: string
  /** `fold(authenticationName)` (S1). */
  readonly foldedName: string
  readonly enabled: boolean
  readonly validationScheme: ValidationScheme
  /** Upper-case hexadecimal without separators, 40 (SHA-1) or 64 (SHA-256) digits. */
  readonly allowedThumbprints: readonly string[]
  readonly attributes: Attributes
  /** Names of CA certificates; null: any registered one (S11). */
  readonly issuers: readonly string[] | null
  /** Changes with every write of this client. */
  readonly revision: bigint
}

/** A registered CA certificate. */
export interface RegisteredCaCertificate {
  readonly uid: string
  readonly name: string
  readonly certificate: Certificate
}

export interface PermissionBinding {
  readonly name: string
  readonly clientGroupName: string
  readonly permission: 'Publisher' | 'Subscriber'
  readonly topicSpaceName: string
}

export interface NamespaceView {
  readonly id: NamespaceId
  readonly name: string
  /** ARM id in canonical casing. */
  readonly resourceId: string
  /** `topicSpacesConfiguration.state` is Enabled. */
  readonly mqttEnabled: boolean
  readonly alternativeAuthenticationNameSources: readonly AuthenticationNameSource[]
  readonly maximumSessionExpirySeconds: number
  readonly maximumClientSessionsPerAuthenticationName: number
  /** Profile with overrides applied. */
  readonly limits: NamespaceLimits
  readonly hasCustomJwtAuthentication: boolean
  readonly hasWebhookAuthentication: boolean
  /** Origins of web pages that may use the certificate of the browser's user (S51). */
  readonly allowedOrigins: readonly string[]

  /** Changes when anything that a path verdict depends on changes: CA certificates, deny list, CRLs, policy (S15). */
  readonly trustRevision: bigint
  /** Changes when a group, topic space or binding changes. */
  readonly rightsRevision: bigint

  /** Folds the name (S1). DN and IP names are found by their canonical key as well (S4). */
  clientByAuthenticationName(name: string): RegisteredClient | undefined
  /** For a certificate's subject: `canonicalKey` of x509/distinguished-name.ts. */
  clientBySubjectKey(key: string): RegisteredClient | undefined
  /** For an iPAddress: 4 or 16 octets. */
  clientByIpAddress(octets: Uint8Array): RegisteredClient | undefined
  clientByUid(uid: string): RegisteredClient | undefined
  clientByResourceName(name: string): RegisteredClient | undefined

  caCertificates(): readonly RegisteredCaCertificate[]
  /** Deny list and revocation lists, as `trustRevision` counts them. */
  readonly revocation: Revocation
  /** The custom groups with parsed queries; `$all` is not among them. */
  clientGroups(): readonly { readonly name: string; readonly query: AttributeQuery }[]
  topicTemplates(topicSpaceName: string): readonly TopicTemplate[]
  permissionBindings(): readonly PermissionBinding[]
}

export interface RegistryView {
  /** Ignores case. */
  namespaceByName(name: string): NamespaceView | undefined
  namespaceById(id: NamespaceId): NamespaceView | undefined
  /** In order of creation. */
  namespaces(): readonly NamespaceView[]
}
