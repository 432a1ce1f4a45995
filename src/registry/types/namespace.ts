import { parseIpAddress } from '../../x509/ip-address.ts'
import type { Fields } from '../fields.ts'
import { canExpress } from './api-version.ts'
import type { ReadContext } from './context.ts'
import {
  type CustomDomain,
  customDomainsDocument,
  readCustomDomains,
  readTopicSpacesConfiguration,
  type TopicSpacesConfiguration,
  topicSpacesConfigurationDocument,
} from './topic-spaces-configuration.ts'

export type { NamespaceSettings } from './namespace-settings.ts'

export interface Sku {
  readonly name: 'Standard'
  /** Throughput units. */
  readonly capacity: number
}

export interface NamespaceProperties {
  readonly topicSpacesConfiguration: TopicSpacesConfiguration
  readonly topicsCustomDomains: readonly CustomDomain[]
  readonly publicNetworkAccess: 'Enabled' | 'Disabled' | 'SecuredByPerimeter'
  readonly inboundIpRules: readonly { readonly ipMask: string; readonly action: 'Allow' }[]
  readonly isZoneRedundant?: boolean
  readonly minimumTlsVersionAllowed?: '1.2'
  readonly ipV6Enabled?: boolean
}

/** Azure: quotas and limits, 2026-05-07; the text of the schema still says 20. */
const maximumCapacity = 40

export function readSku(body: Fields): Sku {
  const sku = body.nested('sku')
  sku.choice('name', ['Standard'])
  return { name: 'Standard', capacity: sku.integer('capacity', 1, maximumCapacity) ?? 1 }
}

/** Stored and echoed; nothing here has a managed identity. */
export function readManagedIdentity(body: Fields): Readonly<Record<string, unknown>> | null {
  if (!body.has('identity')) return null
  const identity = body.nested('identity')
  const type = identity.choice('type', [
    'None',
    'SystemAssigned',
    'UserAssigned',
    'SystemAssigned, UserAssigned',
    'SystemAssigned,UserAssigned',
  ])
  const assigned = identity.nested('userAssignedIdentities').keys()
  return {
    type: type ?? 'None',
    ...(assigned.length > 0 ? { userAssignedIdentities: Object.fromEntries(assigned.map((id) => [id, {}])) } : {}),
  }
}

/** Azure Resource Manager: tags. */
export function readTags(body: Fields): Readonly<Record<string, string>> {
  const fields = body.nested('tags')
  const tags: Record<string, string> = Object.create(null)
  const keys = fields.keys().filter((key) => fields.has(key))
  if (keys.length > 50) body.fail('tags', 'TooMany', `${keys.length} tags are given; at most 50 are allowed.`)
  for (const key of keys) {
    if (key.length > 512) fields.fail(key.slice(0, 64), 'TooLong', 'The name of a tag has at most 512 characters.')
    tags[key] = fields.text(key, 256) ?? ''
  }
  return tags
}

export function readNamespace(
  fields: Fields,
  existing: NamespaceProperties | null,
  context: ReadContext,
): NamespaceProperties {
  const zones = fields.flag('isZoneRedundant') ?? existing?.isZoneRedundant
  if (existing?.isZoneRedundant !== undefined && zones !== existing.isZoneRedundant) {
    fields.fail('isZoneRedundant', 'Immutable', 'Zone redundancy is fixed when a namespace is created.')
  }
  const ipV6 =
    fields.has('ipV6Enabled') || canExpress(context.apiVersion, 'ipV6Enabled')
      ? fields.flag('ipV6Enabled')
      : existing?.ipV6Enabled
  const tls = fields.choice('minimumTlsVersionAllowed', ['1.2', '1.1', '1.0'])
  if (tls === '1.0' || tls === '1.1') {
    fields.fail('minimumTlsVersionAllowed', 'InvalidValue', 'TLS below 1.2 is not spoken. Write 1.2.')
  }
  return {
    topicSpacesConfiguration: readTopicSpacesConfiguration(
      fields.nested('topicSpacesConfiguration'),
      existing?.topicSpacesConfiguration ?? null,
      context,
    ),
    topicsCustomDomains: readCustomDomains(fields.nested('topicsConfiguration')),
    publicNetworkAccess:
      fields.choice('publicNetworkAccess', ['Enabled', 'Disabled', 'SecuredByPerimeter']) ?? 'Enabled',
    inboundIpRules: readIpRules(fields, context),
    ...(zones === undefined ? {} : { isZoneRedundant: zones }),
    ...(tls === undefined ? {} : { minimumTlsVersionAllowed: '1.2' as const }),
    ...(ipV6 === undefined ? {} : { ipV6Enabled: ipV6 }),
  }
}

export function namespaceDocument(properties: NamespaceProperties, hostname: string | null): Record<string, unknown> {
  const { topicSpacesConfiguration, topicsCustomDomains, ...rest } = properties
  return {
    ...rest,
    topicsConfiguration: { hostname, ...customDomainsDocument(topicsCustomDomains) },
    topicSpacesConfiguration: topicSpacesConfigurationDocument(
      topicSpacesConfiguration,
      topicSpacesConfiguration.state === 'Enabled' ? hostname : null,
    ),
    privateEndpointConnections: [],
  }
}

function readIpRules(fields: Fields, { limits }: ReadContext): NamespaceProperties['inboundIpRules'] {
  return (fields.objects('inboundIpRules', limits.maximumInboundIpRules) ?? []).map((rule) => {
    rule.choice('action', ['Allow'])
    const ipMask = rule.text('ipMask', 64) ?? ''
    if (!isIpMask(ipMask)) rule.fail('ipMask', 'InvalidValue', 'Write an address or a CIDR range, e.g. 192.0.2.0/24.')
    return { ipMask, action: 'Allow' as const }
  })
}

function isIpMask(text: string): boolean {
  const [address = '', length, ...more] = text.split('/')
  const octets = parseIpAddress(address)
  if (octets === null || more.length > 0) return false
  return length === undefined || (/^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= octets.length * 8)
}
