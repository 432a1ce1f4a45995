import { err, ok, type Result } from '../base/result.ts'
import { parseSubscriptionFilter, parseTopicName } from '../mqtt/topic.ts'
import type { DecisionFacts } from '../ports/events.ts'
import type { NamespaceView } from '../registry/view.ts'
import { type PemFailure, readPem } from '../x509/pem.ts'
import { authenticate } from './authenticate.ts'
import { authorize, type Denied } from './authorize.ts'
import type { AuthenticationContext } from './context.ts'
import type { Accepted, Refused } from './decision.ts'
import type { ConnectEvidence } from './evidence.ts'
import { printable } from './printable.ts'
import { compileRights } from './rights.ts'
import { recordedUsername } from './secrets.ts'

/**
 * What a CONNECT with these certificates would be answered: the very function that judges live peers, on evidence that an
 * operator brings (S62). Nobody has proved to hold the key, nothing is remembered, counted or opened.
 */

export interface DryRunQuestion {
  /** PEM or base64; the first certificate is the client's own, further ones count as sent with it. */
  readonly certificate: string | null
  /** What the client would send after its own. */
  readonly chain: string | null
  readonly username: string | null
  readonly clientId: string
  readonly authenticationMethod: string | null
  readonly protocol: 'MQTT3' | 'MQTT5'
  /** Asked for once it is known who it is; null: not asked. */
  readonly publishTo: string | null
  readonly subscribeTo: string | null
}

export interface DryRunFailure {
  readonly field: 'certificate' | 'chain'
  /** Says what was found and what to do; holds nothing of the text. */
  readonly sentence: string
}

export type DryRun = Omit<DecisionFacts, 'id' | 'listener' | 'remoteAddress' | 'serverName'> & {
  /** Anybody can bring a certificate: a live connection also needs its key. */
  readonly keyProven: false
  /** Resource name of the CA certificate that the path ends at. */
  readonly caCertificateName: string | null
  /** The first second at which the acceptance would have to be judged again, milliseconds since 1970. */
  readonly validUntil: number | null
}

/** A listener reads no more certificates of a peer than this. */
const maximumCertificates = 10

/**
 * @param rehearse what the broker would refuse an accepted CONNECT by: its Client Identifier, will and session
 */
export function dryRun(
  question: DryRunQuestion,
  view: NamespaceView,
  context: Omit<AuthenticationContext, 'verdicts' | 'skew'>,
  at: DecisionFacts['at'],
  rehearse: (accepted: Accepted) => Refused | null = () => null,
): Result<DryRun, DryRunFailure> {
  const peerChain: Uint8Array[] = []
  for (const field of ['certificate', 'chain'] as const) {
    const text = question[field]
    if (text === null) continue
    const read = readPem(text)
    if (!read.ok) return err({ field, sentence: sentenceOf(read.error) })
    peerChain.push(...read.value.certificates)
  }
  const evidence = evidenceOf(question, peerChain.slice(0, maximumCertificates))
  const { notBeforeSkewSeconds, notAfterSkewSeconds } = view.limits
  const authenticated = authenticate(evidence, view, {
    ...context,
    skew: { notBeforeSeconds: notBeforeSkewSeconds, notAfterSeconds: notAfterSkewSeconds },
  })
  const judged = authenticated.outcome === 'accepted' ? (rehearse(authenticated) ?? authenticated) : authenticated
  const denied = judged.outcome === 'accepted' ? deniedTopic(judged, question, view) : null
  const { explanation } = judged
  const isRegistered = question.username !== null && view.clientByAuthenticationName(question.username) !== undefined
  const accepted = judged.outcome === 'accepted' && denied === null ? judged : null
  const refused = denied ?? (judged.outcome === 'refused' ? judged : null)
  return ok({
    at,
    action: denied?.action ?? 'connect',
    outcome: refused === null ? 'accepted' : 'refused',
    code: refused?.code ?? null,
    remedy: refused?.remedy ?? null,
    namespaceName: view.name,
    protocol: question.protocol,
    clientId: printable(question.clientId),
    username: recordedUsername(question.username, isRegistered),
    authenticationName: explanation.authenticationName,
    nameSource: explanation.nameSource,
    method: accepted?.method ?? null,
    certificateFingerprint: explanation.certificateFingerprint,
    steps: denied?.steps ?? explanation.steps,
    keyProven: false,
    caCertificateName: accepted?.caCertificateName ?? null,
    validUntil: accepted?.validUntil == null ? null : accepted.validUntil * 1_000,
  })
}

/** The first of the topics that the client has no right to, told as the broker tells it when it comes to that. */
function deniedTopic(
  { principal }: Accepted,
  { publishTo, subscribeTo }: DryRunQuestion,
  view: NamespaceView,
): (Denied & { readonly action: 'publish' | 'subscribe' }) | null {
  const rights = compileRights(principal, view)
  const topicName = publishTo === null ? null : parseTopicName(publishTo)
  if (topicName?.ok === true) {
    const authorization = authorize(rights, 'publish', topicName.value)
    if (authorization.outcome === 'denied') return { ...authorization, action: 'publish' }
  }
  const filter = subscribeTo === null ? null : parseSubscriptionFilter(subscribeTo)
  if (filter?.ok === true) {
    const authorization = authorize(rights, 'subscribe', filter.value.topicFilter)
    if (authorization.outcome === 'denied') return { ...authorization, action: 'subscribe' }
  }
  return null
}

function evidenceOf(question: DryRunQuestion, peerChain: readonly Uint8Array[]): ConnectEvidence {
  return {
    listener: 'mqtts',
    serverName: null,
    remoteAddress: '',
    protocol: question.protocol,
    peerChain,
    username: question.username,
    clientId: question.clientId,
    authenticationMethod: question.authenticationMethod,
    hasPassword: false,
    plainIdentity: null,
    token: null,
    webhook: null,
  }
}

function sentenceOf(failure: PemFailure): string {
  switch (failure.kind) {
    case 'privateKey':
      return 'This holds a private key, which is never sent anywhere: send the CERTIFICATE block only.'
    case 'tooLarge':
      return `The text is larger than ${failure.maximumOctets} characters.`
    case 'empty':
      return 'The text is empty: send the certificate as PEM or base64.'
    case 'notPem':
      return 'The text is neither PEM nor base64 of a certificate.'
    case 'unterminated':
      return 'The PEM text is cut off: its -----END line is missing.'
    case 'badBase64':
      return 'The PEM text holds characters that are not base64.'
    case 'noCertificate':
      return 'The PEM text holds no CERTIFICATE block.'
  }
}
