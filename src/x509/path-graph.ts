import { bytesEqual } from '../base/bytes.ts'
import type { UnixSeconds } from '../base/time.ts'
import { type Certificate, isSelfIssued, parseCertificate } from './certificate.ts'
import type { CertificateCache } from './certificate-cache.ts'
import { ExtendedKeyUsage } from './extensions.ts'
import { type ComparisonBudget, violatedConstraint } from './name-constraints.ts'
import type { PathFault } from './path-failure.ts'
import { type ClockSkew, chain, issuerFaults, type RuleContext, subjectOf } from './path-rules.ts'
import { Revocation } from './revocation.ts'
import { type SignatureScheme, signatureScheme, verificationCost, verifySignature } from './signature.ts'

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
  /** What must not be used any more; default: nothing. */
  readonly revocation?: Revocation
  /** Saves reading and verifying the same sent intermediates for every device of a fleet; changes no verdict. */
  readonly cache?: CertificateCache
}

export interface PathLimits {
  /** Sent certificates that are looked at; the rest is not read. */
  readonly sentCertificates: number
  readonly sentOctets: number
  /** Certificates of a path, leaf and anchor included. */
  readonly pathLength: number
  readonly signatureVerifications: number
  /** The same in units of one P-256 verification, as P-384 costs ten and P-521 twenty of them. */
  readonly signatureWork: number
  /** Candidates with the right name that are looked at. */
  readonly candidates: number
  /** Comparisons of one name with one subtree. */
  readonly nameComparisons: number
}

/**
 * A stranger pays nothing for what these bound. Ten certificates and six deep are more than any known hierarchy;
 * 32 verifications are 2 ms, six on P-521 are 8 ms (a whole path needs five), 500 candidates and 32,768 comparisons a few
 * ms each.
 */
export const defaultPathLimits: PathLimits = {
  sentCertificates: 10,
  sentOctets: 65_536,
  pathLength: 6,
  signatureVerifications: 32,
  signatureWork: 128,
  candidates: 500,
  nameComparisons: 32_768,
}

/**
 * The certificates of one request and what relates them: who may have issued whom, whose signature verifies, which name
 * is constrained. All work is counted here, for both ways through the graph (`path.ts`, `path-explanation.ts`).
 */
export class PathGraph {
  readonly request: PathRequest
  readonly limits: PathLimits
  readonly context: RuleContext
  /** Where a path may end. */
  readonly accepted: readonly Certificate[]
  /** Sent certificates that could not be read, once `intermediates` was asked for. */
  readonly unread: { readonly der: Uint8Array; readonly reason: string }[] = []
  readonly #registered: ReadonlySet<Certificate>
  readonly #budget: ComparisonBudget
  readonly #verified = new Map<Certificate, Map<Certificate, boolean>>()
  #intermediates: readonly Certificate[] | null = null
  #signatures = 0
  #computed = 0
  #work = 0
  #candidates = 0
  #exhausted = false

  constructor(request: PathRequest) {
    const { anchors, accepted, now, skew } = request
    this.request = request
    this.limits = { ...defaultPathLimits, ...request.limits }
    this.context = {
      now,
      skew,
      purpose: request.purpose ?? ExtendedKeyUsage.ClientAuth,
      revocation: request.revocation ?? Revocation.none,
    }
    this.accepted = accepted === undefined ? anchors : anchors.filter((anchor) => accepted.has(anchor))
    this.#registered = new Set(anchors)
    this.#budget = { comparisons: this.limits.nameComparisons }
  }

  get signatureVerifications(): number {
    return this.#signatures
  }

  /** Those of them that nobody had verified before. */
  get signaturesComputed(): number {
    return this.#computed
  }

  /** A budget ran out, so something was not tried. */
  get exhausted(): boolean {
    return this.#exhausted
  }

  isRegistered(certificate: Certificate): boolean {
    return this.#registered.has(certificate)
  }

  /** Name, place and budget: whether the candidate is worth a look as issuer of the last certificate. */
  mayIssue(candidate: Certificate, path: readonly Certificate[]): boolean {
    const child = path.at(-1)!
    if (!bytesEqual(candidate.subject.der, child.issuer.der)) return false
    if (child.issuer.relativeDistinguishedNames.length === 0) return false
    if (this.#candidates >= this.limits.candidates) {
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

  /** What the candidate breaks as issuer of the last certificate, as anchor or as intermediate. */
  faultsOf(issuer: Certificate, path: readonly Certificate[], isAnchor: boolean): Generator<PathFault> {
    return issuerFaults(issuer, path.length, countBelow(path), isAnchor, this.isRegistered(issuer), this.context)
  }

  /**
   * Whether the signature under `child` is the issuer's; counted once per pair, false when the budget is used up. One that
   * the cache knows counts all the same: what others have sent makes a decision cheaper, never different (S15).
   */
  verifies(issuer: Certificate, child: Certificate): boolean {
    const known = this.#verified.get(child)?.get(issuer)
    if (known !== undefined) return known
    const scheme = signatureScheme(child.signatureAlgorithm)
    if (scheme === null) return false
    const cost = verificationCost(issuer.publicKeyFacts)
    const { signatureVerifications, signatureWork } = this.limits
    if (this.#signatures >= signatureVerifications || this.#work + cost > signatureWork) {
      this.#exhausted = true
      return false
    }
    this.#signatures++
    this.#work += cost
    const answer = this.#verify(scheme, issuer, child)
    const answers = this.#verified.get(child) ?? new Map<Certificate, boolean>()
    this.#verified.set(child, answers.set(issuer, answer))
    return answer
  }

  /** True when that signature was tried and is not the issuer's; not when there was no budget left to try. */
  isRefuted(issuer: Certificate, child: Certificate): boolean {
    return this.#verified.get(child)?.get(issuer) === false
  }

  #verify(scheme: SignatureScheme, issuer: Certificate, child: Certificate): boolean {
    const { cache } = this.request
    const remembered = cache?.signature(child, issuer)
    if (remembered !== undefined) return remembered
    this.#computed++
    const answer = verifySignature(scheme, child.tbsCertificate, child.signature, issuer)
    cache?.rememberSignature(child, issuer, answer)
    return answer
  }

  /** Constraints of every issuer, the anchor's included, on every name below it (RFC 5280 6.1.3(b), (c)). */
  constraintFault(path: readonly Certificate[]): PathFault | null {
    for (const [position, issuer] of path.entries()) {
      if (position === 0 || issuer.nameConstraints === null) continue
      for (const [below, certificate] of path.slice(0, position).entries()) {
        if (below > 0 && isSelfIssued(certificate)) continue
        const at = { certificate, position: below, registered: this.isRegistered(certificate) }
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
  intermediates(): readonly Certificate[] {
    if (this.#intermediates !== null) return this.#intermediates
    const { sent, anchors, registered = [], leaf, cache } = this.request
    const pool: Certificate[] = []
    const add = (certificate: Certificate) => {
      const same = (other: Certificate) => bytesEqual(other.der, certificate.der)
      if (!same(leaf) && !this.accepted.some(same) && !pool.some(same)) pool.push(certificate)
    }
    for (const certificate of anchors) add(certificate)
    for (const certificate of registered) add(certificate)
    let octets = 0
    for (const der of sent.slice(0, this.limits.sentCertificates)) {
      octets += der.length
      if (octets > this.limits.sentOctets) break
      const certificate = cache === undefined ? parseCertificate(der) : cache.read(der)
      if (certificate.ok) add(certificate.value)
      else this.unread.push({ der, reason: certificate.error.reason })
    }
    this.#intermediates = pool
    return pool
  }
}

export function searchLimit(at: { certificate: Certificate; position: number; registered: boolean }): PathFault {
  return chain('searchLimit', at, 'a path that can be found within the limits of one decision', 'too many ways to try')
}

/** CA certificates of the path so far that count for pathLenConstraint: neither the leaf nor self-issued ones. */
function countBelow(path: readonly Certificate[]): number {
  let count = 0
  for (let i = 1; i < path.length; i++) if (!isSelfIssued(path[i]!)) count++
  return count
}

/** Whether the key identifiers allow the pair (RFC 5280 4.2.1.1): only two that differ forbid it. */
export function keyIdentifiersAgree(issuer: Certificate, child: Certificate): boolean {
  const { subjectKeyIdentifier } = issuer
  const { authorityKeyIdentifier } = child
  if (subjectKeyIdentifier === null || authorityKeyIdentifier === null) return true
  return bytesEqual(subjectKeyIdentifier, authorityKeyIdentifier)
}
