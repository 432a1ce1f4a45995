import type { UnixSeconds } from '../base/time.ts'
import type { Certificate } from './certificate.ts'

/** The rules behind `chainInvalid`: stable words, shown to operators. */
export type ChainRule =
  | 'signature'
  | 'authorityKeyIdentifier'
  | 'unknownCriticalExtension'
  | 'serialNumber'
  | 'emptyIssuer'
  | 'emptySubject'
  | 'leafIsCertificateAuthority'
  | 'leafKeyUsage'
  | 'leafNameConstraints'
  | 'issuerNotYetValid'
  | 'issuerIsNoCertificateAuthority'
  | 'issuerKeyUsage'
  | 'pathLenConstraint'
  | 'nameConstraints'
  | 'pathTooLong'
  /** The certificates offer more ways than one decision may try. */
  | 'searchLimit'

/** What one certificate fails at. `kind` is the decision code. */
export type PathFault = {
  /** The certificate that has the fault; for `certificateMalformed`, where that one cannot be read, the one it issued. */
  readonly certificate: Certificate
  /** 0 is the leaf. */
  readonly position: number
  /** True when that certificate is a registered one, so that the remedy is at the registry, not at the device. */
  readonly registered: boolean
  /** What would have passed. */
  readonly expected: string
  /** What was there; untrusted text. */
  readonly presented: string
} & (
  | { readonly kind: 'certificateNotYetValid'; readonly notBefore: UnixSeconds }
  | { readonly kind: 'certificateExpired'; readonly notAfter: UnixSeconds }
  | { readonly kind: 'issuerExpired'; readonly notAfter: UnixSeconds }
  | { readonly kind: 'certificateRevoked' | 'revocationUnknown' }
  | { readonly kind: 'certificateTooWeak' | 'purposeNotAllowed' | 'issuerNotAllowed' }
  | { readonly kind: 'chainInvalid'; readonly rule: ChainRule }
  /** A sent certificate that seems to be the missing issuer is not well formed. */
  | { readonly kind: 'certificateMalformed'; readonly reason: string }
  | {
      readonly kind: 'issuerNotRegistered'
      /** The leaf was signed with its own key: the thumbprint scheme may be what is wanted. */
      readonly selfSigned: boolean
      /** Registered CA certificates that bear the missing issuer's name but have another key. */
      readonly sameNameOtherKey: readonly Certificate[]
    }
)

/** Why no path was accepted: of all that was found wrong, the fault that helps most. */
export type PathFailure = PathFault & {
  /** Signatures lead from the leaf to a registered CA certificate, whatever else is wrong: the peer may learn the code (S59). */
  readonly provenPath: boolean
  /** Signatures that were verified to find this out. */
  readonly signatureVerifications: number
  /** Those of them that no cache knew: what the search cost. */
  readonly signaturesComputed: number
}

/**
 * Where one way of following issuers ended.
 *
 * `anchor`: at an accepted registered CA, with faults. `otherAnchor`: at a registered CA that this client does not accept.
 * `broken`: at a registered CA with the right name and key identifier whose signature does not verify, or at an issuer
 * whose signature may not be tried. `deadEnd`: nobody has the key that signed the last certificate.
 */
export interface Outcome {
  readonly end: 'anchor' | 'otherAnchor' | 'broken' | 'deadEnd'
  /** Leaf first. */
  readonly path: readonly Certificate[]
  /** In the order in which they should be mended; for `otherAnchor` and `deadEnd` without the fault that the end itself is. */
  readonly faults: readonly PathFault[]
}

const ranks = { anchor: 3, otherAnchor: 2, broken: 1, deadEnd: 0 } as const

/** True when `a` explains more than `b`: nearer to an accepted anchor, then fewer faults, then the longer way. */
export function isMoreHelpful(a: Outcome, b: Outcome): boolean {
  if (a.end !== b.end) return ranks[a.end] > ranks[b.end]
  if (a.faults.length !== b.faults.length) return a.faults.length < b.faults.length
  return a.path.length > b.path.length
}
