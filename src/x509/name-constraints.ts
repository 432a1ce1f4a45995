import { constructed, type DerReader, primitive } from './der.ts'
import { canonicalRelativeName, type DistinguishedName, emailAddress } from './distinguished-name.ts'
import { type GeneralName, readGeneralName } from './general-name.ts'
import { decodeAscii } from './text.ts'

/** RFC 5280 4.2.1.10, ready for comparison. */
export interface NameConstraints {
  /** The extension's value as encoded. */
  readonly der: Uint8Array
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

type Kind = GeneralName['kind']

/** One subtree; `form` null: malformed or of a kind that we do not compare, so every name of its kind fails. */
export interface Subtree {
  readonly kind: Kind
  readonly form: Form | null
}

type Form =
  /** The domain itself and everything below; the empty domain is every name. */
  | { readonly kind: 'domain'; readonly domain: string }
  /** Exactly this host, or (`below`) every host below it but not itself. */
  | { readonly kind: 'host'; readonly host: string; readonly below: boolean }
  /** One mailbox: the local part with regard to case, the host without (RFC 5280 7.5). */
  | { readonly kind: 'mailbox'; readonly local: string; readonly host: string }
  | { readonly kind: 'network'; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly kind: 'name'; readonly relativeNames: readonly string[] }

export interface NameConstraintViolation {
  readonly subtrees: 'permitted' | 'excluded'
  readonly nameKind: Kind
  /** The offending name as text, cut to a readable length; untrusted. */
  readonly name: string
}

/** What is left of the comparisons that one search may make. */
export interface ComparisonBudget {
  comparisons: number
}

/** Reads the content of the extension; faults are left in the reader. Empty lists are malformed. */
export function readNameConstraints(value: DerReader): NameConstraints {
  const what = 'nameConstraints'
  const start = value.offset
  const inner = value.sequence(what)
  const der = value.bytes.subarray(start, value.offset)
  const permitted = readSubtrees(inner, 0)
  const excluded = readSubtrees(inner, 1)
  if (permitted === null && excluded === null) value.fail(`${what}: empty`)
  inner.finish(what)
  return { der, permitted: permitted ?? [], excluded: excluded ?? [] }
}

function readSubtrees(inner: DerReader, number: 0 | 1): readonly Subtree[] | null {
  const what = 'nameConstraints'
  if (inner.peek() !== constructed(number)) return null
  const list = inner.enter(constructed(number), what)
  const subtrees: Subtree[] = []
  while (list.more()) {
    const subtree = list.sequence(what)
    const base = readGeneralName(subtree, what)
    // RFC 5280: minimum is 0 and maximum absent. The default written out is harmless, anything else is not understood.
    let understood = true
    if (subtree.peek() === primitive(0)) understood = subtree.smallInteger(what, primitive(0)) === 0
    if (subtree.peek() === primitive(1)) {
      subtree.smallInteger(what, primitive(1))
      understood = false
    }
    subtree.finish(what)
    subtrees.push({ kind: base.kind, form: understood ? formOf(base) : null })
  }
  if (subtrees.length === 0) list.fail(`${what}: empty list of subtrees`)
  return subtrees
}

function formOf(base: GeneralName): Form | null {
  switch (base.kind) {
    case 'dNSName': {
      if (base.text === '') return { kind: 'domain', domain: '' }
      const domain = hostName(base.text) // neither a leading period nor a wildcard is RFC 5280's form
      return domain === null ? null : { kind: 'domain', domain }
    }
    case 'rfc822Name': {
      if (base.text === null) return null
      if (base.text.includes('@')) {
        const mailbox = splitMailbox(base.text)
        return mailbox === null ? null : { kind: 'mailbox', ...mailbox }
      }
      return hostForm(base.text)
    }
    case 'uniformResourceIdentifier':
      return base.text === null ? null : hostForm(base.text)
    case 'iPAddress':
      return networkForm(base.octets)
    case 'directoryName':
      return { kind: 'name', relativeNames: relativeNamesOf(base.name) }
    default:
      return null
  }
}

function hostForm(text: string): Form | null {
  if (text === '') return { kind: 'domain', domain: '' }
  const below = text.startsWith('.')
  const host = hostName(below ? text.slice(1) : text)
  return host === null ? null : { kind: 'host', host, below }
}

/** Address and mask of equal length; the mask must be a prefix (RFC 4632), or the subtree is malformed. */
function networkForm(octets: Uint8Array): Form | null {
  if (octets.length !== 8 && octets.length !== 32) return null
  const half = octets.length / 2
  const mask = octets.subarray(half)
  let ended = false
  for (const octet of mask) {
    if (ended ? octet !== 0 : ![0xff, 0xfe, 0xfc, 0xf8, 0xf0, 0xe0, 0xc0, 0x80, 0].includes(octet)) return null
    if (octet !== 0xff) ended = true
  }
  return { kind: 'network', address: octets.subarray(0, half), mask }
}

/** Lower-case host name; null unless every label is 1 to 63 letters, digits, hyphens or underscores. */
function hostName(text: string | null): string | null {
  return text !== null && text.length <= 253 && /^(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}$/.test(text)
    ? text.toLowerCase()
    : null
}

function splitMailbox(text: string): { readonly local: string; readonly host: string } | null {
  const at = text.indexOf('@')
  const host = hostName(text.slice(at + 1)) // a second @ is no part of a host name
  return at <= 0 || host === null ? null : { local: text.slice(0, at), host }
}

/** Host of a URI with an authority; null for none, for an IP literal and for a dotted IPv4 host (RFC 5280 4.2.1.10). */
function hostOfUri(uri: string): string | null {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1]
  if (authority === undefined) return null
  const host = hostName(authority.slice(authority.lastIndexOf('@') + 1).replace(/:[0-9]*$/, ''))
  return host === null || /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(host) ? null : host
}

function relativeNamesOf(name: DistinguishedName): readonly string[] {
  return name.relativeDistinguishedNames.map((attributes) => JSON.stringify(canonicalRelativeName(attributes)))
}

/** A name of the certificate, taken apart once; `value` null: malformed, which fails every constraint of its kind. */
interface Candidate {
  readonly kind: Kind
  readonly value: Value | null
  readonly shown: () => string
}

type Value =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'mailbox'; readonly local: string; readonly host: string }
  | { readonly kind: 'address'; readonly octets: Uint8Array }
  | { readonly kind: 'name'; readonly relativeNames: readonly string[] }

/** Every name of a certificate that constraints speak about: subject, its emailAddress attributes, subjectAltNames. */
export interface ConstrainedNames {
  readonly subject: DistinguishedName
  readonly subjectAltNames: readonly GeneralName[]
}

function* candidatesOf(names: ConstrainedNames, kinds: ReadonlySet<Kind>): Generator<Candidate> {
  const { subject } = names
  if (kinds.has('directoryName') && subject.relativeDistinguishedNames.length > 0) {
    yield candidateOf({ kind: 'directoryName', name: subject })
  }
  if (kinds.has('rfc822Name')) {
    for (const attributes of subject.relativeDistinguishedNames) {
      for (const { oid, content } of attributes) {
        if (oid === emailAddress) yield candidateOf({ kind: 'rfc822Name', text: decodeAscii(content), octets: content })
      }
    }
  }
  for (const name of names.subjectAltNames) if (kinds.has(name.kind)) yield candidateOf(name)
}

function candidateOf(name: GeneralName): Candidate {
  const shown = () => show(name)
  switch (name.kind) {
    case 'dNSName': {
      const host = hostName(name.text) // a wildcard may stand for an excluded name, so it is malformed here
      return { kind: name.kind, value: host === null ? null : { kind: 'host', host }, shown }
    }
    case 'rfc822Name': {
      const mailbox = name.text === null ? null : splitMailbox(name.text)
      return { kind: name.kind, value: mailbox === null ? null : { kind: 'mailbox', ...mailbox }, shown }
    }
    case 'uniformResourceIdentifier': {
      const host = name.text === null ? null : hostOfUri(name.text)
      return { kind: name.kind, value: host === null ? null : { kind: 'host', host }, shown }
    }
    case 'iPAddress': {
      const { octets } = name
      const fine = octets.length === 4 || octets.length === 16
      return { kind: name.kind, value: fine ? { kind: 'address', octets } : null, shown }
    }
    case 'directoryName':
      return { kind: name.kind, value: { kind: 'name', relativeNames: relativeNamesOf(name.name) }, shown }
    default:
      return { kind: name.kind, value: null, shown }
  }
}

function show(name: GeneralName): string {
  if (name.kind === 'directoryName') return JSON.stringify(relativeNamesOf(name.name)).slice(0, 256)
  const text = 'text' in name ? name.text : null
  return (text ?? Buffer.from(name.octets).toString('hex')).slice(0, 256)
}

/**
 * Compares every name of one certificate with the constraints of one issuer above it (RFC 5280 6.1.3(b), (c)).
 *
 * @returns the first violation; `'budget'` when the comparisons are used up, which is a refusal too; null: all fit
 */
export function violatedConstraint(
  constraints: Pick<NameConstraints, 'permitted' | 'excluded'>,
  names: ConstrainedNames,
  budget: ComparisonBudget,
): NameConstraintViolation | 'budget' | null {
  const kinds = new Set([...constraints.permitted, ...constraints.excluded].map((subtree) => subtree.kind))
  for (const candidate of candidatesOf(names, kinds)) {
    const violation = (subtrees: 'permitted' | 'excluded') =>
      ({ subtrees, nameKind: candidate.kind, name: candidate.shown() }) as const
    for (const subtree of constraints.excluded) {
      if (budget.comparisons-- <= 0) return 'budget'
      if (subtree.kind === candidate.kind && contains(subtree, candidate) !== false) return violation('excluded')
    }
    let constrained = false
    let fits = false
    for (const subtree of constraints.permitted) {
      if (budget.comparisons-- <= 0) return 'budget'
      if (subtree.kind !== candidate.kind) continue
      constrained = true
      const answer = contains(subtree, candidate)
      if (answer === null) return violation('permitted')
      if (answer) {
        fits = true
        break
      }
    }
    if (constrained && !fits) return violation('permitted')
  }
  return null
}

/** Whether the name lies within the subtree; null when one of the two is malformed or not understood. */
function contains(subtree: Subtree, candidate: Candidate): boolean | null {
  const { form } = subtree
  const { value } = candidate
  if (form === null || value === null) return null
  switch (form.kind) {
    case 'domain':
      if (value.kind !== 'host' && value.kind !== 'mailbox') return null
      return form.domain === '' || value.host === form.domain || isBelow(value.host, form.domain)
    case 'host':
      if (value.kind !== 'host' && value.kind !== 'mailbox') return null
      return form.below ? isBelow(value.host, form.host) : value.host === form.host
    case 'mailbox':
      return value.kind === 'mailbox' ? value.local === form.local && value.host === form.host : null
    case 'network':
      return value.kind === 'address' ? isWithin(value.octets, form.address, form.mask) : null
    case 'name':
      return value.kind === 'name'
        ? form.relativeNames.every((relativeName, index) => value.relativeNames[index] === relativeName)
        : null
  }
}

function isBelow(host: string, domain: string): boolean {
  return host.length > domain.length && host.endsWith(domain) && host[host.length - domain.length - 1] === '.'
}

function isWithin(octets: Uint8Array, address: Uint8Array, mask: Uint8Array): boolean {
  if (octets.length !== address.length) return false
  for (let i = 0; i < octets.length; i++) if (((octets[i]! ^ address[i]!) & mask[i]!) !== 0) return false
  return true
}
