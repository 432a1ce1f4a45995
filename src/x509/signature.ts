import { constants, createVerify, verify } from 'node:crypto'
import type { AlgorithmIdentifier } from './algorithm-identifier.ts'
import type { Certificate } from './certificate.ts'
import { constructed, DerReader, Tag } from './der.ts'
import type { PublicKeyFacts } from './public-key.ts'

/** How a signature is checked: decided from OIDs by the table below, never by the runtime. */
export type SignatureScheme =
  | { readonly kind: 'RSASSA-PKCS1-v1_5'; readonly hash: Hash }
  | { readonly kind: 'RSASSA-PSS'; readonly hash: Hash; readonly saltLength: number }
  | { readonly kind: 'ECDSA'; readonly hash: Hash }
  | { readonly kind: 'Ed25519' | 'Ed448' }

type Hash = 'sha256' | 'sha384' | 'sha512'

const schemes: ReadonlyMap<string, SignatureScheme> = new Map<string, SignatureScheme>([
  ['1.2.840.113549.1.1.11', { kind: 'RSASSA-PKCS1-v1_5', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { kind: 'RSASSA-PKCS1-v1_5', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { kind: 'RSASSA-PKCS1-v1_5', hash: 'sha512' }],
  ['1.2.840.10045.4.3.2', { kind: 'ECDSA', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { kind: 'ECDSA', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { kind: 'ECDSA', hash: 'sha512' }],
  ['1.3.101.112', { kind: 'Ed25519' }],
  ['1.3.101.113', { kind: 'Ed448' }],
])
const rsassaPss = '1.2.840.113549.1.1.10'
const mgf1 = '1.2.840.113549.1.1.8'
const hashes: ReadonlyMap<string, Hash> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

/** Names of refused algorithms that people still meet, for messages only. */
const refused: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.2.840.113549.1.1.14', 'SHA-224 with RSA'],
  ['1.2.840.10045.4.1', 'SHA-1 with ECDSA'],
  ['1.2.840.10045.4.3.1', 'SHA-224 with ECDSA'],
  ['1.2.840.10040.4.3', 'SHA-1 with DSA'],
  ['2.16.840.1.101.3.4.3.2', 'SHA-256 with DSA'],
  [rsassaPss, 'RSASSA-PSS with other parameters than SHA-256, SHA-384 or SHA-512 throughout'],
])

export const acceptedSignatures = 'SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, Ed25519 or Ed448'

/** The scheme of an algorithm; null: refused (SHA-1, MD5, DSA, anything unknown, parameters that do not belong). */
export function signatureScheme(algorithm: AlgorithmIdentifier): SignatureScheme | null {
  if (algorithm.oid === rsassaPss) return pssScheme(algorithm.parameters)
  const scheme = schemes.get(algorithm.oid)
  if (scheme === undefined) return null
  const { parameters } = algorithm
  if (parameters === null) return scheme
  // RFC 4055 5: NULL with RSA, which verifiers accept absent too; RFC 5758 and RFC 8410: absent with the others.
  const isNull = parameters.length === 2 && parameters[0] === Tag.Null
  return isNull && scheme.kind === 'RSASSA-PKCS1-v1_5' ? scheme : null
}

/** What to call an algorithm in a message. */
export function describeAlgorithm(algorithm: AlgorithmIdentifier): string {
  return refused.get(algorithm.oid) ?? `signature algorithm ${algorithm.oid}`
}

/** RFC 4055 3.1: one hash for message and mask; every default (SHA-1) is therefore a refusal. */
function pssScheme(parameters: Uint8Array | null): SignatureScheme | null {
  if (parameters === null) return null
  const what = 'RSASSA-PSS-params'
  const reader = new DerReader(parameters)
  const fields = reader.sequence(what)
  reader.finish(what)
  const hash = readHash(fields.enter(constructed(0), what))
  const mask = fields.enter(constructed(1), what).sequence(what)
  const maskFunction = mask.objectIdentifier(what)
  const maskHash = readHash(mask)
  let saltLength = 20
  if (fields.peek() === constructed(2)) {
    const salt = fields.enter(constructed(2), what)
    saltLength = salt.smallInteger(what)
    salt.finish(what)
  }
  if (fields.peek() === constructed(3)) {
    const trailer = fields.enter(constructed(3), what)
    if (trailer.smallInteger(what) !== 1) trailer.fail(what)
    trailer.finish(what)
  }
  fields.finish(what)
  if (reader.failure !== null || hash === null || maskFunction !== mgf1 || maskHash !== hash) return null
  return saltLength > 512 ? null : { kind: 'RSASSA-PSS', hash, saltLength }
}

function readHash(reader: DerReader): Hash | null {
  const inner = reader.sequence('hash')
  const hash = hashes.get(inner.objectIdentifier('hash')) ?? null
  if (inner.more() && inner.content(Tag.Null, 'hash').length > 0) inner.fail('hash')
  inner.finish('hash')
  reader.finish('hash')
  return hash
}

/** Whether a key of this type can have made a signature of this scheme. */
function fits(scheme: SignatureScheme, key: PublicKeyFacts): boolean {
  switch (scheme.kind) {
    case 'RSASSA-PKCS1-v1_5':
      return key.kind === 'RSA'
    case 'RSASSA-PSS':
      return key.kind === 'RSA' || key.kind === 'RSASSA-PSS'
    case 'ECDSA':
      return key.kind === 'EC'
    case 'Ed25519':
    case 'Ed448':
      return key.kind === scheme.kind
  }
}

/**
 * Verifies a signature with the issuer's key. Costs 20 to 60 µs; the caller counts it. The issuer's key must have passed
 * `keyWeakness` before.
 *
 * @returns false for a wrong signature and for everything that keeps it from being checked
 */
export function verifySignature(
  scheme: SignatureScheme,
  signed: Uint8Array,
  signature: Uint8Array,
  issuer: Pick<Certificate, 'publicKey' | 'publicKeyFacts'>,
): boolean {
  if (!fits(scheme, issuer.publicKeyFacts)) return false
  const key = issuer.publicKey
  if (key === null) return false
  try {
    switch (scheme.kind) {
      case 'RSASSA-PKCS1-v1_5':
        return verify(scheme.hash, signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
      case 'RSASSA-PSS': {
        const { hash, saltLength } = scheme
        return verify(hash, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
      }
      case 'ECDSA':
        return verify(scheme.hash, signed, { key, dsaEncoding: 'der' }, signature)
      case 'Ed25519':
      case 'Ed448':
        return verify(null, signed, key, signature)
    }
  } catch {
    return false
  }
}

/**
 * The same for content of many megabytes, a part at a time: each step hashes at most `octets`. Edwards curves hash the
 * whole at once, as their signatures are made over the content itself.
 */
export function* verifySignatureInParts(
  scheme: SignatureScheme,
  signed: Uint8Array,
  signature: Uint8Array,
  issuer: Pick<Certificate, 'publicKey' | 'publicKeyFacts'>,
  octets: number,
): Generator<undefined, boolean> {
  const key = issuer.publicKey
  if (!('hash' in scheme) || key === null || !fits(scheme, issuer.publicKeyFacts)) {
    return verifySignature(scheme, signed, signature, issuer)
  }
  const verifier = createVerify(scheme.hash)
  for (let at = 0; at < signed.length; at += octets) {
    verifier.update(signed.subarray(at, at + octets))
    yield undefined
  }
  try {
    switch (scheme.kind) {
      case 'RSASSA-PKCS1-v1_5':
        return verifier.verify({ key, padding: constants.RSA_PKCS1_PADDING }, signature)
      case 'RSASSA-PSS':
        return verifier.verify(
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength },
          signature,
        )
      case 'ECDSA':
        return verifier.verify({ key, dsaEncoding: 'der' }, signature)
    }
  } catch {
    return false
  }
}

/** What one verification with this key costs, in units of one on P-256 (about 60 µs); measured on OpenSSL 3.5. */
export function verificationCost(key: PublicKeyFacts): number {
  switch (key.kind) {
    case 'RSA':
    case 'RSASSA-PSS':
      return key.modulusBits <= 4096 ? 1 : 8
    case 'EC':
      return key.curve === 'P-256' ? 1 : key.curve === 'P-384' ? 10 : 20
    case 'Ed25519':
      return 2
    case 'Ed448':
      return 4
    case 'other':
      return 20
  }
}
