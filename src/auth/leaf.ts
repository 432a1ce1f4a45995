import { hash } from 'node:crypto'
import { type Certificate, type CertificateFailure, parseCertificate } from '../x509/certificate.ts'
import { formatDistinguishedName } from '../x509/distinguished-name.ts'
import type { DecisionCode } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import { RememberedSteps, step, type Trail } from './explanation.ts'
import type { PathVerdicts } from './path-verdicts.ts'

/** The certificate whose key the peer proved to hold, as far as it can be read. */
export type Leaf =
  /** `refusedOrigin`: one was shown, for a web page that may not use it. */
  | { readonly kind: 'none'; readonly refusedOrigin: string | null }
  | { readonly kind: 'malformed'; readonly failure: CertificateFailure; readonly sha256: string }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }

const none: Leaf = { kind: 'none', refusedOrigin: null }

/**
 * The reading of the evidence that was looked at last, since one CONNECT may be looked at twice. A pure function of the
 * bytes, which nobody changes.
 */
let last: { readonly der: Uint8Array; readonly leaf: Leaf } | null = null

/** @param verdicts where the leaves of devices that were accepted before are found already read; null: nothing is remembered */
export function readLeaf(evidence: ConnectEvidence, verdicts: PathVerdicts | null): Leaf {
  const der = evidence.peerChain[0]
  const { refusedOrigin } = evidence
  if (refusedOrigin != null) return { kind: 'none', refusedOrigin }
  // A plain listener proves no key: whatever claims to be a certificate there is none.
  if (der === undefined || evidence.listener === 'mqtt-tcp') return none
  if (last?.der === der) return last.leaf
  const leaf = read(der, verdicts)
  last = { der, leaf }
  return leaf
}

function read(der: Uint8Array, verdicts: PathVerdicts | null): Leaf {
  const known = verdicts?.leaves.find(der)
  if (known !== undefined) return { kind: 'certificate', certificate: known }
  const parsed = parseCertificate(der)
  if (parsed.ok) return { kind: 'certificate', certificate: parsed.value }
  return { kind: 'malformed', failure: parsed.error, sha256: hash('sha256', der, 'hex') }
}

/** Why there is none, as a refusal says it. */
export function codeWithoutLeaf({ refusedOrigin }: Extract<Leaf, { kind: 'none' }>): DecisionCode {
  return refusedOrigin === null ? 'noCertificate' : 'originNotAllowed'
}

const certificateSteps = new RememberedSteps<Certificate>()

/** Records what was presented. */
export function traceLeaf(leaf: Leaf, trail: Trail): void {
  switch (leaf.kind) {
    case 'none':
      if (leaf.refusedOrigin === null) {
        trail.failed('certificate', { expected: 'a client certificate', detail: 'the peer sent none' })
      } else {
        trail.failed('origin', {
          expected: 'no Origin, the host of the broker itself, or one of allowedOrigins',
          presented: leaf.refusedOrigin,
          detail: 'a browser sends its certificate for any page: it does not count for this one',
        })
      }
      return
    case 'malformed':
      trail.showed(leaf.sha256)
      trail.failed('certificate', { detail: `${leaf.failure.reason} (octet ${leaf.failure.offset})` })
      return
    case 'certificate': {
      const { certificate } = leaf
      trail.showed(certificate.sha256)
      trail.add(
        certificateSteps.of(certificate, () =>
          step('certificate', 'passed', {
            presented: formatDistinguishedName(certificate.subject),
            detail: `issued by ${formatDistinguishedName(certificate.issuer)}`,
          }),
        ),
      )
    }
  }
}
