import { formatUnixSeconds, type UnixSeconds } from '../../base/time.ts'
import { checkCaUpload, type RegisteredAuthority } from '../../x509/ca-upload.ts'
import { readPem, toPem } from '../../x509/pem.ts'
import type { Fields } from '../fields.ts'
import { type ReadContext, readDescription } from './context.ts'

export interface CaCertificateProperties {
  readonly description?: string
  /** Canonical PEM. */
  readonly encodedCertificate: string
  readonly issueTime: UnixSeconds
  readonly expiryTime: UnixSeconds
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
  registered: readonly RegisteredAuthority[],
  publicRoots: ReadonlySet<string>,
): CaCertificateProperties | null {
  const description = readDescription(properties)
  const text = properties.text('encodedCertificate', maximumPemLength)
  if (text === undefined) {
    if (!properties.has('encodedCertificate')) {
      properties.fail('encodedCertificate', 'Required', 'Write one CA certificate as PEM.')
    }
    return null
  }
  // What is stored already was judged when it came; since then it may have expired.
  if (existing !== null && canonicalPem(text) === existing.encodedCertificate) {
    const { encodedCertificate, issueTime, expiryTime } = existing
    return { ...description, encodedCertificate, issueTime, expiryTime }
  }
  const { notBeforeSkewSeconds, notAfterSkewSeconds } = context.limits
  const upload = checkCaUpload(text, registered, context.now, {
    name: context.name,
    allowExpired: settings.allowExpired === true,
    skew: { notBeforeSeconds: notBeforeSkewSeconds, notAfterSeconds: notAfterSkewSeconds },
    publicRoots,
  })
  if (!upload.ok) {
    const { kind, sentence } = upload.error
    const hint = kind === 'expired' ? ' Set sealgate.allowExpired to store it all the same.' : ''
    const code = kind === 'privateKey' ? 'PrivateKeyRefused' : 'InvalidCertificate'
    properties.fail('encodedCertificate', code, sentence + hint)
    return null
  }
  const { certificate, pem, warnings } = upload.value
  context.warnings.push(...warnings.map(({ code, sentence }) => ({ code, message: sentence })))
  return {
    ...description,
    encodedCertificate: pem,
    issueTime: certificate.notBefore,
    expiryTime: certificate.notAfter,
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

function canonicalPem(text: string): string | null {
  const pem = readPem(text)
  const der = pem.ok && pem.value.certificates.length === 1 ? pem.value.certificates[0] : undefined
  return der === undefined ? null : toPem('CERTIFICATE', der)
}
