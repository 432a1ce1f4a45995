import type { Certificate } from '../../x509/certificate.ts'
import {
  canonicalKey,
  commonNames,
  type DistinguishedName,
  formatDistinguishedName,
  nameOfCommonName,
  parseDistinguishedName,
} from '../../x509/distinguished-name.ts'
import { type GeneralName, matchableText } from '../../x509/general-name.ts'
import { formatIpAddress } from '../../x509/ip-address.ts'
import { generalNameOfText } from '../../x509/issue.ts'
import { isMatchable } from '../../x509/text.ts'
import { wrongUsage } from '../command-failure.ts'

/**
 * The subject that a name on the command line means: a distinguished name where it reads as one (`CN=press-7,O=Acme`),
 * else a common name. It is the rule by which a registered name is read (S3).
 */
export function subjectOf(text: string): DistinguishedName {
  const name = parseDistinguishedName(text)
  const attributes = name.ok ? name.value.relativeDistinguishedNames.flat() : []
  const values = name.ok ? attributes.map((attribute) => attribute.text) : [text]
  if (values.some((value) => value === null || !isMatchable(value))) {
    throw wrongUsage(`${JSON.stringify(text)}: a name holds no control or invisible characters`)
  }
  if (name.ok) return name.value
  if (/^\s*[A-Za-z]+\s*=/.test(text)) {
    throw wrongUsage(
      `${JSON.stringify(text)} looks like a distinguished name but is none: ${name.error.reason}, at position ${name.error.at}`,
      'Write it as RFC 4514 does, most specific part first: CN=press-7,OU=hall 2,O=Acme',
    )
  }
  return nameOfCommonName(text)
}

export interface AlternativeNameOptions {
  readonly dns?: readonly string[]
  readonly uri?: readonly string[]
  readonly ip?: readonly string[]
  readonly email?: readonly string[]
}

const kinds = {
  dns: 'dNSName',
  uri: 'uniformResourceIdentifier',
  ip: 'iPAddress',
  email: 'rfc822Name',
} as const

export function alternativeNamesOf(options: AlternativeNameOptions): GeneralName[] {
  return (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap((flag) =>
    (options[flag] ?? []).map((text) => {
      const name = generalNameOfText(kinds[flag], text)
      if (name.ok) return name.value
      throw wrongUsage(`--${flag} ${JSON.stringify(text)}: ${whyNot(name.error.kind)}`)
    }),
  )
}

function whyNot(kind: 'notAscii' | 'empty' | 'notAnIpAddress'): string {
  switch (kind) {
    case 'notAscii':
      return 'only visible ASCII characters are allowed; write an international host name as its A-label (xn--…)'
    case 'empty':
      return 'the name is empty'
    case 'notAnIpAddress':
      return 'not an IPv4 or IPv6 address'
  }
}

export const schemes = [
  'SubjectMatchesAuthenticationName',
  'DnsMatchesAuthenticationName',
  'UriMatchesAuthenticationName',
  'IpMatchesAuthenticationName',
  'EmailMatchesAuthenticationName',
] as const
export type Scheme = (typeof schemes)[number]

export interface ComparedName {
  /** As a client would be registered. */
  readonly text: string
  /** Null: it can match. */
  readonly unusable: string | null
}

/** What each scheme compares an authentication name with, in certificate order. */
export function comparedNames(certificate: Certificate, scheme: Scheme): readonly ComparedName[] {
  switch (scheme) {
    case 'SubjectMatchesAuthenticationName':
      return subjectNames(certificate)
    case 'DnsMatchesAuthenticationName':
      return generalNames(certificate, 'dNSName')
    case 'UriMatchesAuthenticationName':
      return generalNames(certificate, 'uniformResourceIdentifier')
    case 'EmailMatchesAuthenticationName':
      return generalNames(certificate, 'rfc822Name')
    case 'IpMatchesAuthenticationName':
      return generalNames(certificate, 'iPAddress')
  }
}

/** The whole subject, and the common name when there is exactly one (S5). */
function subjectNames({ subject }: Certificate): readonly ComparedName[] {
  if (subject.relativeDistinguishedNames.length === 0) return []
  const names: ComparedName[] = [{ text: formatDistinguishedName(subject), unusable: null }]
  const values = commonNames(subject)
  const [value] = values
  if (values.length > 1) {
    const text = values.map((one) => one ?? '?').join(', ')
    names.push({ text, unusable: `${values.length} common names, so none of them counts` })
  } else if (value === null) {
    names.push({ text: '?', unusable: 'the common name has no single reading, so it never matches' })
  } else if (value !== undefined) names.push({ text: value, unusable: null })
  return names
}

function generalNames(certificate: Certificate, kind: GeneralName['kind']): readonly ComparedName[] {
  return certificate.subjectAltNames
    .filter((entry) => entry.kind === kind)
    .map((entry) => {
      const text = matchableText(entry)
      if (text !== null) return { text, unusable: null }
      if (entry.kind === 'iPAddress') {
        return { text: addressText(entry.octets), unusable: `${entry.octets.length} octets are no address` }
      }
      const octets = 'octets' in entry ? entry.octets : new Uint8Array()
      return { text: Buffer.from(octets).toString('latin1'), unusable: 'never matches' }
    })
}

function addressText(octets: Uint8Array): string {
  return octets.length === 4 || octets.length === 16 ? formatIpAddress(octets) : Buffer.from(octets).toString('hex')
}

/** The key under which two subjects are one name: types by number, values folded, in encoding order. */
export function subjectKey(certificate: Certificate): string {
  const parts = JSON.parse(canonicalKey(certificate.subject)) as readonly (readonly string[])[]
  return parts.map((attributes) => attributes.join(' + ')).join(' / ')
}
