import { bytesEqual } from '../base/bytes.ts'
import { err, ok, type Result } from '../base/result.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'
import { type Certificate, isSelfIssued, parseCertificate } from './certificate.ts'
import { formatDistinguishedName } from './distinguished-name.ts'
import { ExtendedKeyUsage } from './extensions.ts'
import { type ComparisonBudget, violatedConstraint } from './name-constraints.ts'
import { isMoreHelpful, type Outcome, type PathFailure, type PathFault } from './path-failure.ts'
import {
  type ClockSkew,
  chain,
  issuerFaults,
  leafFaults,
  type RuleContext,
  subjectOf,
  thumbprintFaults,
  weakSignature,
} from './path-rules.ts'
import { keyWeakness } from './public-key.ts'
import { signatureScheme, verifySignature } from './signature.ts'

export type { PathFailure } from './path-failure.ts'

export interface PathRequest {
  readonly leaf: Certificate
  /** DER, as sent after the leaf: any order, junk allowed. */
  readonly sent: readonly Uint8Array[]
  /** The registered CA certificates, roots or not: a path ends only at one of these, byte for byte (S16). */
  readonly anchors: readonly Certificate[]
  /** Anchors that this path may end at (S11); the others still serve as intermediates. Default: all. */
  readonly accepted?: ReadonlySet<Certificate>
  /** Further certificates that may stand between leaf and anchor. */
  readonly registered?: readonly Certificate[]
  readonly now: UnixSeconds
  readonly skew: ClockSkew
  /** OID that extKeyUsage must hold where it is present; default clientAuth. */
  readonly purpose?: string
  readonly limits?: Partial<PathLimits>
}

export interface PathLimits {
  /** Sent certificates that are looked at; the rest is not read. */
  readonly sentCertificates: number
  readonly sentOctets: number
  /** Certificates of a path, leaf and anchor included. */
  readonly pathLength: number
  readonly signatureVerifications: number
  /** Candidates with the right name that are looked at. */
  readonly candidates: number
  /** Comparisons of one name with one subtree. */
  readonly nameComparisons: number
}

/**
 * A stranger pays nothing for what these bound. Ten certificates and six deep are more than any known hierarchy;
 * 32 verifications are 2 ms, 2,000 candidates and 65,536 comparisons a few ms each.
 */
export const defaultPathLimits: PathLimits = {
  sentCertificates: 10,
  sentOctets: 65_536,
  pathLength: 6,
  signatureVerifications: 32,
  candidates: 2_000,
  nameComparisons: 65_536,
}

export interface VerifiedPath {
  /** Leaf first, anchor last. */
  readonly certificates: readonly Certificate[]
  readonly anchor: Certificate
  /** The first notAfter of the path, anchor included. */
  readonly notAfter: UnixSeconds
  readonly signatureVerifications: number
}

/**
 * Finds a certification path from the leaf to a registered CA certificate (RFC 5280 6.1 with every registered
 * certificate as a trust anchor whose own dates and constraints count). Depth first with backtracking, anchors before
 * intermediates, within fixed budgets; synchronous, so that nothing changes between evidence and decision.
 *
 * @returns the path, or the fault that helps most; never throws, whatever the bytes
 */
export function findPath(request: PathRequest): Result<VerifiedPath, PathFailure> {
  return new Search(request).run()
}

/**
 * The rules for a certificate that is accepted by its thumbprint: dates and strength only, as plain `openssl req -x509`
 * makes a CA:TRUE certificate without purposes. TLS has proved that the peer holds the key.
 */
export function checkThumbprintCertificate(leaf: Certificate, now: UnixSeconds, skew: ClockSkew): PathFailure | null {
  for (const fault of thumbprintFaults(leaf, { now, skew })) {
    return { ...fault, provenPath: false, signatureVerifications: 0 }
  }
  return null
}

class Search {
  readonly #request: PathRequest
  readonly #limits: PathLimits
  readonly #context: RuleContext
  readonly #accepted: readonly Certificate[]
  readonly #registered: ReadonlySet<Certificate>
  readonly #budget: ComparisonBudget
  readonly #verified = new Map<Certificate, Map<Certificate, boolean>>()
  #pool: readonly Certificate[] | null = null
  readonly #unread: { readonly der: Uint8Array; readonly reason: string }[] = []
  #signatures = 0
  #candidates = 0
  #exhausted = false
  #best: Outcome | null = null

  constructor(request: PathRequest) {
    const { anchors, accepted, now, skew } = request
    this.#request = request
    this.#limits = { ...defaultPathLimits, ...request.limits }
    this.#context = { now, skew, purpose: request.purpose ?? ExtendedKeyUsage.ClientAuth }
    this.#accepted = accepted === undefined ? anchors : anchors.filter((anchor) => accepted.has(anchor))
    this.#registered = new Set(anchors)
    this.#budget = { comparisons: this.#limits.nameComparisons }
  }

  run(): Result<VerifiedPath, PathFailure> {
    const { leaf } = this.#request
    const weakness = keyWeakness(leaf.publicKeyFacts)
    const faults = [...leafFaults(leaf, this.#context)]
    if (faults.length === 0) {
      const path = this.#extend([leaf])
      if (path !== null) return ok(this.#verifiedPath(path))
    }
    // Nothing more is computed for a key that is made to be expensive (S17).
    if (weakness?.costly !== true) this.#explain([leaf], faults)
    return err(this.#failure(faults))
  }

  /** Follows issuers that break no rule; the first whole path wins. */
  #extend(path: readonly Certificate[]): readonly Certificate[] | null {
    if (path.length >= this.#limits.pathLength) return null
    for (const anchor of this.#accepted) {
      if (!this.#mayIssue(anchor, path) || !keyIdentifiersAgree(anchor, path.at(-1)!)) continue
      if (this.#hasIssuerFault(anchor, path, true) || !this.#verifies(anchor, path.at(-1)!)) continue
      const whole = [...path, anchor]
      if (this.#constraintFault(whole) === null) return whole
    }
    if (path.length + 1 >= this.#limits.pathLength) return null
    for (const issuer of this.#intermediates()) {
      if (!this.#mayIssue(issuer, path) || !keyIdentifiersAgree(issuer, path.at(-1)!)) continue
      if (this.#hasIssuerFault(issuer, path, false) || !this.#verifies(issuer, path.at(-1)!)) continue
      const whole = this.#extend([...path, issuer])
      if (whole !== null) return whole
    }
    return null
  }

  /** Follows signatures whatever rules are broken on the way, to find out what to tell; same budgets. */
  #explain(path: readonly Certificate[], faults: readonly PathFault[]): void {
    const child = path.at(-1)!
    const room = this.#limits.pathLength - path.length
    if (room <= 0) return
    let followed = false
    for (const issuer of [...this.#accepted, ...this.#intermediates()]) {
      const isAnchor = this.#registered.has(issuer)
      if (!this.#mayIssue(issuer, path)) continue
      const broken = this.#whyNotVerified(issuer, path)
      if (broken !== null) {
        if (isAnchor && (broken.kind !== 'chainInvalid' || keyIdentifiersMatch(issuer, child))) {
          this.#consider({ end: 'broken', path, faults: [...faults, broken] })
        }
        continue
      }
      followed = true
      const whole = [...path, issuer]
      const more = [...faults, ...this.#faultsOf(issuer, path, isAnchor)]
      if (isAnchor) {
        const constraint = this.#constraintFault(whole)
        const end = this.#accepted.includes(issuer) ? 'anchor' : 'otherAnchor'
        this.#consider({ end, path: whole, faults: constraint === null ? more : [...more, constraint] })
      }
      // A registered CA that is not accepted may itself have been issued by an accepted one.
      if (!isAnchor || !this.#accepted.includes(issuer)) this.#explain(whole, more)
    }
    if (!followed) this.#consider({ end: 'deadEnd', path, faults })
  }

  /** Name, place and budget: whether the candidate is worth a look as issuer of the last certificate. */
  #mayIssue(candidate: Certificate, path: readonly Certificate[]): boolean {
    const child = path.at(-1)!
    if (!bytesEqual(candidate.subject.der, child.issuer.der)) return false
    if (child.issuer.relativeDistinguishedNames.length === 0) return false
    if (this.#candidates >= this.#limits.candidates) {
      this.#exhausted = true
      return false
    }
    this.#candidates++
    // The same name and key twice is a loop, whatever certificates it is made of.
    return !path.some(
      ({ subject, subjectPublicKeyInfo }) =>
        bytesEqual(subject.der, candidate.subject.der) &&
        bytesEqual(subjectPublicKeyInfo, candidate.subjectPublicKeyInfo),
    )
  }

  #hasIssuerFault(issuer: Certificate, path: readonly Certificate[], isAnchor: boolean): boolean {
    return issuerFaults(issuer, path.length, countBelow(path), isAnchor, isAnchor, this.#context).next().done !== true
  }

  /** Faults of an issuer whose signature on the child verifies. */
  #faultsOf(issuer: Certificate, path: readonly Certificate[], isAnchor: boolean): readonly PathFault[] {
    const child = path.at(-1)!
    const faults = [...issuerFaults(issuer, path.length, countBelow(path), isAnchor, isAnchor, this.#context)]
    if (!keyIdentifiersAgree(issuer, child)) {
      const at = { certificate: child, position: path.length - 1, registered: false }
      const expected = `authorityKeyIdentifier ${hex(issuer.subjectKeyIdentifier)}`
      faults.push(chain('authorityKeyIdentifier', at, expected, hex(child.authorityKeyIdentifier)))
    }
    return faults
  }

  /** Null: the signature of the last certificate is the candidate's. */
  #whyNotVerified(issuer: Certificate, path: readonly Certificate[]): PathFault | null {
    const child = path.at(-1)!
    const registered = this.#registered.has(issuer)
    const weakness = keyWeakness(issuer.publicKeyFacts)
    if (weakness !== null) {
      const { expected, presented } = weakness
      return { kind: 'certificateTooWeak', certificate: issuer, position: path.length, registered, expected, presented }
    }
    const at = { certificate: child, position: path.length - 1, registered: this.#registered.has(child) }
    const weak = weakSignature(at)
    if (weak !== null) return weak
    if (this.#verifies(issuer, child)) return null
    return chain('signature', at, `a signature by ${subjectOf(issuer)}`, 'a signature that does not verify')
  }

  #verifies(issuer: Certificate, child: Certificate): boolean {
    const known = this.#verified.get(child)?.get(issuer)
    if (known !== undefined) return known
    const scheme = signatureScheme(child.signatureAlgorithm)
    if (scheme === null) return false
    if (this.#signatures >= this.#limits.signatureVerifications) {
      this.#exhausted = true
      return false
    }
    this.#signatures++
    const answer = verifySignature(scheme, child.tbsCertificate, child.signature, issuer)
    const answers = this.#verified.get(child) ?? new Map<Certificate, boolean>()
    this.#verified.set(child, answers.set(issuer, answer))
    return answer
  }

  /** Constraints of every issuer, the anchor's included, on every name below it (RFC 5280 6.1.3(b), (c)). */
  #constraintFault(path: readonly Certificate[]): PathFault | null {
    for (const [position, issuer] of path.entries()) {
      if (position === 0 || issuer.nameConstraints === null) continue
      for (const [below, certificate] of path.slice(0, position).entries()) {
        if (below > 0 && isSelfIssued(certificate)) continue
        const at = { certificate, position: below, registered: this.#registered.has(certificate) }
        const violation = violatedConstraint(issuer.nameConstraints, certificate, this.#budget)
        if (violation === null) continue
        if (violation === 'budget') {
          this.#exhausted = true
          return searchLimit(at)
        }
        const { subtrees, nameKind, name } = violation
        const expected = `a ${nameKind} that the ${subtrees} subtrees of ${subjectOf(issuer)} allow`
        return chain('nameConstraints', at, expected, `${nameKind} ${name}`)
      }
    }
    return null
  }

  /** Sent certificates that can be read, registered ones that are no anchor here: each once. */
  #intermediates(): readonly Certificate[] {
    if (this.#pool !== null) return this.#pool
    const { sent, anchors, registered = [], leaf } = this.#request
    const pool: Certificate[] = []
    const add = (certificate: Certificate) => {
      const same = (other: Certificate) => bytesEqual(other.der, certificate.der)
      if (!same(leaf) && !this.#accepted.some(same) && !pool.some(same)) pool.push(certificate)
    }
    for (const certificate of anchors) add(certificate)
    for (const certificate of registered) add(certificate)
    let octets = 0
    for (const der of sent.slice(0, this.#limits.sentCertificates)) {
      octets += der.length
      if (octets > this.#limits.sentOctets) break
      const certificate = parseCertificate(der)
      if (certificate.ok) add(certificate.value)
      else this.#unread.push({ der, reason: certificate.error.reason })
    }
    this.#pool = pool
    return pool
  }

  #verifiedPath(certificates: readonly Certificate[]): VerifiedPath {
    const notAfter = unixSeconds(Math.min(...certificates.map((certificate) => certificate.notAfter)))
    return { certificates, anchor: certificates.at(-1)!, notAfter, signatureVerifications: this.#signatures }
  }

  #consider(outcome: Outcome): void {
    if (this.#best === null || isMoreHelpful(outcome, this.#best)) this.#best = outcome
  }

  #failure(leafFaults: readonly PathFault[]): PathFailure {
    const signatureVerifications = this.#signatures
    const best = this.#best
    const provenPath = best !== null && (best.end === 'anchor' || best.end === 'otherAnchor')
    return { ...this.#mostHelpfulFault(best, leafFaults), provenPath, signatureVerifications }
  }

  #mostHelpfulFault(best: Outcome | null, leafFaults: readonly PathFault[]): PathFault {
    const { leaf } = this.#request
    const at = { certificate: leaf, position: 0, registered: false }
    const first = best?.faults[0]
    if (best === null) return leafFaults[0] ?? searchLimit(at)
    if (best.end === 'anchor' || best.end === 'broken') return first ?? searchLimit(at)
    if (best.end === 'otherAnchor') return first ?? this.#issuerNotAllowed(best.path)
    // Without an issuer a new certificate is needed anyway; dates and strength are worth knowing first.
    const urgent = leafFaults.find(({ kind }) => kind !== 'chainInvalid' && kind !== 'purposeNotAllowed')
    if (urgent !== undefined) return urgent
    const empty = leafFaults.find((fault) => fault.kind === 'chainInvalid' && fault.rule === 'emptyIssuer')
    if (empty !== undefined) return empty
    if (this.#exhausted) return searchLimit(at)
    return this.#malformedIssuer(best.path) ?? this.#issuerNotRegistered(best.path)
  }

  /** A sent certificate that holds the name of the missing issuer but cannot be read. */
  #malformedIssuer(path: readonly Certificate[]): PathFault | null {
    const last = path.at(-1)!
    const unread = this.#unread.find(({ der }) => Buffer.from(der).includes(last.issuer.der))
    if (unread === undefined) return null
    return {
      kind: 'certificateMalformed',
      certificate: last,
      position: path.length,
      registered: false,
      expected: `a readable certificate of ${formatDistinguishedName(last.issuer)}`,
      presented: unread.reason,
      reason: unread.reason,
    }
  }

  #issuerNotAllowed(path: readonly Certificate[]): PathFault {
    const certificate = path.at(-1)!
    return {
      kind: 'issuerNotAllowed',
      certificate,
      position: path.length - 1,
      registered: true,
      expected: this.#accepted.map(subjectOf).join(' or ') || 'no registered CA certificate at all',
      presented: subjectOf(certificate),
    }
  }

  #issuerNotRegistered(path: readonly Certificate[]): PathFault {
    const last = path.at(-1)!
    const { anchors } = this.#request
    const sameNameOtherKey = anchors.filter(({ subject }) => bytesEqual(subject.der, last.issuer.der))
    const known = anchors.slice(0, maximumNamesShown).map(subjectOf)
    if (anchors.length > known.length) known.push(`${anchors.length - known.length} more`)
    const issuer = formatDistinguishedName(last.issuer)
    return {
      kind: 'issuerNotRegistered',
      certificate: last,
      position: path.length - 1,
      registered: false,
      expected: known.length === 0 ? 'a registered CA certificate; there is none' : known.join(' or '),
      presented: sameNameOtherKey.length > 0 ? `${issuer}, with another key than the registered one` : issuer,
      selfSigned: path.length === 1 && isSelfIssued(last),
      sameNameOtherKey,
    }
  }
}

const maximumNamesShown = 10

function searchLimit(at: { certificate: Certificate; position: number; registered: boolean }): PathFault {
  return chain('searchLimit', at, 'a path that can be found within the limits of one decision', 'too many ways to try')
}

/** CA certificates of the path so far that count for pathLenConstraint: neither the leaf nor self-issued ones. */
function countBelow(path: readonly Certificate[]): number {
  let count = 0
  for (let i = 1; i < path.length; i++) if (!isSelfIssued(path[i]!)) count++
  return count
}

/** Whether the key identifiers allow the pair (RFC 5280 4.2.1.1): only two that differ forbid it. */
function keyIdentifiersAgree(issuer: Certificate, child: Certificate): boolean {
  const { subjectKeyIdentifier } = issuer
  const { authorityKeyIdentifier } = child
  if (subjectKeyIdentifier === null || authorityKeyIdentifier === null) return true
  return bytesEqual(subjectKeyIdentifier, authorityKeyIdentifier)
}

/** Whether the key identifiers say that this very key signed. */
function keyIdentifiersMatch(issuer: Certificate, child: Certificate): boolean {
  return (
    issuer.subjectKeyIdentifier !== null && child.authorityKeyIdentifier !== null && keyIdentifiersAgree(issuer, child)
  )
}

function hex(octets: Uint8Array | null): string {
  return octets === null ? 'none' : Buffer.from(octets).toString('hex')
}
