import { err, ok, type Result } from '../base/result.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'
import type { Certificate } from './certificate.ts'
import { explainFailure } from './path-explanation.ts'
import type { PathFailure } from './path-failure.ts'
import { keyIdentifiersAgree, PathGraph, type PathRequest } from './path-graph.ts'
import { type ClockSkew, leafFaults, thumbprintFaults } from './path-rules.ts'
import { Revocation } from './revocation.ts'

export type { PathFailure } from './path-failure.ts'
export { defaultPathLimits, type PathLimits, type PathRequest } from './path-graph.ts'

export interface VerifiedPath {
  /** Leaf first, anchor last. */
  readonly certificates: readonly Certificate[]
  readonly anchor: Certificate
  /** The first notAfter of the path, anchor included. */
  readonly notAfter: UnixSeconds
  readonly signatureVerifications: number
  /** Those of them that no cache knew: what the search cost. */
  readonly signaturesComputed: number
}

/**
 * Finds a certification path from the leaf to a registered CA certificate (RFC 5280 6.1 with every registered
 * certificate as a trust anchor whose own dates and constraints count). Depth first with backtracking, anchors before
 * intermediates, within fixed budgets; synchronous, so that nothing changes between evidence and decision.
 *
 * @returns the path, or the fault that helps most; never throws, whatever the bytes
 */
export function findPath(request: PathRequest): Result<VerifiedPath, PathFailure> {
  const graph = new PathGraph(request)
  const faults = [...leafFaults(request.leaf, graph.context)]
  const certificates = faults.length === 0 ? extend(graph, [request.leaf]) : null
  if (certificates === null) return err(explainFailure(graph, faults))
  return ok({
    certificates,
    anchor: certificates.at(-1)!,
    notAfter: unixSeconds(Math.min(...certificates.map(({ notAfter }) => notAfter))),
    signatureVerifications: graph.signatureVerifications,
    signaturesComputed: graph.signaturesComputed,
  })
}

/** Follows issuers that break no rule; the first whole path wins. */
function extend(graph: PathGraph, path: readonly Certificate[]): readonly Certificate[] | null {
  const room = graph.limits.pathLength - path.length
  if (room < 1) return null
  for (const anchor of graph.accepted) {
    if (!fits(graph, anchor, path, true)) continue
    const whole = [...path, anchor]
    if (graph.constraintFault(whole) === null) return whole
  }
  if (room < 2) return null // an intermediate would leave no room for an anchor
  for (const issuer of graph.intermediates()) {
    if (!fits(graph, issuer, path, false)) continue
    const whole = extend(graph, [...path, issuer])
    if (whole !== null) return whole
  }
  return null
}

/** Cheap rules first, the signature last. */
function fits(graph: PathGraph, issuer: Certificate, path: readonly Certificate[], isAnchor: boolean): boolean {
  const child = path.at(-1)!
  return (
    graph.mayIssue(issuer, path) &&
    keyIdentifiersAgree(issuer, child) &&
    graph.faultsOf(issuer, path, isAnchor).next().done === true &&
    graph.verifies(issuer, child)
  )
}

/**
 * The rules for a certificate that is accepted by its thumbprint: dates and strength only, as plain `openssl req -x509`
 * makes a CA:TRUE certificate without purposes. TLS has proved that the peer holds the key.
 */
export function checkThumbprintCertificate(
  leaf: Certificate,
  now: UnixSeconds,
  skew: ClockSkew,
  revocation = Revocation.none,
): PathFailure | null {
  for (const fault of thumbprintFaults(leaf, { now, skew, revocation })) {
    return { ...fault, provenPath: false, signatureVerifications: 0, signaturesComputed: 0 }
  }
  return null
}
