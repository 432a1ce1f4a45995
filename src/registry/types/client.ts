import { domainToASCII } from 'node:url'
import { parseIpAddress } from '../../x509/ip-address.ts'
import { isMatchable } from '../../x509/text.ts'
import { parseThumbprint } from '../../x509/thumbprint.ts'
import type { Attributes, AttributeValue } from '../attributes.ts'
import type { Fields } from '../fields.ts'
import { bytesOfText } from '../text-bytes.ts'
import type { ValidationScheme } from '../view.ts'
import { type ReadContext, readDescription } from './context.ts'

export interface ClientProperties {
  readonly description?: string
  /** Fixed at creation. */
  readonly authenticationName: string
  readonly state: 'Enabled' | 'Disabled'
  readonly validationScheme: ValidationScheme
  /** Upper-case hexadecimal; empty but for ThumbprintMatch. */
  readonly allowedThumbprints: readonly string[]
  readonly attributes: Attributes
}

export interface ClientSettings {
  /** Names of CA certificates whose paths count (S11); absent: any. */
  readonly issuers?: readonly string[]
}

const validationSchemes: readonly ValidationScheme[] = [
  'SubjectMatchesAuthenticationName',
  'DnsMatchesAuthenticationName',
  'UriMatchesAuthenticationName',
  'IpMatchesAuthenticationName',
  'EmailMatchesAuthenticationName',
  'ThumbprintMatch',
]

const maximumAuthenticationNameLength = 128

export function readClient(
  properties: Fields,
  existing: ClientProperties | null,
  context: ReadContext,
): ClientProperties {
  const given = withLegacy(properties)
  const scheme = given.scheme ?? 'SubjectMatchesAuthenticationName'
  const state = properties.choice('state', ['Enabled', 'Disabled']) ?? 'Enabled'
  const name = readAuthenticationName(properties, given.authenticationName, existing, scheme, context)
  return {
    ...readDescription(properties),
    authenticationName: name,
    state,
    validationScheme: scheme,
    allowedThumbprints: readThumbprints(given, scheme, existing, context),
    attributes: readAttributes(properties, context),
  }
}

export function clientDocument(properties: ClientProperties): Record<string, unknown> {
  const { description, authenticationName, state, validationScheme, allowedThumbprints, attributes } = properties
  return {
    ...(description === undefined ? {} : { description }),
    authenticationName,
    clientCertificateAuthentication: {
      validationScheme,
      ...(allowedThumbprints.length > 0 ? { allowedThumbprints } : {}),
    },
    state,
    attributes,
  }
}

export function readClientSettings(settings: Fields): ClientSettings {
  settings.refuseOthers(['issuers'])
  const issuers = settings.texts('issuers', 1_000)
  if (issuers === undefined) return {}
  if (issuers.length === 0) {
    settings.fail('issuers', 'InvalidValue', 'Name at least one CA certificate, or write null to accept any.')
  }
  return { issuers }
}

// ---------------------------------------------------------------------------------------------- name

function readAuthenticationName(
  properties: Fields,
  legacyName: string | null,
  existing: ClientProperties | null,
  scheme: ValidationScheme,
  context: ReadContext,
): string {
  const given = properties.text('authenticationName', 4 * maximumAuthenticationNameLength)
  const name = given ?? existing?.authenticationName ?? legacyName ?? context.name
  const fail = (message: string) => properties.fail('authenticationName', 'InvalidAuthenticationName', message)
  if (existing !== null && name !== existing.authenticationName) {
    properties.fail(
      'authenticationName',
      'Immutable',
      'The authentication name is fixed when a client is created. Leave it out, or delete the client and create another.',
    )
    return existing.authenticationName
  }
  const length = [...name].length
  if (length < 1 || length > maximumAuthenticationNameLength) {
    fail(`The name has ${length} characters; write 1 to ${maximumAuthenticationNameLength}.`)
  }
  if (!isMatchable(name)) {
    fail('The name holds a control, bidirectional or invisible character, or half of a surrogate pair; take it out.')
  }
  const unusable = schemeProblem(name, scheme)
  if (unusable !== null) fail(unusable)
  if (existing === null && hasMixedScripts(name)) {
    context.warnings.push({
      code: 'MixedScripts',
      message: `The authentication name "${name}" mixes scripts and may look like another name.`,
    })
  }
  return name
}

/** A name that no certificate could match under its scheme (S6, S7). */
function schemeProblem(name: string, scheme: ValidationScheme): string | null {
  if (scheme === 'IpMatchesAuthenticationName' && parseIpAddress(name) === null) {
    return 'The scheme compares IP addresses: write four plain decimals or an IPv6 address, without zone or leading zeros.'
  }
  if (scheme !== 'DnsMatchesAuthenticationName') return null
  if (!/^[\u0021-\u007e]+$/.test(name)) {
    const ascii = domainToASCII(name)
    return `The scheme compares DNS names in their ASCII form${ascii === '' ? '' : `: write "${ascii}"`}.`
  }
  return name.includes('*') ? 'A name with * never matches: wildcards are not expanded.' : null
}

/** Latin letters beside letters of a script with look-alikes. */
function hasMixedScripts(name: string): boolean {
  return /\p{Script=Latin}/u.test(name) && /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u.test(name)
}

// ---------------------------------------------------------------------------------------------- certificate

/** Scheme and thumbprints as given, wherever they were given. */
interface CertificateChoice {
  readonly fields: Fields
  readonly scheme: ValidationScheme | undefined
  readonly thumbprints: readonly string[] | undefined
  readonly thumbprintsName: string
  readonly authenticationName: string | null
}

/** The first preview's `authentication` is read where it has one meaning only; else it is refused with the new words. */
function withLegacy(properties: Fields): CertificateChoice {
  const current = properties.nested('clientCertificateAuthentication')
  const scheme = current.choice('validationScheme', validationSchemes)
  const thumbprints = current.texts('allowedThumbprints', 1_000)
  const choice = {
    fields: current,
    scheme,
    thumbprints,
    thumbprintsName: 'allowedThumbprints',
    authenticationName: null,
  }
  if (!properties.has('authentication')) return choice
  const legacy = properties.nested('authentication')
  const refuse = (message: string) => {
    properties.fail(
      'authentication',
      'Unsupported',
      `${message} Write clientCertificateAuthentication with validationScheme (and allowedThumbprints).`,
    )
    return choice
  }
  if (properties.has('clientCertificateAuthentication')) {
    return refuse('authentication is the spelling of an old preview and cannot stand beside the new one.')
  }
  const subject = legacy.nested('certificateSubject')
  const thumbprint = legacy.nested('certificateThumbprint')
  if (legacy.has('certificateSubject') === legacy.has('certificateThumbprint')) {
    return refuse('authentication holds either certificateSubject or certificateThumbprint.')
  }
  if (legacy.has('certificateThumbprint')) {
    const both = [thumbprint.text('primary'), thumbprint.text('secondary')].filter((text) => text !== undefined)
    return { ...choice, fields: thumbprint, scheme: 'ThumbprintMatch', thumbprints: both, thumbprintsName: 'primary' }
  }
  const commonName = subject.text('commonName', maximumAuthenticationNameLength)
  const others = subject.keys().filter((key) => key !== 'commonName' && subject.has(key))
  if (commonName === undefined || others.length > 0) {
    return refuse('Only a certificateSubject with nothing but commonName has one meaning today.')
  }
  if (properties.has('authenticationName') && properties.raw('authenticationName') !== commonName) {
    return refuse('certificateSubject.commonName and authenticationName differ, and only one name is compared today.')
  }
  return { ...choice, scheme: 'SubjectMatchesAuthenticationName', authenticationName: commonName }
}

function readThumbprints(
  { fields, thumbprints, thumbprintsName }: CertificateChoice,
  scheme: ValidationScheme,
  existing: ClientProperties | null,
  context: ReadContext,
): readonly string[] {
  const given = thumbprints ?? []
  if (scheme !== 'ThumbprintMatch') {
    if (given.length > 0) {
      fields.fail(thumbprintsName, 'Forbidden', `Thumbprints go with ThumbprintMatch only; the scheme is ${scheme}.`)
    }
    return []
  }
  const maximum = context.limits.maximumThumbprintsPerClient
  if (given.length === 0 && !(thumbprints === undefined && fields.has(thumbprintsName))) {
    fields.fail(thumbprintsName, 'Required', `ThumbprintMatch needs 1 to ${maximum} thumbprints of certificates.`)
  }
  if (given.length > maximum) {
    fields.fail(thumbprintsName, 'TooMany', `${given.length} thumbprints are given; at most ${maximum} are allowed.`)
  }
  const read = new Set<string>()
  for (const [index, text] of given.entries()) {
    const target =
      thumbprintsName === 'primary' ? (index === 0 ? 'primary' : 'secondary') : `${thumbprintsName}[${index}]`
    const thumbprint = parseThumbprint(text)
    if (!thumbprint.ok) {
      fields.fail(
        target,
        'InvalidThumbprint',
        thumbprint.error.kind === 'wrongLength'
          ? `The thumbprint has ${thumbprint.error.digits} hexadecimal digits; write 64 (SHA-256) or 40 (SHA-1).`
          : `The thumbprint holds something else than hexadecimal digits at position ${thumbprint.error.at}.`,
      )
      continue
    }
    const { algorithm, hex } = thumbprint.value
    if (algorithm === 'sha1' && !context.limits.allowSha1Thumbprints && !existing?.allowedThumbprints.includes(hex)) {
      fields.fail(
        target,
        'InvalidThumbprint',
        'SHA-1 thumbprints are turned off in this namespace; write the SHA-256 one.',
      )
    } else if (read.has(hex)) {
      fields.fail(target, 'InvalidThumbprint', 'The same thumbprint is given twice.')
    }
    read.add(hex)
  }
  return [...read]
}

// ---------------------------------------------------------------------------------------------- attributes

function readAttributes(properties: Fields, context: ReadContext): Attributes {
  const attributes: Record<string, AttributeValue> = Object.create(null)
  const given = properties.nested('attributes')
  for (const key of given.keys()) {
    const value = given.raw(key)
    if (value === undefined) continue
    if (!/^[A-Za-z0-9_]{1,1024}$/.test(key)) {
      given.fail(key, 'InvalidAttribute', 'A key is made of letters, digits and underscores.')
      continue
    }
    const problem = attributeProblem(value)
    if (problem === null) attributes[key] = value as AttributeValue
    else given.fail(key, 'InvalidAttribute', problem)
  }
  const size = bytesOfText(JSON.stringify(attributes)).length
  const maximum = context.limits.maximumAttributesBytes
  if (size > maximum) {
    properties.fail(
      'attributes',
      'TooLong',
      `All attributes together have ${size} bytes; at most ${maximum} are allowed.`,
    )
  }
  return attributes
}

function attributeProblem(value: unknown): string | null {
  if (typeof value === 'string') return null
  if (typeof value === 'number') {
    return Number.isSafeInteger(value)
      ? null
      : 'A number is an integer from -9007199254740991 to 9007199254740991; write others as text.'
  }
  if (typeof value === 'boolean')
    return 'Write a text such as "true": an attribute is an integer, a text or a list of texts.'
  if (Array.isArray(value) && value.every((element) => typeof element === 'string')) return null
  return 'An attribute is an integer, a text or a list of texts.'
}
