import { bytesEqual } from '../base/bytes.ts'
import { err, ok, type Result } from '../base/result.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'
import { readAlgorithmIdentifier } from './algorithm-identifier.ts'
import { type Certificate, maximumCertificateOctets } from './certificate.ts'
import { constructed, DerReader, Tag } from './der.ts'
import { integerContent } from './der-writer.ts'
import { formatDistinguishedName, readDistinguishedName } from './distinguished-name.ts'
import { ExtensionId } from './extensions.ts'
import { keyWeakness } from './public-key.ts'
import { SerialSet } from './serial-set.ts'
import { describeAlgorithm, signatureScheme, verifySignatureInParts } from './signature.ts'

/** A verified, complete certificate revocation list of one CA (RFC 5280 5). */
export interface RevocationList {
  readonly thisUpdate: UnixSeconds
  /** Null: the list does not say when the next one is due. */
  readonly nextUpdate: UnixSeconds | null
  readonly crlNumber: bigint | null
  /** Different serial numbers on the list. */
  readonly revokedCount: number
  revokes(serialNumber: bigint): boolean
}

export type RevocationListFailure =
  | { readonly kind: 'tooLarge'; readonly maximumOctets: number }
  | { readonly kind: 'tooManyEntries'; readonly maximum: number }
  | { readonly kind: 'malformed'; readonly reason: string; readonly offset: number }
  /** The list is another CA's. */
  | { readonly kind: 'issuerMismatch'; readonly issuer: string }
  /** Not signed with this CA's key: of two CAs with one name, perhaps the other's. */
  | { readonly kind: 'signature' }
  | { readonly kind: 'weakSignature'; readonly presented: string }
  /** The CA certificate has a keyUsage without cRLSign. */
  | { readonly kind: 'cRLSignMissing' }
  | { readonly kind: 'notYetValid'; readonly thisUpdate: UnixSeconds }
  /** Older than the list that is in use. */
  | { readonly kind: 'older'; readonly presented: CrlAge; readonly inUse: CrlAge }
  /** Only changes since another list. */
  | { readonly kind: 'delta' }
  /** Only a part of the certificates, or certificates of several CAs. */
  | { readonly kind: 'partialOrIndirect' }
  | { readonly kind: 'unknownCriticalExtension'; readonly oid: string }

export interface CrlAge {
  readonly thisUpdate: UnixSeconds
  readonly crlNumber: bigint | null
}

export interface RevocationListRequest {
  readonly der: Uint8Array
  /** The registered CA certificate whose list this should be. */
  readonly authority: Certificate
  readonly now: UnixSeconds
  /** Tolerance for thisUpdate, as for notBefore. */
  readonly skewSeconds: number
  /** The list that is in use, which must not be newer; null: none, or a step back is wanted. */
  readonly inUse: CrlAge | null
}

export const maximumCrlOctets = 32 * 1024 * 1024
export const maximumCrlEntries = 1_000_000

/** One step is a few milliseconds, so whoever runs the steps can let others in between. */
const entriesPerStep = 2_048
const octetsPerStep = 1_048_576

/** SEQUENCE of a serial number of one octet and a UTCTime. */
const smallestEntryOctets = 20

/** What is read in one piece stays far below a step: lists come from whoever may write them, signed by whatever CA they name. */
const maximumExtensionsOctets = 65_536
/** RFC 5280 5.2.3: from 0 on, and at most 20 octets. */
const maximumCrlNumberOctets = 20

/** RFC 5280 5.2.4 and 5.2.5. */
const deltaCrlIndicator = '2.5.29.27'
const issuingDistributionPoint = '2.5.29.28'
/** RFC 5280 5.3.1 to 5.3.3. */
const reasonCode = '2.5.29.21'
const certificateIssuer = '2.5.29.29'
const removeFromCrl = 8

/**
 * Reads and verifies a list in steps of a few milliseconds; the generator yields between them and returns the outcome.
 * The list counts only as a whole: nothing of it can be used before the last step.
 */
export function* readRevocationListInSteps(
  request: RevocationListRequest,
): Generator<undefined, Result<RevocationList, RevocationListFailure>> {
  const { der, authority, now, skewSeconds, inUse } = request
  if (der.length > maximumCrlOctets) return err({ kind: 'tooLarge', maximumOctets: maximumCrlOctets })
  const reader = new DerReader(der)
  const malformed = () => err({ kind: 'malformed', ...reader.failure! } as const)

  const list = reader.sequence('certificateList')
  reader.finish('certificateList')
  const start = list.offset
  const tbs = list.sequence('tbsCertList')
  const tbsCertList = der.subarray(start, list.offset)
  const algorithm = readAlgorithmIdentifier(list, 'signatureAlgorithm')
  const signature = list.wholeBitString('signatureValue')
  list.finish('certificateList')

  const hasVersion = tbs.peek() === Tag.Integer
  if (hasVersion && tbs.smallInteger('version') !== 1) tbs.fail('version: not 2')
  const inner = readAlgorithmIdentifier(tbs, 'signature')
  if (!bytesEqual(inner.der, algorithm.der)) tbs.fail('signature and signatureAlgorithm differ')
  const issuer = tbs.raw('issuer')
  const thisUpdate = unixSeconds(tbs.time('thisUpdate'))
  const hasNextUpdate = tbs.peek() === Tag.UtcTime || tbs.peek() === Tag.GeneralizedTime
  const nextUpdate = hasNextUpdate ? unixSeconds(tbs.time('nextUpdate')) : null
  if (reader.failure !== null) return malformed()

  if (!bytesEqual(issuer, authority.subject.der)) return mismatch(issuer)
  if (authority.keyUsage !== null && !authority.keyUsage.has('cRLSign')) return err({ kind: 'cRLSignMissing' })
  if (thisUpdate > now + skewSeconds) return err({ kind: 'notYetValid', thisUpdate })
  const scheme = signatureScheme(algorithm)
  const weakness = keyWeakness(authority.publicKeyFacts)
  if (scheme === null || weakness !== null) {
    return err({ kind: 'weakSignature', presented: weakness?.presented ?? describeAlgorithm(algorithm) })
  }
  const genuine = yield* verifySignatureInParts(scheme, tbsCertList, signature, authority, octetsPerStep)
  if (!genuine) return err({ kind: 'signature' })
  yield undefined

  let serials = new SerialSet(0)
  if (tbs.peek() === Tag.Sequence) {
    const before = tbs.offset
    const entries = tbs.sequence('revokedCertificates')
    const octets = tbs.offset - before
    serials = new SerialSet(Math.min(maximumCrlEntries, octets / smallestEntryOctets))
    yield undefined
    const failure = yield* readEntries(entries, serials, hasVersion)
    if (failure !== null) return err(failure)
  }
  const extensions = readCrlExtensions(tbs, hasVersion)
  tbs.finish('tbsCertList')
  if (reader.failure !== null) return malformed()
  if (extensions.failure !== null) return err(extensions.failure)
  const { crlNumber } = extensions
  if (inUse !== null && isOlder({ thisUpdate, crlNumber }, inUse)) {
    return err({ kind: 'older', presented: { thisUpdate, crlNumber }, inUse })
  }
  return ok({
    thisUpdate,
    nextUpdate,
    crlNumber,
    revokedCount: serials.size,
    revokes: (serialNumber) => serials.has(integerContent(serialNumber)),
  })
}

/** Nobody has signed for this name yet: it is read only where it is as long as names are. */
function mismatch(issuer: Uint8Array): Result<never, RevocationListFailure> {
  if (issuer.length > maximumCertificateOctets) {
    return err({ kind: 'malformed', reason: 'issuer: longer than a name in a certificate can be', offset: 0 })
  }
  const reader = new DerReader(issuer)
  const name = readDistinguishedName(reader, 'issuer')
  if (reader.failure !== null) return err({ kind: 'malformed', ...reader.failure })
  return err({ kind: 'issuerMismatch', issuer: formatDistinguishedName(name) })
}

/** All steps at once: for small lists and tools. */
export function readRevocationList(request: RevocationListRequest): Result<RevocationList, RevocationListFailure> {
  const steps = readRevocationListInSteps(request)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** S26: such a list still revokes what it lists; whether it is reported or refuses others is the namespace's choice. */
export function isStale(list: Pick<RevocationList, 'nextUpdate'>, now: UnixSeconds): boolean {
  return list.nextUpdate !== null && now > list.nextUpdate
}

function* readEntries(
  entries: DerReader,
  serials: SerialSet,
  mayHaveExtensions: boolean,
): Generator<undefined, RevocationListFailure | null> {
  const what = 'revokedCertificates'
  let count = 0
  while (entries.more()) {
    if (++count > maximumCrlEntries) return { kind: 'tooManyEntries', maximum: maximumCrlEntries }
    if (count % entriesPerStep === 0) yield undefined
    const entry = entries.sequence(what)
    serials.add(entry.integerOctets(what))
    entry.time(what)
    if (entry.more()) {
      if (!mayHaveExtensions) entry.fail(`${what}: extensions in a list of version 1`)
      const failure = readEntryExtensions(entry)
      if (failure !== null) return failure
    }
    entry.finish(what)
  }
  // RFC 5280 5.1.2.6: absent when nothing is revoked, never an empty list.
  if (count === 0) entries.fail(`${what}: empty`)
  const { failure } = entries
  return failure === null ? null : { kind: 'malformed', ...failure }
}

/** Calls `visit` for each extension; duplicates and form are faults of the reader. */
function eachExtension(
  list: DerReader,
  visit: (oid: string, critical: boolean, value: DerReader) => RevocationListFailure | null,
): RevocationListFailure | null {
  const seen = new Set<string>()
  if (list.length > maximumExtensionsOctets) list.fail('extensions: too long')
  while (list.more()) {
    const extension = list.sequence('extension')
    const oid = extension.objectIdentifier('extnID')
    const critical = extension.peek() === Tag.Boolean && extension.boolean('critical')
    const value = extension.enter(Tag.OctetString, 'extnValue')
    extension.finish('extension')
    if (seen.has(oid)) list.fail(`extension ${oid} twice`)
    if (list.failure !== null) return null
    seen.add(oid)
    const failure = visit(oid, critical, value)
    if (failure !== null) return failure
  }
  if (seen.size === 0) list.fail('extensions: empty')
  return null
}

function readEntryExtensions(entry: DerReader): RevocationListFailure | null {
  return eachExtension(entry.sequence('crlEntryExtensions'), (oid, critical, value) => {
    if (oid === certificateIssuer) return { kind: 'partialOrIndirect' }
    if (oid === reasonCode) {
      const reason = value.smallInteger('reasonCode', Tag.Enumerated)
      value.finish('reasonCode')
      return reason === removeFromCrl ? { kind: 'delta' } : null // RFC 5280 5.3.1: in delta lists only
    }
    return critical ? { kind: 'unknownCriticalExtension', oid } : null
  })
}

function readCrlExtensions(
  tbs: DerReader,
  mayHaveExtensions: boolean,
): { readonly failure: RevocationListFailure | null; readonly crlNumber: bigint | null } {
  let crlNumber: bigint | null = null
  if (tbs.peek() !== constructed(0)) return { failure: null, crlNumber }
  if (!mayHaveExtensions) tbs.fail('extensions in a list of version 1')
  const outer = tbs.enter(constructed(0), 'crlExtensions')
  const failure = eachExtension(outer.sequence('crlExtensions'), (oid, critical, value) => {
    switch (oid) {
      case deltaCrlIndicator:
        return { kind: 'delta' }
      case issuingDistributionPoint:
        // Whatever it says, the list does not speak for all certificates of this CA and for this CA alone.
        return { kind: 'partialOrIndirect' }
      case ExtensionId.CrlNumber:
        if (value.length > maximumCrlNumberOctets + 2) value.fail('cRLNumber: longer than 20 octets')
        crlNumber = value.integer('cRLNumber')
        if (crlNumber < 0n) value.fail('cRLNumber: negative')
        value.finish('cRLNumber')
        return null
      default:
        return critical ? { kind: 'unknownCriticalExtension', oid } : null
    }
  })
  outer.finish('crlExtensions')
  return { failure, crlNumber }
}

/** S25: neither number nor date may go back. */
function isOlder(presented: CrlAge, inUse: CrlAge): boolean {
  if (presented.thisUpdate < inUse.thisUpdate) return true
  if (inUse.crlNumber === null) return false
  return presented.crlNumber === null || presented.crlNumber < inUse.crlNumber
}
