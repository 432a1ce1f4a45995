import type { NamespaceView, RegisteredClient } from '../registry/view.ts'
import {
  type Lookup,
  lookUp,
  maximumLookups,
  namesOfCertificate,
  namesOfUsername,
  type PresentedNames,
} from './authentication-name.ts'
import type { DecisionCode } from './decision.ts'
import { acceptsTokens, isTokenMethod, type TokenMethod, tokenMethods } from './dynamic-principal.ts'
import type { ConnectEvidence } from './evidence.ts'
import { RememberedSteps, step, type Trail } from './explanation.ts'
import { codeWithoutLeaf, type Leaf, traceLeaf } from './leaf.ts'
import { recordedUsername } from './secrets.ts'

/** Which authority decides about a CONNECT. Exactly one does; none is tried after another one refused. */
export type Route =
  | { readonly kind: 'registryClient'; readonly client: RegisteredClient }
  | { readonly kind: 'token'; readonly method: TokenMethod }
  | { readonly kind: 'webhook' }
  | { readonly kind: 'refused'; readonly code: DecisionCode }

/**
 * The order: the plain listener's identity; the Authentication Method; a registered client by name; the webhook for
 * whoever is no registered client. A registered client never reaches the webhook, however badly its certificate fares,
 * and neither does evidence that might name one (S9).
 */
export function chooseRoute(evidence: ConnectEvidence, view: NamespaceView, leaf: Leaf, trail: Trail): Route {
  if (!view.mqttEnabled) {
    trail.failed('namespace', { presented: view.name, detail: 'its MQTT broker is not enabled' })
    return refused('unknownNamespace')
  }
  if (evidence.listener === 'mqtt-tcp') return plainIdentity(evidence.plainIdentity, view, trail)
  if (evidence.authenticationMethod !== null) return byMethod(evidence, view, leaf, trail)
  return byName(evidence, view, leaf, trail)
}

function refused(code: DecisionCode): Route {
  return { kind: 'refused', code }
}

/** Every peer of the plain listener is one client, found by its resource name; Username and certificate say nothing (S53). */
function plainIdentity(name: string | null, view: NamespaceView, trail: Trail): Route {
  const client = name === null ? undefined : view.clientByResourceName(name)
  if (client === undefined) {
    trail.failed('client', { presented: name, detail: 'the identity of the plain listener is no registered client' })
    return refused('clientNotFound')
  }
  found(client, 'Listener', name, trail)
  return { kind: 'registryClient', client }
}

function byMethod(evidence: ConnectEvidence, view: NamespaceView, leaf: Leaf, trail: Trail): Route {
  const method = evidence.authenticationMethod
  if (isTokenMethod(method) ? acceptsTokens(view, method) : view.hasWebhookAuthentication) {
    trail.passed('authenticationMethod', { presented: method })
    if (leaf.kind !== 'none') trail.skipped('certificate', { detail: 'ignored: the Authentication Method decides' })
    return isTokenMethod(method) ? { kind: 'token', method } : { kind: 'webhook' }
  }
  trail.failed('authenticationMethod', { expected: supportedMethods(view), presented: method })
  return refused('authenticationMethodUnsupported')
}

function supportedMethods(view: NamespaceView): readonly string[] {
  const methods = tokenMethods.filter((method) => acceptsTokens(view, method))
  return methods.length === 0 ? ['none: a client certificate'] : methods
}

function byName(evidence: ConnectEvidence, view: NamespaceView, leaf: Leaf, trail: Trail): Route {
  traceLeaf(leaf, trail)
  const route = byNames(presentedNames(evidence, view, leaf), view, trail)
  if (route.kind === 'refused' && view.hasWebhookAuthentication && mayBeAnybody(route.code)) {
    trail.passed('webhook', { detail: 'asked: no registered client is named' })
    return { kind: 'webhook' }
  }
  // Without a certificate no name can help; that comes first for the peer to mend.
  const found: Route = leaf.kind === 'none' ? refused(codeWithoutLeaf(leaf)) : route
  return found.kind === 'refused' ? refused(likelierCause(found.code, evidence, trail)) : found
}

/** Codes behind which a token in the password field is the likelier cause: the peer never meant to use a certificate. */
const withoutClient: ReadonlySet<DecisionCode> = new Set([
  'noCertificate',
  'usernameRequired',
  'nameNotInCertificate',
  'clientNotFound',
])

function likelierCause(code: DecisionCode, { passwordLooksLikeToken }: ConnectEvidence, trail: Trail): DecisionCode {
  if (passwordLooksLikeToken !== true || !withoutClient.has(code)) return code
  trail.failed('password', {
    expected: 'a token in Authentication Data',
    detail: 'the password has the form of a JWT; passwords are not read',
  })
  return 'tokenInPassword'
}

/** False when the evidence names, or may name, a registered client. */
function mayBeAnybody(code: DecisionCode): boolean {
  return code !== 'nameAmbiguous' && code !== 'certificateMalformed'
}

type NoNames = Extract<
  DecisionCode,
  'noCertificate' | 'certificateMalformed' | 'usernameRequired' | 'nameNotInCertificate'
>

/** The Username alone when it is not empty (S9), else the first source of the namespace that holds any value (S8). */
function presentedNames(evidence: ConnectEvidence, view: NamespaceView, leaf: Leaf): PresentedNames | NoNames {
  if (evidence.username !== null && evidence.username !== '') return namesOfUsername(evidence.username)
  if (leaf.kind === 'none') return 'noCertificate'
  const sources = view.alternativeAuthenticationNameSources
  if (sources.length === 0) return 'usernameRequired'
  if (leaf.kind === 'malformed') return 'certificateMalformed'
  return namesOfCertificate(leaf.certificate, sources) ?? 'nameNotInCertificate'
}

type ByNames =
  | { readonly kind: 'registryClient'; readonly client: RegisteredClient }
  | { readonly kind: 'refused'; readonly code: DecisionCode }

function byNames(presented: PresentedNames | NoNames, view: NamespaceView, trail: Trail): ByNames {
  if (typeof presented === 'string') {
    trail.failed('authenticationName', { expected: expectedSources(view), detail: whyNoName[presented] })
    return { kind: 'refused', code: presented }
  }
  const { source, names } = presented
  const result = lookUp(presented, view)
  if (result.kind === 'found') {
    found(result.client, source, null, trail, shownNames(presented, true))
    return { kind: 'registryClient', client: result.client }
  }
  const shown = shownNames(presented, false)
  // Of a subject the CN is the name, if it has one; of several entries none is.
  const isOneName = names.length === 1 || source === 'ClientCertificateSubject'
  trail.named(isOneName ? (shown.at(-1) ?? null) : null, source)
  trail.passed('authenticationName', { expected: expectedSources(view), presented: shown, detail: source })
  trail.failed('client', { presented: shown, detail: whyNoClient(result) })
  return { kind: 'refused', code: codeOf(result) }
}

const whyNoName: Readonly<Record<NoNames, string>> = {
  noCertificate: 'no Username, and no certificate to take a name from',
  certificateMalformed: 'no Username, and the certificate cannot be read',
  usernameRequired: 'no Username, and the namespace takes no name from certificates',
  nameNotInCertificate: 'no Username, and every listed field of the certificate is empty',
}

function codeOf(result: Exclude<Lookup, { kind: 'found' }>): DecisionCode {
  switch (result.kind) {
    case 'none':
      return 'clientNotFound'
    case 'unusable':
      return 'nameNotInCertificate'
    case 'several':
    case 'tooMany':
      return 'nameAmbiguous'
  }
}

function whyNoClient(result: Exclude<Lookup, { kind: 'found' }>): string {
  switch (result.kind) {
    case 'none':
      return 'no client is registered by this name'
    case 'unusable':
      return 'the first field with a value holds none that can be compared, and later sources do not count'
    case 'several':
      return `registered clients: ${result.clients.map(({ authenticationName }) => authenticationName).join(', ')}`
    case 'tooMany':
      return `more than ${maximumLookups} distinct names; none was looked up`
  }
}

function expectedSources(view: NamespaceView): readonly string[] {
  return ['UserName', ...view.alternativeAuthenticationNameSources]
}

/** Names as a record may keep them: a Username that is no registered name may be a secret in the wrong field (S60). */
function shownNames({ source, names }: PresentedNames, isRegisteredName: boolean): readonly string[] {
  if (source === 'UserName') return names.map(({ text }) => recordedUsername(text, isRegisteredName) ?? '')
  return names.map((name) => (name.kind === 'unusable' ? `${name.text} (unusable)` : name.text))
}

const clientSteps = new RememberedSteps<RegisteredClient>()

function found(
  client: RegisteredClient,
  source: string,
  presented: string | null,
  trail: Trail,
  names: readonly string[] = presented === null ? [] : [presented],
): void {
  trail.named(client.authenticationName, source)
  trail.passed('authenticationName', { presented: names, detail: source })
  trail.add(
    clientSteps.of(client, () =>
      step('client', 'passed', { expected: client.authenticationName, detail: `client resource ${client.name}` }),
    ),
  )
}
