import { createHash } from 'node:crypto'
import { err, ok, type Result } from '../../base/result.ts'
import type { Steps } from '../../base/steps.ts'
import { formatUnixSeconds, type UnixSeconds } from '../../base/time.ts'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import {
  type CrlAge,
  type RevocationList,
  type RevocationListFailure,
  readRevocationListInSteps,
} from '../../x509/crl.ts'
import { decodeListInSteps, type ListUpload } from '../../x509/crl-upload.ts'
import { formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { readPem, toPem } from '../../x509/pem.ts'
import { formatSerialNumber } from '../../x509/revocation.ts'
import type { Fields } from '../fields.ts'
import { type ReadContext, readDescription } from './context.ts'

/** A revocation list as its record tells of it; the list itself lies beside it, in chunks (`revocation-lists.ts`). */
export interface RevocationListProperties {
  readonly description?: string
  /** Of the CA whose key signed it; kept, so that the list goes on when that CA is taken out and comes back. */
  readonly encodedIssuerCertificate: string
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds | null
  /** `0x` and hexadecimal digits; null: the list has none. */
  readonly crlNumber: string | null
  readonly revokedCertificates: number
  /** Of the DER, lower-case hexadecimal. */
  readonly sha256: string
  readonly octets: number
}

export interface VerifiedList {
  readonly properties: RevocationListProperties
  readonly authority: Certificate
  /** Null: the list that is stored already. */
  readonly fresh: { readonly der: Uint8Array; readonly list: RevocationList } | null
}

export interface ListSources {
  /** Certificates of CAs that may have signed it. */
  readonly authorities: () => readonly Certificate[]
  /** The list outside of the document: an upload, a watched file. */
  readonly content: Uint8Array | null
}

const maximumPemLength = 65_536
/** Of the text in a document; whatever is larger comes as it is, not in JSON. */
const maximumTextLength = 4 * 1_048_576

/** @returns null when there are problems */
export function* readRevocationListResource(
  properties: Fields,
  existing: RevocationListProperties | null,
  context: ReadContext,
  sources: ListSources,
): Steps<VerifiedList | null> {
  const description = readDescription(properties)
  const fail = (message: string): null => {
    properties.fail('encodedRevocationList', 'InvalidRevocationList', message)
    return null
  }
  const upload = yield* readUpload(properties, sources.content)
  if (upload !== null && !upload.ok) {
    const code = upload.error.kind === 'privateKey' ? 'PrivateKeyRefused' : 'InvalidRevocationList'
    properties.fail('encodedRevocationList', code, upload.error.message)
    return null
  }
  const given = readIssuer(properties, upload?.value.issuer ?? null)
  if (given === 'refused') return null
  const stored = existing === null ? null : parseStored(existing.encodedIssuerCertificate)
  if (upload === null) {
    if (existing === null || stored === null) {
      properties.fail('encodedRevocationList', 'Required', 'Write the list: PEM, or base64 of DER.')
      return null
    }
    const { description: _, ...rest } = existing
    return { properties: { ...description, ...rest }, authority: stored, fresh: null }
  }
  const { der } = upload.value
  const sha256 = yield* digestInSteps(der)
  if (existing !== null && stored !== null && sha256 === existing.sha256) {
    const { description: _, ...rest } = existing
    return { properties: { ...description, ...rest }, authority: stored, fresh: null }
  }
  const candidates = given !== null ? [given] : [...sources.authorities(), ...(stored === null ? [] : [stored])]
  const allowOlder = properties.flag('allowOlder') === true
  let told: { readonly failure: RevocationListFailure; readonly authority: Certificate } | null = null
  for (const authority of candidates) {
    const isSame = stored !== null && sameAuthority(stored, authority)
    const inUse = existing === null || !isSame || allowOlder ? null : ageOf(existing)
    const skewSeconds = context.limits.notBeforeSkewSeconds
    const read = yield* readRevocationListInSteps({ der, authority, now: context.now, skewSeconds, inUse })
    if (read.ok && stored !== null && !isSame) {
      return fail(
        `This is a list of ${formatDistinguishedName(authority.subject)}, and the one in its place is of another CA, whose certificates would be revoked no more: ${formatDistinguishedName(stored.subject)}. Give it a name of its own, or delete the other one first.`,
      )
    }
    if (read.ok)
      return {
        properties: { ...description, ...factsOf(read.value, authority, der, sha256) },
        authority,
        fresh: { der, list: read.value },
      }
    // The more a candidate has in common with the list, the more its failure says.
    if (told === null || rank(read.error) >= rank(told.failure)) told = { failure: read.error, authority }
  }
  if (told === null) {
    return fail(
      'There is no CA certificate that could have signed it. Register the CA, or write its certificate as encodedIssuerCertificate.',
    )
  }
  return fail(sentenceOf(told.failure, told.authority))
}

export function sameAuthority(a: Certificate, b: Certificate): boolean {
  const same = (x: Uint8Array, y: Uint8Array) => Buffer.compare(x, y) === 0
  return same(a.subject.der, b.subject.der) && same(a.subjectPublicKeyInfo, b.subjectPublicKeyInfo)
}

export function revocationListDocument(properties: RevocationListProperties): Record<string, unknown> {
  const { description, encodedIssuerCertificate, thisUpdate, nextUpdate, ...facts } = properties
  const issuer = parseStored(encodedIssuerCertificate)
  return {
    ...(description === undefined ? {} : { description }),
    encodedIssuerCertificate,
    issuer: issuer === null ? null : formatDistinguishedName(issuer.subject),
    thisUpdateInUtc: formatUnixSeconds(thisUpdate),
    nextUpdateInUtc: nextUpdate === null ? null : formatUnixSeconds(nextUpdate),
    ...facts,
  }
}

export function parseStored(pem: string): Certificate | null {
  const read = readPem(pem)
  const parsed = read.ok ? parseCertificate(read.value.certificates[0]!) : null
  return parsed?.ok === true ? parsed.value : null
}

/** Some milliseconds of hashing. */
const octetsPerStep = 1_048_576

function* digestInSteps(der: Uint8Array): Steps<string> {
  const digest = createHash('sha256')
  for (let at = 0; at < der.length; at += octetsPerStep) {
    digest.update(der.subarray(at, at + octetsPerStep))
    yield
  }
  return digest.digest('hex')
}

function* readUpload(properties: Fields, content: Uint8Array | null): Steps<Result<ListUpload, ListProblem> | null> {
  let octets = content
  if (octets === null) {
    const text = properties.text('encodedRevocationList', maximumTextLength)
    if (text === undefined) return null
    octets = Buffer.from(text, 'latin1')
  }
  const upload = yield* decodeListInSteps(octets)
  return upload.ok ? upload : err({ kind: upload.error.kind, message: uploadSentence(upload.error.kind) })
}

interface ListProblem {
  readonly kind: string
  readonly message: string
}

const uploadSentences = {
  tooLarge: 'The list is larger than 32 MiB.',
  privateKey: 'This holds a private key. Send the list alone; nothing of it was kept.',
  empty: 'There is nothing in it.',
  notAList: 'This is no revocation list: write PEM (X509 CRL), base64 of DER, or DER in an upload.',
  certificate: 'This is a certificate, not a revocation list. The CA writes the list: openssl ca -gencrl, step ca crl.',
  unterminated: 'The text ends within the list: it was cut off, or it is still being written.',
  severalLists: 'These are several lists. Send the one of this CA.',
} as const

function uploadSentence(kind: keyof typeof uploadSentences): string {
  return uploadSentences[kind]
}

/** The CA's certificate as the document gives it; null: it is one of those registered. */
function readIssuer(properties: Fields, uploaded: Uint8Array | null): Certificate | null | 'refused' {
  const refuse = (message: string): 'refused' => {
    properties.fail('encodedIssuerCertificate', 'InvalidCertificate', message)
    return 'refused'
  }
  const text = properties.text('encodedIssuerCertificate', maximumPemLength)
  if (text === undefined && uploaded === null) return null
  const pem = text === undefined ? ok({ certificates: [uploaded!] }) : readPem(text)
  if (!pem.ok) return refuse('Write the certificate of the CA that signed the list: PEM, or base64 of DER.')
  const parsed = parseCertificate(pem.value.certificates[0]!)
  if (!parsed.ok) return refuse(`The certificate cannot be read: ${parsed.error.reason}.`)
  if (parsed.value.basicConstraints?.cA !== true) return refuse('This is no CA certificate (CA:TRUE).')
  return parsed.value
}

function factsOf(
  list: RevocationList,
  authority: Certificate,
  der: Uint8Array,
  sha256: string,
): RevocationListProperties {
  return {
    encodedIssuerCertificate: toPem('CERTIFICATE', authority.der),
    thisUpdate: list.thisUpdate,
    nextUpdate: list.nextUpdate,
    crlNumber: list.crlNumber === null ? null : formatSerialNumber(list.crlNumber),
    revokedCertificates: list.revokedCount,
    sha256,
    octets: der.length,
  }
}

function ageOf({ thisUpdate, crlNumber }: RevocationListProperties): CrlAge {
  return { thisUpdate, crlNumber: crlNumber === null ? null : BigInt(crlNumber) }
}

/** How far the reading came before it failed. */
function rank({ kind }: RevocationListFailure): number {
  return ['malformed', 'issuerMismatch', 'signature'].indexOf(kind) + 1 || 4
}

function sentenceOf(failure: RevocationListFailure, authority: Certificate): string {
  const ca = formatDistinguishedName(authority.subject)
  const age = ({ thisUpdate, crlNumber }: CrlAge) =>
    `${formatUnixSeconds(thisUpdate)}${crlNumber === null ? '' : ` with number ${formatSerialNumber(crlNumber)}`}`
  switch (failure.kind) {
    case 'tooLarge':
      return uploadSentences.tooLarge
    case 'tooManyEntries':
      return `The list names more than ${failure.maximum} certificates.`
    case 'malformed':
      return `The list cannot be read: ${failure.reason} (octet ${failure.offset}). If the file was still being written, send it again.`
    case 'issuerMismatch':
      return `The list is one of ${failure.issuer}, and no CA certificate of that name is registered. Register it, or write its certificate as encodedIssuerCertificate.`
    case 'signature':
      return `The list bears the name of ${ca} and was not signed with its key: another CA of the same name, or a changed file.`
    case 'weakSignature':
      return `The list is signed with ${failure.presented}; SHA-256 or better is needed.`
    case 'cRLSignMissing':
      return `The keyUsage of ${ca} has no cRLSign: it may not sign revocation lists.`
    case 'notYetValid':
      return `The list begins at ${formatUnixSeconds(failure.thisUpdate)}, which is in the future. Look at the clocks of the CA and of this machine.`
    case 'older':
      return `The list in use is newer: of ${age(failure.inUse)}; this one is of ${age(failure.presented)}. Set allowOlder to go back.`
    case 'delta':
      return 'This is a delta list: only what changed since another one. Send the complete list.'
    case 'partialOrIndirect':
      return 'The list covers only a part of the CA, or several CAs (issuingDistributionPoint). Send the complete list of one CA.'
    case 'unknownCriticalExtension':
      return `The list has a critical extension that is not understood: ${failure.oid}.`
  }
}
