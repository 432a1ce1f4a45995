import type { Core } from '../core/core.ts'
import type { OnlineSession } from '../namespace/session.ts'

/** Leaves a note of the certificate that a registered client was accepted with; nobody else's is remembered. */
export function noteCertificate({ certificatesSeen, turn }: Core, session: OnlineSession): void {
  const { acceptance, evidence, namespace, principal } = session
  const [leaf] = evidence.peerChain
  const fingerprint = acceptance.certificateFingerprint
  if (certificatesSeen === null || principal.kind !== 'registryClient') return
  if (leaf === undefined || fingerprint === null) return
  certificatesSeen.saw({
    namespace: namespace.id,
    clientUid: principal.uid,
    leaf,
    fingerprint,
    caCertificateName: acceptance.caCertificateName,
    at: turn.now,
  })
}
