import { bytesEqual } from '../base/bytes.ts'
import { err, ok, type Result } from '../base/result.ts'
import { formatUnixSeconds, type UnixSeconds } from '../base/time.ts'
import { type Certificate, isSelfIssued, parseCertificate } from './certificate.ts'
import { formatDistinguishedName } from './distinguished-name.ts'
import { ExtendedKeyUsage } from './extensions.ts'
import type { ClockSkew } from './path-rules.ts'
import { type PemFailure, readPem, toPem } from './pem.ts'
import { keyWeakness } from './public-key.ts'
import { describeAlgorithm, signatureScheme } from './signature.ts'

/** A CA certificate that may be registered. */
export interface CaUpload {
  readonly certificate: Certificate
  /** What is stored and shown, whatever spelling was pasted. */
  readonly pem: string
  readonly warnings: readonly UploadWarning[]
}

/** Each mistake has its own kind and one sentence that says what was found and what to do. Never holds uploaded bytes. */
export interface UploadFailure {
  readonly kind:
    | 'privateKey'
    | 'tooLarge'
    | 'empty'
    | 'notACertificate'
    | 'bundle'
    | 'malformed'
    | 'leaf'
    | 'keyCertSignMissing'
    | 'emptySubject'
    | 'unknownCriticalExtension'
    | 'weakKey'
    | 'weakSignature'
    | 'notYetValid'
    | 'expired'
    | 'duplicate'
  readonly sentence: string
}

export interface UploadWarning {
  readonly code: /** Several CAs: each can assert every name (S13). */
    | 'severalAuthorities'
    /** The key is registered already with other constraints; the looser certificate decides (S13). */
    | 'sameKeyOtherConstraints'
    /** A public root: its customers are strangers (S13). */
    | 'publicRoot'
    /** An intermediate whose issuer is not registered: fine, paths end at it. */
    | 'parentNotRegistered'
    /** extKeyUsage keeps every client certificate below it from being accepted. */
    | 'purposeExcludesClients'
  readonly sentence: string
}

export interface RegisteredAuthority {
  readonly name: string
  readonly certificate: Certificate
}

export interface UploadOptions {
  /** Resource name that is written: replacing a certificate by itself is no duplicate. */
  readonly name?: string
  /** An expired certificate is stored, never used. */
  readonly allowExpired?: boolean
  readonly skew?: ClockSkew
  /** SHA-256 of the runtime's bundled public roots, lower-case hexadecimal. */
  readonly publicRoots?: ReadonlySet<string>
}

const defaultSkew: ClockSkew = { notBeforeSeconds: 300, notAfterSeconds: 0 }

/**
 * Whether a text may become a registered CA certificate, and what the operator should know about it.
 *
 * @param existing every CA certificate of the namespace
 */
export function checkCaUpload(
  pemOrBase64Text: string,
  existing: readonly RegisteredAuthority[],
  now: UnixSeconds,
  options: UploadOptions = {},
): Result<CaUpload, UploadFailure> {
  const contents = readPem(pemOrBase64Text)
  if (!contents.ok) return err(sayPemFailure(contents.error))
  const { certificates } = contents.value
  const [der] = certificates
  if (der === undefined || certificates.length > 1) {
    const sentence = `The upload holds ${certificates.length} certificates: register each CA certificate as a resource of its own, and only the ones that clients' certificates should end at.`
    return err({ kind: 'bundle', sentence })
  }
  const read = parseCertificate(der)
  if (!read.ok) {
    return err({ kind: 'malformed', sentence: `The certificate is not well-formed X.509: ${read.error.reason}.` })
  }
  const certificate = read.value
  const others = existing.filter(({ name }) => name !== options.name)
  const failure = mistakeOf(certificate, others, now, options)
  if (failure !== null) return err(failure)
  return ok({
    certificate,
    pem: toPem('CERTIFICATE', certificate.der),
    warnings: warningsOf(certificate, others, options.publicRoots ?? new Set()),
  })
}

function mistakeOf(
  certificate: Certificate,
  others: readonly RegisteredAuthority[],
  now: UnixSeconds,
  { allowExpired = false, skew = defaultSkew }: UploadOptions,
): UploadFailure | null {
  const subject = formatDistinguishedName(certificate.subject) || 'the certificate'
  const fail = (kind: UploadFailure['kind'], sentence: string): UploadFailure => ({ kind, sentence })

  const same = others.find((other) => bytesEqual(other.certificate.der, certificate.der))
  if (same !== undefined) {
    return fail('duplicate', `This certificate is already registered as ${same.name}; delete that one or leave it.`)
  }
  if (certificate.basicConstraints?.cA !== true) {
    const reason =
      certificate.version === 1
        ? 'it is of version 1, which cannot say that it is a CA'
        : 'its basicConstraints do not say CA:TRUE'
    return fail(
      'leaf',
      `${subject} is a leaf, not a CA certificate (${reason}): upload the certificate of its issuer, or register the leaf by its thumbprint at a client.`,
    )
  }
  const { keyUsage } = certificate
  if (keyUsage !== null && !keyUsage.has('keyCertSign')) {
    return fail(
      'keyCertSignMissing',
      `${subject} may not sign certificates: its keyUsage lacks keyCertSign, so nothing it issued would be accepted.`,
    )
  }
  if (certificate.subject.relativeDistinguishedNames.length === 0) {
    return fail('emptySubject', 'The CA certificate has an empty subject, so no certificate can name it as its issuer.')
  }
  if (certificate.unknownCriticalExtensions.length > 0) {
    const oids = certificate.unknownCriticalExtensions.slice(0, 8).join(', ')
    return fail('unknownCriticalExtension', `${subject} has a critical extension that is not understood: ${oids}.`)
  }
  const weakness = keyWeakness(certificate.publicKeyFacts)
  if (weakness !== null) {
    return fail('weakKey', `The key of ${subject} is not accepted (${weakness.presented}): use ${weakness.expected}.`)
  }
  if (certificate.publicKey === null) return fail('weakKey', `The key of ${subject} is not a valid key of its type.`)
  if (signatureScheme(certificate.signatureAlgorithm) === null) {
    const algorithm = describeAlgorithm(certificate.signatureAlgorithm)
    return fail('weakSignature', `${subject} is signed with ${algorithm}: have it signed again with SHA-256 or better.`)
  }
  if (now < certificate.notBefore - skew.notBeforeSeconds) {
    const from = formatUnixSeconds(certificate.notBefore)
    return fail(
      'notYetValid',
      `${subject} is not valid before ${from}; this broker's clock says ${formatUnixSeconds(now)}.`,
    )
  }
  if (now > certificate.notAfter + skew.notAfterSeconds && !allowExpired) {
    const until = formatUnixSeconds(certificate.notAfter)
    return fail('expired', `${subject} expired at ${until}: upload its successor, as an expired CA accepts nobody.`)
  }
  return null
}

function warningsOf(
  certificate: Certificate,
  others: readonly RegisteredAuthority[],
  publicRoots: ReadonlySet<string>,
): readonly UploadWarning[] {
  const warnings: UploadWarning[] = []
  if (others.length > 0) {
    const sentence = `Any of ${others.length + 1} CAs can now assert every name; bind clients to their CAs with properties.sealgate.issuers.`
    warnings.push({ code: 'severalAuthorities', sentence })
  }
  const twin = others.find(
    (other) =>
      bytesEqual(other.certificate.subjectPublicKeyInfo, certificate.subjectPublicKeyInfo) &&
      constraintsOf(other.certificate) !== constraintsOf(certificate),
  )
  if (twin !== undefined) {
    const sentence = `The same key is registered as ${twin.name} with other constraints; a certificate is accepted when either of them allows it.`
    warnings.push({ code: 'sameKeyOtherConstraints', sentence })
  }
  if (publicRoots.has(certificate.sha256)) {
    const sentence = 'This is a public root: everybody can get certificates below it, with any name that its CA checks.'
    warnings.push({ code: 'publicRoot', sentence })
  }
  const parentKnown =
    isSelfIssued(certificate) ||
    others.some((other) => bytesEqual(other.certificate.subject.der, certificate.issuer.der))
  if (!parentKnown) {
    const issuer = formatDistinguishedName(certificate.issuer)
    const sentence = `Its issuer ${issuer} is not registered; that is fine, certificates are accepted below this one only.`
    warnings.push({ code: 'parentNotRegistered', sentence })
  }
  const purposes = certificate.extendedKeyUsage
  if (
    purposes !== null &&
    !purposes.includes(ExtendedKeyUsage.ClientAuth) &&
    !purposes.includes(ExtendedKeyUsage.Any)
  ) {
    const sentence = 'Its extKeyUsage lacks clientAuth, so no client certificate below it will be accepted.'
    warnings.push({ code: 'purposeExcludesClients', sentence })
  }
  return warnings
}

/** Everything that limits what a CA can issue, as one comparable text. */
function constraintsOf({
  basicConstraints,
  extendedKeyUsage,
  nameConstraints,
  notBefore,
  notAfter,
}: Certificate): string {
  const subtrees = nameConstraints === null ? null : Buffer.from(nameConstraints.der).toString('hex')
  const purposes = extendedKeyUsage === null ? null : [...extendedKeyUsage].sort()
  return JSON.stringify([basicConstraints?.pathLenConstraint ?? null, purposes, subtrees, notBefore, notAfter])
}

function sayPemFailure(failure: PemFailure): UploadFailure {
  switch (failure.kind) {
    case 'privateKey':
      return {
        kind: 'privateKey',
        sentence:
          'The upload holds a private key. It was not read or kept; upload the CA certificate alone, and treat the key as exposed.',
      }
    case 'tooLarge':
      return { kind: 'tooLarge', sentence: `The upload is larger than ${failure.maximumOctets} characters.` }
    case 'empty':
      return { kind: 'empty', sentence: 'The upload is empty: paste the CA certificate as PEM or base64.' }
    case 'notPem':
      return {
        kind: 'notACertificate',
        sentence:
          'The upload is neither PEM nor base64 of a certificate: paste the text from -----BEGIN CERTIFICATE----- on.',
      }
    case 'unterminated':
      return { kind: 'notACertificate', sentence: 'The PEM text is cut off: its -----END line is missing.' }
    case 'badBase64':
      return { kind: 'notACertificate', sentence: 'The PEM text holds characters that are not base64.' }
    case 'noCertificate': {
      const labels = failure.labels.slice(0, 4).join(', ')
      return { kind: 'notACertificate', sentence: `The upload holds ${labels} but no CERTIFICATE.` }
    }
  }
}
