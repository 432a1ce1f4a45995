import { readPem } from '../../x509/pem.ts'
import { type Fields, matchChoice } from '../fields.ts'
import type { AuthenticationNameSource } from '../view.ts'
import { canExpress, type VersionedProperty } from './api-version.ts'
import type { ReadContext } from './context.ts'

/** `topicSpacesConfiguration.clientAuthentication`: how a client may be named besides by its Username. */
export interface ClientAuthentication {
  /** In order: the first source that holds any value decides (S8). */
  readonly alternativeAuthenticationNameSources: readonly AuthenticationNameSource[]
  readonly customJwtAuthentication?: CustomJwtAuthentication
  readonly webhookAuthentication?: WebhookAuthentication
}

export interface CustomJwtAuthentication {
  readonly tokenIssuer: string
  readonly encodedIssuerCertificates: readonly { readonly kid: string; readonly encodedCertificate: string }[]
}

export interface WebhookAuthentication {
  readonly endpointUrl: string
  readonly endpointBaseUrl?: string
  readonly azureActiveDirectoryApplicationIdOrUri: string
  readonly azureActiveDirectoryTenantId: string
  readonly identity: { readonly type: string; readonly userAssignedIdentity?: string }
}

const authenticationNameSources: readonly AuthenticationNameSource[] = [
  'ClientCertificateSubject',
  'ClientCertificateDns',
  'ClientCertificateUri',
  'ClientCertificateIp',
  'ClientCertificateEmail',
]

export function readClientAuthentication(
  fields: Fields,
  existing: ClientAuthentication | null,
  context: ReadContext,
): ClientAuthentication {
  const kept = (name: VersionedProperty) => !fields.has(name) && !canExpress(context.apiVersion, name)
  const jwt = kept('customJwtAuthentication') ? existing?.customJwtAuthentication : readCustomJwt(fields, context)
  const webhook = kept('webhookAuthentication') ? existing?.webhookAuthentication : readWebhook(fields, existing)
  return {
    alternativeAuthenticationNameSources: readSources(fields),
    ...(jwt === undefined ? {} : { customJwtAuthentication: jwt }),
    ...(webhook === undefined ? {} : { webhookAuthentication: webhook }),
  }
}

function readSources(fields: Fields): readonly AuthenticationNameSource[] {
  const name = 'alternativeAuthenticationNameSources'
  const sources: AuthenticationNameSource[] = []
  for (const [index, text] of (fields.texts(name, authenticationNameSources.length) ?? []).entries()) {
    const source = matchChoice(text, authenticationNameSources)
    if (source === undefined) {
      fields.fail(`${name}[${index}]`, 'InvalidValue', `Write one of ${authenticationNameSources.join(', ')}.`)
    } else if (sources.includes(source)) {
      fields.fail(`${name}[${index}]`, 'InvalidValue', `${source} is named twice; the order of the list decides.`)
    } else sources.push(source)
  }
  return sources
}

function readCustomJwt(fields: Fields, { limits }: ReadContext): CustomJwtAuthentication | undefined {
  if (!fields.has('customJwtAuthentication')) return undefined
  const jwt = fields.nested('customJwtAuthentication')
  const tokenIssuer = jwt.text('tokenIssuer', 2048) ?? ''
  if (tokenIssuer === '') jwt.fail('tokenIssuer', 'Required', 'Write the iss claim that tokens carry.')
  if ((jwt.list('issuerCertificates', 100)?.length ?? 0) > 0) {
    jwt.fail(
      'issuerCertificates',
      'Unsupported',
      'Certificates in a key vault are not reachable here. Give them as encodedIssuerCertificates.',
    )
  }
  const certificates = jwt.objects('encodedIssuerCertificates', limits.maximumTokenIssuerCertificates) ?? []
  if (certificates.length === 0) {
    jwt.fail('encodedIssuerCertificates', 'Required', 'Give at least one issuer certificate with its kid.')
  }
  const kids = new Set<string>()
  return {
    tokenIssuer,
    encodedIssuerCertificates: certificates.map((certificate) => {
      const kid = certificate.text('kid', 256) ?? ''
      if (kid === '') certificate.fail('kid', 'Required', 'Write the key id that tokens carry in their header.')
      else if (kids.has(kid)) certificate.fail('kid', 'InvalidValue', `The kid "${kid}" is used twice.`)
      kids.add(kid)
      const encodedCertificate = certificate.text('encodedCertificate', 65_536) ?? ''
      const pem = readPem(encodedCertificate)
      if (!pem.ok) {
        const isKey = pem.error.kind === 'privateKey'
        certificate.fail(
          'encodedCertificate',
          isKey ? 'PrivateKeyRefused' : 'InvalidCertificate',
          isKey ? 'The text holds a private key. Send the certificate alone.' : 'Write one certificate as PEM.',
        )
      } else if (pem.value.certificates.length !== 1) {
        certificate.fail('encodedCertificate', 'InvalidCertificate', 'Write exactly one certificate as PEM.')
      }
      return { kid, encodedCertificate }
    }),
  }
}

/** The query of a webhook's address may be its secret (`?code=…`): it is kept and used, and shown to nobody. */
export function webhookDocument(webhook: WebhookAuthentication): WebhookAuthentication {
  return { ...webhook, endpointUrl: withoutQuery(webhook.endpointUrl) }
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '')
}

function readWebhook(fields: Fields, existing: ClientAuthentication | null): WebhookAuthentication | undefined {
  if (!fields.has('webhookAuthentication')) return undefined
  const webhook = fields.nested('webhookAuthentication')
  const required = (from: Fields, name: string): string => {
    const text = from.text(name, 2048) ?? ''
    if (text === '') from.fail(name, 'Required', `${name} is required.`)
    return text
  }
  const identity = webhook.nested('identity')
  const given = required(webhook, 'endpointUrl')
  const kept = existing?.webhookAuthentication?.endpointUrl
  // Whoever sends back what was shown means what is stored.
  const endpointUrl = kept !== undefined && given === withoutQuery(kept) ? kept : given
  if (endpointUrl !== '' && !/^https:\/\/[^/?#\s]+/i.test(endpointUrl)) {
    webhook.fail('endpointUrl', 'InvalidValue', 'Write an https:// address.')
  }
  const endpointBaseUrl = webhook.text('endpointBaseUrl', 2048)
  const userAssignedIdentity = identity.text('userAssignedIdentity', 2048)
  return {
    endpointUrl,
    ...(endpointBaseUrl === undefined ? {} : { endpointBaseUrl }),
    azureActiveDirectoryApplicationIdOrUri: required(webhook, 'azureActiveDirectoryApplicationIdOrUri'),
    azureActiveDirectoryTenantId: required(webhook, 'azureActiveDirectoryTenantId'),
    identity: {
      type: required(identity, 'type'),
      ...(userAssignedIdentity === undefined ? {} : { userAssignedIdentity }),
    },
  }
}
