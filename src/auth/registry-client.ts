import { formatUnixSeconds, type UnixSeconds, unixSeconds } from '../base/time.ts'
import type { DecisionStep } from '../ports/events.ts'
import type { RegisteredClient } from '../registry/view.ts'
import type { Certificate } from '../x509/certificate.ts'
import { checkThumbprintCertificate } from '../x509/path.ts'
import { describePathFailure, judgePath } from './certification-path.ts'
import { type ClockSkew, defaultSkew } from './context.ts'
import type { Authentication, DecisionCode } from './decision.ts'
import { RememberedSteps, step, type Trail } from './explanation.ts'
import { codeWithoutLeaf } from './leaf.ts'
import { accept, always, type Case, nothing, refuse } from './outcome.ts'
import type { PathVerdict } from './path-verdicts.ts'
import type { Principal } from './principal.ts'
import { type FieldMatch, type MatchingScheme, matchField, matchThumbprint } from './validation-scheme.ts'

/**
 * Whether a registered client may be connected with the evidence at hand: state, certificate, dates, then its validation
 * scheme. Steps behind the first failure are still looked at where that costs little, so that one record shows all
 * there is to mend; the code is that of the first.
 */
export function judgeRegistryClient(client: RegisteredClient, decided: Case): Authentication {
  const { leaf, evidence, trail } = decided
  const onPlainListener = evidence.listener === 'mqtt-tcp'
  if (!onPlainListener && leaf.kind === 'none') return refuse(decided, codeWithoutLeaf(leaf))
  if (!client.enabled) {
    trail.failed('clientState', { expected: 'Enabled', presented: 'Disabled' })
    return refuse(decided, 'clientDisabled')
  }
  trail.add(enabled)
  if (onPlainListener) return onPlain(client, decided)
  if (leaf.kind !== 'certificate') return refuse(decided, 'certificateMalformed')
  return client.validationScheme === 'ThumbprintMatch'
    ? byThumbprint(client, leaf.certificate, decided)
    : byPath(client, client.validationScheme, leaf.certificate, decided)
}

const enabled = step('clientState', 'passed', { presented: 'Enabled' })

/** The configured identity, judged like any other client but for a certificate (S53). */
function onPlain(client: RegisteredClient, decided: Case): Authentication {
  if (client.name !== decided.evidence.plainIdentity) {
    decided.trail.failed('client', { expected: decided.evidence.plainIdentity, presented: client.name })
    return refuse(decided, 'clientNotFound')
  }
  return accept(decided, {
    principal: principalOf(client),
    method: 'PlainListener',
    validUntil: null,
    caCertificateName: null,
  })
}

function byThumbprint(client: RegisteredClient, certificate: Certificate, decided: Case): Authentication {
  const { trail, context, view } = decided
  const skew = context.skew ?? defaultSkew
  const dates = traceDates(certificate, decided, skew)
  const match = matchThumbprint(certificate, client, decided.view.limits.allowSha1Thumbprints)
  trail[match.matched ? 'passed' : 'failed']('thumbprint', match)
  if (dates !== null) return refuse(decided, dates, match.matched ? true : null)
  if (!match.matched) return refuse(decided, 'thumbprintMismatch')
  const { revocation } = view
  const failure = checkThumbprintCertificate(certificate, context.now, skew, revocation)
  if (failure !== null) {
    const { code, ...facts } = describePathFailure(failure, [])
    trail.failed(isAboutRevocation(code) ? 'revocation' : 'certificateStrength', facts)
    return refuse(decided, code, true)
  }
  traceRevocation(revocation.account([certificate], context.now), trail)
  return accept(decided, {
    principal: principalOf(client),
    method: 'CertificateThumbprintMatch',
    validUntil: firstSecondAfter(certificate.notAfter, skew, revocation.freshUntil([certificate])),
    caCertificateName: null,
  })
}

function byPath(
  client: RegisteredClient,
  scheme: MatchingScheme,
  certificate: Certificate,
  decided: Case,
): Authentication {
  const { evidence, view, trail, context } = decided
  const skew = context.skew ?? defaultSkew
  const dates = traceDates(certificate, decided, skew)
  const verdict = judgePath({
    leaf: certificate,
    sent: evidence.peerChain.slice(1),
    issuers: client.issuers,
    view,
    now: context.now,
    skew,
    verdicts: context.verdicts ?? null,
    mayDoPathWork: context.mayDoPathWork ?? always,
    didPathWork: context.didPathWork ?? nothing,
  })
  if (verdict === null) {
    trail.skipped('certificationPath', { detail: 'not searched: too many attempts from this address or with this key' })
  } else if (verdict.kind === 'valid') {
    trail.add(pathSteps.of(verdict, () => pathStep(verdict)))
    traceRevocation(verdict.revocation, trail)
  } else {
    const name = isAboutRevocation(verdict.code) ? 'revocation' : 'certificationPath'
    trail.failed(name, { ...verdict, detail: verdict.detail ?? verdict.code })
  }
  const match = compare(certificate, client, scheme)
  trail.add(match.step)

  if (verdict?.kind === 'invalid') return refuse(decided, verdict.code, verdict.provenPath)
  if (dates !== null) return refuse(decided, dates, false)
  if (!match.matched) return refuse(decided, 'nameMismatch', verdict !== null)
  if (verdict === null) return refuse(decided, 'connectRateExceeded', false)
  context.verdicts?.leaves.add(certificate)
  return accept(decided, {
    principal: principalOf(client),
    method: 'CACertificate',
    validUntil: firstSecondAfter(verdict.notAfter, skew, verdict.freshUntil),
    caCertificateName: verdict.caCertificateName,
    restsOn: verdict.restsOn,
  })
}

const pathSteps = new RememberedSteps<PathVerdict>()

function pathStep(verdict: Extract<PathVerdict, { kind: 'valid' }>): DecisionStep {
  return step('certificationPath', 'passed', {
    expected: `CA certificate ${verdict.caCertificateName}`,
    presented: verdict.subjects.join(' <- '),
    detail: `valid until ${formatUnixSeconds(verdict.notAfter)}`,
  })
}

interface Comparison extends FieldMatch {
  readonly client: RegisteredClient
  readonly step: DecisionStep
}

/** A certificate that is remembered is nearly always compared with the same client; neither ever changes. */
const comparisons = new WeakMap<Certificate, Comparison>()

function compare(certificate: Certificate, client: RegisteredClient, scheme: MatchingScheme): Comparison {
  const known = comparisons.get(certificate)
  if (known?.client === client) return known
  const match = matchField(certificate, client, scheme)
  const facts = { ...match, detail: match.detail ?? scheme }
  const comparison = { ...match, client, step: step('nameMatch', match.matched ? 'passed' : 'failed', facts) }
  comparisons.set(certificate, comparison)
  return comparison
}

const validities = new WeakMap<Certificate, string>()

function validityOf(certificate: Certificate): string {
  let text = validities.get(certificate)
  if (text === undefined) {
    text = `${formatUnixSeconds(certificate.notBefore)} to ${formatUnixSeconds(certificate.notAfter)}`
    validities.set(certificate, text)
  }
  return text
}

/** Null when the certificate is valid now. */
function traceDates(certificate: Certificate, { trail, context }: Case, skew: ClockSkew): DecisionCode | null {
  const { now } = context
  const { notBefore, notAfter } = certificate
  const facts = {
    expected: validityOf(certificate),
    presented: formatUnixSeconds(now),
  }
  if (now < notBefore - skew.notBeforeSeconds) {
    trail.failed('validity', { ...facts, detail: `valid in ${notBefore - now} s` })
    return 'certificateNotYetValid'
  }
  if (now > notAfter + skew.notAfterSeconds) {
    trail.failed('validity', { ...facts, detail: `expired ${now - notAfter} s ago` })
    return 'certificateExpired'
  }
  trail.passed('validity', facts)
  return null
}

/** RFC 5280 4.1.2.5: notAfter is the last second at which the certificate is valid. */
function firstSecondAfter(notAfter: UnixSeconds, skew: ClockSkew, freshUntil: UnixSeconds | null): UnixSeconds {
  const expired = notAfter + skew.notAfterSeconds + 1
  return unixSeconds(freshUntil === null ? expired : Math.min(expired, freshUntil + 1))
}

function isAboutRevocation(code: DecisionCode): boolean {
  return code === 'certificateRevoked' || code === 'revocationUnknown'
}

/** Where a deny list or a revocation list was asked, the record says which and of when. */
function traceRevocation(account: string | null, trail: Trail): void {
  if (account !== null) trail.passed('revocation', { presented: account })
}

function principalOf({ uid, authenticationName, foldedName }: RegisteredClient): Principal {
  return { kind: 'registryClient', uid, authenticationName, foldedName }
}
