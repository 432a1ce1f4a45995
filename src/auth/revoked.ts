import type { UnixSeconds } from '../base/time.ts'
import type { NamespaceView } from '../registry/view.ts'
import { maximumCertificateOctets, parseCertificate } from '../x509/certificate.ts'
import { defaultPathLimits } from '../x509/path-graph.ts'
import type { Accepted } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import { readLeaf } from './leaf.ts'
import type { PathVerdicts } from './path-verdicts.ts'

/**
 * Whether a registered CA certificate is spoken against: then every session of the namespace may rest on it, as anchor or
 * on the way.
 */
export function isAnyAuthorityRevoked(view: NamespaceView, now: UnixSeconds): boolean {
  return view.caCertificates().some(({ certificate }) => view.revocation.faultOf(certificate, true, now) !== null)
}

/**
 * What a change of the deny list or of a revocation list means for a session, at a tenth of the cost of a judgement:
 * `now`: a certificate of its evidence is spoken against. `later`: it rests on a list, which may be another one than before,
 * so the end of its acceptance is to be found anew. `verify` decides.
 */
export function concernOf(
  evidence: ConnectEvidence,
  view: NamespaceView,
  verdicts: PathVerdicts,
  now: UnixSeconds,
): 'none' | 'now' | 'later' {
  const leaf = readLeaf(evidence, verdicts)
  if (leaf.kind !== 'certificate') return 'none'
  const { revocation } = view
  const sent = evidence.peerChain.slice(1).flatMap((der) => {
    const read = verdicts.certificates.read(der)
    return read.ok ? [read.value] : []
  })
  const certificates = [leaf.certificate, ...sent]
  if (certificates.some((certificate) => revocation.faultOf(certificate, false, now) !== null)) return 'now'
  return revocation.mayRestOnList(certificates) ? 'later' : 'none'
}

/** What speaks against one of these certificates; null: nothing, of what can be read. */
export function revocationAmong(chain: readonly Uint8Array[], view: NamespaceView, now: UnixSeconds): string | null {
  for (const der of chain) {
    const read = parseCertificate(der)
    // A list that is stale denies nobody: it cannot vouch for them, which is another matter.
    const fault = read.ok ? view.revocation.faultOf(read.value, true, now) : null
    if (fault !== null) return fault.presented
  }
  return null
}

/** The certificates that an acceptance may rest on: what the peer sent, as far as a search reads it, and the anchor. */
export function certificatesBehind(
  { peerChain }: ConnectEvidence,
  { caCertificateName }: Accepted,
  view: NamespaceView,
): readonly Uint8Array[] {
  const anchor = view.caCertificates().find(({ name }) => name === caCertificateName)
  const chain: Uint8Array[] = []
  let octets = 0
  for (const der of peerChain.slice(0, defaultPathLimits.sentCertificates + 1)) {
    octets += der.length
    if (octets > defaultPathLimits.sentOctets) break
    if (der.length <= maximumCertificateOctets) chain.push(der)
  }
  return anchor === undefined ? chain : [...chain, anchor.certificate.der]
}
