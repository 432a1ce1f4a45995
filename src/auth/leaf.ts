import { hash } from 'node:crypto'
import { type Certificate, type CertificateFailure, parseCertificate } from '../x509/certificate.ts'
import { formatDistinguishedName } from '../x509/distinguished-name.ts'
import type { DecisionCode } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import type { Trail } from './explanation.ts'

/** The certificate whose key the peer proved to hold, as far as it can be read. */
export type Leaf =
  /** `refusedOrigin`: one was shown, for a web page that may not use it. */
  | { readonly kind: 'none'; readonly refusedOrigin: string | null }
  | { readonly kind: 'malformed'; readonly failure: CertificateFailure; readonly sha256: string }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }

const none: Leaf = { kind: 'none', refusedOrigin: null }

/**
 * The reading of a chain as it stands in the evidence, for as long as that is kept: one CONNECT is judged at least
 * twice (bench: mtls-connect). A pure function of the bytes, which nobody changes.
 */
const readings = new WeakMap<Uint8Array, Leaf>()

export function readLeaf(evidence: ConnectEvidence): Leaf {
  const der = evidence.peerChain[0]
  const { refusedOrigin } = evidence
  if (refusedOrigin != null) return { kind: 'none', refusedOrigin }
  // A plain listener proves no key: whatever claims to be a certificate there is none.
  if (der === undefined || evidence.listener === 'mqtt-tcp') return none
  const known = readings.get(der)
  if (known !== undefined) return known
  const leaf = read(der)
  readings.set(der, leaf)
  return leaf
}

function read(der: Uint8Array): Leaf {
  const parsed = parseCertificate(der)
  if (parsed.ok) return { kind: 'certificate', certificate: parsed.value }
  return { kind: 'malformed', failure: parsed.error, sha256: hash('sha256', der, 'hex') }
}

/** Why there is none, as a refusal says it. */
export function codeWithoutLeaf({ refusedOrigin }: Extract<Leaf, { kind: 'none' }>): DecisionCode {
  return refusedOrigin === null ? 'noCertificate' : 'originNotAllowed'
}

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
      trail.passed('certificate', {
        presented: formatDistinguishedName(certificate.subject),
        detail: `issued by ${formatDistinguishedName(certificate.issuer)}`,
      })
    }
  }
}
