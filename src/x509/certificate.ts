import { hash, type KeyObject } from 'node:crypto'
import { bytesEqual } from '../base/bytes.ts'
import { err, ok, type Result } from '../base/result.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'
import { type AlgorithmIdentifier, readAlgorithmIdentifier } from './algorithm-identifier.ts'
import { constructed, DerReader, primitive } from './der.ts'
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts'
import { type Extensions, noExtensions, readExtensions } from './extensions.ts'
import { importPublicKey, type PublicKeyFacts, readPublicKeyInfo } from './public-key.ts'

/** A certificate read strictly from DER (RFC 5280 4.1). Immutable; holds views into `der`, which is its own copy. */
export interface Certificate extends Extensions {
  readonly der: Uint8Array
  readonly tbsCertificate: Uint8Array
  readonly version: 1 | 3
  readonly serialNumber: bigint
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** Inclusive. */
  readonly notBefore: UnixSeconds
  /** Inclusive. */
  readonly notAfter: UnixSeconds
  /** SubjectPublicKeyInfo as encoded. */
  readonly subjectPublicKeyInfo: Uint8Array
  /** Type and strength of the key, read without importing it. */
  readonly publicKeyFacts: PublicKeyFacts
  /** Imported when first asked for; null when the runtime cannot import it. */
  readonly publicKey: KeyObject | null
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Uint8Array
  /** 64 lower-case hexadecimal digits over `der`. */
  readonly sha256: string
}

export interface CertificateFailure {
  readonly kind: 'certificateMalformed'
  /** One sentence; never holds bytes of the certificate. */
  readonly reason: string
  readonly offset: number
}

/** A certificate above this is refused unread: it bounds every later step (names, constraints, hashing). */
export const maximumCertificateOctets = 16_384

/** Everything but the two values that are made when first asked for. */
type Fields = Omit<Certificate, 'publicKey' | 'sha256'>

function withLazyValues(fields: Fields): Certificate {
  let publicKey: KeyObject | null | undefined
  let sha256: string | undefined
  return {
    ...fields,
    get publicKey() {
      if (publicKey === undefined) publicKey = importPublicKey(fields.subjectPublicKeyInfo)
      return publicKey
    },
    get sha256() {
      sha256 ??= hash('sha256', fields.der, 'hex')
      return sha256
    },
  }
}

/**
 * Reads one certificate and nothing behind it. Strict about form, silent about trust: whether dates, key, extensions
 * and signature are good enough is for the path rules to say.
 *
 * @returns never throws, whatever the bytes
 */
export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateFailure> {
  if (der.length > maximumCertificateOctets) {
    return err({ kind: 'certificateMalformed', reason: `larger than ${maximumCertificateOctets} octets`, offset: 0 })
  }
  const own = new Uint8Array(der)
  const reader = new DerReader(own)
  const fields = readCertificate(own, reader)
  if (reader.failure !== null) return err({ kind: 'certificateMalformed', ...reader.failure })
  return ok(withLazyValues(fields))
}

function readCertificate(der: Uint8Array, reader: DerReader): Fields {
  const certificate = reader.sequence('certificate')
  reader.finish('certificate')
  const start = certificate.offset
  const tbs = certificate.sequence('tbsCertificate')
  const tbsCertificate = der.subarray(start, certificate.offset)
  const signatureAlgorithm = readAlgorithmIdentifier(certificate, 'signatureAlgorithm')
  const signature = certificate.wholeBitString('signatureValue')
  certificate.finish('certificate')

  const version = readVersion(tbs)
  const serialNumber = tbs.integer('serialNumber')
  const inner = readAlgorithmIdentifier(tbs, 'signature')
  if (!bytesEqual(inner.der, signatureAlgorithm.der)) {
    tbs.fail('signature and signatureAlgorithm differ') // RFC 5280 4.1.1.2
  }
  const issuer = readDistinguishedName(tbs, 'issuer')
  const validity = tbs.sequence('validity')
  const notBefore = unixSeconds(validity.time('notBefore'))
  const notAfter = unixSeconds(validity.time('notAfter'))
  validity.finish('validity')
  const subject = readDistinguishedName(tbs, 'subject')
  const key = readPublicKeyInfo(tbs)
  skipUniqueIdentifiers(tbs, version)
  const extensions = readExtensionsOf(tbs, version)
  tbs.finish('tbsCertificate')
  return {
    der,
    tbsCertificate,
    version,
    serialNumber,
    issuer,
    subject,
    notBefore,
    notAfter,
    subjectPublicKeyInfo: key.der,
    publicKeyFacts: key.facts,
    signatureAlgorithm,
    signature,
    ...extensions,
  }
}

function readVersion(tbs: DerReader): 1 | 3 {
  if (tbs.peek() !== constructed(0)) return 1
  const version = tbs.enter(constructed(0), 'version')
  // Version 1 is the default and is not encoded; version 2 was made for unique identifiers, and nobody uses them.
  if (version.smallInteger('version') !== 2) version.fail('version: neither 1 nor 3')
  version.finish('version')
  return 3
}

/** issuerUniqueID and subjectUniqueID have no meaning for us; RFC 5280 4.1.2.8 asks to read past them. */
function skipUniqueIdentifiers(tbs: DerReader, version: 1 | 3): void {
  for (const tag of [primitive(1), primitive(2)]) {
    if (tbs.peek() !== tag) continue
    if (version === 1) tbs.fail('unique identifier in a version 1 certificate')
    tbs.content(tag, 'unique identifier')
  }
}

function readExtensionsOf(tbs: DerReader, version: 1 | 3): Extensions {
  if (tbs.peek() !== constructed(3)) return noExtensions
  if (version !== 3) tbs.fail('extensions in a version 1 certificate')
  const outer = tbs.enter(constructed(3), 'extensions')
  const extensions = readExtensions(outer)
  outer.finish('extensions')
  return extensions
}

/** Issuer and subject are the same name: such a CA certificate does not count for pathLenConstraint (RFC 5280 6.1). */
export function isSelfIssued(certificate: Certificate): boolean {
  return bytesEqual(certificate.subject.der, certificate.issuer.der)
}
