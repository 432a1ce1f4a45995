import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { assert } from '../base/assert.ts'
import type { UnixSeconds } from '../base/time.ts'
import { constructed } from './der.ts'
import {
  bitString,
  boolean,
  element,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  time,
} from './der-writer.ts'

/** Puts a signature under bytes: the algorithm as it is named in the signed structure, and the signature itself. */
export interface Signer {
  /** AlgorithmIdentifier as encoded. */
  readonly algorithm: Uint8Array
  readonly sign: (data: Uint8Array) => Uint8Array
}

export interface ExtensionToWrite {
  readonly oid: string
  readonly critical: boolean
  /** DER of the extension's own type. */
  readonly value: Uint8Array
}

export interface CertificateToWrite {
  /** Default 3 with extensions, 1 without. */
  readonly version?: 1 | 2 | 3
  readonly serialNumber: bigint
  /** Names as encoded. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  readonly subjectPublicKeyInfo: Uint8Array
  readonly extensions: readonly ExtensionToWrite[]
}

/** Encodes and signs whatever it is given, sensible or not: the rules are the caller's. */
export function writeCertificate(fields: CertificateToWrite, signer: Signer): Uint8Array {
  const { extensions } = fields
  const version = fields.version ?? (extensions.length > 0 ? 3 : 1)
  const tbsCertificate = sequence(
    version === 1 ? new Uint8Array(0) : element(constructed(0), integer(version - 1)),
    integer(fields.serialNumber),
    signer.algorithm,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.subjectPublicKeyInfo,
    extensions.length === 0 ? new Uint8Array(0) : element(constructed(3), writeExtensions(extensions)),
  )
  return signed(tbsCertificate, signer)
}

/** The shape that certificates, requests and revocation lists share: content, algorithm, signature. */
export function signed(content: Uint8Array, signer: Signer): Uint8Array {
  return sequence(content, signer.algorithm, bitString(signer.sign(content)))
}

export function writeExtensions(extensions: readonly ExtensionToWrite[]): Uint8Array {
  return sequence(
    ...extensions.map(({ oid, critical, value }) =>
      sequence(objectIdentifier(oid), critical ? boolean(true) : new Uint8Array(0), octetString(value)),
    ),
  )
}

const curves: ReadonlyMap<string, { readonly oid: string; readonly hash: string }> = new Map([
  ['prime256v1', { oid: '1.2.840.10045.4.3.2', hash: 'sha256' }],
  ['secp384r1', { oid: '1.2.840.10045.4.3.3', hash: 'sha384' }],
  ['secp521r1', { oid: '1.2.840.10045.4.3.4', hash: 'sha512' }],
])

/** The signer of a private key with the hash that suits its strength: SHA-256 with RSA, SHA-2 of the curve's width. */
export function signerOf(key: KeyObject): Signer {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return {
        algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nullValue()),
        sign: (data) => sign('sha256', data, key),
      }
    case 'ec': {
      const curve = curves.get(key.asymmetricKeyDetails?.namedCurve ?? '')
      assert(curve !== undefined, 'an EC key that signs is on P-256, P-384 or P-521')
      return {
        algorithm: sequence(objectIdentifier(curve.oid)),
        sign: (data) => sign(curve.hash, data, { key, dsaEncoding: 'der' }),
      }
    }
    case 'ed25519':
      return { algorithm: sequence(objectIdentifier('1.3.101.112')), sign: (data) => sign(null, data, key) }
    case 'ed448':
      return { algorithm: sequence(objectIdentifier('1.3.101.113')), sign: (data) => sign(null, data, key) }
    default:
      assert(false, `no certificate is signed with a key of type ${key.asymmetricKeyType}`)
  }
}

/** SubjectPublicKeyInfo of a public key, or of the public half of a private one. */
export function publicKeyInfo(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
}
