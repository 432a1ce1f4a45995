import { fold } from '../base/fold.ts'
import type { AuthenticationNameSource, NamespaceView, RegisteredClient } from '../registry/view.ts'
import type { Certificate } from '../x509/certificate.ts'
import { canonicalKey, commonNames, formatDistinguishedName } from '../x509/distinguished-name.ts'
import { matchableText } from '../x509/general-name.ts'
import { formatIpAddress } from '../x509/ip-address.ts'

/**
 * Which names a CONNECT puts forward, and which registered client they select. A client is selected by name only, never
 * by searching for a thumbprint (S10): a shared certificate must not become an identity.
 */

export type NameSource = 'UserName' | AuthenticationNameSource

/** One name taken from one place. `unusable` counts as a value of its source (S8) but is never looked up. */
export type PresentedName =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'subject'; readonly key: string; readonly text: string }
  | { readonly kind: 'address'; readonly octets: Uint8Array; readonly text: string }
  | { readonly kind: 'unusable'; readonly text: string }

type UsableName = Exclude<PresentedName, { kind: 'unusable' }>

export interface PresentedNames {
  readonly source: NameSource
  /** In certificate order; never empty. */
  readonly names: readonly PresentedName[]
}

/** Distinct names of one source that are looked up at most (S8): a look-up is work that a stranger gets for free. */
export const maximumLookups = 32

/**
 * No spelling of a registered name is longer: 128 code points decompose into at most 512, of two code units each.
 * Longer text is not folded, let alone looked up.
 */
const longestSpelling = 1024

/** The Username alone, exactly as sent (S9: not trimmed). */
export function namesOfUsername(username: string): PresentedNames {
  return { source: 'UserName', names: [{ kind: 'text', text: username }] }
}

/** The first source, in the namespace's order, that holds any value; null when all are empty. */
export function namesOfCertificate(
  certificate: Certificate,
  sources: readonly AuthenticationNameSource[],
): PresentedNames | null {
  for (const source of sources) {
    const names = namesIn(certificate, source)
    if (names.length > 0) return { source, names }
  }
  return null
}

/** All names of one source, in certificate order. */
export function namesIn(certificate: Certificate, source: AuthenticationNameSource): readonly PresentedName[] {
  switch (source) {
    case 'ClientCertificateSubject':
      return subjectNames(certificate)
    case 'ClientCertificateDns':
      return generalNames(certificate, 'dNSName')
    case 'ClientCertificateUri':
      return generalNames(certificate, 'uniformResourceIdentifier')
    case 'ClientCertificateEmail':
      return generalNames(certificate, 'rfc822Name')
    case 'ClientCertificateIp':
      return addresses(certificate)
  }
}

/** The whole subject, and its CN when it has exactly one (S5); none for the empty subject. */
function subjectNames(certificate: Certificate): readonly PresentedName[] {
  const { subject } = certificate
  if (subject.relativeDistinguishedNames.length === 0) return []
  const whole = { kind: 'subject', key: canonicalKey(subject), text: formatDistinguishedName(subject) } as const
  const values = commonNames(subject)
  if (values.length !== 1) return [whole]
  const commonName = values[0]
  return typeof commonName === 'string' ? [whole, { kind: 'text', text: commonName }] : [whole]
}

function generalNames(
  certificate: Certificate,
  kind: 'dNSName' | 'uniformResourceIdentifier' | 'rfc822Name',
): readonly PresentedName[] {
  const names: PresentedName[] = []
  for (const entry of certificate.subjectAltNames) {
    if (entry.kind !== kind) continue
    const text = matchableText(entry)
    if (text === null) {
      names.push({ kind: 'unusable', text: Buffer.from(entry.octets).toString('latin1') })
    } else {
      names.push({ kind: 'text', text })
    }
  }
  return names
}

function addresses(certificate: Certificate): readonly PresentedName[] {
  const names: PresentedName[] = []
  for (const entry of certificate.subjectAltNames) {
    if (entry.kind !== 'iPAddress') continue
    const { octets } = entry
    if (octets.length === 4 || octets.length === 16) {
      names.push({ kind: 'address', octets, text: formatIpAddress(octets) })
    } else {
      names.push({ kind: 'unusable', text: `${octets.length} octets` })
    }
  }
  return names
}

export type Lookup =
  | { readonly kind: 'found'; readonly client: RegisteredClient }
  | { readonly kind: 'none' }
  /** No value of the source can be looked up. */
  | { readonly kind: 'unusable' }
  | { readonly kind: 'several'; readonly clients: readonly RegisteredClient[] }
  | { readonly kind: 'tooMany' }

/** Exactly one registered client for all names together, or none. Nothing is looked up when the names are too many. */
export function lookUp(presented: PresentedNames, view: NamespaceView): Lookup {
  const names = distinctNames(presented.names)
  if (names === null) return { kind: 'tooMany' }
  if (names.length === 0) return { kind: 'unusable' }
  const clients: RegisteredClient[] = []
  for (const name of names) {
    for (const client of clientsNamed(name, view)) {
      if (!clients.some(({ uid }) => uid === client.uid)) clients.push(client)
    }
  }
  const [first, second] = clients
  if (first === undefined) return { kind: 'none' }
  return second === undefined ? { kind: 'found', client: first } : { kind: 'several', clients }
}

/** Null: too many. Most peers have one name, which needs no telling apart (bench: mtls-connect). */
function distinctNames(names: readonly PresentedName[]): readonly UsableName[] | null {
  const [only] = names
  if (names.length === 1 && only !== undefined) return only.kind === 'unusable' ? [] : [only]
  const distinct = new Map<string, UsableName>()
  for (const name of names) {
    if (name.kind === 'unusable') continue
    distinct.set(distinctKey(name), name)
    if (distinct.size > maximumLookups) return null
  }
  return [...distinct.values()]
}

function distinctKey(name: UsableName): string {
  switch (name.kind) {
    case 'text':
      return `text ${name.text.length > longestSpelling ? name.text : fold(name.text)}`
    case 'subject':
      // Two spellings of one subject cannot occur in one certificate.
      return 'subject'
    case 'address':
      return `address ${name.text}`
  }
}

/** A subject or address is found by its canonical key (S4), or by its usual text where a client of another scheme has it. */
function clientsNamed(name: UsableName, view: NamespaceView): readonly RegisteredClient[] {
  const found: (RegisteredClient | undefined)[] = []
  if (name.kind === 'subject') found.push(view.clientBySubjectKey(name.key))
  if (name.kind === 'address') found.push(view.clientByIpAddress(name.octets))
  if (name.text.length > 0 && name.text.length <= longestSpelling)
    found.push(view.clientByAuthenticationName(name.text))
  return found.filter((client) => client !== undefined)
}
