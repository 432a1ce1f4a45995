import { hash } from 'node:crypto'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import { type DenyKeys, denyKeysOf, parseSerialNumber } from '../../x509/deny.ts'
import { DerReader } from '../../x509/der.ts'
import { formatDistinguishedName, readDistinguishedName } from '../../x509/distinguished-name.ts'
import { readPem } from '../../x509/pem.ts'
import { formatSerialNumber } from '../../x509/revocation.ts'
import type { Fields } from '../fields.ts'
import type { SeenCertificate } from '../seen/seen-certificate.ts'
import { readDescription } from './context.ts'

/** A certificate, or all certificates of one key, that the namespace accepts no more (S22). */
export interface DenyEntryProperties {
  readonly description?: string
  /** For people; nothing is compared with it. */
  readonly certificateSubject?: string
  readonly certificateIssuer?: string
  /** SHA-256 of the issuer's name as encoded, with the serial number that it gave; both or none. */
  readonly issuerSha256?: string
  /** `0x` and hexadecimal digits. */
  readonly serialNumber?: string
  readonly tbsCertificateSha256?: string
  readonly publicKeySha256?: string
}

export interface DenyEntrySources {
  /** The registered CA certificate of that name. */
  readonly authority: (name: string) => Certificate | null
  /** A certificate that a client of the namespace was accepted with, by its SHA-256. */
  readonly seen: (sha256: string) => SeenCertificate | null
}

const maximumPemLength = 65_536
const byWhole = ['encodedCertificate', 'certificateFingerprint'] as const
const byIssuer = ['caCertificateName', 'encodedIssuerCertificate', 'issuerSha256'] as const
const byDigest = ['tbsCertificateSha256', 'publicKeySha256'] as const
const howToWrite =
  'Write encodedCertificate; or serialNumber with caCertificateName or encodedIssuerCertificate; or publicKeySha256 or tbsCertificateSha256.'

export function readDenyEntry(properties: Fields, sources: DenyEntrySources): DenyEntryProperties {
  const description = readDescription(properties)
  const whole = readWhole(properties, sources)
  if (whole !== undefined) {
    refuseOthers(properties, whole)
    return { ...description, ...whole }
  }
  const issuer = readIssuer(properties, sources)
  const serialNumber = readSerialNumber(properties)
  const tbsCertificateSha256 = readDigest(properties, 'tbsCertificateSha256')
  const publicKeySha256 = readDigest(properties, 'publicKeySha256')
  const about = { ...textOf(properties, 'certificateSubject'), ...textOf(properties, 'certificateIssuer') }
  const named = byIssuer.some((name) => properties.has(name))
  if (named !== properties.has('serialNumber')) {
    const message = named
      ? 'Write the serialNumber that this issuer gave.'
      : 'Write whose serial number it is: caCertificateName or encodedIssuerCertificate.'
    properties.fail('serialNumber', 'Required', message)
  } else if (!named && !byDigest.some((name) => properties.has(name))) {
    properties.fail('encodedCertificate', 'Required', howToWrite)
  }
  return {
    ...description,
    ...about,
    ...(issuer === null || serialNumber === null ? {} : { ...issuer, serialNumber }),
    ...(tbsCertificateSha256 === null ? {} : { tbsCertificateSha256 }),
    ...(publicKeySha256 === null ? {} : { publicKeySha256 }),
  }
}

export function denyEntryDocument(properties: DenyEntryProperties): Record<string, unknown> {
  return { ...properties }
}

/** What the entry denies. */
export function denyKeysOfEntry(entry: DenyEntryProperties): Partial<DenyKeys> {
  const { issuerSha256, serialNumber, tbsCertificateSha256, publicKeySha256 } = entry
  return {
    ...(issuerSha256 === undefined || serialNumber === undefined
      ? {}
      : { issuerAndSerialNumber: `${issuerSha256}:${serialNumber.replace('0x', '')}` }),
    ...(tbsCertificateSha256 === undefined ? {} : { tbsCertificate: tbsCertificateSha256 }),
    ...(publicKeySha256 === undefined ? {} : { publicKey: publicKeySha256 }),
  }
}

/** Undefined: no whole certificate is meant. */
function readWhole(properties: Fields, sources: DenyEntrySources): DenyEntryProperties | undefined {
  const given = byWhole.filter((name) => properties.has(name))
  if (given.length === 0) return undefined
  if (!properties.has('encodedCertificate')) return readSeen(properties, sources)
  const certificate = readCertificate(properties, 'encodedCertificate')
  if (certificate === null) return {}
  const { tbsCertificate, publicKey } = denyKeysOf(certificate)
  return {
    certificateSubject: formatDistinguishedName(certificate.subject),
    certificateIssuer: formatDistinguishedName(certificate.issuer),
    issuerSha256: hash('sha256', certificate.issuer.der, 'hex'),
    serialNumber: formatSerialNumber(certificate.serialNumber),
    tbsCertificateSha256: tbsCertificate,
    publicKeySha256: publicKey,
  }
}

/** What is written beside a certificate says the same, as what GET shows does; else less would be denied than was written. */
function refuseOthers(properties: Fields, whole: DenyEntryProperties): void {
  const said = {
    serialNumber: () => readSerialNumber(properties),
    issuerSha256: () => readDigest(properties, 'issuerSha256'),
    tbsCertificateSha256: () => readDigest(properties, 'tbsCertificateSha256'),
    publicKeySha256: () => readDigest(properties, 'publicKeySha256'),
  }
  for (const [name, read] of Object.entries(said)) {
    const value = properties.has(name) ? read() : null
    if (value === null || whole[name as keyof typeof said] === value) continue
    properties.fail(name, 'Forbidden', 'This is not of the certificate beside it. Write another entry for it.')
  }
  for (const name of ['caCertificateName', 'encodedIssuerCertificate']) {
    if (!properties.has(name)) continue
    properties.fail(name, 'Forbidden', 'The certificate beside it says who issued it. Leave this out.')
  }
}

/**
 * A fingerprint covers the signature, which whoever holds an ECDSA key can change without anybody's help. So it only
 * names a certificate that was seen, and that one is denied.
 */
function readSeen(properties: Fields, sources: DenyEntrySources): DenyEntryProperties {
  const sha256 = readDigest(properties, 'certificateFingerprint')
  if (sha256 === null) return {}
  const seen = sources.seen(sha256)
  if (seen === null) {
    properties.fail(
      'certificateFingerprint',
      'UnknownReference',
      'No client was accepted with a certificate of this fingerprint lately, and a fingerprint alone denies nobody safely. Write the certificate itself as encodedCertificate, or its serialNumber and issuer.',
    )
    return {}
  }
  const { subject, issuer, serialNumber, tbsSha256, spkiSha256 } = seen
  const name = issuer === null ? null : Buffer.from(issuer, 'hex')
  return {
    certificateSubject: subject,
    ...(name === null ? {} : { certificateIssuer: printedName(name) }),
    ...(name === null || serialNumber === null
      ? {}
      : { issuerSha256: hash('sha256', name, 'hex'), serialNumber: formatSerialNumber(serialOf(serialNumber)) }),
    tbsCertificateSha256: tbsSha256,
    publicKeySha256: spkiSha256,
  }
}

function serialOf(digits: string): bigint {
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`)
}

function printedName(der: Uint8Array): string {
  const reader = new DerReader(der)
  const read = readDistinguishedName(reader, 'issuer')
  return reader.failure === null ? formatDistinguishedName(read) : ''
}

function readIssuer(
  properties: Fields,
  sources: DenyEntrySources,
): { readonly certificateIssuer?: string; readonly issuerSha256: string } | null {
  const given = byIssuer.filter((name) => properties.has(name))
  if (given.length > 1) {
    properties.fail(given[1]!, 'Forbidden', `Write one of ${byIssuer.join(', ')}.`)
    return null
  }
  if (properties.has('issuerSha256')) {
    const issuerSha256 = readDigest(properties, 'issuerSha256')
    return issuerSha256 === null ? null : { issuerSha256 }
  }
  const certificate = properties.has('caCertificateName')
    ? registeredAuthority(properties, sources)
    : properties.has('encodedIssuerCertificate')
      ? readCertificate(properties, 'encodedIssuerCertificate')
      : null
  if (certificate === null) return null
  return {
    certificateIssuer: formatDistinguishedName(certificate.subject),
    issuerSha256: hash('sha256', certificate.subject.der, 'hex'),
  }
}

function registeredAuthority(properties: Fields, sources: DenyEntrySources): Certificate | null {
  const name = properties.text('caCertificateName', 128)
  if (name === undefined) return null
  const found = sources.authority(name)
  if (found === null) {
    properties.fail('caCertificateName', 'UnknownReference', `There is no CA certificate "${name}".`)
  }
  return found
}

/** What could be read in two ways is asked for again, not guessed (S24). */
function readSerialNumber(properties: Fields): string | null {
  const text = properties.text('serialNumber', 128)
  if (text === undefined) return null
  const parsed = parseSerialNumber(text)
  if (!parsed.ok) {
    properties.fail('serialNumber', 'InvalidValue', 'Write the serial number in hexadecimal: 0x4be1, 4b:e1 or 4BE1.')
    return null
  }
  const understood = formatSerialNumber(parsed.value.serialNumber)
  if (!parsed.value.ambiguous) return understood
  const asDecimal = formatSerialNumber(BigInt(text.trim()))
  const message = `${text.trim()} may be meant as hexadecimal or as decimal. Write ${understood} for the former, ${asDecimal} for the latter.`
  properties.fail('serialNumber', 'InvalidValue', message)
  return null
}

function readDigest(properties: Fields, name: string): string | null {
  const text = properties.text(name, 256)
  if (text === undefined) return null
  const digits = text.replace(/[\s:]/g, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits)) return digits
  const sha1 = /^[0-9a-f]{40}$/.test(digits) ? ' These are 40 digits, perhaps SHA-1.' : ''
  properties.fail(name, 'InvalidValue', `Write a SHA-256 as 64 hexadecimal digits.${sha1}`)
  return null
}

function readCertificate(properties: Fields, name: string): Certificate | null {
  const text = properties.text(name, maximumPemLength)
  if (text === undefined) return null
  const pem = readPem(text)
  if (!pem.ok) {
    if (pem.error.kind === 'privateKey') {
      properties.fail(name, 'PrivateKeyRefused', 'This holds a private key. Send the certificate alone.')
    } else properties.fail(name, 'InvalidCertificate', 'This is no certificate: write PEM, or base64 of DER.')
    return null
  }
  if (pem.value.certificates.length > 1) {
    properties.fail(name, 'InvalidCertificate', `These are ${pem.value.certificates.length} certificates. Write one.`)
    return null
  }
  const parsed = parseCertificate(pem.value.certificates[0]!)
  if (parsed.ok) return parsed.value
  properties.fail(name, 'InvalidCertificate', `The certificate cannot be read: ${parsed.error.reason}.`)
  return null
}

function textOf(properties: Fields, name: string): Record<string, string> {
  const value = properties.text(name, 1024)
  return value === undefined ? {} : { [name]: value }
}
