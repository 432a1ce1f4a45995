import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { err, ok, type Result } from '../base/result.ts'
import type { UnixSeconds } from '../base/time.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import {
  type CertificateToWrite,
  type ExtensionToWrite,
  publicKeyInfo,
  type Signer,
  signed,
  signerOf,
  writeCertificate,
  writeExtensions,
} from './certificate-writer.ts'
import { constructed, integerValue } from './der.ts'
import { concat, element, integer, objectIdentifier, sequence, setOf, time } from './der-writer.ts'
import type { DistinguishedName } from './distinguished-name.ts'
import * as extension from './extension-writer.ts'
import { ExtendedKeyUsage, ExtensionId } from './extensions.ts'
import type { GeneralName } from './general-name.ts'
import { parseIpAddress } from './ip-address.ts'

/**
 * Makes certificates, requests and revocation lists: for `sealgate dev`, `sealgate cert` and tests. All values are the
 * caller's; what comes out passes our own reader.
 */

export type KeyType = 'P-256' | 'P-384' | 'RSA-2048' | 'Ed25519'
export const keyTypes: readonly KeyType[] = ['P-256', 'P-384', 'RSA-2048', 'Ed25519']

/** RSA takes a tenth of a second and more, the others less than a millisecond. */
export function generatePrivateKey(type: KeyType): KeyObject {
  switch (type) {
    case 'P-256':
    case 'P-384':
      return generateKeyPairSync('ec', { namedCurve: type }).privateKey
    case 'RSA-2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'Ed25519':
      return generateKeyPairSync('ed25519').privateKey
  }
}

/** PKCS #8 without a password; the caller protects the file. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }) as string
}

export interface Validity {
  /** Both inclusive. */
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
}

/** A CA certificate with its private key. */
export interface CertificateAuthority {
  readonly certificate: Certificate
  readonly privateKey: KeyObject
}

interface Common extends Validity {
  readonly subject: DistinguishedName
  /** Positive, at most 159 bits; default: 127 random bits. */
  readonly serialNumber?: bigint
}

export interface AuthorityOptions extends Common {
  /** Default: a new P-256 key. */
  readonly key?: KeyObject | KeyType
  /** Default: none, the authority is a root. */
  readonly issuer?: CertificateAuthority
  readonly pathLenConstraint?: number
  readonly nameConstraints?: { readonly permitted?: readonly GeneralName[]; readonly excluded?: readonly GeneralName[] }
  readonly extendedKeyUsage?: readonly string[]
}

export interface LeafOptions extends Common {
  /** The device's key: a private key, its public half, or a type to generate. Default: a new P-256 key. */
  readonly key?: KeyObject | KeyType
  readonly subjectAltNames?: readonly GeneralName[]
  /** Dotted OIDs; default clientAuth. Empty: no such extension. */
  readonly extendedKeyUsage?: readonly string[]
}

/** A certificate with the private key if it was made or handed in here. */
export interface Issued {
  readonly certificate: Certificate
  readonly privateKey: KeyObject | null
}

/** A root, or with `issuer` an intermediate: CA:TRUE, keyCertSign and cRLSign. */
export function createCertificateAuthority(options: AuthorityOptions): CertificateAuthority {
  const { issuer, subject } = options
  const privateKey = privateKeyOf(options.key)
  const extensions: ExtensionToWrite[] = [
    extension.basicConstraints(true, options.pathLenConstraint ?? null),
    extension.keyUsage(['keyCertSign', 'cRLSign']),
  ]
  if (options.extendedKeyUsage !== undefined) extensions.push(extension.extendedKeyUsage(options.extendedKeyUsage))
  if (options.nameConstraints !== undefined) {
    const { permitted = [], excluded = [] } = options.nameConstraints
    extensions.push(extension.nameConstraints(permitted, excluded))
  }
  const issuerName = issuer?.certificate.subject ?? subject
  const certificate = write(options, publicKeyInfo(privateKey), issuerName, extensions, issuer ?? { privateKey })
  return { certificate, privateKey }
}

/** A leaf: CA:FALSE, digitalSignature, names as given. */
export function issueCertificate(options: LeafOptions & { readonly issuer: CertificateAuthority }): Issued {
  const { issuer } = options
  const key = typeof options.key === 'object' ? options.key : privateKeyOf(options.key)
  const extensions = leafExtensions(options)
  const certificate = write(options, publicKeyInfo(key), issuer.certificate.subject, extensions, issuer)
  return { certificate, privateKey: key.type === 'private' ? key : null }
}

/** A leaf that signs itself, for the thumbprint scheme. */
export function createSelfSigned(options: LeafOptions): CertificateAuthority {
  const privateKey = privateKeyOf(options.key)
  const extensions = leafExtensions(options)
  const certificate = write(options, publicKeyInfo(privateKey), options.subject, extensions, { privateKey })
  return { certificate, privateKey }
}

/** A PKCS #10 request (RFC 2986) with the names as an extension request; DER. */
export function createSigningRequest(options: {
  readonly subject: DistinguishedName
  readonly privateKey: KeyObject
  readonly subjectAltNames?: readonly GeneralName[]
}): Uint8Array {
  const { subject, privateKey, subjectAltNames = [] } = options
  const extensionRequest = '1.2.840.113549.1.9.14'
  const names = extension.subjectAltName(subjectAltNames, isEmpty(subject))
  const attributes =
    subjectAltNames.length === 0 ? [] : [sequence(objectIdentifier(extensionRequest), setOf(writeExtensions([names])))]
  const info = sequence(
    integer(0),
    subject.der,
    publicKeyInfo(privateKey),
    element(constructed(0), ...attributes), // IMPLICIT SET OF: at most one member, so in order
  )
  return signed(info, signerOf(privateKey))
}

export interface RevokedCertificate {
  readonly serialNumber: bigint
  readonly revokedAt: UnixSeconds
}

/** A complete CRL of version 2 (RFC 5280 5); DER. */
export function createRevocationList(options: {
  readonly issuer: CertificateAuthority
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly crlNumber: bigint
  readonly revoked: readonly RevokedCertificate[]
  /** Further members of revokedCertificates, as encoded. */
  readonly entries?: readonly Uint8Array[]
}): Uint8Array {
  const { issuer, thisUpdate, nextUpdate, crlNumber, revoked } = options
  const made = revoked.map(({ serialNumber, revokedAt }) => sequence(integer(serialNumber), time(revokedAt)))
  const entries = [...made, ...(options.entries ?? [])]
  const extensions = [
    ...keyIdentifierExtension(issuer),
    { oid: ExtensionId.CrlNumber, critical: false, value: integer(crlNumber) },
  ]
  return writeRevocationList(
    { issuer: issuer.certificate.subject.der, thisUpdate, nextUpdate, entries, extensions },
    signerOf(issuer.privateKey),
  )
}

/** Encodes and signs a CRL from parts, sensible or not. */
export function writeRevocationList(
  fields: {
    readonly issuer: Uint8Array
    readonly thisUpdate: UnixSeconds
    readonly nextUpdate: UnixSeconds | null
    /** Each revokedCertificates member as encoded. */
    readonly entries: readonly Uint8Array[]
    readonly extensions: readonly ExtensionToWrite[]
  },
  signer: Signer,
): Uint8Array {
  const { issuer, thisUpdate, nextUpdate, entries, extensions } = fields
  const nothing = new Uint8Array(0)
  const content = sequence(
    integer(1),
    signer.algorithm,
    issuer,
    time(thisUpdate),
    nextUpdate === null ? nothing : time(nextUpdate),
    entries.length === 0 ? nothing : sequence(concat(entries)), // absent when nothing is revoked (RFC 5280 5.1.2.6)
    extensions.length === 0 ? nothing : element(constructed(0), writeExtensions(extensions)),
  )
  return signed(content, signer)
}

export type GeneralNameTextFailure =
  | { readonly kind: 'notAscii' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'notAnIpAddress' }

/** A general name from text, for the kinds that a scheme can compare. */
export function generalNameOfText(
  kind: 'dNSName' | 'rfc822Name' | 'uniformResourceIdentifier' | 'iPAddress',
  text: string,
): Result<GeneralName, GeneralNameTextFailure> {
  if (text === '') return err({ kind: 'empty' })
  if (kind === 'iPAddress') {
    const octets = parseIpAddress(text)
    return octets === null ? err({ kind: 'notAnIpAddress' }) : ok({ kind, octets })
  }
  if (!/^[\x21-\x7e]+$/.test(text)) return err({ kind: 'notAscii' })
  return ok({ kind, text, octets: new Uint8Array(Buffer.from(text, 'latin1')) })
}

function write(
  options: Common,
  subjectPublicKeyInfo: Uint8Array,
  issuer: DistinguishedName,
  extensions: readonly ExtensionToWrite[],
  authority: { readonly certificate?: Certificate; readonly privateKey: KeyObject },
): Certificate {
  const { subject, notBefore, notAfter } = options
  const identifiers = [
    extension.subjectKeyIdentifier(extension.keyIdentifierOf(subjectPublicKeyInfo)),
    ...(authority.certificate === undefined ? [] : keyIdentifierExtension({ certificate: authority.certificate })),
  ]
  const fields: CertificateToWrite = {
    serialNumber: options.serialNumber ?? randomSerialNumber(),
    issuer: issuer.der,
    subject: subject.der,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    extensions: [...extensions, ...identifiers],
  }
  const read = parseCertificate(writeCertificate(fields, signerOf(authority.privateKey)))
  assert(read.ok, 'a certificate that we wrote passes our reader')
  return read.value
}

function leafExtensions(options: LeafOptions): ExtensionToWrite[] {
  const { subject, subjectAltNames = [], extendedKeyUsage = [ExtendedKeyUsage.ClientAuth] } = options
  const extensions = [extension.basicConstraints(false, null), extension.keyUsage(['digitalSignature'])]
  if (extendedKeyUsage.length > 0) extensions.push(extension.extendedKeyUsage(extendedKeyUsage))
  if (subjectAltNames.length > 0) extensions.push(extension.subjectAltName(subjectAltNames, isEmpty(subject)))
  return extensions
}

/** The issuer's own key identifier; an issuer without one gets none (RFC 5280 4.2.1.1 derives it from the certificate). */
function keyIdentifierExtension(issuer: { readonly certificate: Certificate }): ExtensionToWrite[] {
  const { subjectKeyIdentifier } = issuer.certificate
  return subjectKeyIdentifier === null ? [] : [extension.authorityKeyIdentifier(subjectKeyIdentifier)]
}

function privateKeyOf(key: KeyObject | KeyType | undefined): KeyObject {
  const privateKey = typeof key === 'object' ? key : generatePrivateKey(key ?? 'P-256')
  assert(privateKey.type === 'private', 'who signs needs a private key')
  return privateKey
}

function isEmpty(name: DistinguishedName): boolean {
  return name.relativeDistinguishedNames.length === 0
}

/** 127 random bits with the top one set: positive, always 16 octets. */
function randomSerialNumber(): bigint {
  const octets = new Uint8Array(randomBytes(16))
  octets[0] = (octets[0]! & 0x7f) | 0x40
  return integerValue(octets)
}
