import type { Acceptance, Accepted } from './decision.ts'

export function acceptanceOf({ method, validUntil, caCertificateName, restsOn, explanation }: Accepted): Acceptance {
  const { authenticationName, nameSource, certificateFingerprint } = explanation
  return { method, validUntil, caCertificateName, restsOn, authenticationName, nameSource, certificateFingerprint }
}
