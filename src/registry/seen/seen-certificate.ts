import { hash } from 'node:crypto'
import { toHex } from '../../base/bytes.ts'
import { type UnixMillis, type UnixSeconds, unixSeconds } from '../../base/time.ts'
import type { Certificate } from '../../x509/certificate.ts'
import { formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { thumbprintsOf } from '../../x509/thumbprint.ts'
import { bytesOfText, textOfBytes } from '../text-bytes.ts'

/**
 * A certificate that a registered client was accepted with, as it is remembered: enough to deny it without having it
 * (S22), to tell which thumbprint is in use, and to say when it expires. Never a key, never the certificate itself.
 */
export interface SeenCertificate {
  /** Of the DER bytes: 64 and 40 upper-case hexadecimal digits. */
  readonly sha256: string
  readonly sha1: string
  /** SHA-256 of TBSCertificate and of SubjectPublicKeyInfo, 64 lower-case hexadecimal digits. */
  readonly tbsSha256: string
  readonly spkiSha256: string
  /** DER of the issuer's name, hexadecimal; null: too long to be kept. */
  readonly issuer: string | null
  /** The number in hexadecimal, without leading zeros; null: too long to be kept. */
  readonly serialNumber: string | null
  /** RFC 4514 text, cut; not escaped. */
  readonly subject: string
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** The CA certificate that its path ended at when it was last accepted; null: accepted by its thumbprint. */
  readonly caCertificateUid: string | null
  readonly firstSeenAt: UnixMillis
  /** To the hour; to the minute while the client changes from one certificate to another. */
  readonly lastSeenAt: UnixMillis
}

/** Longer names and serial numbers are passed over: a denial goes by the hash of the certificate then. */
const longestIssuerBytes = 1_024
const longestSerialDigits = 64
const longestSubject = 256

export function seenCertificate(
  certificate: Certificate,
  caCertificateUid: string | null,
  at: UnixMillis,
): SeenCertificate {
  const { der, tbsCertificate, subjectPublicKeyInfo, issuer, subject, serialNumber, notBefore, notAfter } = certificate
  const serial = serialNumber.toString(16)
  return {
    ...thumbprintsOf(der),
    tbsSha256: hash('sha256', tbsCertificate, 'hex'),
    spkiSha256: hash('sha256', subjectPublicKeyInfo, 'hex'),
    issuer: issuer.der.length > longestIssuerBytes ? null : toHex(issuer.der),
    serialNumber: serial.length > longestSerialDigits ? null : serial,
    subject: formatDistinguishedName(subject).slice(0, longestSubject),
    notBefore,
    notAfter,
    caCertificateUid,
    firstSeenAt: at,
    lastSeenAt: at,
  }
}

/** One record per client: its last certificates, the one in use first. */
export interface SeenRecord {
  readonly format: 1
  readonly certificates: readonly SeenCertificate[]
}

/** How a CA certificate is used. */
export interface CaUse {
  /** Clients whose last certificate led to it. */
  readonly clients: number
  /** To the minute; null: never. */
  readonly lastUsedAt: UnixMillis | null
}

// Keys, in the manner of `stored.ts`.

export function seenPrefix(namespaceUid: string): string {
  return `seen ${namespaceUid} `
}

export function seenKey(namespaceUid: string, clientUid: string): string {
  return `${seenPrefix(namespaceUid)}${clientUid}`
}

export function caUsePrefix(namespaceUid: string): string {
  return `ca-use ${namespaceUid} `
}

export function caUseKey(namespaceUid: string, caCertificateUid: string): string {
  return `${caUsePrefix(namespaceUid)}${caCertificateUid}`
}

export function expiryPrefix(namespaceUid: string): string {
  return `expiry ${namespaceUid} `
}

/** Twelve digits hold the last second of the year 9999, the last date that a certificate can name. */
const expiryDigits = 12

/** In order of expiry. */
export function expiryKey(namespaceUid: string, notAfter: UnixSeconds, clientUid: string): string {
  return `${expiryPrefix(namespaceUid)}${expiryText(notAfter)} ${clientUid}`
}

function expiryText(notAfter: number): string {
  return String(Math.max(0, notAfter)).padStart(expiryDigits, '0')
}

/** Where the entries of this second and later begin. */
export function expiryStart(namespaceUid: string, from: UnixSeconds): string {
  return `${expiryPrefix(namespaceUid)}${expiryText(from)}`
}

export function readExpiryKey(key: string): { readonly notAfter: UnixSeconds; readonly clientUid: string } {
  const [, , notAfter, clientUid = ''] = key.split(' ')
  return { notAfter: unixSeconds(Number(notAfter)), clientUid }
}

/** Unique index: namespace and SHA-256 of a certificate -> key of the record that has it. */
export const SeenIndex = 'certificateSeen'

export function seenIndexEntry(namespaceUid: string, sha256: string): string {
  return `${namespaceUid} ${sha256.toUpperCase()}`
}

export function encodeSeen(value: SeenRecord | CaUse): Uint8Array {
  return bytesOfText(JSON.stringify(value))
}

export function decodeSeen(value: Uint8Array): SeenRecord {
  return JSON.parse(textOfBytes(value)) as SeenRecord
}

export function decodeCaUse(value: Uint8Array): CaUse {
  return JSON.parse(textOfBytes(value)) as CaUse
}
