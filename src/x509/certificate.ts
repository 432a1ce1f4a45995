import type { KeyObject } from 'node:crypto'
import type { UnixSeconds } from '../base/time.ts'
import type { DistinguishedName } from './distinguished-name.ts'
import type { GeneralName } from './general-name.ts'

/** A certificate read strictly from DER (RFC 5280 4.1). Immutable; holds views into `der`, which is its own copy. */
export interface Certificate {
  readonly der: Uint8Array
  readonly tbsCertificate: Uint8Array
  readonly version: 1 | 2 | 3
  readonly serialNumber: bigint
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** Inclusive. */
  readonly notBefore: UnixSeconds
  /** Inclusive. */
  readonly notAfter: UnixSeconds
  /** SubjectPublicKeyInfo as encoded. */
  readonly subjectPublicKeyInfo: Uint8Array
  /** Imported when first asked for; null when the runtime cannot import it. */
  readonly publicKey: KeyObject | null
  readonly signatureAlgorithm: { readonly oid: string; readonly parameters: Uint8Array | null }
  readonly signature: Uint8Array
  readonly basicConstraints: { readonly cA: boolean; readonly pathLenConstraint: number | null } | null
  /** Bit names of RFC 5280 4.2.1.3; null when the extension is absent. */
  readonly keyUsage: ReadonlySet<string> | null
  /** Dotted OIDs; null when the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | null
  /** In certificate order; empty when the extension is absent. */
  readonly subjectAltNames: readonly GeneralName[]
  readonly subjectKeyIdentifier: Uint8Array | null
  readonly authorityKeyIdentifier: Uint8Array | null
  /** 64 lower-case hexadecimal digits over `der`. */
  readonly sha256: string
}
