import { bytesEqual } from '../base/bytes.ts'
import { type Certificate, isSelfIssued } from './certificate.ts'
import { formatDistinguishedName } from './distinguished-name.ts'
import { isMoreHelpful, type Outcome, type PathFailure, type PathFault } from './path-failure.ts'
import { keyIdentifiersAgree, type PathGraph, searchLimit } from './path-graph.ts'
import { chain, subjectOf, weakSignature } from './path-rules.ts'
import { keyWeakness } from './public-key.ts'

/**
 * Finds out what to tell when no path was accepted: follows signatures whatever rules are broken on the way, within what
 * the search left of the budgets, and picks the fault that helps most.
 */
export function explainFailure(graph: PathGraph, leafFaults: readonly PathFault[]): PathFailure {
  const { leaf } = graph.request
  const outcomes = new Outcomes()
  // Nothing more is computed for a key that is made to be expensive (S17).
  if (keyWeakness(leaf.publicKeyFacts)?.costly !== true) follow(graph, [leaf], leafFaults, outcomes)
  const { best } = outcomes
  const provenPath = best !== null && (best.end === 'anchor' || best.end === 'otherAnchor')
  const fault = mostHelpfulFault(graph, best, leafFaults)
  const { signatureVerifications, signaturesComputed } = graph
  return { ...fault, provenPath, signatureVerifications, signaturesComputed }
}

class Outcomes {
  best: Outcome | null = null

  add(outcome: Outcome): void {
    if (this.best === null || isMoreHelpful(outcome, this.best)) this.best = outcome
  }
}

function follow(
  graph: PathGraph,
  path: readonly Certificate[],
  faults: readonly PathFault[],
  outcomes: Outcomes,
): void {
  if (path.length > graph.limits.pathLength) return
  const child = path.at(-1)!
  let followed = false
  for (const issuer of [...graph.accepted, ...graph.intermediates()]) {
    if (!graph.mayIssue(issuer, path)) continue
    const isRegistered = graph.isRegistered(issuer)
    const weak = whyNotTried(graph, issuer, path)
    if (weak !== null) {
      outcomes.add({ end: 'broken', path, faults: [...faults, weak] })
      continue
    }
    if (!graph.verifies(issuer, child)) {
      if (isRegistered && keyIdentifiersMatch(issuer, child) && graph.isRefuted(issuer, child)) {
        outcomes.add({ end: 'broken', path, faults: [...faults, wrongSignature(graph, issuer, path)] })
      }
      continue
    }
    followed = true
    const whole = [...path, issuer]
    const more = [...faults, ...linkFaults(graph, issuer, path, isRegistered)]
    const isAccepted = graph.accepted.includes(issuer)
    if (isRegistered) {
      const constraint = graph.constraintFault(whole)
      const end = isAccepted ? 'anchor' : 'otherAnchor'
      outcomes.add({ end, path: whole, faults: constraint === null ? more : [...more, constraint] })
    }
    // A registered CA that is not accepted may itself have been issued by an accepted one.
    if (!isAccepted) follow(graph, whole, more, outcomes)
  }
  if (!followed) outcomes.add({ end: 'deadEnd', path, faults })
}

/** Faults of a link whose signature verifies. */
function linkFaults(
  graph: PathGraph,
  issuer: Certificate,
  path: readonly Certificate[],
  isAnchor: boolean,
): readonly PathFault[] {
  const child = path.at(-1)!
  const faults = [...graph.faultsOf(issuer, path, isAnchor)]
  const at = { certificate: child, position: path.length - 1, registered: graph.isRegistered(child) }
  if (!keyIdentifiersAgree(issuer, child)) {
    const expected = `authorityKeyIdentifier ${hex(issuer.subjectKeyIdentifier)}`
    faults.push(chain('authorityKeyIdentifier', at, expected, hex(child.authorityKeyIdentifier)))
  }
  const { pathLength } = graph.limits
  if (path.length === pathLength) {
    faults.push(
      chain('pathTooLong', at, `at most ${pathLength} certificates, leaf and anchor included`, 'a longer path'),
    )
  }
  return faults
}

/** What keeps the signature of the last certificate from being tried with the candidate's key; null: nothing. */
function whyNotTried(graph: PathGraph, issuer: Certificate, path: readonly Certificate[]): PathFault | null {
  const child = path.at(-1)!
  const registered = graph.isRegistered(issuer)
  const weakness = keyWeakness(issuer.publicKeyFacts)
  // A short RSA key may be computed with to see where it leads; nothing else below the policy is worth the risk.
  if (weakness !== null && (weakness.costly || issuer.publicKeyFacts.kind !== 'RSA')) {
    const { expected, presented } = weakness
    return { kind: 'certificateTooWeak', certificate: issuer, position: path.length, registered, expected, presented }
  }
  const at = { certificate: child, position: path.length - 1, registered: graph.isRegistered(child) }
  return weakSignature(at)
}

function wrongSignature(graph: PathGraph, issuer: Certificate, path: readonly Certificate[]): PathFault {
  const child = path.at(-1)!
  const at = { certificate: child, position: path.length - 1, registered: graph.isRegistered(child) }
  return chain('signature', at, `a signature by ${subjectOf(issuer)}`, 'a signature that does not verify')
}

function mostHelpfulFault(graph: PathGraph, best: Outcome | null, leafFaults: readonly PathFault[]): PathFault {
  const { leaf } = graph.request
  const at = { certificate: leaf, position: 0, registered: false }
  const first = best?.faults[0]
  if (best === null) return leafFaults[0] ?? searchLimit(at)
  if (best.end === 'anchor' || best.end === 'broken') return first ?? searchLimit(at)
  if (best.end === 'otherAnchor') return first ?? issuerNotAllowed(graph, best.path)
  // Without an issuer a new certificate is needed anyway; dates and strength are worth knowing first.
  const urgent = leafFaults.find(({ kind }) => kind !== 'chainInvalid' && kind !== 'purposeNotAllowed')
  if (urgent !== undefined) return urgent
  const empty = leafFaults.find((fault) => fault.kind === 'chainInvalid' && fault.rule === 'emptyIssuer')
  if (empty !== undefined) return empty
  if (graph.exhausted) return searchLimit(at)
  return malformedIssuer(graph, best.path) ?? issuerNotRegistered(graph, best.path)
}

/** A sent certificate that holds the name of the missing issuer but cannot be read. */
function malformedIssuer(graph: PathGraph, path: readonly Certificate[]): PathFault | null {
  const last = path.at(-1)!
  const unread = graph.unread.find(({ der }) => Buffer.from(der).includes(Buffer.from(last.issuer.der)))
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

function issuerNotAllowed(graph: PathGraph, path: readonly Certificate[]): PathFault {
  const certificate = path.at(-1)!
  return {
    kind: 'issuerNotAllowed',
    certificate,
    position: path.length - 1,
    registered: true,
    expected: graph.accepted.map(subjectOf).join(' or ') || 'no registered CA certificate at all',
    presented: subjectOf(certificate),
  }
}

function issuerNotRegistered(graph: PathGraph, path: readonly Certificate[]): PathFault {
  const last = path.at(-1)!
  const { anchors } = graph.request
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

const maximumNamesShown = 10

/** Whether the key identifiers say that this very key signed. */
function keyIdentifiersMatch(issuer: Certificate, child: Certificate): boolean {
  return (
    issuer.subjectKeyIdentifier !== null && child.authorityKeyIdentifier !== null && keyIdentifiersAgree(issuer, child)
  )
}

function hex(octets: Uint8Array | null): string {
  return octets === null ? 'none' : Buffer.from(octets).toString('hex')
}
