import type { Fields } from '../fields.ts'
import { canExpress } from './api-version.ts'
import { type ClientAuthentication, readClientAuthentication, webhookDocument } from './client-authentication.ts'
import type { ReadContext } from './context.ts'

/** `topicSpacesConfiguration` of a namespace: the MQTT broker's switch and settings. */
export interface TopicSpacesConfiguration {
  readonly state: 'Enabled' | 'Disabled'
  readonly maximumSessionExpiryInHours: number
  readonly maximumClientSessionsPerAuthenticationName: number
  readonly clientAuthentication: ClientAuthentication
  readonly routeTopicResourceId?: string
  readonly routingEnrichments?: RoutingEnrichments
  readonly routingIdentityInfo?: RoutingIdentity
  readonly customDomains: readonly CustomDomain[]
}

export interface RoutingEnrichments {
  readonly static: readonly { readonly key: string; readonly valueType: 'String'; readonly value: string }[]
  readonly dynamic: readonly { readonly key: string; readonly value: string }[]
}

export interface RoutingIdentity {
  readonly type: 'None' | 'SystemAssigned' | 'UserAssigned'
  readonly userAssignedIdentity?: string
}

export interface CustomDomain {
  readonly fullyQualifiedDomainName: string
  readonly certificateUrl?: string
  readonly identity?: RoutingIdentity
}

export function readTopicSpacesConfiguration(
  fields: Fields,
  existing: TopicSpacesConfiguration | null,
  context: ReadContext,
): TopicSpacesConfiguration {
  const { limits } = context
  const state = fields.choice('state', ['Disabled', 'Enabled'])
  // Azure: create, view and manage namespaces: MQTT cannot be turned off again. Absent therefore means unchanged.
  if (existing?.state === 'Enabled' && state === 'Disabled') {
    fields.fail('state', 'Immutable', 'MQTT cannot be turned off again. Delete the namespace, or disable its clients.')
  }
  const route = fields.text('routeTopicResourceId', 2048)
  const enrichments = readEnrichments(fields, context)
  const routingIdentity = readIdentity(fields, 'routingIdentityInfo')
  return {
    state: existing?.state === 'Enabled' ? 'Enabled' : (state ?? 'Disabled'),
    maximumSessionExpiryInHours:
      fields.integer('maximumSessionExpiryInHours', 1, limits.sessionExpiryHoursBound) ??
      limits.sessionExpiryHoursDefault,
    maximumClientSessionsPerAuthenticationName:
      fields.integer('maximumClientSessionsPerAuthenticationName', 1, limits.sessionsPerNameBound) ??
      limits.sessionsPerNameDefault,
    clientAuthentication: readVersioned(fields, existing, context),
    ...(route === undefined ? {} : { routeTopicResourceId: route }),
    ...(enrichments === undefined ? {} : { routingEnrichments: enrichments }),
    ...(routingIdentity === undefined ? {} : { routingIdentityInfo: routingIdentity }),
    customDomains: readCustomDomains(fields),
  }
}

function readVersioned(
  fields: Fields,
  existing: TopicSpacesConfiguration | null,
  context: ReadContext,
): ClientAuthentication {
  const kept = existing?.clientAuthentication ?? null
  if (kept !== null && !fields.has('clientAuthentication') && !canExpress(context.apiVersion, 'clientAuthentication')) {
    return kept
  }
  return readClientAuthentication(fields.nested('clientAuthentication'), kept, context)
}

export function topicSpacesConfigurationDocument(
  configuration: TopicSpacesConfiguration,
  hostname: string | null,
): Record<string, unknown> {
  const { clientAuthentication, customDomains, ...rest } = configuration
  const { alternativeAuthenticationNameSources, customJwtAuthentication, webhookAuthentication } = clientAuthentication
  return {
    ...rest,
    hostname,
    clientAuthentication: {
      alternativeAuthenticationNameSources,
      ...(customJwtAuthentication === undefined ? {} : { customJwtAuthentication }),
      ...(webhookAuthentication === undefined ? {} : { webhookAuthentication: webhookDocument(webhookAuthentication) }),
    },
    ...customDomainsDocument(customDomains),
  }
}

export function customDomainsDocument(customDomains: readonly CustomDomain[]): Record<string, unknown> {
  if (customDomains.length === 0) return {}
  return { customDomains: customDomains.map((domain) => ({ ...domain, validationState: 'Pending' })) }
}

function readEnrichments(fields: Fields, { limits }: ReadContext): RoutingEnrichments | undefined {
  if (!fields.has('routingEnrichments')) return undefined
  const enrichments = fields.nested('routingEnrichments')
  const maximum = limits.maximumRoutingEnrichments
  const ofStatic = enrichments.objects('static', maximum) ?? []
  const ofDynamic = enrichments.objects('dynamic', maximum) ?? []
  if (ofStatic.length + ofDynamic.length > maximum) {
    fields.fail('routingEnrichments', 'TooMany', `At most ${maximum} enrichments are allowed, of both kinds together.`)
  }
  const keys = new Set<string>()
  const read = (entry: Fields) => {
    const key = entry.text('key', 1024) ?? ''
    const value = entry.text('value', 65_536) ?? ''
    // Azure: MQTT routing enrichment: names of CloudEvents attributes.
    if (!/^[a-z0-9]+$/.test(key) || key.length > limits.maximumRoutingEnrichmentKeyCharacters) {
      const most = limits.maximumRoutingEnrichmentKeyCharacters
      entry.fail('key', 'InvalidValue', `Write 1 to ${most} lower-case letters and digits.`)
    } else if (keys.has(key)) entry.fail('key', 'InvalidValue', `The key "${key}" is used twice.`)
    keys.add(key)
    if (value.length < 1 || value.length > limits.maximumRoutingEnrichmentValueCharacters) {
      entry.fail('value', 'InvalidValue', `Write 1 to ${limits.maximumRoutingEnrichmentValueCharacters} characters.`)
    }
    return { key, value }
  }
  return {
    static: ofStatic.map((entry) => {
      entry.choice('valueType', ['String'])
      return { ...read(entry), valueType: 'String' as const }
    }),
    dynamic: ofDynamic.map(read),
  }
}

function readIdentity(fields: Fields, name: string): RoutingIdentity | undefined {
  if (!fields.has(name)) return undefined
  const identity = fields.nested(name)
  const type = identity.choice('type', ['None', 'SystemAssigned', 'UserAssigned'])
  const userAssignedIdentity = identity.text('userAssignedIdentity', 2048)
  return {
    type: type ?? 'None',
    ...(userAssignedIdentity === undefined ? {} : { userAssignedIdentity }),
  }
}

export function readCustomDomains(fields: Fields): readonly CustomDomain[] {
  const seen = new Set<string>()
  return (fields.objects('customDomains', 100) ?? []).map((domain) => {
    const name = (domain.text('fullyQualifiedDomainName', 253) ?? '').toLowerCase()
    if (!/^(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})+$/.test(name)) {
      domain.fail(
        'fullyQualifiedDomainName',
        'InvalidValue',
        'Write a full domain name in ASCII, e.g. mqtt.example.org.',
      )
    } else if (seen.has(name)) domain.fail('fullyQualifiedDomainName', 'InvalidValue', 'The domain is named twice.')
    seen.add(name)
    const certificateUrl = domain.text('certificateUrl', 2048)
    const identity = readIdentity(domain, 'identity')
    return {
      fullyQualifiedDomainName: name,
      ...(certificateUrl === undefined ? {} : { certificateUrl }),
      ...(identity === undefined ? {} : { identity }),
    }
  })
}
