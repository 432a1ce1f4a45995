import { decisionCodes } from '../auth/decision.ts'
import { roles } from './access/role.ts'

/** Schemas of the OpenAPI document: JSON Schema 2020-12. What a schema does not forbid is passed over on input. */

export type Schema = { readonly [member: string]: unknown }

const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const
const flag = { type: 'boolean' } as const
const whole = { type: 'integer' } as const
const list = (items: Schema): Schema => ({ type: 'array', items })
const object = (properties: Schema, more: Schema = {}): Schema => ({ type: 'object', properties, ...more })
const nullable = (schema: Schema & { readonly type: string }): Schema => ({ ...schema, type: [schema.type, 'null'] })
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values })
const refer = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const readOnly = (schema: Schema): Schema => ({ ...schema, readOnly: true })
const writeOnly = (schema: Schema, description: string): Schema => ({ ...schema, writeOnly: true, description })
const described = (schema: Schema, description: string): Schema => ({ ...schema, description })

const sealgate = described(
  { type: 'object' },
  'Settings that Azure does not know. What is left out stays as it is; null resets.',
)

/** What every resource has around its properties. */
function resource(properties: Schema, more: Schema = {}, required: readonly string[] = []): Schema {
  return object({
    id: readOnly(text),
    name: readOnly(text),
    type: readOnly(text),
    ...more,
    systemData: readOnly(refer('SystemData')),
    properties: object(
      { ...properties, provisioningState: readOnly(text), sealgate },
      required.length === 0 ? {} : { required },
    ),
    warnings: readOnly(list(refer('Warning'))),
  })
}

const seenCertificate = object({
  sha256: text,
  sha1: text,
  subject: text,
  serialNumber: nullable(text),
  notBefore: time,
  notAfter: time,
  caCertificateName: nullable(text),
  thumbprint: { enum: ['primary', 'secondary', null] },
  firstSeenAt: time,
  lastSeenAt: described(time, 'To the hour; to the minute while the client changes certificates.'),
})

const customDomains = list(object({ fullyQualifiedDomainName: text }))

const topicSpacesConfiguration = object({
  state: oneOf('Disabled', 'Enabled'),
  hostname: readOnly(nullable(text)),
  maximumSessionExpiryInHours: whole,
  maximumClientSessionsPerAuthenticationName: whole,
  routeTopicResourceId: text,
  routingEnrichments: { type: 'object' },
  routingIdentityInfo: { type: 'object' },
  customDomains,
  clientAuthentication: object({
    alternativeAuthenticationNameSources: list(
      oneOf(
        'ClientCertificateSubject',
        'ClientCertificateDns',
        'ClientCertificateUri',
        'ClientCertificateIp',
        'ClientCertificateEmail',
      ),
    ),
    customJwtAuthentication: { type: 'object' },
    webhookAuthentication: { type: 'object' },
  }),
})

const resources: Readonly<Record<string, Schema>> = {
  Namespace: resource(
    {
      topicSpacesConfiguration,
      topicsConfiguration: object({ hostname: readOnly(nullable(text)), customDomains }),
      publicNetworkAccess: oneOf('Enabled', 'Disabled', 'SecuredByPerimeter'),
      inboundIpRules: list(object({ ipMask: text, action: oneOf('Allow') })),
      isZoneRedundant: flag,
      minimumTlsVersionAllowed: oneOf('1.2'),
      ipV6Enabled: flag,
      privateEndpointConnections: readOnly(list({ type: 'object' })),
    },
    {
      location: described(text, 'Fixed when the namespace is made; required then.'),
      tags: map(text),
      sku: object({ name: oneOf('Standard'), capacity: { ...whole, minimum: 1, maximum: 40 } }),
      identity: { type: 'object' },
    },
  ),
  CaCertificate: resource(
    {
      description: text,
      encodedCertificate: described(text, 'One CA certificate: PEM, base64 of PEM or base64 of DER.'),
      issueTimeInUtc: readOnly(time),
      expiryTimeInUtc: readOnly(time),
    },
    {},
    ['encodedCertificate'],
  ),
  Client: resource({
    description: text,
    authenticationName: described(
      { ...text, minLength: 1, maxLength: 128 },
      'Unique whatever its case, fixed when the client is made; the resource name when left out.',
    ),
    clientCertificateAuthentication: object({
      validationScheme: oneOf(
        'SubjectMatchesAuthenticationName',
        'DnsMatchesAuthenticationName',
        'UriMatchesAuthenticationName',
        'IpMatchesAuthenticationName',
        'EmailMatchesAuthenticationName',
        'ThumbprintMatch',
      ),
      allowedThumbprints: { ...list(text), maxItems: 2 },
    }),
    state: oneOf('Enabled', 'Disabled'),
    attributes: map({ type: ['integer', 'string', 'array'] }),
  }),
  ClientGroup: resource(
    {
      description: text,
      query: described(text, "For example: attributes.floor <= 5 and attributes.role IN ['a','b']"),
    },
    {},
    ['query'],
  ),
  TopicSpace: resource({ description: text, topicTemplates: list(text) }, {}, ['topicTemplates']),
  PermissionBinding: resource(
    {
      description: text,
      clientGroupName: described(text, 'A client group, or $all.'),
      topicSpaceName: text,
      permission: oneOf('Publisher', 'Subscriber'),
    },
    {},
    ['clientGroupName', 'topicSpaceName', 'permission'],
  ),
  DenyEntry: resource({
    description: text,
    encodedCertificate: writeOnly(
      text,
      'The certificate to deny; it is kept as issuer and serial number, certificate and key.',
    ),
    certificateFingerprint: writeOnly(text, 'SHA-256 of a certificate that a client was accepted with.'),
    caCertificateName: writeOnly(text, 'The registered CA that gave the serial number.'),
    encodedIssuerCertificate: writeOnly(text, 'The CA that gave the serial number, where it is not registered.'),
    certificateSubject: described(text, 'For people; nothing is compared with it.'),
    certificateIssuer: described(text, 'For people; nothing is compared with it.'),
    issuerSha256: described(text, "SHA-256 of the issuer's name as encoded."),
    serialNumber: described(text, 'Hexadecimal: 0x4be1, 4b:e1 or 4BE1; digits alone need 0x or colons.'),
    tbsCertificateSha256: described(text, 'SHA-256 of TBSCertificate.'),
    publicKeySha256: described(text, 'SHA-256 of SubjectPublicKeyInfo: every certificate of this key.'),
  }),
  RevocationList: resource({
    description: text,
    encodedRevocationList: writeOnly(
      text,
      'PEM or base64 of DER; left out, the stored list stays. Large ones: upload.',
    ),
    allowOlder: writeOnly(flag, 'Also when the list in use is newer.'),
    encodedIssuerCertificate: described(text, 'The CA that signed the list; needed where it is not registered.'),
    issuer: readOnly(text),
    thisUpdateInUtc: readOnly(time),
    nextUpdateInUtc: readOnly(nullable(time)),
    crlNumber: readOnly(nullable(text)),
    revokedCertificates: readOnly(whole),
    sha256: readOnly(text),
    octets: readOnly(whole),
  }),
}

const pages = Object.fromEntries(
  [...Object.keys(resources), 'ResourceGroup', 'Generic'].map((name) => [
    `${name}List`,
    object({ value: list(refer(name)), nextLink: text }, { required: ['value'] }),
  ]),
)

const decision = {
  at: time,
  action: oneOf('connect', 'publish', 'subscribe', 'handshake', 'session'),
  outcome: oneOf('accepted', 'refused'),
  code: { type: ['string', 'null'], enum: [...decisionCodes, null] },
  remedy: nullable(text),
  namespaceName: nullable(text),
  protocol: nullable(text),
  clientId: nullable(text),
  username: nullable(text),
  authenticationName: nullable(text),
  nameSource: nullable(text),
  method: nullable(text),
  certificateFingerprint: nullable(text),
  steps: list(
    object({
      step: text,
      outcome: oneOf('passed', 'failed', 'skipped'),
      expected: nullable(text),
      presented: nullable(text),
      detail: nullable(text),
    }),
  ),
}

const token = {
  id: text,
  name: text,
  kind: oneOf('token', 'servicePrincipal'),
  role: oneOf(...roles),
  scope: described(text, 'Id of the subscription, a resource group or a namespace.'),
  notActions: described(list(text), 'Actions taken from the role; * stands for any text.'),
  createdAt: time,
  createdBy: text,
  expiresAt: nullable(time),
}

const access: Readonly<Record<string, Schema>> = {
  NewToken: object(
    {
      kind: token.kind,
      name: text,
      role: token.role,
      scope: token.scope,
      notActions: token.notActions,
      expiresInDays: described(nullable(whole), '90 when left out; null: never.'),
    },
    { required: ['name', 'role'], additionalProperties: false },
  ),
  Token: object(token),
  TokenList: object({ value: list(refer('Token')) }),
  CreatedToken: object({
    ...token,
    token: described(text, 'Of a token: the bearer token.'),
    clientId: described(text, 'Of a service principal.'),
    clientSecret: text,
    tenantId: text,
  }),
  TokenRequest: object({ grant_type: oneOf('client_credentials'), client_id: text, client_secret: text, scope: text }),
  TokenResponse: object({ token_type: text, expires_in: whole, ext_expires_in: whole, access_token: text }),
  OpenIdConfiguration: object({ issuer: text, token_endpoint: text, authorization_endpoint: text, jwks_uri: text }),
}

const around: Readonly<Record<string, Schema>> = {
  ResourceGroup: object({
    id: readOnly(text),
    name: readOnly(text),
    type: readOnly(text),
    location: text,
    tags: map(text),
    properties: readOnly(object({ provisioningState: text })),
  }),
  Generic: { type: 'object' },
  Octets: { type: 'string', format: 'binary' },
  EmptyList: object({ value: { type: 'array', maxItems: 0 } }),
  Metadata: { type: 'object' },
  File: described({ type: 'string', format: 'binary' }, 'Bytes.'),
  Template: described({ type: 'object' }, 'A template of Azure Resource Manager.'),
  Deployment: object({
    id: readOnly(text),
    name: readOnly(text),
    type: readOnly(text),
    properties: object({
      mode: oneOf('Incremental', 'Complete'),
      template: refer('Template'),
      parameters: { type: 'object' },
      provisioningState: readOnly(text),
      timestamp: readOnly(time),
      duration: readOnly(text),
      correlationId: readOnly(text),
      outputs: readOnly({ type: 'object' }),
      outputResources: readOnly(list(object({ id: text }))),
      providers: readOnly(list({ type: 'object' })),
      dependencies: readOnly(list({ type: 'object' })),
      templateHash: readOnly(text),
    }),
    warnings: readOnly(list(refer('Warning'))),
  }),
  WhatIf: object({
    status: text,
    properties: object({
      changes: list(
        object({
          resourceId: text,
          changeType: oneOf('Create', 'Modify', 'NoChange', 'Delete'),
          before: nullable({ type: 'object' }),
          after: nullable({ type: 'object' }),
          delta: list(object({ path: text, propertyChangeType: text, before: {}, after: {} })),
        }),
      ),
    }),
  }),
}

const own: Readonly<Record<string, Schema>> = {
  DecisionList: object({
    value: list(
      object({
        id: text,
        lastAt: time,
        count: whole,
        ...decision,
        listener: nullable(text),
        remoteAddress: nullable(text),
        serverName: nullable(text),
      }),
    ),
    nextLink: text,
  }),
  SessionList: object({
    value: list(
      object({
        clientId: text,
        authenticationName: text,
        authority: text,
        method: text,
        online: flag,
        sequenceNumber: whole,
        connectedAt: time,
        expiryIntervalSeconds: nullable(whole),
        expiresAt: nullable(time),
        subscriptions: list({ type: 'object' }),
        hasWill: flag,
        queued: object({ messages: whole, bytes: whole }),
      }),
    ),
    nextLink: text,
  }),
  CaCertificateUse: object({
    clients: described(whole, 'Clients whose last certificate led to it.'),
    liveSessions: described(whole, 'Connected sessions whose certification path holds it.'),
    lastUsedAt: nullable(time),
  }),
  SeenCertificate: seenCertificate,
  SeenCertificateList: object({ value: list(refer('SeenCertificate')) }),
  ExpiringClientList: object({
    value: list(object({ name: text, authenticationName: text, certificate: refer('SeenCertificate') })),
    nextLink: text,
  }),
  SessionClosed: object({ clientId: text, closed: flag }),
  ExplainRequest: object(
    {
      certificate: described(text, 'PEM or base64; the first certificate is the client’s own. Never a private key.'),
      chain: described(text, 'PEM of what the client sends after its own certificate.'),
      username: text,
      clientId: described(text, 'With it, policies on Client Identifiers and the sessions that there are count too.'),
      authenticationMethod: described(text, 'Of an MQTT 5 CONNECT; left out by clients with a certificate.'),
      protocol: oneOf('MQTT5', 'MQTT3'),
      willTopic: described(text, 'Topic of the will in CONNECT.'),
      publishTo: described(text, 'A topic that the client would publish to.'),
      subscribeTo: described(text, 'A topic filter that the client would subscribe to.'),
    },
    { additionalProperties: false },
  ),
  Explanation: object({
    ...decision,
    keyProven: described({ const: false }, 'A live connection also needs the key.'),
    caCertificateName: nullable(text),
    validUntil: nullable(time),
  }),
  AccessKeys: object({ key1: text, key2: text }),
  RegenerateKey: object({ keyName: oneOf('key1', 'key2') }, { required: ['keyName'] }),
  CustomDomains: object({
    customDomainsForTopicsConfiguration: customDomains,
    customDomainsForTopicSpacesConfiguration: customDomains,
  }),
}

export const schemas: Readonly<Record<string, Schema>> = {
  ...resources,
  ...pages,
  ...around,
  ...own,
  ...access,
  SystemData: object({
    createdAt: time,
    createdBy: text,
    createdByType: text,
    lastModifiedAt: time,
    lastModifiedBy: text,
    lastModifiedByType: text,
  }),
  Warning: object({ code: text, message: text }),
  Error: object(
    {
      error: object(
        {
          code: text,
          message: text,
          target: described(text, 'Path of the property, name of the parameter or header.'),
          details: described(list(object({ code: text, message: text, target: text })), 'All problems at once.'),
        },
        { required: ['code', 'message'] },
      ),
    },
    { required: ['error'] },
  ),
}
