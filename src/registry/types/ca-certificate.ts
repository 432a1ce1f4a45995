import { hash } from 'node:crypto'
import { formatUnixSeconds, type UnixSeconds } from '../../base/time.ts'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import { type PemFailure, readPem, toPem } from '../../x509/pem.ts'
import type { Fields } from '../fields.ts'
import { type ReadContext, readDescription } from './context.ts'

export interface CaCertificateProperties {
  readonly description?: string
  /** Canonical PEM. */
  readonly encodedCertificate: string
  readonly issueTime: UnixSeconds
  readonly expiryTime: UnixSeconds
  /** SHA-256 of the certificate, 64 lower-case hexadecimal digits. */
  readonly sha256: string
  /** SHA-256 of its SubjectPublicKeyInfo, likewise: the same key under other constraints (S13). */
  readonly keySha256: string
}

export interface CaCertificateSettings {
  /** An expired certificate may be stored. It is no trust anchor all the same. */
  readonly allowExpired?: boolean
}

const maximumPemLength = 65_536

export function readCaCertificate(
  properties: Fields,
  existing: CaCertificateProperties | null,
  settings: CaCertificateSettings,
  context: ReadContext,
): CaCertificateProperties | null {
  const description = readDescription(properties)
  const certificate = readUpload(properties)
  if (certificate === null) return null
  // What is stored already was judged when it came; later it may have expired.
  if (certificate.sha256 !== existing?.sha256) {
    const problem = uploadProblem(certificate, settings, context.now)
    if (problem !== null) properties.fail('encodedCertificate', 'InvalidCertificate', problem)
  }
  return {
    ...description,
    encodedCertificate: toPem('CERTIFICATE', certificate.der),
    issueTime: certificate.notBefore,
    expiryTime: certificate.notAfter,
    sha256: certificate.sha256,
    keySha256: hash('sha256', certificate.subjectPublicKeyInfo, 'hex'),
  }
}

export function caCertificateDocument(properties: CaCertificateProperties): Record<string, unknown> {
  const { description, encodedCertificate, issueTime, expiryTime } = properties
  return {
    ...(description === undefined ? {} : { description }),
    encodedCertificate,
    issueTimeInUtc: formatUnixSeconds(issueTime),
    expiryTimeInUtc: formatUnixSeconds(expiryTime),
  }
}

export function readCaCertificateSettings(settings: Fields): CaCertificateSettings {
  settings.refuseOthers(['allowExpired'])
  const allowExpired = settings.flag('allowExpired')
  return allowExpired === undefined ? {} : { allowExpired }
}

function readUpload(properties: Fields): Certificate | null {
  const fail = (message: string) => {
    properties.fail('encodedCertificate', 'InvalidCertificate', message)
    return null
  }
  const text = properties.text('encodedCertificate', maximumPemLength)
  if (text === undefined) {
    if (!properties.has('encodedCertificate')) {
      properties.fail('encodedCertificate', 'Required', 'Write one CA certificate as PEM.')
    }
    return null
  }
  const pem = readPem(text)
  if (!pem.ok) {
    if (pem.error.kind !== 'privateKey') return fail(describePemFailure(pem.error))
    // S21: nothing of it is echoed.
    properties.fail(
      'encodedCertificate',
      'PrivateKeyRefused',
      'The upload holds a private key. Nothing was stored; send the certificate alone and consider the key disclosed.',
    )
    return null
  }
  const { certificates } = pem.value
  const [der] = certificates
  if (der === undefined || certificates.length > 1) {
    return fail(
      `The upload holds ${certificates.length} certificates. Send one: the CA that signs the client certificates.`,
    )
  }
  const certificate = parseCertificate(der)
  if (certificate.ok) return certificate.value
  return fail(`The certificate cannot be read: ${certificate.error.reason}.`)
}

function describePemFailure(failure: PemFailure): string {
  switch (failure.kind) {
    case 'tooLarge':
      return `The upload is longer than ${failure.maximumOctets} bytes; one certificate is enough.`
    case 'empty':
      return 'The text is empty; write one CA certificate as PEM.'
    case 'unterminated':
      return 'A PEM block begins and does not end; send the whole file.'
    case 'badBase64':
      return 'The content of the PEM block is no base64; send the file as it is.'
    case 'noCertificate':
      return `There is no CERTIFICATE block, only ${failure.labels.join(', ') || 'others'}.`
    default:
      return 'This is neither PEM nor base64 of a certificate.'
  }
}

function uploadProblem(certificate: Certificate, settings: CaCertificateSettings, now: UnixSeconds): string | null {
  if (certificate.version !== 3 || certificate.basicConstraints?.cA !== true) {
    return 'This is no CA certificate (basicConstraints CA:TRUE is missing). Send the one that signs the client certificates.'
  }
  if (certificate.keyUsage !== null && !certificate.keyUsage.has('keyCertSign')) {
    return 'This CA may not sign certificates (keyUsage without keyCertSign).'
  }
  if (certificate.notAfter < now && settings.allowExpired !== true) {
    return `The certificate expired at ${formatUnixSeconds(certificate.notAfter)}. Send its successor, or set sealgate.allowExpired to store it all the same.`
  }
  return null
}
