import { type Kind, nameColumn, properties, property } from './kind.ts'
import { boolean, choice, integer, list, object, text } from './schema.ts'

const nameSources = choice(
  ...['ClientCertificateSubject', 'ClientCertificateDns', 'ClientCertificateUri', 'ClientCertificateIp'],
  'ClientCertificateEmail',
)
const identity = object({
  type: choice('None', 'SystemAssigned', 'UserAssigned'),
  userAssignedIdentity: text,
})
const customDomains = list(
  object({
    fullyQualifiedDomainName: text,
    certificateUrl: text,
    identity,
    validationState: text,
    expectedTxtRecordName: text,
    expectedTxtRecordValue: text,
  }),
)

const topicSpacesConfiguration = object({
  state: choice('Disabled', 'Enabled'),
  maximumSessionExpiryInHours: integer,
  maximumClientSessionsPerAuthenticationName: integer,
  clientAuthentication: object({
    alternativeAuthenticationNameSources: list(nameSources),
    customJwtAuthentication: object({
      tokenIssuer: text,
      encodedIssuerCertificates: list(object({ kid: text, encodedCertificate: text })),
      issuerCertificates: list(object({ certificateUrl: text, identity })),
    }),
    webhookAuthentication: object({
      endpointUrl: text,
      endpointBaseUrl: text,
      azureActiveDirectoryApplicationIdOrUri: text,
      azureActiveDirectoryTenantId: text,
      identity,
    }),
  }),
  routeTopicResourceId: text,
  routingEnrichments: object({
    static: list(object({ key: text, valueType: choice('String'), value: text })),
    dynamic: list(object({ key: text, value: text })),
  }),
  routingIdentityInfo: identity,
  customDomains,
  hostname: text,
})

export const namespaceKind: Kind = {
  command: '',
  type: null,
  one: 'namespace',
  many: 'namespaces',
  example: 'plant',
  flags: [
    {
      flag: '--topic-spaces-configuration',
      placeholder: 'value',
      description:
        'the MQTT broker: state, client-authentication, maximum-session-expiry-in-hours …; "{state:Enabled}" turns it on',
      path: properties('topicSpacesConfiguration'),
      schema: topicSpacesConfiguration,
    },
    {
      flag: '--location',
      placeholder: 'name',
      description: 'where it is, any name; default: local',
      path: ['location'],
      schema: text,
      aliases: ['-l'],
      createOnly: true,
    },
    {
      flag: '--sku',
      placeholder: 'value',
      description: 'throughput units, "{name:Standard,capacity:2}"',
      path: ['sku'],
      schema: object({ name: choice('Standard'), capacity: integer }),
    },
    {
      flag: '--tags',
      placeholder: 'key=value',
      description: 'tags',
      path: ['tags'],
      schema: { kind: 'map', of: text },
    },
    {
      flag: '--identity',
      placeholder: 'value',
      description: 'stored and shown; there are no managed identities here',
      path: ['identity'],
      schema: object({ type: text, userAssignedIdentities: { kind: 'json' }, principalId: text, tenantId: text }),
    },
    {
      flag: '--public-network-access',
      placeholder: 'state',
      description: 'Enabled or Disabled',
      path: properties('publicNetworkAccess'),
      schema: choice('Enabled', 'Disabled', 'SecuredByPerimeter'),
    },
    {
      flag: '--inbound-ip-rules',
      placeholder: 'value',
      description: 'addresses that may connect, "[{ip-mask:192.0.2.0/24,action:Allow}]"',
      path: properties('inboundIpRules'),
      schema: list(object({ ipMask: text, action: choice('Allow') })),
    },
    {
      flag: '--is-zone-redundant',
      placeholder: 'bool',
      description: 'stored and shown',
      path: properties('isZoneRedundant'),
      schema: boolean,
    },
    {
      flag: '--minimum-tls-version-allowed',
      placeholder: 'version',
      description: 'only 1.2',
      path: properties('minimumTlsVersionAllowed'),
      schema: choice('1.0', '1.1', '1.2'),
    },
    {
      flag: '--profile',
      placeholder: 'name',
      description: 'event-grid behaves as Azure documents, full as the standards have it; see sealgate profile show',
      path: ['properties', 'sealgate', 'profile'],
      schema: choice('full', 'event-grid'),
    },
    {
      flag: '--limits',
      placeholder: 'name=value',
      description: 'limits of the profile with other values; none: no limit, null: as the profile has it',
      path: ['properties', 'sealgate', 'limits'],
      schema: { kind: 'map', of: { kind: 'scalar' } },
    },
    {
      flag: '--sealgate',
      placeholder: 'json',
      description: "further settings that Azure has no word for, as JSON, e.g. \"{'clientIdPolicy':'reserved'}\"",
      path: ['properties', 'sealgate'],
      schema: { kind: 'json' },
    },
  ],
  columns: [
    nameColumn,
    { heading: 'resource group', value: ({ id }) => id.split('/')[4] },
    { heading: 'location', value: ({ location }) => location },
    { heading: 'mqtt', value: property('topicSpacesConfiguration', 'state') },
    { heading: 'profile', value: property('sealgate', 'profile') },
    { heading: 'host', value: property('topicSpacesConfiguration', 'hostname') },
  ],
}
