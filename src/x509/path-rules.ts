import { formatUnixSeconds, type UnixSeconds, unixSeconds } from '../base/time.ts'
import type { Certificate } from './certificate.ts'
import { formatDistinguishedName } from './distinguished-name.ts'
import { ExtendedKeyUsage } from './extensions.ts'
import type { ChainRule, PathFault } from './path-failure.ts'
import { keyWeakness } from './public-key.ts'
import type { Revocation } from './revocation.ts'
import { acceptedSignatures, describeAlgorithm, signatureScheme } from './signature.ts'

/** What the rules need to know beside the certificate. */
export interface RuleContext {
  readonly now: UnixSeconds
  readonly skew: ClockSkew
  /** OID that extKeyUsage must hold where it is present. */
  readonly purpose: string
  /** Absent: nothing is revoked. */
  readonly revocation?: Revocation
}

/** Tolerance for clocks that differ, towards accepting. */
export interface ClockSkew {
  readonly notBeforeSeconds: number
  readonly notAfterSeconds: number
}

interface At {
  readonly certificate: Certificate
  readonly position: number
  readonly registered: boolean
}

/** Of lists that a stranger can make long. */
const maximumItemsShown = 8

const maximumSerialBits = 159 // 20 octets of two's complement, RFC 5280 4.1.2.2

/**
 * Everything a leaf can have wrong by itself, most urgent first. The first fault decides, so a generator: a caller that
 * only asks whether there is one stops there.
 */
export function* leafFaults(leaf: Certificate, context: RuleContext): Generator<PathFault> {
  const at = { certificate: leaf, position: 0, registered: false }
  yield* revocationFaults(at, false, context)
  yield* dateFaults(at, context)
  yield* strengthFaults(at)
  yield* signatureFaults(at)
  yield* purposeFaults(at, context)
  if (leaf.basicConstraints?.cA === true) {
    yield chain('leafIsCertificateAuthority', at, 'a certificate with CA:FALSE', 'basicConstraints CA:TRUE')
  }
  const { keyUsage } = leaf
  if (keyUsage !== null) {
    const signs = keyUsage.has('digitalSignature') || keyUsage.has('keyAgreement')
    if (!signs || keyUsage.has('keyCertSign')) {
      const presented = `keyUsage ${[...keyUsage].join(', ') || 'without a bit'}`
      yield chain('leafKeyUsage', at, 'keyUsage with digitalSignature and without keyCertSign', presented)
    }
  }
  if (leaf.nameConstraints !== null) {
    yield chain('leafNameConstraints', at, 'no nameConstraints in a leaf', 'nameConstraints') // RFC 5280 4.2.1.10
  }
  if (leaf.subject.relativeDistinguishedNames.length === 0 && !leaf.subjectAltNameCritical) {
    yield chain('emptySubject', at, 'a subject, or a critical subjectAltName', 'an empty subject') // RFC 5280 4.1.2.6
  }
  if (leaf.issuer.relativeDistinguishedNames.length === 0) {
    yield chain('emptyIssuer', at, 'an issuer name', 'an empty issuer') // RFC 5280 4.1.2.4
  }
  yield* commonFaults(at)
}

/**
 * Everything a certificate can have wrong as the issuer of the one below it.
 *
 * @param certificatesBelow CA certificates between it and the leaf that are not self-issued (RFC 5280 6.1.4(l))
 * @param isAnchor its own signature and serial number are nobody's business: it is trusted byte for byte
 */
export function* issuerFaults(
  issuer: Certificate,
  position: number,
  certificatesBelow: number,
  isAnchor: boolean,
  registered: boolean,
  context: RuleContext,
): Generator<PathFault> {
  const at = { certificate: issuer, position, registered }
  yield* revocationFaults(at, isAnchor, context)
  yield* dateFaults(at, context)
  yield* strengthFaults(at)
  if (!isAnchor) yield* signatureFaults(at)
  // RFC 5280 6.1.4(k): certificates of version 1 and 2 cannot say that they are a CA.
  if (issuer.basicConstraints?.cA !== true) {
    const presented = issuer.basicConstraints === null ? 'no basicConstraints' : 'basicConstraints CA:FALSE'
    yield chain('issuerIsNoCertificateAuthority', at, 'a CA certificate (basicConstraints CA:TRUE)', presented)
  }
  const { keyUsage } = issuer
  if (keyUsage !== null && !keyUsage.has('keyCertSign')) {
    yield chain('issuerKeyUsage', at, 'keyUsage with keyCertSign', `keyUsage ${[...keyUsage].join(', ')}`)
  }
  const limit = issuer.basicConstraints?.pathLenConstraint ?? null
  if (limit !== null && certificatesBelow > limit) {
    yield chain('pathLenConstraint', at, `at most ${limit} CA certificates below`, `${certificatesBelow}`)
  }
  yield* purposeFaults(at, context)
  yield* commonFaults(at, isAnchor)
}

/** The rules for a certificate that is accepted by its thumbprint: no CA, no purpose, but dates and strength. */
export function* thumbprintFaults(leaf: Certificate, context: Omit<RuleContext, 'purpose'>): Generator<PathFault> {
  const at = { certificate: leaf, position: 0, registered: false }
  yield* revocationFaults(at, false, context)
  yield* dateFaults(at, context)
  yield* strengthFaults(at)
  yield* criticalExtensionFaults(at)
}

/** First of all: who was denied is told so, and stays denied when the certificate expires (S37). */
function* revocationFaults(
  at: At,
  isAnchor: boolean,
  { now, revocation }: Omit<RuleContext, 'purpose'>,
): Generator<PathFault> {
  const fault = revocation?.faultOf(at.certificate, isAnchor, now) ?? null
  if (fault !== null) yield { ...fault, ...at }
}

function* dateFaults(at: At, { now, skew }: Pick<RuleContext, 'now' | 'skew'>): Generator<PathFault> {
  const { notBefore, notAfter } = at.certificate
  const clock = `the clock of this broker at ${formatUnixSeconds(now)}`
  if (now < notBefore - skew.notBeforeSeconds) {
    const expected = `${clock} at or after notBefore`
    const presented = `notBefore ${formatUnixSeconds(notBefore)}`
    yield at.position === 0
      ? { kind: 'certificateNotYetValid', ...at, expected, presented, notBefore }
      : chain('issuerNotYetValid', at, expected, presented)
  }
  if (now > notAfter + skew.notAfterSeconds) {
    const kind = at.position === 0 ? 'certificateExpired' : 'issuerExpired'
    const expected = `${clock} at or before notAfter`
    yield { kind, ...at, expected, presented: `notAfter ${formatUnixSeconds(unixSeconds(notAfter))}`, notAfter }
  }
}

function* strengthFaults(at: At): Generator<PathFault> {
  const weakness = keyWeakness(at.certificate.publicKeyFacts)
  if (weakness === null) return
  yield { kind: 'certificateTooWeak', ...at, expected: weakness.expected, presented: weakness.presented }
}

/** The algorithm that the certificate itself was signed with; null: fine. */
export function weakSignature(at: At): PathFault | null {
  const { signatureAlgorithm } = at.certificate
  if (signatureScheme(signatureAlgorithm) !== null) return null
  const presented = `signed with ${describeAlgorithm(signatureAlgorithm)}`
  return { kind: 'certificateTooWeak', ...at, expected: acceptedSignatures, presented }
}

function* signatureFaults(at: At): Generator<PathFault> {
  const fault = weakSignature(at)
  if (fault !== null) yield fault
}

function* purposeFaults(at: At, { purpose }: RuleContext): Generator<PathFault> {
  const purposes = at.certificate.extendedKeyUsage
  if (purposes === null || purposes.includes(purpose) || purposes.includes(ExtendedKeyUsage.Any)) return
  const name = describePurpose(purpose)
  const shown = purposes.slice(0, maximumItemsShown).map(describePurpose).join(', ')
  const presented = `extKeyUsage ${shown || 'without a purpose'}`
  yield { kind: 'purposeNotAllowed', ...at, expected: `extKeyUsage with ${name}, or none`, presented }
}

const purposeNames: ReadonlyMap<string, string> = new Map([
  [ExtendedKeyUsage.ClientAuth, 'clientAuth'],
  [ExtendedKeyUsage.ServerAuth, 'serverAuth'],
  [ExtendedKeyUsage.Any, 'anyExtendedKeyUsage'],
  ['1.3.6.1.5.5.7.3.3', 'codeSigning'],
  ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
])

function describePurpose(oid: string): string {
  return purposeNames.get(oid) ?? oid
}

function* commonFaults(at: At, isAnchor = false): Generator<PathFault> {
  yield* criticalExtensionFaults(at)
  const { serialNumber } = at.certificate
  if (!isAnchor && (serialNumber <= 0n || serialNumber >> BigInt(maximumSerialBits) > 0n)) {
    const presented = serialNumber <= 0n ? 'zero or a negative number' : 'a longer number'
    yield chain('serialNumber', at, 'a positive serial number of at most 20 octets', presented)
  }
}

function* criticalExtensionFaults(at: At): Generator<PathFault> {
  const oids = at.certificate.unknownCriticalExtensions
  if (oids.length === 0) return
  const expected = 'only critical extensions that are understood'
  yield chain('unknownCriticalExtension', at, expected, oids.slice(0, maximumItemsShown).join(', '))
}

/** A violated rule of the certification path. */
export function chain(rule: ChainRule, at: At, expected: string, presented: string): PathFault {
  return { kind: 'chainInvalid', rule, ...at, expected, presented }
}

export function subjectOf(certificate: Certificate): string {
  return formatDistinguishedName(certificate.subject)
}
