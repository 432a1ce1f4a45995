import { bytesEqual } from '../base/bytes.ts'
import { fold } from '../base/fold.ts'
import type { AuthenticationNameSource, RegisteredClient, ValidationScheme } from '../registry/view.ts'
import type { Certificate } from '../x509/certificate.ts'
import { canonicalKey, canonicalKeyOfText, commonNames } from '../x509/distinguished-name.ts'
import { parseIpAddress } from '../x509/ip-address.ts'
import { thumbprintsOf } from '../x509/thumbprint.ts'
import { namesIn, type PresentedName } from './authentication-name.ts'

/**
 * The five matching schemes and the thumbprint: whether a certificate carries what its client was registered with. Only
 * bytes of the certificate as received are read, never a rendering of the TLS library.
 */

export type MatchingScheme = Exclude<ValidationScheme, 'ThumbprintMatch'>

/** Where each scheme looks. */
const fieldOf: Readonly<Record<MatchingScheme, { readonly source: AuthenticationNameSource; readonly label: string }>> =
  {
    SubjectMatchesAuthenticationName: { source: 'ClientCertificateSubject', label: 'subject' },
    DnsMatchesAuthenticationName: { source: 'ClientCertificateDns', label: 'dNSName' },
    UriMatchesAuthenticationName: { source: 'ClientCertificateUri', label: 'uniformResourceIdentifier' },
    IpMatchesAuthenticationName: { source: 'ClientCertificateIp', label: 'iPAddress' },
    EmailMatchesAuthenticationName: { source: 'ClientCertificateEmail', label: 'rfc822Name' },
  }
const matchingSchemes = Object.keys(fieldOf) as readonly MatchingScheme[]

export interface FieldMatch {
  readonly matched: boolean
  /** Field and name that would have matched. */
  readonly expected: string
  /** What the field holds. */
  readonly presented: readonly string[]
  /** Why it does not match although it looks as if, or which scheme would. */
  readonly detail: string | null
}

/** Compares the scheme's field with the client's authentication name. */
export function matchField(certificate: Certificate, client: RegisteredClient, scheme: MatchingScheme): FieldMatch {
  const { source, label } = fieldOf[scheme]
  const names = namesIn(certificate, source)
  const expected = `${label} ${client.authenticationName}`
  const presented = names.map((name) => (name.kind === 'unusable' ? `${name.text} (unusable)` : name.text))
  const matched = matches(certificate, names, client, scheme)
  return { matched, expected, presented, detail: matched ? null : adviceFor(certificate, client, scheme) }
}

function matches(
  certificate: Certificate,
  names: readonly PresentedName[],
  client: RegisteredClient,
  scheme: MatchingScheme,
): boolean {
  switch (scheme) {
    case 'SubjectMatchesAuthenticationName':
      return subjectMatches(certificate, client)
    case 'IpMatchesAuthenticationName': {
      const octets = parseIpAddress(client.authenticationName)
      if (octets === null) return false
      return names.some((name) => name.kind === 'address' && bytesEqual(name.octets, octets))
    }
    case 'DnsMatchesAuthenticationName':
      // A name outside ASCII has no one DNS spelling (S6); without this, the Kelvin sign would match a `k`.
      if (!/^[\x21-\x7e]+$/.test(client.authenticationName)) return false
      return someTextMatches(names, client)
    case 'UriMatchesAuthenticationName':
    case 'EmailMatchesAuthenticationName':
      return someTextMatches(names, client)
  }
}

/** A name is an RFC 4514 name and matches the whole subject, or it is a CN value and matches the only CN; never both (S3). */
function subjectMatches(certificate: Certificate, client: RegisteredClient): boolean {
  const key = canonicalKeyOfText(client.authenticationName)
  if (key !== null) return canonicalKey(certificate.subject) === key
  const values = commonNames(certificate.subject)
  const commonName = values[0]
  return values.length === 1 && typeof commonName === 'string' && fold(commonName) === client.foldedName
}

function someTextMatches(names: readonly PresentedName[], client: RegisteredClient): boolean {
  return names.some((name) => name.kind === 'text' && fold(name.text) === client.foldedName)
}

function adviceFor(certificate: Certificate, client: RegisteredClient, scheme: MatchingScheme): string | null {
  const elsewhere = matchingSchemes.filter(
    (other) => other !== scheme && matches(certificate, namesIn(certificate, fieldOf[other].source), client, other),
  )
  if (elsewhere.length > 0) return `the name is in the field of ${elsewhere.join(', ')}`
  if (scheme === 'SubjectMatchesAuthenticationName' && canonicalKeyOfText(client.authenticationName) !== null) {
    return 'the authentication name is a distinguished name: it is compared with the whole subject in RFC 4514 order'
  }
  if (scheme === 'SubjectMatchesAuthenticationName' && commonNames(certificate.subject).length > 1) {
    return 'the subject holds several common names, so none of them counts'
  }
  return null
}

export interface ThumbprintMatch {
  readonly matched: boolean
  readonly expected: readonly string[]
  readonly presented: readonly string[]
  readonly detail: string | null
}

/**
 * Compares the hash of the certificate as received with the client's thumbprints; SHA-256 and SHA-1 by length.
 *
 * @param allowSha1 whether thumbprints of 40 digits count (S14)
 */
export function matchThumbprint(
  certificate: Certificate,
  client: RegisteredClient,
  allowSha1: boolean,
): ThumbprintMatch {
  const { sha256, sha1 } = thumbprintsOf(certificate.der)
  const { allowedThumbprints } = client
  const equals = (thumbprint: string): boolean => thumbprint === (isSha1(thumbprint) ? sha1 : sha256)
  const at = allowedThumbprints.findIndex((thumbprint) => (allowSha1 || !isSha1(thumbprint)) && equals(thumbprint))
  const isTurnedOff = at < 0 && !allowSha1 && allowedThumbprints.some(equals)
  return {
    matched: at >= 0,
    expected: allowedThumbprints,
    presented: allowedThumbprints.some(isSha1) ? [sha256, sha1] : [sha256],
    detail: isTurnedOff
      ? 'SHA-1 thumbprints are turned off in this namespace'
      : at < 0
        ? null
        : `${at === 0 ? 'primary' : 'secondary'} thumbprint`,
  }
}

function isSha1(thumbprint: string): boolean {
  return thumbprint.length === 40
}
