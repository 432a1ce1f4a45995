import { hash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { formatUnixSeconds, type UnixSeconds } from '../base/time.ts'
import type { NamespaceView, RegisteredCaCertificate } from '../registry/view.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { formatDistinguishedName } from '../x509/distinguished-name.ts'
import { findPath, type PathFailure } from '../x509/path.ts'
import { defaultPathLimits } from '../x509/path-graph.ts'
import type { ClockSkew } from './context.ts'
import type { PathVerdict, PathVerdicts } from './path-verdicts.ts'
import { printable } from './printable.ts'

/**
 * Whether a certificate leads to a CA certificate that is registered in the namespace and accepted for the client. The
 * anchors that a client accepts are an argument of the search, not a check of the first path it finds (S11).
 */
export interface PathQuestion {
  readonly leaf: Certificate
  /** DER, as sent after the leaf. */
  readonly sent: readonly Uint8Array[]
  /** Names of the CA certificates that the path may end at; null: any registered one. */
  readonly issuers: readonly string[] | null
  readonly view: NamespaceView
  readonly now: UnixSeconds
  readonly skew: ClockSkew
  readonly verdicts: PathVerdicts | null
  readonly mayDoPathWork: () => boolean
  readonly didPathWork: (signatures: number) => void
}

/** Null: the path would have to be searched, and that may not be done now. */
export function judgePath(asked: PathQuestion): PathVerdict | null {
  // The search reads no more than these; what it does not read must not cost or count.
  const question = { ...asked, sent: asked.sent.slice(0, defaultPathLimits.sentCertificates) }
  const { verdicts, now } = question
  if (verdicts === null) return question.mayDoPathWork() ? search(question) : null
  const key = keyOf(question)
  const remembered = verdicts.get(key, now)
  if (remembered !== undefined) return remembered
  if (!question.mayDoPathWork()) return null
  const verdict = search(question)
  verdicts.put(key, { verdict, ...unchangedAround(question) })
  return verdict
}

/** Everything but time that the search depends on (S15). Digests are of one length, so their sequence has one reading. */
function keyOf({ leaf, sent, issuers, view, skew }: PathQuestion): string {
  let chain = leaf.sha256
  for (const der of sent) chain += hash('sha256', der, 'hex')
  const accepted = issuers === null ? '*' : JSON.stringify([...issuers].sort())
  const { notBeforeSeconds, notAfterSeconds } = skew
  return `${view.id} ${view.trustRevision} ${chain} ${notBeforeSeconds} ${notAfterSeconds} ${accepted}`
}

function search({ leaf, sent, issuers, view, now, skew, verdicts, didPathWork }: PathQuestion): PathVerdict {
  const registered = view.caCertificates()
  const accepted = issuers === null ? registered : registered.filter(({ name }) => issuers.includes(name))
  const found = findPath({
    leaf,
    sent,
    anchors: registered.map(({ certificate }) => certificate),
    accepted: new Set(accepted.map(({ certificate }) => certificate)),
    now,
    skew,
    revocation: view.revocation,
    ...(verdicts === null ? {} : { cache: verdicts.certificates }),
  })
  didPathWork(found.ok ? found.value.signaturesComputed : found.error.signaturesComputed)
  if (!found.ok) return { ...describePathFailure(found.error, registered), provenPath: found.error.provenPath }
  const { anchor, certificates, notAfter } = found.value
  const { revocation } = view
  const ca = accepted.find(({ certificate }) => certificate === anchor)
  assert(ca !== undefined, 'a path ends at an accepted CA certificate')
  return {
    kind: 'valid',
    caCertificateName: ca.name,
    restsOn: registered.filter(({ certificate }) => certificates.includes(certificate)).map(({ name }) => name),
    notAfter,
    freshUntil: revocation.freshUntil(certificates.slice(0, -1)),
    revocation: revocation.account(certificates, now),
    subjects: certificates.map(({ subject }) => printable(formatDistinguishedName(subject), 128)),
  }
}

export type DescribedFailure = Omit<Extract<PathVerdict, { kind: 'invalid' }>, 'provenPath'>

/** Code and printable facts of a failure, without the certificates and without the time at which it was found. */
export function describePathFailure(
  failure: PathFailure,
  registered: readonly RegisteredCaCertificate[],
): DescribedFailure {
  const { kind: code, certificate } = failure
  const where = placeOf(failure, registered)
  const detail = code === 'chainInvalid' ? `rule ${failure.rule}: ${where}` : `${where}${hintOf(failure, registered)}`
  const dated = isAboutDates(failure)
  const { notBefore, notAfter } = certificate
  return {
    kind: 'invalid',
    code,
    expected: dated ? 'a certificate that is valid by the clock of this broker' : printable(failure.expected),
    presented: dated
      ? `${formatUnixSeconds(notBefore)} to ${formatUnixSeconds(notAfter)}`
      : printable(failure.presented),
    detail: printable(detail),
  }
}

function isAboutDates(failure: PathFailure): boolean {
  switch (failure.kind) {
    case 'certificateNotYetValid':
    case 'certificateExpired':
    case 'issuerExpired':
      return true
    case 'chainInvalid':
      return failure.rule === 'issuerNotYetValid'
    default:
      return false
  }
}

function placeOf({ certificate, position }: PathFailure, registered: readonly RegisteredCaCertificate[]): string {
  if (position === 0) return 'the client certificate'
  const ca = registered.find((candidate) => candidate.certificate === certificate)
  if (ca !== undefined) return `CA certificate ${ca.name}`
  return `intermediate ${printable(formatDistinguishedName(certificate.subject), 128)}`
}

function hintOf(failure: PathFailure, registered: readonly RegisteredCaCertificate[]): string {
  if (failure.kind !== 'issuerNotRegistered') return ''
  const twins = registered.filter(({ certificate }) => failure.sameNameOtherKey.includes(certificate))
  if (twins.length > 0) {
    return `; CA certificate ${twins.map(({ name }) => name).join(', ')} bears the name of its issuer but has another key`
  }
  return failure.selfSigned ? '; it is self-signed: the scheme ThumbprintMatch accepts such certificates' : ''
}

/** No date of a certificate that the search may look at lies within these seconds, so its outcome cannot change there. */
function unchangedAround({ leaf, sent, view, now, skew, verdicts }: PathQuestion): { from: number; until: number } {
  let from = Number.NEGATIVE_INFINITY
  let until = Number.POSITIVE_INFINITY
  const turnAt = (instant: number): void => {
    if (instant <= now) from = Math.max(from, instant)
    else until = Math.min(until, instant)
  }
  const consider = ({ notBefore, notAfter }: Certificate): void => {
    turnAt(notBefore - skew.notBeforeSeconds)
    turnAt(notAfter + skew.notAfterSeconds + 1)
  }
  consider(leaf)
  for (const { certificate } of view.caCertificates()) consider(certificate)
  for (const instant of view.revocation.turns()) turnAt(instant)
  for (const der of sent) {
    const parsed = verdicts === null ? parseCertificate(der) : verdicts.certificates.read(der)
    if (parsed.ok) consider(parsed.value)
  }
  return { from, until }
}
