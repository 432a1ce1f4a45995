import { hash } from 'node:crypto'
import { err, ok, type Result } from '../base/result.ts'
import type { Certificate } from './certificate.ts'

/**
 * The three ways in which a certificate can be denied (S22). None of them covers the signature: with ECDSA the holder can
 * turn (r, s) into (r, n - s) and has a certificate with a new fingerprint that still verifies.
 */
export interface DenyKeys {
  /** The issuer's name as encoded and the serial number: what a CRL lists. */
  readonly issuerAndSerialNumber: string
  /** SHA-256 of TBSCertificate: this certificate, whatever its signature looks like. 64 lower-case digits. */
  readonly tbsCertificate: string
  /** SHA-256 of SubjectPublicKeyInfo: the key, in every certificate that bears it. 64 lower-case digits. */
  readonly publicKey: string
}

export function denyKeysOf(certificate: Certificate): DenyKeys {
  return {
    issuerAndSerialNumber: issuerAndSerialNumberKey(certificate.issuer.der, certificate.serialNumber),
    tbsCertificate: hash('sha256', certificate.tbsCertificate, 'hex'),
    publicKey: hash('sha256', certificate.subjectPublicKeyInfo, 'hex'),
  }
}

/** `issuer` is the Name as encoded; the serial number counts as an integer, however it was written. */
function issuerAndSerialNumberKey(issuer: Uint8Array, serialNumber: bigint): string {
  return `${hash('sha256', issuer, 'hex')}:${serialNumber.toString(16)}`
}

export type SerialNumberFailure = { readonly kind: 'notASerialNumber' }

export interface SerialNumberText {
  readonly serialNumber: bigint
  /** Decimal digits alone, read as hexadecimal: to be shown as understood before anything is stored (S24). */
  readonly ambiguous: boolean
}

/** A serial number as operators copy it: hexadecimal, with `0x` or with colons or bare, any case (S24). */
export function parseSerialNumber(text: string): Result<SerialNumberText, SerialNumberFailure> {
  const trimmed = text.trim()
  // Certificates with a negative serial number exist (RFC 5280 4.1.2.2 tells users to bear them); shown as -0x5.
  const negative = /^-0x/i.test(trimmed)
  const prefixed = negative || /^0x/i.test(trimmed)
  const body = prefixed ? trimmed.slice(negative ? 3 : 2) : trimmed
  const digits = body.replaceAll(':', '')
  const wellFormed = body.length <= 128 && /^[0-9a-f]+(?::[0-9a-f]+)*$/i.test(body)
  if (!wellFormed || (prefixed && digits !== body)) return err({ kind: 'notASerialNumber' })
  const ambiguous = !prefixed && digits === body && /^[0-9]+$/.test(digits) && digits.length > 1
  const magnitude = BigInt(`0x${digits}`)
  return ok({ serialNumber: negative ? -magnitude : magnitude, ambiguous })
}
